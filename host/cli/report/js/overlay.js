// What is drawn over an image: scale bar, cursor, words.

const overlayFont = (canvas) => "600 12px " + getComputedStyle(canvas).fontFamily;

/** Words with a dark outline, legible on any image. */
function outlined(context, text, x, y, style) {
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  context.strokeStyle = "rgba(0,0,0,0.8)";
  context.strokeText(text, x, y);
  context.fillStyle = style;
  context.fillText(text, x, y);
}

/** A bar of a round length in the lower left corner; a cell of the image is `perCell` of `unit`. */
function scaleBar(context, viewer, perCell, unit) {
  if (!(viewer.width > 60)) return;
  let length = roundBelow((viewer.width / 3.5) * perCell / viewer.scale);
  if (unit.endsWith("s")) length = Math.max(1, Math.round(length));  // pixels and positions are counted
  const wide = length / perCell * viewer.scale;
  if (wide > viewer.width * 0.8) return;
  const text = unit === "nm" && length >= 1000 ? `${short(length / 1000)} µm` : withUnit(length, unit);
  const x = 12, y = viewer.height - 12;
  context.font = overlayFont(viewer.canvas);
  for (const [style, width] of [["rgba(0,0,0,0.75)", 5], ["#fff", 2.5]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + wide, y);
    context.stroke();
  }
  outlined(context, text, x, y - 8, "#fff");
}

/** A frame around one cell, never too small to be seen. */
function drawCursor(context, viewer, row, column) {
  const side = Math.max(7, viewer.scale), high = Math.max(7, viewer.scale * viewer.stretch);
  const x = viewer.x(column + 0.5) - side / 2, y = viewer.y(row + 0.5) - high / 2;
  context.lineWidth = 4;
  context.strokeStyle = "#000";
  context.strokeRect(x, y, side, high);
  context.lineWidth = 2;
  context.strokeStyle = "#fff";
  context.strokeRect(x, y, side, high);
}
