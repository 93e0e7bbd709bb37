// The viewer: a scan's image beside its diffraction pattern, drawn by the scripts of the report page.

const placesForScale = 16384;

/** Ends of the colours from a sample of large images, which would take longer to sort than to draw. */
function quickScale(values, percent, logarithmic) {
  const step = Math.ceil(values.length / placesForScale);
  return scaleOf(step > 1 ? values.filter((_, i) => i % step === 0) : values, percent, logarithmic);
}

class ScanViewer {
  constructor(model, root) {
    const facts = model.get("facts");
    Object.assign(this, { model, root, facts, units: new Units(facts), places: new DetectorPlaces(facts), palette: new Palette(facts.colours),
                          parts: makeElements(), times: [] });
    this.detectors = model.get("detectors").slice();
    this.chosen = model.get("chosen");
    [this.row, this.column] = model.get("position");
    this.shows = "sum";
    this.exchange = new Exchange(model, {
      image: (answer, buffer) => this.takeImage(answer, buffer), frame: (answer, buffer) => this.takeFrame(answer, buffer),
      pattern: (answer, buffer) => this.takePattern(answer, buffer),
    });
    root.append(...this.parts.whole);
    this.scanLens = new Lens(facts.maps.height, facts.maps.width);
    this.patternLens = new Lens(facts.frame.height, facts.frame.width);
    this.makeViewers();
    listenToControls(this);
    this.listenToPython();
    this.fillDetectors();
    this.exchange.ask({ type: "pattern" });
    this.askImage(true);
    this.askFrame();
  }

  get ramp() { return this.palette.ramps[this.parts.colours.value]; }
  get noValue() { return this.palette.noValues[this.parts.colours.value]; }
  get drawnDetectors() { return this.detectors.map((one) => this.places.drawn(one)); }
  get detector() { return this.detectors[this.chosen]; }

  makeViewers() {
    const { parts, units } = this;
    const resize = (edge, by) => (step) => this.change(this.places.resized(this.detector, edge, this.places.drawn(this.detector)[edge] + by * (edge === "inner" ? step : 1)), true);
    const sizes = { "+": resize("outer", 1), "=": resize("outer", 1), "-": resize("outer", -1), "_": resize("outer", -1), "[": resize("inner", -1), "]": resize("inner", 1) };
    this.scanViewer = new Viewer(parts.scan.canvas, this.scanLens, {
      paint: (context, viewer) => {
        if (this.shownImage) viewer.image(context, this.shownImage.drawn);
        scaleBar(context, viewer, ...units.scan);
        if (!this.plain) drawCursor(context, viewer, this.row, this.column);
      },
      hover: (hit) => this.describeScan(hit), pick: (row, column) => this.moveTo(row, column),
      arrow: (rows, columns) => this.moveTo(this.row + rows, this.column + columns), keys: sizes,
    });
    this.patternViewer = new Viewer(parts.pattern.canvas, this.patternLens, {
      paint: (context, viewer) => this.paintPattern(context, viewer), hover: (hit) => this.describePattern(hit),
      arrow: (rows, columns) => this.change(this.places.moved(this.detector, rows, columns), true),
      grab: (point) => this.grab(point),
      keys: { ...sizes, Tab: (_, event) => this.step(event.shiftKey ? -1 : 1) },
    });
    parts.pattern.canvas.addEventListener("pointermove", (event) => {
      const under = this.patternViewer.held ? null : detectorUnder(this.drawnDetectors, this.chosen, this.patternViewer, this.patternViewer.point(event));
      if (!this.patternViewer.held) parts.pattern.canvas.style.cursor = grabCursors[under?.part] ?? "crosshair";
    });
  }

  /** The pattern or frame as it was drawn last, where nothing of it has changed: what a drag draws anew is the detectors alone. */
  paintGround(context, viewer) {
    const { canvas, lens } = viewer, shown = this.shows === "frame" ? this.shownFrame : this.shownPattern;
    const now = [shown, this.ramp, lens.row, lens.column, lens.zoom, canvas.width, canvas.height];
    if (!this.ground || now.some((one, i) => one !== this.groundOf[i])) {
      if (this.shows === "frame") drawEvents(context, viewer, shown ?? null, { bin: 1, width: this.facts.frame.width }, this.ramp);
      else if (shown) viewer.image(context, shown.drawn, this.pattern.bin);
      this.ground ??= document.createElement("canvas");
      Object.assign(this.ground, { width: canvas.width, height: canvas.height });
      this.ground.getContext("2d").drawImage(canvas, 0, 0);
      this.groundOf = now;
    } else {
      context.drawImage(this.ground, 0, 0, viewer.width, viewer.height);
    }
  }

  paintPattern(context, viewer) {
    this.paintGround(context, viewer);
    drawDetectors(context, viewer, this.drawnDetectors, this.chosen);
    drawHandles(context, viewer, this.places.drawn(this.detector), ringColour(this.chosen));
    scaleBar(context, viewer, ...this.units.pattern);
  }

  // Detectors

  /** The detector under the pointer, to be dragged; null where none is. */
  grab(point) {
    const viewer = this.patternViewer, under = detectorUnder(this.drawnDetectors, this.chosen, viewer, point);
    if (!under) return null;
    this.choose(under.number);
    const start = this.detector, drawn = this.places.drawn(start), [row, column] = viewer.at(point);
    const offset = Math.hypot(row - drawn.row - 0.5, column - drawn.column - 0.5) - (drawn[under.part] ?? 0);
    return {
      move: (now) => {
        const [toRow, toColumn] = viewer.at(now);
        this.change(under.part === "inner" || under.part === "outer"
          ? this.places.resized(start, under.part, Math.hypot(toRow - drawn.row - 0.5, toColumn - drawn.column - 0.5) - offset)
          : this.places.moved(start, toRow - row, toColumn - column), false);
      },
      release: () => this.change(this.detector, true),
    };
  }

  /** Another shape of the chosen detector; `final`: not one of a drag that goes on. */
  change(detector, final) {
    this.detectors = this.detectors.map((one, i) => (i === this.chosen ? detector : one));
    if (final) this.save();
    this.patternLens.changed();
    this.askImage(final);
    this.describePattern(null);
  }

  choose(number) {
    if (number === this.chosen) return;
    this.chosen = number;
    this.save();
    this.fillDetectors();
    this.askImage(true);
  }

  /** The next detector; false beyond the last one, where the focus goes on. */
  step(by) {
    const next = this.chosen + by;
    if (next < 0 || next >= this.detectors.length) return false;
    this.choose(next);
    return true;
  }

  add(kind) {
    const { centre, outer } = this.detector;
    const added = kind === "disk" ? { kind, inner: 0, outer: this.places.round(outer / 2), centre } : { kind, inner: outer, outer: this.places.round(1.5 * outer), centre };
    this.detectors = [...this.detectors, added];
    this.chosen = this.detectors.length - 1;
    this.save();
    this.fillDetectors();
    this.askImage(true);
  }

  remove() {
    this.detectors = this.detectors.filter((_, i) => i !== this.chosen);
    this.chosen = Math.max(0, this.chosen - 1);
    this.save();
    this.fillDetectors();
    this.askImage(true);
  }

  save() {
    this.model.set("detectors", this.detectors);
    this.model.set("chosen", this.chosen);
    this.model.save_changes();
  }

  detectorText({ kind, inner, outer }) {
    const drawn = this.places.drawn({ kind, inner, outer, centre: [0, 0] });
    return `${kind} ${this.units.range(drawn)}`;
  }

  fillDetectors() {
    const { detectors, remove } = this.parts;
    detectors.replaceChildren(...this.detectors.map((one, i) => new Option(`${i + 1}: ${this.detectorText(one)}`, String(i))));
    detectors.value = String(this.chosen);
    remove.disabled = this.detectors.length < 2;
    this.patternLens.changed();
    this.describePattern(null);
  }

  // Images

  askImage(final) { this.exchange.ask({ type: "image", detector: this.detector, chosen: this.chosen, final }); }
  askFrame() { this.exchange.ask({ type: "frame", row: this.row, column: this.column }); }

  /** Whether an answer is one; else its sentence is shown. */
  succeeded({ problem }) {
    this.parts.problem.hidden = !problem;
    this.parts.problem.textContent = problem ?? "";
    return !problem;
  }

  takeImage(answer, buffer) {
    if (!this.succeeded(answer)) return;
    this.image = electronsFrom(buffer);
    this.parts.code.textContent = answer.code;
    this.parts.status.textContent = answer.exact ? "" : `Preview: one electron in ${this.facts.thinned}; exact when released`;
    this.parts.status.dataset.exact = String(answer.exact);
    this.redrawScan();
    this.describeScan(null);
    this.times.push([answer.milliseconds, answer.waited]);
  }

  takeFrame(answer, buffer) {
    if (!this.succeeded(answer)) return;
    const events = new Uint32Array(buffer), counts = new Map();
    for (const event of events) counts.set(event, (counts.get(event) ?? 0) + 1);
    this.shownFrame = { row: answer.row, column: answer.column, events, counts, most: Math.max(0, ...counts.values()) };
    this.patternLens.changed();
    this.describePattern(null);
    this.parts.spoken.textContent = `${this.parts.scan.readout.textContent}. ${plural(events.length, "electron")} in its frame.`;
  }

  takePattern(answer, buffer) {
    if (!this.succeeded(answer)) return;
    this.pattern = { ...answer, values: new Float64Array(buffer) };
    this.redrawPattern();
  }

  redrawScan() {
    if (!this.image) return;
    const { height, width } = this.facts.maps, { parts } = this;
    const scale = quickScale(this.image, Number(parts.clip.value), parts.scanLogarithmic.checked);
    this.shownImage = { drawn: bitmapOf(height, width, this.image, scale, this.ramp, this.noValue), scale };
    parts.scan.scale.replaceChildren(short(scale.low, 4), rampCanvas(this.ramp), `${short(scale.high, 4)} ${this.units.electrons}`, ...gapLegend(this.image, this.noValue));
    this.scanLens.changed();
  }

  redrawPattern() {
    if (!this.pattern) return;
    const { height, width, bin, values } = this.pattern, { parts, units } = this;
    const scale = quickScale(values, Math.min(0.5, Number(parts.clip.value)), parts.logarithmic.checked);
    this.shownPattern = { drawn: bitmapOf(height, width, values, scale, this.ramp, this.noValue), scale };
    const cell = bin > 1 ? `${bin} × ${bin} ${units.pixel}s` : units.pixel;
    if (this.shows === "frame") parts.pattern.scale.replaceChildren(this.frameNote());
    else parts.pattern.scale.replaceChildren(short(scale.low, 4), rampCanvas(this.ramp), `${short(scale.high, 4)} electrons per ${cell}`);
    this.patternLens.changed();
  }

  frameNote() {
    const repeats = this.facts.scan.frames_per_position;
    return repeats > 1 ? `All ${repeats} frames of the position together.` : "Each dot is an electron.";
  }

  // Positions and words

  moveTo(row, column) {
    const { height, width } = this.facts.maps;
    this.row = Math.max(0, Math.min(height - 1, row));
    this.column = Math.max(0, Math.min(width - 1, column));
    this.model.set("position", [this.row, this.column]);
    this.model.save_changes();
    this.goTo();
    this.show("frame");
  }

  goTo() {
    if (!this.scanViewer.shows(this.row + 0.5, this.column + 0.5)) Object.assign(this.scanLens, { row: this.row + 0.5, column: this.column + 0.5 });
    this.scanLens.changed();
    this.describeScan(null);
    this.askFrame();
  }

  show(what) {
    this.shows = this.parts.shows.value = what;
    this.parts.logarithmic.parentElement.hidden = what === "frame";
    this.redrawPattern();
    this.describePattern(null);
  }

  describeScan(hit) {
    const [row, column] = hit ?? [this.row, this.column], value = this.image?.[row * this.facts.maps.width + column];
    const words = value === undefined ? "" : Number.isFinite(value) ? `: ${electronsText(value)}` : ": did not arrive";
    this.parts.scan.title.textContent = `Scan: ${this.detectorText(this.detector)}`;
    this.parts.scan.readout.textContent = `${hit ? "" : "Chosen: "}row ${this.units.scanRow(row)}, column ${this.units.scanColumn(column)}${words}`;
  }

  describePattern(hit) {
    const { parts, units } = this, option = parts.detectors.options[this.chosen];
    const frame = this.shownFrame;
    parts.pattern.title.textContent = this.shows === "frame" && frame ? `Frame at row ${units.scanRow(frame.row)}, column ${units.scanColumn(frame.column)}` : "Diffraction pattern";
    if (option) option.textContent = `${this.chosen + 1}: ${this.detectorText(this.detector)}`;
    if (!hit) {
      const { row, column } = this.places.drawn(this.detector);
      parts.pattern.readout.textContent = `Detector ${this.chosen + 1}: ${this.detectorText(this.detector)}, centre at ${units.place(row, column, 1)}`;
      return;
    }
    const place = capital(units.place(...hit));
    if (this.shows === "frame") {
      parts.pattern.readout.textContent = `${place}: ${plural(frame?.counts.get(hit[0] * this.facts.frame.width + hit[1]) ?? 0, "electron")}`;
    } else if (this.pattern) {
      const { bin, width, values } = this.pattern, value = values[Math.floor(hit[0] / bin) * width + Math.floor(hit[1] / bin)];
      parts.pattern.readout.textContent = `${place}: ${Number.isFinite(value) ? plural(value, "electron") : "no frame has it"}${bin > 1 ? ` in ${bin} × ${bin} pixels` : ""}`;
    }
  }

  listenToPython() {
    this.fromPython = {
      "change:detectors": () => this.takeState(), "change:chosen": () => this.takeState(),
      "change:position": () => { [this.row, this.column] = this.model.get("position"); this.goTo(); },
    };
    for (const [event, handler] of Object.entries(this.fromPython)) this.model.on(event, handler);
  }

  /** What Python, or another view of the same widget, has set. */
  takeState() {
    const detectors = this.model.get("detectors"), chosen = Math.min(this.model.get("chosen"), detectors.length - 1);
    if (this.patternViewer.held || (chosen === this.chosen && JSON.stringify(detectors) === JSON.stringify(this.detectors))) return;
    Object.assign(this, { detectors: detectors.slice(), chosen });
    this.fillDetectors();
    this.askImage(true);
  }

  close() {
    for (const [event, handler] of Object.entries(this.fromPython)) this.model.off(event, handler);
    this.exchange.close();
    this.scanViewer.close();
    this.patternViewer.close();
  }
}
