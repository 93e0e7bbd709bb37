// What lengths and counts are measured in: one unit for the detector and one for the scan on the whole page.

/** Units of a scan's description: { pixel_mrad, step_nm, frame, maps, scan } of the page's data. */
class Units {
  constructor({ pixel_mrad, step_nm, frame, maps, scan }) {
    // A count with upsampling has finer pixels than the detector; the angle is given for those of the detector.
    this.pixel = frame.upsample > 1 ? "fine pixel" : "pixel";
    this.pattern = pixel_mrad ? [pixel_mrad / frame.upsample, "mrad"] : [1, `${this.pixel}s`];
    this.scan = step_nm ? [step_nm * maps.stride, "nm"] : [maps.stride, "positions"];
    // A cell of a map holds one frame, the frames of a position, or those of a block of positions.
    this.cell = maps.stride > 1 ? `block of ${maps.stride} × ${maps.stride} positions` : scan.frames_per_position > 1 ? "position" : "frame";
    this.electrons = `electrons per ${this.cell}`;
  }

  /** A length on the detector, given in pixels. */
  length(pixels, digits = 3) {
    const [per, unit] = this.pattern;
    return withUnit(pixels * per, unit, digits);
  }

  /** The radii of a virtual detector. */
  range({ inner, outer }) {
    const [per, unit] = this.pattern;
    if (outer === null) return `beyond ${this.length(inner)}`;
    return inner > 0 ? `${short(inner * per)} to ${short(outer * per)} ${unit}` : `up to ${this.length(outer)}`;
  }

  /** A detector that was named by its radii names them in pixels, whatever the axes show. */
  detectorLabel(label) {
    return label.includes(":") && this.pattern[1] === "mrad" ? `${label} (${this.pixel}s)` : label;
  }
}
