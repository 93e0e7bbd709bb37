// The beam on the detector, and how detector axes lie to scan axes: rows of a table.

const degrees = (angle, error) => `${plusMinus(angle, error, 3)}°`;
const handWords = (flip) => (flip ? "flipped" : "not flipped");

/** The centre in detector pixels, wherever the page's lengths are in mrad. */
function centreRows({ centre, beam, frame }, units) {
  const place = (axis, at, error) => plusMinus(axis.first + at * axis.step, error, 1);
  const rows = [["Centre", `row ${place(frame.row, centre.row, centre.row_error)}, column ${place(frame.column, centre.column, centre.column_error)} ` +
                           `(detector pixels); ${centre.guess ? `a guess, ${centre.how}` : centre.how}`]];
  if (!beam) return [...rows, ["Beam radius", "no beam was found"]];
  const cells = (pixels) => pixels / frame.row.step;
  const where = beam.how === centre.how ? "" : `; ${beam.how}`;
  return [...rows, ["Beam radius", `${units.lengthWithError(cells(beam.radius), cells(beam.radius_error ?? NaN))}; ${plural(beam.electrons, "electron")} within it${where}`]];
}

/** What the curl of the centres of mass shows of the scan's rotation, and which axes the page uses. */
function axesRows({ centre_of_mass: { axes } }) {
  const rows = [];
  if (axes.found) {
    const ratio = `the other hand has ${short(axes.curl_ratio)} times the curl`;
    rows.push(["Scan rotation of least curl", degrees(axes.degrees, axes.error_degrees)],
              ["Flip", `${handWords(axes.flip)}, ${axes.flip_given ? "as given" : axes.flip_found ? "found" : "not certain"}: ${ratio}`],
              ["Sign", axes.sign_found ? `found: the divergence is skewed to negative values by ${short(-axes.skewness, 2)} standard errors`
                                       : "not found: the rotation may be half a turn more"]);
  } else {
    rows.push(["Scan rotation", axes.description.replace("not found", "no rotation found")]);
  }
  return [...rows, ["Centres of mass are in", capital(axesWords(axes))]];
}

/** The axes of the centres of mass, in a few words. */
function axesWords({ found, turned_degrees: angle, turned_flip: flip, turned_as_given: given }) {
  if (angle !== null) return `scan axes: ${handWords(flip)}, then turned by ${degrees(angle)}, as ${given ? "given" : "found"}`;
  return `detector axes${found ? " (countem report --scan-rotation auto turns them into scan axes)" : ""}`;
}
