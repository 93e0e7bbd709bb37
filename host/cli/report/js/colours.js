// Colours of values and of directions, and images made of them.

/** The colour maps of a page: `colours` holds the tables that host/engine/picture.cpp made. */
class Palette {
  constructor(colours) {
    const gray = Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));
    // Gray is in no coloured map; where the map is gray, a colour is.
    this.noValues = { perceptual: [128, 128, 128], gray: [176, 84, 60], ink: [176, 84, 60] };
    this.ramps = { perceptual: bytesOf(colours.perceptual), gray, ink: gray.slice().reverse() };
    this.hues = colours.hues;
    this.strengths = colours.strengths;
    this.directions = bytesOf(colours.directions);
  }

  /** Colour of a vector: `towards` in radians, `strength` in [0, 1]. */
  direction(towards, strength) {
    const hue = Math.round(((towards / (2 * Math.PI)) % 1 + 1) * this.hues) % this.hues;
    const at = 3 * (hue * this.strengths + Math.round(Math.min(1, strength) * (this.strengths - 1)));
    return [this.directions[at], this.directions[at + 1], this.directions[at + 2]];
  }
}

/** Colour of the place `share` in [0, 1] of a ramp. */
function rampColour(ramp, share) {
  const at = 3 * Math.round(255 * share);
  return ramp.subarray(at, at + 3);
}

/** Values as places on a ramp: the given share of them saturates at either end. */
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

/** Values as places on a ramp, and `noValue` where they are no numbers. Drawn while a pointer drags: whole pixels from a table. */
function bitmapOf(height, width, values, scale, ramp, noValue) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { height, width });
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  const pixelOf = (colour) => new Uint32Array(Uint8Array.of(...colour, 255).buffer)[0];
  const table = Uint32Array.from({ length: 256 }, (_, i) => pixelOf(ramp.subarray(3 * i, 3 * i + 3))), gap = pixelOf(noValue);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < height * width; ++i) pixels[i] = Number.isFinite(values[i]) ? table[Math.round(255 * scale.place(values[i]))] : gap;
  context.putImageData(image, 0, 0);
  return canvas;
}

/** A coloured square and its words. */
function swatch(colour, words) {
  const holder = document.createElement("span"), square = document.createElement("i");
  holder.className = "swatch";
  square.style.background = colour;
  holder.append(square, words);
  return holder;
}

/** What a legend adds for values that are no numbers: nothing where all are. */
const gapLegend = (values, noValue) => (values.every(Number.isFinite) ? [] : [swatch(`rgb(${noValue.join()})`, "no value")]);

function rampCanvas(ramp) {
  const canvas = bitmap(1, 256, (i) => ramp.subarray(3 * i, 3 * i + 3));
  canvas.className = "ramp";
  return canvas;
}

function wheelCanvas(palette) {
  const side = 128, middle = (side - 1) / 2;
  const canvas = bitmap(side, side, (i) => {
    const row = Math.floor(i / side) - middle, column = (i % side) - middle;
    return palette.direction(Math.atan2(-row, column), Math.hypot(row, column) / middle);
  });
  const context = canvas.getContext("2d");
  context.globalCompositeOperation = "destination-in";
  context.beginPath();
  context.arc(side / 2, side / 2, side / 2 - 1, 0, 2 * Math.PI);
  context.fill();
  canvas.className = "wheel";
  return canvas;
}
