// The page of countem report: the only part that knows the ids of its elements. Data arrive as JSON and base64 in two script
// elements; nothing is ever fetched.

const element = (id) => document.getElementById(id);

/** The three views that move together: scan, sum and frame. */
class ExplorePage {
  constructor(data, frameText) {
    const units = new Units(data), maps = new ScanImages(data, units);
    Object.assign(this, { data, units, maps, frames: new FramePack(data.frames, frameText), palette: new Palette(data.colours) });
    this.detectors = data.detectors.map((one) => ({ ...one, label: units.detectorLabel(one.label) }));
    this.sum = electronsOf(data.pattern.sum, data.pattern.height * data.pattern.width);
    this.status = bytesOf(data.status);
    this.state = {
      map: 0, row: Math.floor(maps.height / 2), column: Math.floor(maps.width / 2),
      colours: "perceptual", clip: 0.2, logarithmic: true, rings: true, descan: false,
    };
    this.scanLens = new Lens(maps.height, maps.width);
    this.patternLens = new Lens(data.frame.height, data.frame.width);
    this.drawTiles = makeTiles(element("tiles"), maps, data.detectors, (i) => { this.state.map = i; this.redraw(); });
    element("map-choice").append(...maps.images.map((image, i) => new Option(image.label, String(i))));
    this.makeViewers();
    this.listen();
    this.showFrame();
    this.redraw();
  }

  get look() { return { palette: this.palette, ...this.state }; }
  get ramp() { return this.palette.ramps[this.state.colours]; }
  cell(row, column) { return row * this.maps.width + column; }

  makeViewers() {
    const { state, data, units } = this;
    const activate = (viewer) => { this.current = viewer; };
    const viewer = (id, lens, handlers) => new Viewer(element(id), lens, { activate, arrow: panning(lens), ...handlers });
    this.scanViewer = viewer("scan", this.scanLens, {
      paint: (context, view) => {
        view.image(context, this.shownImage.drawn);
        scaleBar(context, view, ...units.scan);
        drawCursor(context, view, state.row, state.column);
      },
      hover: (hit) => this.describeScan(hit),
      pick: (row, column) => this.moveTo(row, column),
      arrow: (rows, columns) => this.moveTo(state.row + rows, state.column + columns),
    });
    viewer("pattern", this.patternLens, {
      paint: (context, view) => {
        view.image(context, this.shownPattern.drawn, data.pattern.bin);
        if (state.rings) drawDetectors(context, view, this.detectors, this.maps.images[state.map].detector);
        scaleBar(context, view, ...units.pattern);
      },
      hover: (hit) => this.describePattern(hit),
    });
    viewer("frame", this.patternLens, {
      paint: (context, view) => {
        drawEvents(context, view, this.shownFrame, data.frames, this.ramp);
        scaleBar(context, view, ...units.pattern);
      },
      hover: (hit) => this.describeFrame(hit),
    });
    this.current = this.scanViewer;
  }

  describeScan(hit) {
    const [row, column] = hit ?? [this.state.row, this.state.column];
    const value = this.maps.valueText(this.maps.images[this.state.map], this.cell(row, column), this.state.descan);
    element("scan-readout").textContent = `${hit ? "" : "Chosen: "}${this.maps.positionText(row, column)}: ${value}`;
  }

  pixelText([row, column], value, bin) {
    const { centre } = this.data;
    const electrons = Number.isFinite(value) ? plural(value, "electron") : "no frame has it";
    return `${capital(this.units.place(row, column))}: ${electrons}${bin > 1 ? ` in ${bin} × ${bin} pixels` : ""}; ` +
      `${this.units.length(Math.hypot(row - centre.row, column - centre.column), 4)} from the centre`;
  }

  describePattern(hit) {
    const { centre, beam, pattern, frame } = this.data;
    const words = element("pattern-readout");
    if (!hit) {
      words.textContent = `Centre${centre.guess ? " (a guess)" : ""} at ${this.units.place(centre.row, centre.column, 1)}` +
                          (beam ? `; beam radius ${this.units.length(beam.radius / frame.row.step)}` : "");
      return;
    }
    const value = this.sum[Math.floor(hit[0] / pattern.bin) * pattern.width + Math.floor(hit[1] / pattern.bin)];
    words.textContent = this.pixelText(hit, value, pattern.bin);
  }

  describeFrame(hit) {
    const words = element("frame-readout"), frame = this.shownFrame;
    if (!hit || !frame) {
      words.textContent = frame ? plural(frame.events.length, "electron") : "";
      return;
    }
    const { bin, width } = this.data.frames;
    words.textContent = this.pixelText(hit, frame.counts.get(Math.floor(hit[0] / bin) * width + Math.floor(hit[1] / bin)) ?? 0, bin);
  }

  showFrame() {
    const { data, state } = this;
    const [row, column] = this.maps.middleOf(state.row, state.column);
    this.shownFrame = this.frames.near(row, column);
    element("frame-heading").textContent = this.shownFrame ? `Frame at row ${this.units.scanRow(this.shownFrame.row)}, column ${this.units.scanColumn(this.shownFrame.column)}` : "Frame";
    element("frame-note").textContent = frameNote(this.shownFrame, data.frames, row, column, data.scan.frames_per_position,
                                                  this.status[this.cell(state.row, state.column)]);
  }

  moveTo(row, column) {
    const { state, maps } = this;
    state.row = Math.max(0, Math.min(maps.height - 1, row));
    state.column = Math.max(0, Math.min(maps.width - 1, column));
    this.showFrame();
    this.describeScan(null);
    this.describeFrame(null);
    // The view follows a cursor that leaves it.
    if (!this.scanViewer.shows(state.row + 0.5, state.column + 0.5)) Object.assign(this.scanLens, { row: state.row + 0.5, column: state.column + 0.5 });
    this.scanLens.changed();
    this.patternLens.changed();
    element("spoken").textContent = element("scan-readout").textContent +
      (this.shownFrame ? `. ${element("frame-heading").textContent}: ${element("frame-readout").textContent}` : "");
  }

  redraw() {
    this.redrawScan();
    this.redrawPattern();
    this.drawTiles(this.state.map, this.look);
    this.describeScan(null);
    this.describePattern(null);
    this.describeFrame(null);
    this.scanLens.changed();
    this.patternLens.changed();
  }

  redrawScan() {
    const { state, maps } = this;
    const image = maps.images[state.map];
    this.shownImage = maps.draw(image, this.look);
    element("scan-scale").replaceChildren(...maps.legend(image, this.shownImage, this.look));
    element("scan-heading").textContent = image.label;
    element("scan").setAttribute("aria-label", `${image.label}, ${maps.height} by ${maps.width} positions. Arrow keys choose a position.`);
    element("descan-tool").hidden = !image.vectors;
    element("map-choice").value = String(state.map);
    element("clip-value").textContent = `${state.clip.toFixed(1)} %`;
  }

  redrawPattern() {
    const { pattern, frame } = this.data, { ramp } = this;
    const scale = scaleOf(this.sum, Math.min(this.state.clip, 0.5), this.state.logarithmic);
    const noValue = this.palette.noValues[this.state.colours];
    this.shownPattern = { scale, drawn: bitmapOf(pattern.height, pattern.width, this.sum, scale, ramp, noValue) };
    const cell = pattern.bin > 1 ? `${pattern.bin} × ${pattern.bin} ${this.units.pixel}s` : this.units.pixel;
    element("pattern-scale").replaceChildren(short(scale.low, 4), rampCanvas(ramp),
                                             `${short(scale.high, 4)} electrons per ${cell}${this.state.logarithmic ? ", logarithmic" : ""}`,
                                             ...gapLegend(this.sum, noValue));
    element("pattern").setAttribute("aria-label", `Sum of all frames, ${frame.height} by ${frame.width} pixels. Arrow keys pan, plus and minus zoom.`);
    element("frame").setAttribute("aria-label", "Electrons of the frame at the chosen position. Arrow keys pan, plus and minus zoom.");
  }

  listen() {
    const { state } = this;
    const redrawOn = (id, kind, take) => element(id).addEventListener(kind, (event) => { take(event.target); this.redraw(); });
    redrawOn("map-choice", "change", (choice) => { state.map = Number(choice.value); });
    redrawOn("colours", "change", (choice) => { state.colours = choice.value; });
    redrawOn("clip", "input", (slider) => { state.clip = Number(slider.value); });
    redrawOn("logarithmic", "change", (box) => { state.logarithmic = box.checked; });
    redrawOn("rings", "change", (box) => { state.rings = box.checked; });
    redrawOn("descan", "change", (box) => { state.descan = box.checked; });
    element("zoom-in").addEventListener("click", () => this.current.zoomBy(1.5));
    element("zoom-out").addEventListener("click", () => this.current.zoomBy(1 / 1.5));
    element("zoom-fit").addEventListener("click", () => this.current.showWhole());
  }
}
