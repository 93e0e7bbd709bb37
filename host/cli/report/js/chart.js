// Histograms as SVG, drawn anew for whatever width they get.

function svg(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** A histogram of bins [edges[i], edges[i + 1]). `spec`: { edges, values, logarithmic, xLabel, yLabel, label, describe(i): bin i in words,
    errors: standard errors of values, curves: [{ at(x), kind }]: lines over the bins, curveLabel: their words, marks: [{ value, words }], bands: [{ from, to, colour }] }. */
class Chart {
  constructor(holder, spec) {
    Object.assign(this, { holder, spec: { errors: [], marks: [], bands: [], curves: [], ...spec }, at: -1, drawnWidth: 0 });
    this.readout = document.createElement("p");
    this.readout.className = "readout";
    paper.redraw.push(() => this.draw());
    new ResizeObserver(() => {
      if (holder.clientWidth === this.drawnWidth) return;
      this.drawnWidth = holder.clientWidth;
      this.draw();
    }).observe(holder);
    this.draw();
  }

  /** Places of values in the picture. */
  measure() {
    const { edges, values, logarithmic, marks } = this.spec;
    const width = paper.printing ? paper.chartWidth : Math.max(280, this.holder.clientWidth || 600);
    const height = Math.round(Math.min(300, Math.max(210, width * 0.42)));
    const left = 64, right = 14, top = marks.length > 0 ? 16 + 15 * marks.length : 14, bottom = 42;
    const low = edges[0], high = edges[edges.length - 1];
    const positive = values.filter((v) => v > 0);
    const most = Math.max(...values, logarithmic ? 1 : 0) || 1;
    const floor = logarithmic ? Math.min(...positive, most) / 2 : 0, ceiling = logarithmic ? most * 1.6 : most * 1.05;
    const share = (v) => (logarithmic ? Math.log(Math.max(v, floor) / floor) / Math.log(ceiling / floor) : v / ceiling);
    return {
      width, height, left, right, top, bottom, low, high, floor, ceiling,
      x: (v) => left + (v - low) / (high - low) * (width - left - right),
      y: (v) => height - bottom - share(v) * (height - top - bottom),
      valueAt: (x) => low + (x - left) / (width - left - right) * (high - low),
    };
  }

  draw() {
    const m = this.measure();
    const plot = svg("svg", { viewBox: `0 0 ${m.width} ${m.height}`, role: "img", "aria-label": this.spec.label, tabindex: 0 });
    this.drawGrid(plot, m);
    this.drawBars(plot, m);
    this.drawErrors(plot, m);
    this.drawAxes(plot, m);
    this.drawCurves(plot, m);
    this.drawMarks(plot, m);
    this.guide = svg("line", { class: "guide", y1: m.top, y2: m.height - m.bottom });
    plot.append(this.guide);
    this.listen(plot, m);
    const focused = this.holder.firstChild === document.activeElement && this.holder.firstChild !== null;
    this.holder.replaceChildren(plot, this.readout);
    if (focused) plot.focus();
    this.hide();
  }

  drawGrid(plot, m) {
    const { logarithmic, bands } = this.spec;
    const values = logarithmic ? decades(m.floor, m.ceiling) : ticks(0, m.ceiling, 4).filter(Number.isInteger);
    for (const v of values) {
      const text = logarithmic && v >= 1e4 ? `10${superscript(Math.round(Math.log10(v)))}` : short(v);
      plot.append(svg("line", { class: "grid", x1: m.left, x2: m.width - m.right, y1: m.y(v), y2: m.y(v) }),
                  svg("text", { x: m.left - 7, y: m.y(v) + 4, "text-anchor": "end" }, text));
    }
    for (const { from, to, colour } of bands) {
      const a = Math.max(m.low, from), b = Math.min(m.high, to);
      if (b > a) plot.append(svg("rect", { class: "band", x: m.x(a), y: m.top, width: m.x(b) - m.x(a), height: m.height - m.top - m.bottom, fill: colour }));
    }
  }

  drawBars(plot, m) {
    const { edges, values } = this.spec;
    let path = `M${m.x(m.low)} ${m.y(m.floor)}`;
    values.forEach((v, i) => { path += `L${m.x(edges[i]).toFixed(1)} ${m.y(v).toFixed(1)}L${m.x(edges[i + 1]).toFixed(1)} ${m.y(v).toFixed(1)}`; });
    plot.append(svg("path", { class: "area", d: `${path}L${m.x(m.high)} ${m.y(m.floor)}Z` }));
  }

  drawErrors(plot, m) {
    const { edges, values, errors } = this.spec;
    let path = "";
    errors.forEach((error, i) => {
      if (!(error > 0)) return;
      const [from, to] = [values[i] - error, values[i] + error].map((v) => m.y(Math.max(m.floor, Math.min(m.ceiling, v))).toFixed(1));
      path += `M${m.x((edges[i] + edges[i + 1]) / 2).toFixed(1)} ${from}V${to}`;
    });
    if (path) plot.append(svg("path", { class: "error", d: path }));
  }

  drawAxes(plot, m) {
    const base = m.height - m.bottom;
    for (const v of ticks(m.low, m.high, m.width / 90)) plot.append(svg("text", { x: m.x(v), y: base + 17, "text-anchor": "middle" }, short(v)));
    plot.append(svg("line", { class: "axis", x1: m.left, x2: m.width - m.right, y1: base, y2: base }),
                svg("text", { x: (m.left + m.width - m.right) / 2, y: m.height - 6, "text-anchor": "middle" }, this.spec.xLabel),
                svg("text", { x: -(m.top + base) / 2, y: 13, "text-anchor": "middle", transform: "rotate(-90)" }, this.spec.yLabel));
  }

  drawCurves(plot, m) {
    for (const { at, kind } of this.spec.curves) {
      const points = [];
      for (let i = 0; i <= 200; ++i) {
        const v = m.low + (m.high - m.low) * i / 200, value = at(v);
        if (value > m.floor) points.push(`${m.x(v).toFixed(1)} ${m.y(value).toFixed(1)}`);
      }
      plot.append(svg("path", { class: `curve ${kind ?? ""}`, d: points.length > 0 ? "M" + points.join("L") : "" }));
    }
  }

  drawMarks(plot, m) {
    this.spec.marks.forEach(({ value, words }, i) => {
      if (value < m.low || value > m.high) return;
      const rightHalf = m.x(value) > m.width * 0.6;
      plot.append(svg("line", { class: "mark", x1: m.x(value), x2: m.x(value), y1: 6 + 15 * i, y2: m.height - m.bottom }),
                  svg("text", { class: "mark-text", x: m.x(value) + (rightHalf ? -6 : 6), y: 15 + 15 * i, "text-anchor": rightHalf ? "end" : "start" }, words));
    });
  }

  show(i, m) {
    const { edges, values, describe } = this.spec;
    this.at = Math.max(0, Math.min(values.length - 1, i));
    const middle = m.x((edges[this.at] + edges[this.at + 1]) / 2);
    this.guide.setAttribute("x1", middle);
    this.guide.setAttribute("x2", middle);
    this.guide.style.visibility = "visible";
    this.readout.textContent = describe(this.at);
  }

  hide() {
    this.guide.style.visibility = "hidden";
    this.readout.textContent = this.spec.curveLabel ?? "";
  }

  listen(plot, m) {
    const { edges, values } = this.spec;
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      const v = m.valueAt((event.clientX - box.left) * m.width / box.width);
      if (v >= m.low && v < m.high) this.show(edges.findIndex((edge) => edge > v) - 1, m); else this.hide();
    });
    plot.addEventListener("pointerleave", () => this.hide());
    plot.addEventListener("blur", () => this.hide());
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.show(this.at < 0 ? Math.floor(values.length / 2) : this.at + step * (event.shiftKey ? 10 : 1), m);
    });
  }
}
