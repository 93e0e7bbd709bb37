// Fills the page: the views, the charts, the words.

function showWords(data, frameText) {
  element("summary").textContent = summaryText(data);
  fillFacts(element("facts"), headlineFacts(data));
  fillTable(element("sizes"), sizeRows(data, frameText.length));
  fillTable(element("provenance"), provenanceRows(data));
  element("footer").textContent = `Made by ${data.program}. Everything on this page is in the page; it asks the network for nothing.`;
}

/** Says what on the page rests on a guess. */
function showGuesses({ centre, beam_guess: radius }) {
  if (!centre.guess && !radius) return;
  const words = ["No beam was found on the sum of all frames."];
  if (centre.guess) words.push(`The centre (row ${centre.row.toFixed(1)}, column ${centre.column.toFixed(1)}) is a guess, ${centre.how}. ` +
                               "Distances, the radial profile and the detectors depend on it. Give the centre: countem report --centre ROW,COLUMN.");
  if (radius) words.push("The radii of the detectors are a guess. Give detectors: countem report --virtual disk:R annulus:R1,R2.");
  element("guesses").textContent = words.join(" ");
  element("guesses").hidden = false;
}

function showCharts(data, units) {
  const perFrame = eventsPerFrameChart(data);
  if (perFrame) new Chart(element("events-chart"), perFrame); else element("events-chart").append("No frame arrived.");
  new Chart(element("radial-chart"), radialChart(data, units));
  const counts = sampledCharges(data.calibration);
  element("calibration-words").textContent = calibrationWords(data.calibration, counts);
  if (!counts) return element("calibration-charts").remove();
  new Chart(element("noise-chart"), noiseChart(data.calibration, counts));
  new Chart(element("charge-chart"), chargeChart(data.calibration, counts));
  const thresholds = thresholdChart(data.calibration);
  if (thresholds) new Chart(element("threshold-chart"), thresholds); else element("threshold-figure").remove();
}

function showArrival(data, explore) {
  const { maps, status, state } = explore, shares = sharesOf(data.arrived);
  let drawn = null, under = null;
  const paintMap = () => { drawn = arrivalMap(maps, status); };
  paintMap();
  const describe = (hit) => {
    const [row, column] = hit ?? [state.row, state.column];
    element("arrival-readout").textContent = `${hit ? "" : "Chosen: "}${maps.positionText(row, column)}: ${arrivalText(status[explore.cell(row, column)], shares, explore.cell(row, column))}`;
  };
  new Viewer(element("arrival"), explore.scanLens, {
    activate: (viewer) => { explore.current = viewer; },
    paint: (context, viewer) => {
      viewer.image(context, drawn);
      drawCursor(context, viewer, state.row, state.column);
      if (!under) describe(null);
    },
    hover: (hit) => describe(under = hit),
    pick: (row, column) => explore.moveTo(row, column),
    arrow: (rows, columns) => explore.moveTo(state.row + rows, state.column + columns),
  });
  describe(null);
  element("arrival-legend").replaceChildren(...arrivalLegend(maps, status));
  fillTable(element("arrival-table"), arrivalRows(data.complete, data.arrived.share));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { paintMap(); explore.scanLens.changed(); });
  paper.redraw.unshift(paintMap);
}

const reportData = JSON.parse(element("data").textContent);
const reportFrames = element("frames").textContent;
showWords(reportData, reportFrames);
showGuesses(reportData);
const explorePage = new ExplorePage(reportData, reportFrames);
fillTable(element("axes"), [...centreRows(reportData, explorePage.units), ...axesRows(reportData)]);
showCharts(reportData, explorePage.units);
showArrival(reportData, explorePage);

// For tests, and for the numbers behind the pictures in the browser's console.
window.countemReport = {
  data: reportData, images: explorePage.maps.images, sum: explorePage.sum, state: explorePage.state, decodeFrame,
  frameNear: (row, column) => explorePage.frames.near(row, column),
  moveTo: (row, column) => explorePage.moveTo(row, column),
  value: (image, row, column) => explorePage.maps.images[image].values?.[explorePage.cell(row, column)],
  shares: sharesOf(reportData.arrived),
  centreErrors: explorePage.maps.centres.errors,
  deflection: (row, column) => explorePage.maps.deflection(explorePage.cell(row, column), explorePage.state.descan),
};
