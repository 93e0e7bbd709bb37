// One frame as dots, and the words about it.

/** Events as dots, never smaller than can be seen. `frame`: of FramePack.near(), or null; `pack`: { bin, width } of its grid. */
function drawEvents(context, viewer, frame, pack, ramp) {
  const colour = (share) => `rgb(${rampColour(ramp, share).join()})`;
  context.fillStyle = colour(0);
  context.fillRect(viewer.x(0), viewer.y(0), viewer.lens.width * viewer.scale, viewer.lens.height * viewer.scale);
  if (!frame) return;
  const { bin, width } = pack;
  const side = Math.max(2.4, bin * viewer.scale), pad = (side - bin * viewer.scale) / 2;
  const most = Math.max(2, frame.most);
  const places = [...frame.counts].sort((a, b) => a[1] - b[1]);
  for (const [index, count] of places) {
    context.fillStyle = colour(0.8 + 0.2 * (count - 1) / (most - 1));
    context.fillRect(viewer.x((index % width) * bin) - pad, viewer.y(Math.floor(index / width) * bin) - pad, side, side);
  }
}

/** What is missing where the flags of a scan position (scan_content.hpp, cell_status) are these. */
function statusText(flags) {
  const words = [];
  const missing = [0, 1, 2, 3].filter((sector) => flags & (1 << sector));
  if (flags & 0x80) words.push("a frame never arrived");
  if (missing.length > 0) words.push(`sector${missing.length > 1 ? "s" : ""} ${missing.join(", ")} missing`);
  if (flags & 0x10) words.push("a record was cut short");
  if (words.length === 0) words.push("complete");
  if (flags & 0x20) words.push("X-rays were rejected");
  return words.join("; ");
}

/** What a viewer must know about the frame that is shown for position (row, column), whose status flags are given. */
function frameNote(frame, pack, row, column, framesPerPosition, flags) {
  if (!frame) return "The page carries no frames: they do not fit into its size limit (countem report --limit).";
  const words = [];
  if (frame.row !== row || frame.column !== column) words.push("This is the nearest frame that the page carries.");
  const { stride, bin } = pack;
  if (stride > 1 || bin > 1) {
    const which = stride > 1 ? `one position in ${stride} × ${stride}` : "every position";
    words.push(`To stay small, the page carries ${which}${bin > 1 ? `, ${bin} × ${bin} pixels as one` : " at full resolution"}.`);
  }
  if (framesPerPosition > 1) words.push(`All ${framesPerPosition} frames of the position together.`);
  if (flags & 0x9f) words.push(`At this position: ${statusText(flags)}.`);
  return words.join(" ");
}
