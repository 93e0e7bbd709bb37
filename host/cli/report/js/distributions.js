// Charts of the whole scan: electrons per frame, and the radial profile of the sum. Each function returns what a Chart draws.

/** null where no frame arrived. */
function eventsPerFrameChart({ events_per_frame: { first, step, frames }, complete, events }) {
  if (frames.length === 0) return null;
  const edges = Array.from({ length: frames.length + 1 }, (_, i) => first + i * step);
  const range = (i) => (step === 1 ? `${whole(edges[i])}` : `${whole(edges[i])} to ${whole(edges[i + 1] - 1)}`);
  const arrived = complete.frames - complete.never_arrived;
  return {
    edges, values: frames, xLabel: "electrons per frame", yLabel: step === 1 ? "frames" : `frames per ${whole(step)} electrons`,
    label: "Histogram of electrons per frame",
    curveLabel: `${plural(arrived, "frame")}, mean ${short(events / Math.max(1, arrived), 4)} electrons per frame`,
    describe: (i) => `${range(i)} electrons: ${plural(frames[i], "frame")}`,
  };
}

function radialChart({ radial: { step, electrons_per_pixel: values, errors }, detectors }, units) {
  const [per, unit] = units.pattern;
  const edges = Array.from({ length: values.length + 1 }, (_, i) => i * step * per);
  return {
    edges, values, errors, logarithmic: true, xLabel: `distance from the centre in ${unit}`, yLabel: "electrons per pixel",
    label: "Radial profile of the summed pattern, with the ranges of the detectors",
    bands: detectors.map((d, i) => ({ from: d.inner * per, to: (d.outer ?? Infinity) * per, colour: ringColour(i) })),
    curveLabel: "Lines: one standard error up and down; shaded: the ranges of the detectors",
    describe: (i) => `${short(edges[i])} to ${short(edges[i + 1])} ${unit}: ${values[i] === null ? "no used pixel" : `${plusMinus(values[i], errors[i], 4)} electrons per pixel`}`,
  };
}
