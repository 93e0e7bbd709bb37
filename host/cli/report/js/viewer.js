// A canvas that shows a part of an image.

/** The part of an image that several viewers show: the point in their middle, and the magnification. */
class Lens {
  constructor(height, width) {
    Object.assign(this, { height, width, viewers: [] });
    this.whole();
  }
  whole() { Object.assign(this, { zoom: 1, row: this.height / 2, column: this.width / 2 }); }
  changed() {
    // The image stays in sight: at most half of the view is empty.
    this.zoom = Math.max(1, Math.min(200, this.zoom));
    const room = 0.5 - 0.5 / this.zoom;
    this.row = Math.max(this.height * (0.5 - room), Math.min(this.height * (0.5 + room), this.row));
    this.column = Math.max(this.width * (0.5 - room), Math.min(this.width * (0.5 + room), this.column));
    for (const viewer of this.viewers) viewer.refresh();
  }
}

/** On paper, images are drawn as if this wide, so that their words stay legible at a third of a page. */
const paper = { printing: false, imageWidth: 250, chartWidth: 360, redraw: [] };

/** Draws everything for paper, or for the screen again. A browser counts pages before it reports that the medium is print, so that
    drawing waits for `beforeprint` where that comes, and never changes the height of anything (report.css, @media print). */
function setPrinting(printing) {
  if (paper.printing === printing) return;
  paper.printing = printing;
  for (const draw of paper.redraw) draw();
}
window.addEventListener("beforeprint", () => setPrinting(true));
window.addEventListener("afterprint", () => setPrinting(false));
matchMedia("print").addEventListener("change", (event) => setPrinting(event.matches));

class Viewer {
  /** `paint(context, viewer)` draws; `hover(hit)` receives the pixel [row, column] under the pointer, or null; `pick(row, column)` the
      one that was clicked; `arrow(rows, columns)` the steps of arrow keys; `activate(viewer)` runs when this viewer is used;
      `grab(point)` returns what is dragged from there on, { move(point), release() }, or null: then the image is; `keys` are further
      keys, or others for those that it has: { key: (step, event) => ... }, which return false for a key that they leave alone. */
  constructor(canvas, lens, { paint, hover, pick, arrow, activate, grab, keys }) {
    Object.assign(this, { canvas, lens, paint, hover, pick, arrow, activate, grab, keys, pointers: new Map() });
    lens.viewers.push(this);
    // Lines of a scan are shown as bands that can be seen and hit.
    const shape = Math.max(1 / 6, Math.min(1.5, lens.height / lens.width));
    canvas.parentElement.style.aspectRatio = `1 / ${shape}`;
    this.stretch = shape * lens.width / lens.height;
    if (this.stretch > 0.8 && this.stretch < 1.25) this.stretch = 1;
    this.observer = new ResizeObserver(() => this.refresh());
    this.observer.observe(canvas);
    this.redrawn = () => this.draw();
    paper.redraw.push(this.redrawn);
    listenToPointers(this);
    listenToKeys(this);
  }
  /** Forgets the canvas, which is about to go. */
  close() {
    this.observer.disconnect();
    paper.redraw = paper.redraw.filter((one) => one !== this.redrawn);
    this.lens.viewers = this.lens.viewers.filter((one) => one !== this);
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
    canvas.style.touchAction = this.grab || this.lens.zoom > 1 ? "none" : "pan-y";
  }
  /** Screen place of a point of the image; pixel (0, 0) reaches from 0 to 1. */
  x(column) { return this.width / 2 + (column - this.lens.column) * this.scale; }
  y(row) { return this.height / 2 + (row - this.lens.row) * this.scale * this.stretch; }
  shows(row, column) {
    const x = this.x(column), y = this.y(row);
    return x >= 0 && y >= 0 && x <= this.width && y <= this.height;
  }
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
  /** The point of the image, [row, column], at a place of the screen. */
  at({ x, y }) {
    return [this.lens.row + (y - this.height / 2) / (this.scale * this.stretch), this.lens.column + (x - this.width / 2) / this.scale];
  }
  under(point) {
    const [row, column] = this.at(point).map(Math.floor);
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
  showWhole() {
    this.lens.whole();
    this.lens.changed();
  }
}
