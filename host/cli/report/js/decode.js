// Numbers and frames from the texts of a report. Nothing here touches a document.

/** Bytes of a base64 text. */
function bytesOf(text) {
  const plain = atob(text);
  const bytes = new Uint8Array(plain.length);
  for (let i = 0; i < plain.length; ++i) bytes[i] = plain.charCodeAt(i);
  return bytes;
}

/** One number of seven bits per byte, lowest first; returns [number, where the next one begins]. */
function varint(bytes, at) {
  let number = 0;
  for (let weight = 1; ; weight *= 128) {
    const byte = bytes[at++];
    number += (byte & 127) * weight;
    if (byte < 128) return [number, at];
  }
}

function varints(text, count) {
  const bytes = bytesOf(text);
  const numbers = new Float64Array(count);
  for (let i = 0, at = 0; i < count; ++i) [numbers[i], at] = varint(bytes, at);
  return numbers;
}

/** Electrons of each cell of a map; NaN where nothing arrived. */
function electronsOf({ electrons, absent }, count) {
  const numbers = varints(electrons, count);
  if (absent) bytesOf(absent).forEach((is, i) => { if (is) numbers[i] = NaN; });
  return numbers;
}

/** All numbers of a text: the last byte of each is below 128. */
function allVarints(text) {
  return varints(text, bytesOf(text).reduce((count, byte) => count + (byte < 128), 0));
}

/** The share of each cell that arrived; null where everything did. */
const sharesOf = ({ different, cells }) => cells && allVarints(cells).map((place) => different[place]);

/** float32 numbers, lowest byte first. */
function floats(text) {
  const view = new DataView(bytesOf(text).buffer);
  return Float64Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

/** Upper halves of float32 numbers, lowest byte first. */
function coarseFloats(text) {
  const bytes = bytesOf(text);
  const bits = Uint32Array.from({ length: bytes.length / 2 }, (_, i) => (bytes[2 * i] << 16 | bytes[2 * i + 1] << 24) >>> 0);
  return Float64Array.from(new Float32Array(bits.buffer));
}

/** Events of one frame, in the code that frame_code.hpp defines. */
function decodeFrame(bytes) {
  let [count, at] = varint(bytes, 0);
  const events = new Uint32Array(count);
  if (count === 0) return events;
  const lowBits = bytes[at++];
  let bit = 8 * at;
  const next = () => { const value = (bytes[bit >> 3] >> (7 - (bit & 7))) & 1; ++bit; return value; };
  for (let i = 0, index = 0; i < count; ++i) {
    let difference = 0;
    while (next()) ++difference;
    for (let low = 0; low < lowBits; ++low) difference = 2 * difference + next();
    events[i] = index += difference;
  }
  return events;
}

/** The embedded frames: their description (null: there are none) and their base64 text, decoded one position at a time. */
class FramePack {
  constructor(description, text) {
    Object.assign(this, { description, text });
    if (!description) return;
    const count = description.rows.count * description.columns.count;
    const lengths = varints(description.lengths, count);
    this.starts = new Float64Array(count + 1);
    for (let i = 0; i < count; ++i) this.starts[i + 1] = this.starts[i] + lengths[i];
  }

  /** The frame nearest to a scan position, or null: its own position, its events as indices of the embedded grid, the electrons of
      each pixel that has some, and the most in one pixel. */
  near(row, column) {
    if (!this.description) return null;
    const { rows, columns, stride } = this.description;
    const line = (at, kept) => Math.max(0, Math.min(kept.count - 1, Math.round((at - kept.first) / stride)));
    const r = line(row, rows), c = line(column, columns);
    const number = r * columns.count + c;
    const from = this.starts[number], to = this.starts[number + 1];
    const bytes = bytesOf(this.text.slice(Math.floor(from / 3) * 4, Math.ceil(to / 3) * 4));
    const events = decodeFrame(bytes.subarray(from % 3));
    const counts = new Map();
    for (const index of events) counts.set(index, (counts.get(index) ?? 0) + 1);
    const most = [...counts.values()].reduce((a, b) => Math.max(a, b), 0);
    return { row: rows.first + r * stride, column: columns.first + c * stride, events, counts, most };
  }
}
