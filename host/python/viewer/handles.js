// Detectors that are moved and resized on the pattern. They are as Python has them: { kind, inner, outer, centre } in detector pixels.

const grabReach = 9;  // pixels of the screen

/** What turns detectors of Python into those that are drawn, in cells of the grid, and back. */
class DetectorPlaces {
  constructor({ frame }) { this.frame = frame; }
  /** As drawDetectors() takes them. */
  drawn({ kind, inner, outer, centre }) {
    const { row, column } = this.frame;
    return { row: (centre[0] - row.first) / row.step, column: (centre[1] - column.first) / column.step,
             inner: kind === "disk" ? 0 : inner / row.step, outer: outer / row.step, from: 0, to: 360, label: "" };
  }
  /** Numbers with as many digits as a pointer can mean: code that is made of them stays readable. */
  round(pixels) { return Math.round(10 * pixels) / 10; }
  moved(detector, rows, columns) {
    return { ...detector, centre: [this.round(detector.centre[0] + rows * this.frame.row.step), this.round(detector.centre[1] + columns * this.frame.column.step)] };
  }
  /** With one of its radii, "inner" or "outer", changed to so many cells; an annulus keeps a width. */
  resized(detector, edge, cells) {
    const least = this.frame.row.step, wanted = this.round(Math.max(0, cells) * this.frame.row.step);
    if (edge === "inner") return { ...detector, inner: Math.min(wanted, this.round(detector.outer - least)) };
    return { ...detector, outer: Math.max(wanted, this.round((detector.kind === "disk" ? 0 : detector.inner) + least)) };
  }
}

/** The part of a detector that lies under a place of the screen: "inner", "outer", "centre", "within" or null. */
function partUnder(detector, viewer, { x, y }) {
  const distance = Math.hypot(x - viewer.x(detector.column + 0.5), y - viewer.y(detector.row + 0.5));
  if (Math.abs(distance - detector.outer * viewer.scale) <= grabReach) return "outer";
  if (detector.inner > 0 && Math.abs(distance - detector.inner * viewer.scale) <= grabReach) return "inner";
  if (distance <= grabReach) return "centre";
  return distance < detector.outer * viewer.scale && distance >= detector.inner * viewer.scale ? "within" : null;
}

/** Which detector and which part of it a pointer takes: edges and centres before areas, the chosen detector before the others. */
function detectorUnder(detectors, chosen, viewer, point) {
  const order = detectors.map((_, i) => i).sort((a, b) => (b === chosen) - (a === chosen));
  const found = order.map((number) => ({ number, part: partUnder(detectors[number], viewer, point) }));
  return found.find(({ part }) => part && part !== "within") ?? found.find(({ part }) => part) ?? null;
}

const grabCursors = { inner: "nwse-resize", outer: "nwse-resize", centre: "move", within: "move" };

/** Small squares where the chosen detector can be taken. */
function drawHandles(context, viewer, { row, column, inner, outer }, colour) {
  const x = viewer.x(column + 0.5), y = viewer.y(row + 0.5);
  context.lineWidth = 1.5;
  context.strokeStyle = "rgba(0,0,0,0.8)";
  context.fillStyle = colour;
  for (const radius of inner > 0 ? [inner, outer] : [outer]) {
    for (const [across, down] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.beginPath();
      context.rect(x + across * radius * viewer.scale - 3.5, y + down * radius * viewer.scale - 3.5, 7, 7);
      context.fill();
      context.stroke();
    }
  }
  for (const [style, width] of [["rgba(0,0,0,0.8)", 3.5], [colour, 1.5]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x - 6, y);
    context.lineTo(x + 6, y);
    context.moveTo(x, y - 6);
    context.lineTo(x, y + 6);
    context.stroke();
  }
}
