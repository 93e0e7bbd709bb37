// What lengths and counts are measured in: one unit for the detector and one for the scan on the whole page.

/** Units of a scan's description: { pixel_mrad, step_nm, frame, maps, scan } of the page's data. */
class Units {
  constructor({ pixel_mrad, step_nm, frame, maps, scan }) {
    // Places in the page are cells of the store's grid, which is finer than the detector after a count with upsampling and coarser after a
    // bin. What is shown is in pixels of the detector and positions of the scan as it was recorded, or in what those are.
    Object.assign(this, { frame, scanned: scan });
    this.pixel = frame.row.step === 1 ? "pixel" : "cell";
    this.pattern = pixel_mrad ? [pixel_mrad * frame.row.step, "mrad"] : [frame.row.step, "pixels"];
    this.scan = step_nm ? [step_nm * maps.stride * scan.row.step, "nm"] : [maps.stride * scan.row.step, "positions"];
    // A cell of a map holds one frame, the frames of a position, or those of a block of positions.
    this.cell = maps.stride > 1 ? `block of ${maps.stride} × ${maps.stride} positions` : scan.frames_per_position > 1 ? "position" : "frame";
    this.electrons = `electrons per ${this.cell}`;
  }

  /** A length on the detector, given in cells. */
  length(cells, digits = 3) {
    const [per, unit] = this.pattern;
    return withUnit(cells * per, unit, digits);
  }

  /** The same with its standard error, which may be unknown (NaN). */
  lengthWithError(cells, error) {
    const [per, unit] = this.pattern;
    return error > 0 ? `${plusMinus(cells * per, error * per)} ${unit}` : this.length(cells);
  }

  /** Row and column of a cell in detector pixels, which may have fractions. */
  place(row, column, digits) {
    const text = (axis, at) => decimal(axis.first + at * axis.step, digits);
    return `row ${text(this.frame.row, row)}, column ${text(this.frame.column, column)}`;
  }

  /** A row or column of the store's scan as a position of the scan as it was recorded. */
  scanRow(row) { return decimal(this.scanned.row.first + row * this.scanned.row.step); }
  scanColumn(column) { return decimal(this.scanned.column.first + column * this.scanned.column.step); }

  /** The radii of a virtual detector. */
  range({ inner, outer }) {
    const [per, unit] = this.pattern;
    if (outer === null) return `beyond ${this.length(inner)}`;
    return inner > 0 ? `${short(inner * per)} to ${short(outer * per)} ${unit}` : `up to ${this.length(outer)}`;
  }

  /** A detector that was named by its radii names them in pixels, whatever the axes show. */
  detectorLabel(label) {
    return label.includes(":") && !label.includes("mrad") && this.pattern[1] === "mrad" ? `${label} (pixels)` : label;
  }
}
