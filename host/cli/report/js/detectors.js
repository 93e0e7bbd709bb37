// Virtual detectors drawn over a diffraction pattern.

const ringColours = ["#7cc8ff", "#ffb000", "#ff7fb0", "#f5f06b", "#7ee0b0", "#ff8a5c", "#c9a6ff", "#ffffff"];
const ringColour = (i) => ringColours[i % ringColours.length];

/** A detector as the page draws it: radii in pixels, angles in radians as a canvas counts them. */
function outlineOf(detector, viewer) {
  const [from, to] = [-detector.to, -detector.from].map((degrees) => degrees * Math.PI / 180);
  const farthest = Math.hypot(viewer.lens.height, viewer.lens.width);
  return { x: viewer.x(detector.column + 0.5), y: viewer.y(detector.row + 0.5), from, to, inner: detector.inner,
           outer: detector.outer ?? farthest, isWedge: detector.to - detector.from < 360, farthest };
}

function strokeOutline(context, viewer, { x, y, from, to, inner, outer, isWedge, farthest }) {
  context.beginPath();
  for (const radius of [inner, outer]) {
    if (radius > 0 && radius < farthest) {
      context.moveTo(x + radius * viewer.scale * Math.cos(from), y + radius * viewer.scale * Math.sin(from));
      context.arc(x, y, radius * viewer.scale, from, isWedge ? to : from + 2 * Math.PI);
    }
  }
  if (isWedge) {
    for (const angle of [from, to]) {
      context.moveTo(x + inner * viewer.scale * Math.cos(angle), y + inner * viewer.scale * Math.sin(angle));
      context.lineTo(x + outer * viewer.scale * Math.cos(angle), y + outer * viewer.scale * Math.sin(angle));
    }
  }
  context.stroke();
}

/** A label stands in the middle of its ring; that of a disk in its centre. */
function labelOf(detector, outline, viewer, colour) {
  const { x, y, from, to, inner, outer, isWedge } = outline;
  const edge = Math.min(viewer.lens.height, viewer.lens.width) / 2;
  const isDisk = inner === 0 && !isWedge;
  const radius = isDisk ? 0 : detector.outer !== null ? (inner + outer) / 2 : Math.max(inner, (inner + edge) / 2);
  return { text: detector.label, colour, x, y, reach: radius * viewer.scale, angle: isWedge ? (from + to) / 2 : -Math.PI / 2 };
}

/** Draws the outlines and labels of all detectors; `chosen` is the number of the one to stress. */
function drawDetectors(context, viewer, detectors, chosen) {
  context.font = overlayFont(viewer.canvas);
  // The chosen one last, on top of the others.
  const order = detectors.map((_, i) => i).sort((a, b) => (a === chosen) - (b === chosen));
  const labels = [];
  for (const i of order) {
    const outline = outlineOf(detectors[i], viewer);
    const wide = i === chosen ? 2.5 : 1.25;
    context.setLineDash(i === chosen ? [] : [5, 4]);
    context.strokeStyle = "rgba(0,0,0,0.6)";
    context.lineWidth = wide + 2;
    strokeOutline(context, viewer, outline);
    context.strokeStyle = ringColour(i);
    context.lineWidth = wide;
    strokeOutline(context, viewer, outline);
    context.setLineDash([]);
    labels.unshift(labelOf(detectors[i], outline, viewer, ringColour(i)));
  }
  placeLabels(context, viewer, labels);
}

/** Each label stands in its ring where no other one does, and never outside of the view; without such a place it is left out. */
function placeLabels(context, viewer, labels) {
  const placed = [];
  for (const { text, colour, x, y, reach, angle } of labels) {
    const wide = context.measureText(text).width;
    for (const turn of [0, 0.5, -0.5, 1, -1, 1.6, -1.6, 2.2, -2.2, Math.PI]) {
      const left = x + reach * Math.cos(angle + turn) - wide / 2, bottom = y + reach * Math.sin(angle + turn) + 4;
      const out = left < 4 || left + wide > viewer.width - 4 || bottom < 14 || bottom > viewer.height - 34;
      const taken = placed.some((other) => left < other.right + 6 && left + wide > other.left - 6 && Math.abs(bottom - other.bottom) < 16);
      if (out || taken) continue;
      placed.push({ left, right: left + wide, bottom });
      outlined(context, text, left, bottom, colour);
      break;
    }
  }
}
