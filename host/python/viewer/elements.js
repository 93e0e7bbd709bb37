// The elements of the viewer; what they do is in scan_viewer.js.

/** An element with these properties and children; `part` names it for the style sheet and for tests. */
function make(tag, { part, ...properties } = {}, ...children) {
  const made = document.createElement(tag);
  if (part) made.dataset.part = part;
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value; else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const labelled = (words, control) => make("label", {}, make("span", { className: "quiet" }, words), control);
const ticked = (control, words) => make("label", {}, control, words);

function makeView(name, role) {
  const view = {
    title: make("h3"), tools: make("span", { className: "tools" }),
    canvas: make("canvas", { part: name, tabIndex: 0, role: "application", "aria-roledescription": role }),
    scale: make("div", { className: "scale" }), readout: make("p", { className: "readout", part: `${name}-readout` }),
  };
  view.whole = make("figure", { className: "view" }, make("figcaption", {}, view.title, view.tools), make("div", { className: "canvas-box" }, view.canvas),
                    view.scale, view.readout);
  return view;
}

function makeElements() {
  const button = (part, words, title) => make("button", { type: "button", part, title }, words);
  const made = {
    scan: makeView("scan", "scan image"), pattern: makeView("pattern", "diffraction pattern"),
    shows: make("select", { part: "shows" }, new Option("sum of all frames", "sum"), new Option("frame", "frame")),
    logarithmic: make("input", { type: "checkbox", checked: true, part: "logarithmic" }),
    scanLogarithmic: make("input", { type: "checkbox", part: "scan-logarithmic" }),
    colours: make("select", { part: "colours" }, new Option("perceptual", "perceptual"), new Option("gray", "gray"), new Option("gray, dark on white", "ink")),
    clip: make("input", { type: "range", min: "0", max: "3", step: "0.1", value: "0.2", part: "clip" }),
    detectors: make("select", { part: "detectors" }),
    disk: button("add-disk", "+ Disk", "A further disk"), annulus: button("add-annulus", "+ Annulus", "A further annulus"),
    remove: button("remove", "Remove", "Removes the chosen detector"),
    picture: button("picture", "Save PNG", "Saves the scan image as it is shown"), copy: button("copy", "Copy code", "Copies the line of Python"),
    code: make("code", { part: "code", tabIndex: 0 }), status: make("span", { className: "quiet", part: "status" }),
    spoken: make("p", { className: "spoken", "aria-live": "polite" }), problem: make("p", { className: "problem", role: "alert", hidden: true }),
  };
  made.pattern.tools.append(labelled("Show", made.shows), ticked(made.logarithmic, "logarithmic"));
  made.scan.tools.append(ticked(made.scanLogarithmic, "logarithmic"));
  const key = (name) => make("kbd", {}, name);
  const keys = make("p", { className: "keys" }, key("arrows"), " move the position or the detector, with ", key("Shift"), " ten at a time; ", key("+"), " ", key("−"),
                    " resize it, ", key("["), " ", key("]"), " its inner edge; ", key("Tab"), " chooses the next; ", key("Ctrl"), " and wheel zoom, ", key("0"), " shows all.");
  made.whole = [
    make("div", { className: "views" }, made.scan.whole, made.pattern.whole),
    make("div", { className: "bench tools" }, labelled("Detector", made.detectors), made.disk, made.annulus, made.remove,
         labelled("Colours", made.colours), labelled("Saturate", made.clip)),
    make("div", { className: "bench tools" }, made.code, made.copy, made.picture, made.status), keys, made.problem, made.spoken,
  ];
  return made;
}
