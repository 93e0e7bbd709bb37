// The report's page. Data arrive as JSON and base64 in two script elements; nothing is ever fetched.
"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const frameText = document.getElementById("frames").textContent;
const element = (id) => document.getElementById(id);

// ---- Numbers ------------------------------------------------------------------------------------------------------------

/** Bytes of a base64 text. */
function bytesOf(text) {
  const plain = atob(text);
  const bytes = new Uint8Array(plain.length);
  for (let i = 0; i < plain.length; ++i) bytes[i] = plain.charCodeAt(i);
  return bytes;
}

/** One number of seven bits a byte, lowest first; returns [number, where the next one begins]. */
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

function floats(text) {
  const view = new DataView(bytesOf(text).buffer);
  return Float64Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

const whole = (number) => Math.round(number).toLocaleString("en");
/** A few significant digits, without exponents where people do not expect them. */
function short(number, digits = 3) {
  if (!Number.isFinite(number)) return "none";
  if (number !== 0 && (Math.abs(number) >= 1e6 || Math.abs(number) < 1e-3)) return number.toExponential(digits - 1).replace("e+", "e");
  if (Math.abs(number) >= 10 ** (digits - 1)) return whole(number);
  return String(Number(number.toPrecision(digits)));
}
function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let i = 0;
  for (; bytes >= 1000 && i < units.length - 1; ++i) bytes /= 1000;
  return `${i === 0 ? bytes : bytes.toPrecision(3)} ${units[i]}`;
}
const plural = (count, one, many = one + "s") => `${whole(count)} ${count === 1 ? one : many}`;

/** The largest of 1, 2, 5 times a power of ten that is not above `most`. */
function roundBelow(most) {
  const decade = 10 ** Math.floor(Math.log10(most));
  return [5, 2, 1].map((n) => n * decade).find((n) => n <= most * (1 + 1e-9)) ?? decade;
}

// ---- Frames -------------------------------------------------------------------------------------------------------------

/** Events of one frame, as frame_code.hpp says. */
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

const frameStarts = (() => {
  if (!data.frames) return null;
  const count = data.frames.rows.count * data.frames.columns.count;
  const lengths = varints(data.frames.lengths, count);
  const starts = new Float64Array(count + 1);
  for (let i = 0; i < count; ++i) starts[i + 1] = starts[i] + lengths[i];
  return starts;
})();

/** The embedded frame nearest to a scan position: its own position, and its events as indices of the embedded grid. */
function frameNear(row, column) {
  if (!frameStarts) return null;
  const line = (at, kept) => Math.max(0, Math.min(kept.count - 1, Math.round((at - kept.first) / data.frames.stride)));
  const r = line(row, data.frames.rows), c = line(column, data.frames.columns);
  const number = r * data.frames.columns.count + c;
  const from = frameStarts[number], to = frameStarts[number + 1];
  const bytes = bytesOf(frameText.slice(Math.floor(from / 3) * 4, Math.ceil(to / 3) * 4));
  return {
    row: data.frames.rows.first + r * data.frames.stride,
    column: data.frames.columns.first + c * data.frames.stride,
    events: decodeFrame(bytes.subarray(from % 3)),
  };
}

// ---- Colours ------------------------------------------------------------------------------------------------------------

const noValue = [128, 128, 128];
const ramps = (() => {
  const perceptual = bytesOf(data.colours.perceptual);
  const gray = Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));
  return { perceptual, gray, ink: gray.slice().reverse() };
})();
const directions = bytesOf(data.colours.directions);

/** Colour of a vector: `towards` in radians, `strength` in [0, 1]. */
function directionColour(towards, strength) {
  const { hues, strengths } = data.colours;
  const hue = Math.round(((towards / (2 * Math.PI)) % 1 + 1) * hues) % hues;
  const at = 3 * (hue * strengths + Math.round(Math.min(1, strength) * (strengths - 1)));
  return [directions[at], directions[at + 1], directions[at + 2]];
}

/** How values become places on a ramp: the given share of them saturates at either end. */
function scaleOf(values, percent, logarithmic) {
  const finite = values.filter(Number.isFinite).sort();
  if (finite.length === 0) return { low: 0, high: 0, place: () => 0 };
  const unit = logarithmic ? finite.find((v) => v > 0) ?? 1 : 1;
  const curve = logarithmic ? (v) => Math.log1p(Math.max(0, v) / unit) : (v) => v;
  const at = (share) => finite[Math.round(share * (finite.length - 1))];
  const low = at(percent / 100), high = at(1 - percent / 100);
  const from = curve(low), width = curve(high) - from;
  return { low, high, place: (v) => (width > 0 ? Math.max(0, Math.min(1, (curve(v) - from) / width)) : 0) };
}

/** An image of height x width cells; `colour(i)` gives red, green, blue of cell i. */
function bitmap(height, width, colour) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < height * width; ++i) {
    image.data.set(colour(i), 4 * i);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function rampCanvas(ramp) {
  const canvas = bitmap(1, 256, (i) => ramp.subarray(3 * i, 3 * i + 3));
  canvas.className = "ramp";
  return canvas;
}

function wheelCanvas() {
  const side = 128, middle = (side - 1) / 2;
  const canvas = bitmap(side, side, (i) => {
    const row = Math.floor(i / side) - middle, column = (i % side) - middle;
    return directionColour(Math.atan2(-row, column), Math.hypot(row, column) / middle);
  });
  const context = canvas.getContext("2d");
  context.globalCompositeOperation = "destination-in";
  context.beginPath();
  context.arc(side / 2, side / 2, side / 2 - 1, 0, 2 * Math.PI);
  context.fill();
  canvas.className = "wheel";
  return canvas;
}

// ---- What is shown ------------------------------------------------------------------------------------------------------

const maps = { height: data.maps.height, width: data.maps.width, stride: data.maps.stride };
const cells = maps.height * maps.width;
const state = {
  map: 0, row: Math.floor(maps.height / 2), column: Math.floor(maps.width / 2),
  colours: "perceptual", clip: 0.2, logarithmic: true, rings: true, descan: false,
};
const sum = varints(data.pattern.sum, data.pattern.height * data.pattern.width);
const status = bytesOf(data.status);

const deflection = (() => {
  const row = floats(data.centre_of_mass.row), column = floats(data.centre_of_mass.column);
  const mean = (map) => { const finite = map.filter(Number.isFinite); return finite.reduce((a, b) => a + b, 0) / finite.length; };
  const rowMean = mean(row), columnMean = mean(column);
  const plane = (p, i) => p.middle + p.per_row * (Math.floor(i / maps.width) - (maps.height - 1) / 2) +
                          p.per_column * ((i % maps.width) - (maps.width - 1) / 2);
  /** (rows, columns) from the scan's mean, or from its descan plane. */
  return (i) => state.descan
    ? [row[i] - plane(data.centre_of_mass.row_plane, i), column[i] - plane(data.centre_of_mass.column_plane, i)]
    : [row[i] - rowMean, column[i] - columnMean];
})();

const images = [
  ...data.detectors.map((detector, i) => ({ label: detector.label, detector: i, values: varints(detector.image, cells), unit: "electron" })),
  { label: data.maps.stride > 1 || data.scan.frames_per_position > 1 ? "Electrons a position" : "Electrons a frame", values: varints(data.counts, cells), unit: "electron" },
  { label: "Centre of mass", vectors: true },
];

function lengths() {
  return Float64Array.from({ length: cells }, (_, i) => Math.hypot(...deflection(i)));
}

/** Draws an image of the scan; returns its bitmap and what its legend needs. */
function drawImage(image) {
  if (image.vectors) {
    const scale = scaleOf(lengths(), Math.max(state.clip, 0.5), false);
    const full = scale.high > 0 ? scale.high : 1;
    const colour = (i) => {
      const [row, column] = deflection(i);
      return Number.isFinite(row) ? directionColour(Math.atan2(-row, column), Math.hypot(row, column) / full) : noValue;
    };
    return { drawn: bitmap(maps.height, maps.width, colour), full };
  }
  const ramp = ramps[state.colours];
  const scale = scaleOf(image.values, state.clip, false);
  const colour = (i) => { const at = 3 * Math.round(255 * scale.place(image.values[i])); return ramp.subarray(at, at + 3); };
  return { drawn: bitmap(maps.height, maps.width, colour), scale };
}

function valueText(image, i) {
  if (!image.vectors) return plural(image.values[i], image.unit);
  const [row, column] = deflection(i);
  if (!Number.isFinite(row)) return "no electrons";
  return `${short(Math.abs(row))} pixels ${row < 0 ? "up" : "down"}, ${short(Math.abs(column))} ${column < 0 ? "left" : "right"} (${short(Math.hypot(row, column))})`;
}

function legend(into, image, drawn) {
  if (image.vectors) {
    const text = document.createElement("span");
    text.textContent = `direction as hue, length as lightness: full at ${short(drawn.full)} pixels`;
    into.replaceChildren(wheelCanvas(), text);
  } else {
    into.replaceChildren(short(drawn.scale.low, 4), rampCanvas(ramps[state.colours]), `${short(drawn.scale.high, 4)} electrons`);
  }
}

/** Rows and columns of the whole scan that a cell of the maps stands for. */
function positionText(row, column) {
  const range = (at, end) => {
    const first = at * maps.stride, last = Math.min(end, first + maps.stride) - 1;
    return first === last ? `${first}` : `${first} to ${last}`;
  };
  return `row ${range(row, data.scan.height)}, column ${range(column, data.scan.width)}`;
}
const middleOf = (cell, end) => Math.min(end - 1, cell * maps.stride + Math.floor(maps.stride / 2));

// ---- A canvas to look around in -----------------------------------------------------------------------------------------

/** What part of an image several viewers show: the point in their middle, and how much larger than whole. */
class Lens {
  constructor(height, width) {
    Object.assign(this, { height, width, viewers: [] });
    this.whole();
  }
  whole() { Object.assign(this, { zoom: 1, row: this.height / 2, column: this.width / 2 }); }
  changed() {
    // What is looked at stays in sight: at most half of the view is empty.
    this.zoom = Math.max(1, Math.min(200, this.zoom));
    const room = 0.5 - 0.5 / this.zoom;
    this.row = Math.max(this.height * (0.5 - room), Math.min(this.height * (0.5 + room), this.row));
    this.column = Math.max(this.width * (0.5 - room), Math.min(this.width * (0.5 + room), this.column));
    for (const viewer of this.viewers) viewer.refresh();
  }
}

/** On paper, images are drawn as if this wide, so that their words stay legible at a third of a page. */
const paper = { printing: false, imageWidth: 250, chartWidth: 360, redraw: [] };
matchMedia("print").addEventListener("change", (event) => {
  paper.printing = event.matches;
  for (const draw of paper.redraw) draw();
});

class Viewer {
  /** `paint(context, viewer)` draws, `hover(row, column)` is told the pixel under the pointer (or nothing), `pick` the one that
      was clicked, `arrow(rows, columns)` where arrow keys lead. */
  constructor(id, lens, { paint, hover, pick, arrow }) {
    Object.assign(this, { canvas: element(id), lens, paint, hover, pick, arrow, pointers: new Map() });
    lens.viewers.push(this);
    // Lines of a scan are shown as bands that can be seen and hit.
    const shape = Math.max(1 / 6, Math.min(1.5, lens.height / lens.width));
    this.canvas.parentElement.style.aspectRatio = `1 / ${shape}`;
    this.stretch = shape * lens.width / lens.height;
    if (this.stretch > 0.8 && this.stretch < 1.25) this.stretch = 1;
    new ResizeObserver(() => this.refresh()).observe(this.canvas);
    paper.redraw.push(() => this.draw());
    this.listen();
  }
  refresh() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.draw(); });
  }
  draw() {
    const canvas = this.canvas;
    if (!paper.printing) {
      const box = canvas.getBoundingClientRect(), fine = window.devicePixelRatio || 1;
      if (box.width === 0) return;
      this.width = box.width;
      this.height = box.height;
      const w = Math.round(box.width * fine), h = Math.round(box.height * fine);
      if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    } else {
      this.width = paper.imageWidth;
      this.height = paper.imageWidth * canvas.height / canvas.width;
    }
    const dots = canvas.width / this.width;
    const fit = Math.min(this.width / this.lens.width, this.height / (this.lens.height * this.stretch));
    this.scale = fit * this.lens.zoom;
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(dots, 0, 0, canvas.height / this.height, 0, 0);
    this.paint(context, this);
    canvas.style.touchAction = this.lens.zoom > 1 ? "none" : "pan-y";
  }
  /** Screen place of a point of the image; pixel (0, 0) reaches from 0 to 1. */
  x(column) { return this.width / 2 + (column - this.lens.column) * this.scale; }
  y(row) { return this.height / 2 + (row - this.lens.row) * this.scale * this.stretch; }
  image(context, drawn, block = 1) {
    const wide = this.scale * block, high = wide * this.stretch;
    context.imageSmoothingEnabled = wide < 1 || high < 1;
    context.imageSmoothingQuality = "high";
    context.drawImage(drawn, this.x(0), this.y(0), drawn.width * wide, drawn.height * high);
  }
  point(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }
  under({ x, y }) {
    const row = Math.floor(this.lens.row + (y - this.height / 2) / (this.scale * this.stretch));
    const column = Math.floor(this.lens.column + (x - this.width / 2) / this.scale);
    return row >= 0 && column >= 0 && row < this.lens.height && column < this.lens.width ? [row, column] : null;
  }
  zoomBy(factor, { x, y } = { x: this.width / 2, y: this.height / 2 }) {
    const before = this.lens.zoom;
    this.lens.zoom = Math.max(1, Math.min(200, before * factor));
    const moved = 1 - before / this.lens.zoom;
    this.lens.column += ((x - this.width / 2) / this.scale) * moved;
    this.lens.row += ((y - this.height / 2) / (this.scale * this.stretch)) * moved;
    this.lens.changed();
  }
  pan(dx, dy) {
    this.lens.column -= dx / this.scale;
    this.lens.row -= dy / (this.scale * this.stretch);
    this.lens.changed();
  }
  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, this.point(event));
      this.travelled = this.pointers.size > 1 ? Infinity : 0;
      current = this;
    });
    canvas.addEventListener("pointermove", (event) => {
      const now = this.point(event), last = this.pointers.get(event.pointerId);
      if (last) {
        const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
        if (others.length === 1) {
          const apart = (a) => Math.hypot(a.x - others[0].x, a.y - others[0].y);
          if (apart(last) > 0) this.zoomBy(apart(now) / apart(last), others[0]);
        } else {
          this.travelled += Math.hypot(now.x - last.x, now.y - last.y);
          if (this.travelled > 4) this.pan(now.x - last.x, now.y - last.y);
        }
        this.pointers.set(event.pointerId, now);
      }
      this.hover?.(this.under(now));
    });
    const release = (event) => {
      if (this.pointers.delete(event.pointerId) && event.type === "pointerup" && this.travelled <= 4) {
        const hit = this.under(this.point(event));
        if (hit) this.pick?.(...hit);
      }
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => this.hover?.(null));
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;  // the wheel alone scrolls the page
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.003)), this.point(event));
    }, { passive: false });
    canvas.addEventListener("focus", () => { current = this; });
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const step = event.shiftKey ? 10 : 1;
      const actions = {
        ArrowUp: () => this.arrow(-step, 0), ArrowDown: () => this.arrow(step, 0),
        ArrowLeft: () => this.arrow(0, -step), ArrowRight: () => this.arrow(0, step),
        "+": () => this.zoomBy(1.5), "=": () => this.zoomBy(1.5), "-": () => this.zoomBy(1 / 1.5), "_": () => this.zoomBy(1 / 1.5),
        "0": () => { this.lens.whole(); this.lens.changed(); },
      };
      if (!actions[event.key]) return;
      event.preventDefault();
      actions[event.key]();
    });
  }
}
/** The viewer that the zoom buttons mean. */
let current = null;

/** A bar of a round length in the lower left corner. */
function scaleBar(context, viewer, perCell, unit) {
  if (!(viewer.width > 60)) return;
  let length = roundBelow((viewer.width / 3.5) * perCell / viewer.scale);
  if (unit === "pixels" || unit === "positions") length = Math.max(1, Math.round(length));
  const wide = length / perCell * viewer.scale;
  if (wide > viewer.width * 0.8) return;
  const text = unit === "nm" && length >= 1000 ? `${short(length / 1000)} µm` : `${short(length)} ${length === 1 ? unit.replace(/s$/, "") : unit}`;
  const x = 12, y = viewer.height - 12;
  context.font = "600 12px " + getComputedStyle(document.body).fontFamily;
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

function outlined(context, text, x, y, style) {
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  context.strokeStyle = "rgba(0,0,0,0.8)";
  context.strokeText(text, x, y);
  context.fillStyle = style;
  context.fillText(text, x, y);
}

// ---- The three views ----------------------------------------------------------------------------------------------------

const scanLens = new Lens(maps.height, maps.width);
const patternLens = new Lens(data.frame.height, data.frame.width);
let shownImage = null, shownPattern = null, shownFrame = null;

function cursor(context, viewer) {
  const side = Math.max(7, viewer.scale), high = Math.max(7, viewer.scale * viewer.stretch);
  const x = viewer.x(state.column + 0.5) - side / 2, y = viewer.y(state.row + 0.5) - high / 2;
  context.lineWidth = 4;
  context.strokeStyle = "#000";
  context.strokeRect(x, y, side, high);
  context.lineWidth = 2;
  context.strokeStyle = "#fff";
  context.strokeRect(x, y, side, high);
}

const ringColours = ["#7cc8ff", "#ffb000", "#ff7fb0", "#f5f06b", "#7ee0b0", "#ff8a5c", "#c9a6ff", "#ffffff"];
const ringColour = (i) => ringColours[i % ringColours.length];

function drawDetectors(context, viewer) {
  const chosen = images[state.map].detector;
  context.font = "600 12px " + getComputedStyle(document.body).fontFamily;
  const farthest = Math.hypot(data.frame.height, data.frame.width);
  // The chosen one last, on top of the others.
  const order = data.detectors.map((_, i) => i).sort((a, b) => (a === chosen) - (b === chosen));
  const labels = [];
  for (const i of order) {
    const detector = data.detectors[i];
    const x = viewer.x(detector.column + 0.5), y = viewer.y(detector.row + 0.5);
    const [from, to] = [-detector.to, -detector.from].map((degrees) => degrees * Math.PI / 180);
    const isWedge = detector.to - detector.from < 360;
    const outer = detector.outer ?? farthest;
    const outline = () => {
      context.beginPath();
      for (const radius of [detector.inner, outer]) {
        if (radius > 0 && radius < farthest) {
          context.moveTo(x + radius * viewer.scale * Math.cos(from), y + radius * viewer.scale * Math.sin(from));
          context.arc(x, y, radius * viewer.scale, from, isWedge ? to : from + 2 * Math.PI);
        }
      }
      if (isWedge) {
        for (const angle of [from, to]) {
          context.moveTo(x + detector.inner * viewer.scale * Math.cos(angle), y + detector.inner * viewer.scale * Math.sin(angle));
          context.lineTo(x + outer * viewer.scale * Math.cos(angle), y + outer * viewer.scale * Math.sin(angle));
        }
      }
      context.stroke();
    };
    const wide = i === chosen ? 2.5 : 1.25;
    context.setLineDash(i === chosen ? [] : [5, 4]);
    context.strokeStyle = "rgba(0,0,0,0.6)";
    context.lineWidth = wide + 2;
    outline();
    context.strokeStyle = ringColour(i);
    context.lineWidth = wide;
    outline();
    context.setLineDash([]);
    labels.unshift(() => {
      const inside = detector.inner === 0 && !isWedge;
      const edge = Math.min(data.frame.height, data.frame.width) / 2;
      const radius = inside ? 0 : detector.outer !== null ? (detector.inner + outer) / 2 : Math.max(detector.inner, (detector.inner + edge) / 2);
      return { text: detector.label, colour: ringColour(i), x, y, reach: radius * viewer.scale, angle: isWedge ? (from + to) / 2 : -Math.PI / 2 };
    });
  }
  placeLabels(context, viewer, labels.map((label) => label()));
}

/** Each label sits in its ring where no other one does, and never outside of what is seen; without such a place it is left out. */
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

/** Events as dots, never smaller than can be seen. */
function drawEvents(context, viewer) {
  const ramp = ramps[state.colours];
  const colour = (share) => { const at = 3 * Math.round(255 * share); return `rgb(${ramp[at]},${ramp[at + 1]},${ramp[at + 2]})`; };
  context.fillStyle = colour(0);
  context.fillRect(viewer.x(0), viewer.y(0), viewer.lens.width * viewer.scale, viewer.lens.height * viewer.scale);
  if (!shownFrame) return;
  const { bin, width } = data.frames;
  const side = Math.max(2.4, bin * viewer.scale), pad = (side - bin * viewer.scale) / 2;
  const most = Math.max(2, shownFrame.most);
  const places = [...shownFrame.counts].sort((a, b) => a[1] - b[1]);
  for (const [index, count] of places) {
    context.fillStyle = colour(0.8 + 0.2 * (count - 1) / (most - 1));
    context.fillRect(viewer.x((index % width) * bin) - pad, viewer.y(Math.floor(index / width) * bin) - pad, side, side);
  }
}

const calibrated = {
  scan: data.step_nm ? [data.step_nm * maps.stride, "nm"] : [maps.stride, "positions"],
  pattern: data.pixel_mrad ? [data.pixel_mrad / data.frame.upsample, "mrad"] : [1, "pixels"],
};

const scanViewer = new Viewer("scan", scanLens, {
  paint(context, viewer) {
    viewer.image(context, shownImage.drawn);
    scaleBar(context, viewer, ...calibrated.scan);
    cursor(context, viewer);
  },
  hover(hit) { tellScan(hit); },
  pick(row, column) { moveTo(row, column); },
  arrow(rows, columns) { moveTo(state.row + rows, state.column + columns); },
});

const panning = (lens) => (rows, columns) => {
  lens.row += rows * lens.height / (40 * lens.zoom);
  lens.column += columns * lens.width / (40 * lens.zoom);
  lens.changed();
};

new Viewer("pattern", patternLens, {
  paint(context, viewer) {
    viewer.image(context, shownPattern.drawn, data.pattern.bin);
    if (state.rings) drawDetectors(context, viewer);
    scaleBar(context, viewer, ...calibrated.pattern);
  },
  hover(hit) { tellPattern(hit); },
  arrow: panning(patternLens),
});

new Viewer("frame", patternLens, {
  paint(context, viewer) {
    drawEvents(context, viewer);
    scaleBar(context, viewer, ...calibrated.pattern);
  },
  hover(hit) { tellFrame(hit); },
  arrow: panning(patternLens),
});
current = scanViewer;

function tellScan(hit) {
  const [row, column] = hit ?? [state.row, state.column];
  element("scan-readout").textContent = `${hit ? "" : "Chosen: "}${positionText(row, column)}: ${valueText(images[state.map], row * maps.width + column)}`;
}

function fromCentre(row, column) {
  const distance = Math.hypot(row - data.centre.row, column - data.centre.column);
  const angle = data.pixel_mrad ? `, ${short(distance * calibrated.pattern[0])} mrad` : "";
  return `${short(distance, 4)} pixels${angle} from the centre`;
}

function tellPattern(hit) {
  const words = element("pattern-readout");
  if (!hit) {
    words.textContent = `Centre at row ${data.centre.row.toFixed(1)}, column ${data.centre.column.toFixed(1)}` +
                        (data.beam_radius > 0 ? `; beam radius ${data.beam_radius.toFixed(1)} pixels` : "");
    return;
  }
  const bin = data.pattern.bin;
  const value = sum[Math.floor(hit[0] / bin) * data.pattern.width + Math.floor(hit[1] / bin)];
  words.textContent = `Row ${hit[0]}, column ${hit[1]}: ${plural(value, "electron")}${bin > 1 ? ` in ${bin} × ${bin} pixels` : ""}; ${fromCentre(...hit)}`;
}

function tellFrame(hit) {
  const words = element("frame-readout");
  if (!hit || !shownFrame) {
    words.textContent = shownFrame ? `${plural(shownFrame.events.length, "electron")}` : "";
    return;
  }
  const { bin, width } = data.frames;
  const value = shownFrame.counts.get(Math.floor(hit[0] / bin) * width + Math.floor(hit[1] / bin)) ?? 0;
  words.textContent = `Row ${hit[0]}, column ${hit[1]}: ${plural(value, "electron")}${bin > 1 ? ` in ${bin} × ${bin} pixels` : ""}; ${fromCentre(...hit)}`;
}

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

function showFrame() {
  const row = middleOf(state.row, data.scan.height), column = middleOf(state.column, data.scan.width);
  shownFrame = frameNear(row, column);
  const heading = element("frame-heading"), note = element("frame-note");
  if (!shownFrame) {
    heading.textContent = "Frame";
    note.textContent = "The page carries no frames: they do not fit into its size limit (countem report --limit).";
    return;
  }
  shownFrame.counts = new Map();
  for (const index of shownFrame.events) shownFrame.counts.set(index, (shownFrame.counts.get(index) ?? 0) + 1);
  shownFrame.most = [...shownFrame.counts.values()].reduce((a, b) => Math.max(a, b), 0);
  heading.textContent = `Frame at row ${shownFrame.row}, column ${shownFrame.column}`;
  const words = [];
  if (shownFrame.row !== row || shownFrame.column !== column) words.push("This is the nearest frame that the page carries.");
  const { stride, bin } = data.frames;
  if (stride > 1 || bin > 1) {
    const which = stride > 1 ? `one position in ${stride} × ${stride}` : "every position";
    words.push(`To stay small, the page carries ${which}${bin > 1 ? `, ${bin} × ${bin} pixels as one` : " at full resolution"}.`);
  }
  if (data.scan.frames_per_position > 1) words.push(`All ${data.scan.frames_per_position} frames of the position together.`);
  const flags = status[state.row * maps.width + state.column];
  if (flags & 0x9f) words.push(`At this position: ${statusText(flags)}.`);
  note.textContent = words.join(" ");
}

function moveTo(row, column) {
  state.row = Math.max(0, Math.min(maps.height - 1, row));
  state.column = Math.max(0, Math.min(maps.width - 1, column));
  showFrame();
  tellScan(null);
  tellFrame(null);
  // A cursor that left the view takes it along.
  const x = scanViewer.x(state.column + 0.5), y = scanViewer.y(state.row + 0.5);
  if (x < 0 || y < 0 || x > scanViewer.width || y > scanViewer.height) Object.assign(scanLens, { row: state.row + 0.5, column: state.column + 0.5 });
  scanLens.changed();
  patternLens.changed();
  element("spoken").textContent = element("scan-readout").textContent +
    (shownFrame ? `. ${element("frame-heading").textContent}: ${element("frame-readout").textContent}` : "");
}

function redraw() {
  const image = images[state.map];
  shownImage = drawImage(image);
  legend(element("scan-scale"), image, shownImage);
  element("scan-heading").textContent = image.label;
  element("scan").setAttribute("aria-label", `${image.label}, ${maps.height} by ${maps.width} positions. Arrow keys choose a position.`);
  element("descan-tool").hidden = !image.vectors;
  element("map-choice").value = String(state.map);
  element("clip-value").textContent = `${state.clip.toFixed(1)} %`;

  const scale = scaleOf(sum, Math.min(state.clip, 0.5), state.logarithmic);
  const ramp = ramps[state.colours];
  shownPattern = { scale, drawn: bitmap(data.pattern.height, data.pattern.width, (i) => {
    const at = 3 * Math.round(255 * scale.place(sum[i]));
    return ramp.subarray(at, at + 3);
  }) };
  element("pattern-scale").replaceChildren(short(scale.low, 4), rampCanvas(ramp), `${short(scale.high, 4)} electrons${state.logarithmic ? ", logarithmic" : ""}`);
  element("pattern").setAttribute("aria-label", `Sum of all frames, ${data.frame.height} by ${data.frame.width} pixels. Arrow keys pan, plus and minus zoom.`);
  element("frame").setAttribute("aria-label", "Electrons of the frame at the chosen position. Arrow keys pan, plus and minus zoom.");
  for (const tile of tiles) tile.draw();
  tellScan(null);
  tellPattern(null);
  tellFrame(null);
  scanLens.changed();
  patternLens.changed();
}

// ---- All images, small --------------------------------------------------------------------------------------------------

const tiles = images.map((image, i) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "tile";
  const box = document.createElement("div");
  box.className = "canvas-box";
  box.style.aspectRatio = `1 / ${Math.max(1 / 6, Math.min(1.5, maps.height / maps.width))}`;
  const name = document.createElement("strong"), words = document.createElement("span"), bar = document.createElement("div");
  name.textContent = image.label;
  button.append(box, name, words, bar);
  button.addEventListener("click", () => { state.map = i; redraw(); });
  element("tiles").append(button);
  element("map-choice").append(new Option(image.label, String(i)));
  return { draw() {
    button.setAttribute("aria-pressed", String(state.map === i));
    const { drawn, scale, full } = drawImage(image);
    drawn.style.imageRendering = drawn.width < 400 ? "pixelated" : "auto";
    box.replaceChildren(drawn);
    words.textContent = scale ? `${detectorText(image.detector)}${short(scale.low, 4)} to ${short(scale.high, 4)} electrons` : `full colour at ${short(full)} pixels`;
    bar.replaceChildren(scale ? rampCanvas(ramps[state.colours]) : wheelCanvas());
  } };
});

function detectorText(i) {
  if (i === undefined) return "";
  const { inner, outer } = data.detectors[i];
  const [per, unit] = data.pixel_mrad ? calibrated.pattern : [1, "pixels"];
  const range = outer === null ? `beyond ${short(inner * per)}` : inner > 0 ? `${short(inner * per)} to ${short(outer * per)}` : `up to ${short(outer * per)}`;
  return `${range} ${unit}: `;
}

// ---- Charts -------------------------------------------------------------------------------------------------------------

function svg(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function ticks(low, high, about) {
  const step = roundBelow((high - low) / about * 1.6) || 1;
  const out = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; ++n) out.push(n * step);
  return out;
}

/** A histogram of bins [edges[i], edges[i + 1]), drawn anew for whatever width it gets. `marks`: lines at values of x with their
    words; `curve(x)`: drawn over it; `bands`: ranges of x with a colour; `tell(i)`: what bin i holds, in words. */
function histogram(id, { edges, values, logarithmic, xLabel, yLabel, marks = [], curve, curveLabel, bands = [], tell, label }) {
  const holder = element(id);
  const readout = document.createElement("p");
  readout.className = "readout";
  let at = -1;
  const draw = () => {
    const width = paper.printing ? paper.chartWidth : Math.max(280, holder.clientWidth || 600), height = Math.round(Math.min(300, Math.max(210, width * 0.42)));
    const left = 64, right = 14, top = marks.length > 0 ? 16 + 15 * marks.length : 14, bottom = 42;
    const low = edges[0], high = edges[edges.length - 1];
    const positive = values.filter((v) => v > 0);
    const most = Math.max(...values, logarithmic ? 1 : 0) || 1;
    const floor = logarithmic ? Math.min(...positive, most) / 2 : 0, ceiling = logarithmic ? most * 1.6 : most * 1.05;
    const x = (v) => left + (v - low) / (high - low) * (width - left - right);
    const y = (v) => {
      const share = logarithmic ? Math.log(Math.max(v, floor) / floor) / Math.log(ceiling / floor) : v / ceiling;
      return height - bottom - share * (height - top - bottom);
    };
    const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, tabindex: 0 });
    const yTicks = logarithmic ? decades(floor, ceiling) : ticks(0, ceiling, 4).filter(Number.isInteger);
    for (const v of yTicks) {
      plot.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: y(v), y2: y(v) }),
                  svg("text", { x: left - 7, y: y(v) + 4, "text-anchor": "end" }, logarithmic && v >= 1e4 ? `10${superscript(Math.round(Math.log10(v)))}` : short(v)));
    }
    for (const { from, to, colour } of bands) {
      const a = Math.max(low, from), b = Math.min(high, to);
      if (b > a) plot.append(svg("rect", { class: "band", x: x(a), y: top, width: x(b) - x(a), height: height - top - bottom, fill: colour }));
    }
    let path = `M${x(low)} ${y(floor)}`;
    values.forEach((v, i) => { path += `L${x(edges[i]).toFixed(1)} ${y(v).toFixed(1)}L${x(edges[i + 1]).toFixed(1)} ${y(v).toFixed(1)}`; });
    plot.append(svg("path", { class: "area", d: `${path}L${x(high)} ${y(floor)}Z` }));
    for (const v of ticks(low, high, width / 90)) plot.append(svg("text", { x: x(v), y: height - bottom + 17, "text-anchor": "middle" }, short(v)));
    plot.append(svg("line", { class: "axis", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }),
                svg("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, xLabel),
                svg("text", { x: -(top + height - bottom) / 2, y: 13, "text-anchor": "middle", transform: "rotate(-90)" }, yLabel));
    if (curve) {
      const points = [];
      for (let i = 0; i <= 200; ++i) {
        const v = low + (high - low) * i / 200, value = curve(v);
        if (value > floor) points.push(`${x(v).toFixed(1)} ${y(value).toFixed(1)}`);
      }
      plot.append(svg("path", { class: "curve", d: "M" + points.join("L") }));
    }
    marks.forEach(({ value, words }, i) => {
      if (value < low || value > high) return;
      const right_half = x(value) > width * 0.6;
      plot.append(svg("line", { class: "mark", x1: x(value), x2: x(value), y1: 6 + 15 * i, y2: height - bottom }),
                  svg("text", { class: "mark-text", x: x(value) + (right_half ? -6 : 6), y: 15 + 15 * i, "text-anchor": right_half ? "end" : "start" }, words));
    });
    const guide = svg("line", { class: "guide", y1: top, y2: height - bottom });
    plot.append(guide);
    const show = (i) => {
      at = Math.max(0, Math.min(values.length - 1, i));
      const middle = x((edges[at] + edges[at + 1]) / 2);
      guide.setAttribute("x1", middle);
      guide.setAttribute("x2", middle);
      guide.style.visibility = "visible";
      readout.textContent = tell(at);
    };
    const hide = () => { guide.style.visibility = "hidden"; readout.textContent = curveLabel ?? ""; };
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      const v = low + ((event.clientX - box.left) * width / box.width - left) / (width - left - right) * (high - low);
      if (v >= low && v < high) show(edges.findIndex((edge) => edge > v) - 1); else hide();
    });
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      show(at < 0 ? Math.floor(values.length / 2) : at + step * (event.shiftKey ? 10 : 1));
    });
    const focused = holder.firstChild === document.activeElement && holder.firstChild !== null;
    holder.replaceChildren(plot, readout);
    if (focused) plot.focus();
    hide();
  };
  paper.redraw.push(draw);
  let drawnWidth = 0;
  new ResizeObserver(() => {
    if (holder.clientWidth === drawnWidth) return;
    drawnWidth = holder.clientWidth;
    draw();
  }).observe(holder);
  draw();
}

function decades(floor, ceiling) {
  const out = [], first = Math.ceil(Math.log10(floor)), last = Math.floor(Math.log10(ceiling));
  const step = Math.max(1, Math.ceil((last - first) / 6));
  for (let n = first; n <= last; n += step) out.push(10 ** n);
  return out;
}
const superscript = (n) => String(n).replace(/./g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻");

function drawEventsPerFrame() {
  const { first, step, frames } = data.events_per_frame;
  if (frames.length === 0) return element("events-chart").append("No frame arrived.");
  const edges = Array.from({ length: frames.length + 1 }, (_, i) => first + i * step);
  const range = (i) => (step === 1 ? `${whole(edges[i])}` : `${whole(edges[i])} to ${whole(edges[i + 1] - 1)}`);
  histogram("events-chart", {
    edges, values: frames, xLabel: "electrons", yLabel: "frames", label: "Histogram of electrons a frame",
    curveLabel: `${plural(data.complete.frames - data.complete.never_arrived, "frame")}, mean ${short(data.events / Math.max(1, data.complete.frames - data.complete.never_arrived), 4)} electrons`,
    tell: (i) => `${range(i)} electrons: ${plural(frames[i], "frame")}`,
  });
}

function drawRadialProfile() {
  const { step, electrons_per_pixel: values } = data.radial;
  const [per, unit] = data.pixel_mrad ? calibrated.pattern : [1, "pixels"];
  const edges = Array.from({ length: values.length + 1 }, (_, i) => i * step * per);
  histogram("radial-chart", {
    edges, values, logarithmic: true, xLabel: `${unit} from the centre`, yLabel: "electrons a pixel",
    label: "Radial profile of the summed pattern, with the ranges of the detectors",
    bands: data.detectors.map((d, i) => ({ from: d.inner * per, to: (d.outer ?? Infinity) * per, colour: ringColour(i) })),
    curveLabel: "Shaded: the ranges of the detectors",
    tell: (i) => `${short(edges[i])} to ${short(edges[i + 1])} ${unit}: ${short(values[i], 4)} electrons a pixel`,
  });
}

/** Bins [from, to) of the calibration's histogram, so many put together that about `most` are left. */
function part(fit, counts, from, to, most) {
  const first = Math.max(0, Math.floor((from - fit.first_adu) / fit.step_adu));
  const last = Math.min(counts.length, Math.ceil((to - fit.first_adu) / fit.step_adu));
  const group = Math.max(1, Math.ceil((last - first) / most));
  const edges = [fit.first_adu + first * fit.step_adu], values = [];
  for (let i = first; i < last; i += group) {
    values.push(counts.subarray(i, Math.min(last, i + group)).reduce((a, b) => a + b, 0));
    edges.push(fit.first_adu + Math.min(last, i + group) * fit.step_adu);
  }
  return { edges, values, group };
}

function drawCalibration() {
  const used = data.calibration, fit = used.fit, words = [];
  words.push(used.per_pixel ? `A hit's charge is above its pixel's own threshold, ${short(used.background_adu)} ADU or more.`
                            : `A hit's charge is above ${short(used.background_adu, 4)} ADU.`);
  words.push(used.xray_adu === null ? "No X-ray threshold." : `A pixel from ${short(used.xray_adu, 4)} ADU on is an X-ray.`);
  words.push(used.dark ? (used.dark_frames > 0 ? `Dark reference of ${plural(used.dark_frames, "frame")}.` : "With a dark reference.")
                       : "No dark reference: charges are raw values.");
  if (used.gain) words.push("With a gain reference.");
  if (used.masked_pixels > 0) words.push(`${plural(used.masked_pixels, "pixel")} masked.`);
  const counts = fit ? varints(fit.histogram, histogramBins(fit)) : new Float64Array(0);
  if (!fit || counts.length === 0 || !(fit.step_adu > 0)) {
    words.push(fit ? "The file holds no histogram of charges." : "Thresholds were given, so that no histogram of charges was made.");
    element("calibration-charts").remove();
    element("calibration-words").textContent = words.join(" ");
    return;
  }
  const fitted = fit.sigma_adu > 0;
  if (fitted) words.push(`Noise fitted to ${plural(fit.sampled_frames, "frame")}: ${fit.mean_adu.toFixed(3)} ± ${fit.sigma_adu.toFixed(3)} ADU; the threshold lies ${short(fit.background_sigmas)} sigma above.`);
  element("calibration-words").textContent = words.join(" ");

  const end = fit.first_adu + counts.length * fit.step_adu;
  const total = counts.reduce((a, b) => a + b, 0);
  const tell = (shown) => (i) => `${short(shown.edges[i], 4)} to ${short(shown.edges[i + 1], 4)} ADU: ${plural(shown.values[i], "pixel")}`;
  const background = { value: used.background_adu, words: `threshold ${short(used.background_adu, 4)} ADU` };
  const middle = fitted ? fit.mean_adu : fit.first_adu + 64 * fit.step_adu;
  const wide = fitted ? fit.sigma_adu : 8 * fit.step_adu;
  const near = part(fit, counts, middle - 6 * wide, Math.max(middle + 8 * wide, used.background_adu + 2 * wide), 160);
  let curve;
  if (fitted) {
    // The fit has a free height: that of the bins it was made from, three sigma left to half a sigma right of its middle.
    const shape = (v) => Math.exp(-0.5 * ((v - fit.mean_adu) / fit.sigma_adu) ** 2);
    let there = 0, expected = 0;
    counts.forEach((count, i) => {
      const v = fit.first_adu + (i + 0.5) * fit.step_adu;
      if (v < fit.mean_adu - 3 * fit.sigma_adu || v > fit.mean_adu + 0.5 * fit.sigma_adu) return;
      there += count;
      expected += shape(v);
    });
    curve = (v) => (expected > 0 ? there / expected * near.group * shape(v) : 0);
  }
  histogram("noise-chart", { ...near, logarithmic: true, xLabel: "charge of a pixel in ADU", yLabel: "pixels", curve,
    label: "Histogram of charges around the noise peak with the fitted Gaussian and the background threshold",
    curveLabel: fitted ? "Line: the fitted Gaussian" : "No noise peak was fitted: the threshold was given", marks: [background], tell: tell(near) });
  const last = counts.findLastIndex((count) => count > 0);
  const all = part(fit, counts, fit.first_adu, Math.min(end, Math.max(fit.first_adu + (last + 1) * fit.step_adu, 1.1 * (used.xray_adu ?? 0))), 240);
  const marks = [background];
  if (used.xray_adu !== null) marks.push({ value: used.xray_adu, words: `X-ray threshold ${short(used.xray_adu, 4)} ADU` });
  const beyond = used.xray_adu !== null && used.xray_adu > all.edges.at(-1) ? "; the X-ray threshold lies beyond the histogram" : "";
  histogram("charge-chart", { ...all, logarithmic: true, xLabel: "charge of a pixel in ADU", yLabel: "pixels", marks,
    label: "Histogram of all sampled charges with the background and X-ray thresholds",
    curveLabel: `${plural(total, "pixel")} sampled${beyond}`, tell: tell(all) });
}

/** The number of varints in a text is that of its bytes below 128. */
function histogramBins(fit) {
  return bytesOf(fit.histogram).reduce((count, byte) => count + (byte < 128), 0);
}

// ---- What arrived -------------------------------------------------------------------------------------------------------

function drawArrival() {
  const kinds = ["--complete", "--missing-1", "--missing-2", "--missing-3", "--missing-4"];
  const words = ["complete", "1 sector missing", "2 sectors missing", "3 sectors missing", "a frame never arrived"];
  const missing = (flags) => (flags & 0x80 ? 4 : [0, 1, 2, 3].reduce((count, sector) => count + ((flags >> sector) & 1), 0));
  const positions = [0, 0, 0, 0, 0];
  for (const flags of status) ++positions[missing(flags)];
  const colours = () => kinds.map((kind) => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue(kind).trim();
    return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  });
  let drawn = null;
  const paintMap = () => { const table = colours(); drawn = bitmap(maps.height, maps.width, (i) => table[missing(status[i])]); };
  paintMap();
  new Viewer("arrival", scanLens, {
    paint(context, viewer) { viewer.image(context, drawn); cursor(context, viewer); },
    hover(hit) {
      const [row, column] = hit ?? [state.row, state.column];
      element("arrival-readout").textContent = `${hit ? "" : "Chosen: "}${positionText(row, column)}: ${statusText(status[row * maps.width + column])}`;
    },
    pick: moveTo,
    arrow(rows, columns) { moveTo(state.row + rows, state.column + columns); this.hover(null); },
  });
  element("arrival-readout").textContent = `${positionText(state.row, state.column)}: ${statusText(status[state.row * maps.width + state.column])}`;
  element("arrival-legend").replaceChildren(...words.flatMap((text, kind) => {
    if (positions[kind] === 0 && kind > 0) return [];
    const item = document.createElement("li"), swatch = document.createElement("i");
    swatch.style.background = `var(${kinds[kind]})`;
    item.append(swatch, `${text}: ${plural(positions[kind], maps.stride > 1 ? "block of positions" : "position", maps.stride > 1 ? "blocks of positions" : "positions")}`);
    return [item];
  }));
  const found = data.complete;
  rows("arrival-table", [
    ["Frames of the scan", whole(found.frames)],
    ["Complete", `${whole(found.complete)} (${short(100 * found.complete / found.frames, 4)} %)`],
    ["Never arrived", whole(found.never_arrived)],
    ...(found.without_sector.some((count) => count > 0)
      ? found.without_sector.map((count, sector) => [`Without sector ${sector}`, whole(count)]) : [["Without a sector", "0"]]),
    ["With a record cut short", whole(found.truncated)],
    ["With rejected X-rays", `${whole(found.with_xrays)} (${plural(found.xrays, "X-ray")})`],
  ]);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { paintMap(); scanLens.changed(); });
  paper.redraw.unshift(paintMap);
}

// ---- Words --------------------------------------------------------------------------------------------------------------

function rows(id, listed) {
  element(id).replaceChildren(...listed.map(([name, value]) => {
    const row = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td");
    head.scope = "row";
    head.textContent = name;
    cell.append(value);
    row.append(head, cell);
    return row;
  }));
}

function code(text) {
  const made = document.createElement("code");
  made.textContent = text;
  return made;
}

function provenanceValue(name, value) {
  if (name.includes("command_line")) return code(value);
  if (typeof value === "string") return value;
  if (Array.isArray(value)) {
    if (value.length === 0) return "none";
    const list = document.createElement("ul");
    list.append(...value.map((entry) => {
      const item = document.createElement("li");
      item.textContent = entry.text ?? (entry.name !== undefined ? `${entry.name}, ${size(entry.bytes)}` : JSON.stringify(entry));
      return item;
    }));
    return list;
  }
  return Object.entries(value).map(([key, one]) => `${key.replaceAll("_", " ")}: ${one === null ? "none" : typeof one === "number" ? short(one, 5) : one}`).join(", ");
}

function drawWords() {
  const { scan, frame, complete } = data;
  const pixels = frame.height * frame.width;
  const arrived = complete.frames - complete.never_arrived;
  const repeats = scan.frames_per_position > 1 ? `, ${scan.frames_per_position} frames each` : "";
  element("summary").textContent = `${whole(scan.height)} × ${whole(scan.width)} positions${repeats}, frames of ${whole(frame.height)} × ${whole(frame.width)} pixels` +
    `${frame.upsample > 1 ? ` (${frame.upsample} times finer than the detector's)` : ""}.`;
  const facts = [
    ["Electrons", whole(data.events)],
    ["Electrons a frame", short(data.events / Math.max(1, arrived), 4)],
    ["Occupancy", `${short(100 * data.events / Math.max(1, arrived) / pixels)} %`],
    ["Complete frames", complete.complete === complete.frames ? "all" : `${short(100 * complete.complete / complete.frames, 4)} %`],
    ["Store", size(data.store_bytes)],
    ["Bytes an electron", short(data.store_bytes / Math.max(1, data.events))],
  ];
  element("facts").replaceChildren(...facts.map(([name, value]) => {
    const fact = document.createElement("div"), term = document.createElement("dt"), meaning = document.createElement("dd");
    term.textContent = name;
    meaning.textContent = value;
    fact.append(term, meaning);
    return fact;
  }));

  const inputs = data.provenance.find(([name]) => name === "inputs")?.[1];
  const raw = Array.isArray(inputs) ? inputs.reduce((sum, input) => sum + (input.bytes ?? 0), 0) : 0;
  const dense = 2 * complete.frames * pixels;
  const told = [];
  if (raw > 0) told.push(["Raw input", `${size(raw)} in ${plural(inputs.length, "file")}`]);
  told.push(["Frames at 16 bits a pixel", size(dense)],
            ["Event store", `${size(data.store_bytes)}, ${short((raw || dense) / data.store_bytes)} times smaller`]);
  if (data.counted) {
    const { frames, seconds, frames_per_s, gigabytes_per_s, backend } = data.counted;
    told.push(["Counting", `${whole(frames_per_s)} frames/s, ${short(gigabytes_per_s)} GB/s (${plural(frames, "frame")} in ${short(seconds)} s, ${backend})`]);
  }
  told.push(["Reading the store and making all images", `${short(data.imaging_seconds)} s, ${short(data.events / data.imaging_seconds / 1e6)} million electrons/s (${data.backend})`]);
  if (data.frames) {
    const { rows: r, columns: c, bin } = data.frames;
    told.push(["Frames in this page", `${whole(r.count * c.count)} of ${whole(scan.height * scan.width)} positions${bin > 1 ? `, ${bin} × ${bin} pixels as one` : ""}, ${size(frameText.length)}`]);
  } else {
    told.push(["Frames in this page", "none"]);
  }
  rows("sizes", told);
  rows("provenance", [...data.provenance, ["report_command_line", data.command_line]].map(([name, value]) =>
    [(name[0].toUpperCase() + name.slice(1)).replaceAll("_", " "), provenanceValue(name, value)]));
  element("footer").textContent = `Made by ${data.program}. Everything on this page is in the page; it asks the network for nothing.`;
}

// ---- Controls -----------------------------------------------------------------------------------------------------------

function listen() {
  const redrawOn = (id, kind, take) => element(id).addEventListener(kind, (event) => { take(event.target); redraw(); });
  redrawOn("map-choice", "change", (choice) => { state.map = Number(choice.value); });
  redrawOn("colours", "change", (choice) => { state.colours = choice.value; });
  redrawOn("clip", "input", (slider) => { state.clip = Number(slider.value); });
  redrawOn("logarithmic", "change", (box) => { state.logarithmic = box.checked; });
  redrawOn("rings", "change", (box) => { state.rings = box.checked; });
  redrawOn("descan", "change", (box) => { state.descan = box.checked; });
  element("zoom-in").addEventListener("click", () => current.zoomBy(1.5));
  element("zoom-out").addEventListener("click", () => current.zoomBy(1 / 1.5));
  element("zoom-fit").addEventListener("click", () => { current.lens.whole(); current.lens.changed(); });
}

drawWords();
drawEventsPerFrame();
drawRadialProfile();
drawCalibration();
showFrame();
redraw();
drawArrival();
listen();

// For tests, and for whoever wants the numbers behind the pictures from the browser's console.
window.countemReport = { data, images, sum, state, frameNear, decodeFrame, moveTo, value: (image, row, column) => images[image].values?.[row * maps.width + column], deflection: (row, column) => deflection(row * maps.width + column) };
})();
