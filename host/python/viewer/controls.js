// What buttons and fields of the viewer do.

/** The scan image as it is shown, without the cursor, as a file. */
function savePicture(viewer) {
  viewer.plain = true;
  viewer.scanViewer.draw();
  viewer.plain = false;
  viewer.parts.scan.canvas.toBlob((blob) => {
    const link = make("a", { href: URL.createObjectURL(blob), download: `${viewer.facts.title || "scan"} ${viewer.detectorText(viewer.detector)}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  viewer.scanViewer.refresh();
}

async function copyCode({ code, copy }) {
  getSelection().selectAllChildren(code);  // copied by hand where the browser lets nothing else
  try {
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = "Copied";
  } catch {
    copy.textContent = "Press Ctrl+C";
  }
  setTimeout(() => { copy.textContent = "Copy code"; }, 1500);
}

function listenToControls(viewer) {
  const { parts } = viewer;
  for (const one of [parts.colours, parts.clip]) one.addEventListener("input", () => { viewer.redrawScan(); viewer.redrawPattern(); });
  parts.logarithmic.addEventListener("change", () => viewer.redrawPattern());
  parts.scanLogarithmic.addEventListener("change", () => viewer.redrawScan());
  parts.shows.addEventListener("change", () => viewer.show(parts.shows.value));
  parts.detectors.addEventListener("change", () => viewer.choose(Number(parts.detectors.value)));
  parts.disk.addEventListener("click", () => viewer.add("disk"));
  parts.annulus.addEventListener("click", () => viewer.add("annulus"));
  parts.remove.addEventListener("click", () => viewer.remove());
  parts.picture.addEventListener("click", () => savePicture(viewer));
  parts.copy.addEventListener("click", () => copyCode(parts));
}
