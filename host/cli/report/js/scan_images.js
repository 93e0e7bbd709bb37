// Images of the scan: counts of electrons, and centres of mass as vectors.

/** The maps of a report, decoded. A cell is a position, or a block of stride x stride of them. */
class ScanImages {
  constructor(data, units) {
    Object.assign(this, { height: data.maps.height, width: data.maps.width, stride: data.maps.stride, scan: data.scan, units });
    this.cells = this.height * this.width;
    const electrons = (label, map, detector) => ({ label, detector, values: electronsOf(map, this.cells) });
    this.images = [
      ...data.detectors.map((detector, i) => electrons(units.detectorLabel(detector.label), detector.image, i)),
      electrons(`Electrons per ${units.cell}`, data.counts),
      { label: "Centre of mass", vectors: true },
    ];
    const { row, column, row_error, column_error, row_plane, column_plane, axes } = data.centre_of_mass;
    this.centres = { row: floats(row), column: floats(column), errors: [coarseFloats(row_error), coarseFloats(column_error)], row_plane, column_plane, axes };
  }

  /** [rows, columns] in cells, from the scan's mean or, with `descan`, from its descan plane. */
  deflection(i, descan) {
    const { row, column, row_plane, column_plane } = this.centres;
    if (!descan) return [row[i], column[i]];
    const plane = (p) => p.middle + p.per_row * (Math.floor(i / this.width) - (this.height - 1) / 2) +
                         p.per_column * ((i % this.width) - (this.width - 1) / 2);
    return [row[i] - plane(row_plane), column[i] - plane(column_plane)];
  }

  /** Draws an image; returns its bitmap and what its legend needs. `look`: { palette, colours, clip, descan }. */
  draw(image, look) {
    if (image.vectors) return this.drawVectors(look);
    const ramp = look.palette.ramps[look.colours];
    const scale = scaleOf(image.values, look.clip, false), noValue = look.palette.noValues[look.colours];
    return { drawn: bitmapOf(this.height, this.width, image.values, scale, ramp, noValue), scale, gaps: gapLegend(image.values, noValue) };
  }

  drawVectors({ palette, clip, descan }) {
    const lengths = Float64Array.from({ length: this.cells }, (_, i) => Math.hypot(...this.deflection(i, descan)));
    const scale = scaleOf(lengths, Math.max(clip, 0.5), false);
    const full = scale.high > 0 ? scale.high : 1, noValue = palette.noValues.perceptual;
    const colour = (i) => {
      const [row, column] = this.deflection(i, descan);
      return Number.isFinite(row) ? palette.direction(Math.atan2(-row, column), Math.hypot(row, column) / full) : noValue;
    };
    return { drawn: bitmap(this.height, this.width, colour), full, gaps: gapLegend(lengths, noValue) };
  }

  valueText(image, i, descan) {
    if (!image.vectors) return Number.isFinite(image.values[i]) ? electronsText(image.values[i]) : "did not arrive";
    const [row, column] = this.deflection(i, descan);
    if (!Number.isFinite(row)) return "unknown: no electrons, or not all arrived";
    const [rowError, columnError] = this.centres.errors.map((errors) => errors[i]);
    const length = (cells, error) => this.units.lengthWithError(Math.abs(cells), error);
    return `${length(row, rowError)} ${row < 0 ? "up" : "down"}, ${length(column, columnError)} ${column < 0 ? "left" : "right"}`;
  }

  /** Rows and columns of the whole scan that a cell stands for. */
  positionText(row, column) {
    const range = (at, end, name) => {
      const first = at * this.stride, last = Math.min(end, first + this.stride) - 1;
      return first === last ? name(first) : `${name(first)} to ${name(last)}`;
    };
    return `row ${range(row, this.scan.height, (i) => this.units.scanRow(i))}, column ${range(column, this.scan.width, (i) => this.units.scanColumn(i))}`;
  }

  /** The position in the middle of a cell. */
  middleOf(row, column) {
    const middle = (cell, end) => Math.min(end - 1, cell * this.stride + Math.floor(this.stride / 2));
    return [middle(row, this.scan.height), middle(column, this.scan.width)];
  }

  /** The legend of a drawn image, as nodes. */
  legend(image, { scale, full, gaps }, look) {
    if (!image.vectors) return [short(scale.low, 4), rampCanvas(look.palette.ramps[look.colours]), `${short(scale.high, 4)} ${this.units.electrons}`, ...gaps];
    const text = document.createElement("span");
    const axes = this.centres.axes.turned_degrees === null ? "detector axes" : "scan axes";
    text.textContent = `direction as hue, in ${axes}; length as lightness: full at ${this.units.length(full)}`;
    return [wheelCanvas(look.palette), text, ...gaps];
  }

  /** One line about a drawn image; `detector`: the one that made it, if any. */
  summary({ scale, full }, detector) {
    if (!scale) return `full colour at ${this.units.length(full)}`;
    return `${detector ? `${this.units.range(detector)}: ` : ""}${short(scale.low, 4)} to ${short(scale.high, 4)} ${this.units.electrons}`;
  }
}

/** A button per image, with a small picture of it; `choose(i)` runs when one is pressed. Returns what draws them anew. */
function makeTiles(holder, maps, detectors, choose) {
  const tiles = maps.images.map((image, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "tile";
    const box = document.createElement("div");
    box.className = "canvas-box";
    box.style.aspectRatio = `1 / ${Math.max(1 / 6, Math.min(1.5, maps.height / maps.width))}`;
    const name = document.createElement("strong"), words = document.createElement("span"), bar = document.createElement("div");
    name.textContent = image.label;
    button.append(box, name, words, bar);
    button.addEventListener("click", () => choose(i));
    holder.append(button);
    return { image, button, box, words, bar };
  });
  return (chosen, look) => tiles.forEach(({ image, button, box, words, bar }, i) => {
    button.setAttribute("aria-pressed", String(chosen === i));
    const made = maps.draw(image, look);
    made.drawn.style.imageRendering = made.drawn.width < 400 ? "pixelated" : "auto";
    box.replaceChildren(made.drawn);
    words.textContent = maps.summary(made, detectors[image.detector]);
    bar.replaceChildren(image.vectors ? wheelCanvas(look.palette) : rampCanvas(look.palette.ramps[look.colours]));
  });
}
