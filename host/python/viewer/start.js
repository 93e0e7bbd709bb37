// What anywidget calls: https://anywidget.dev/en/afm/

function render({ model, el }) {
  el.classList.add("countem-viewer");
  el.dataset.lmSuppressShortcuts = "true";  // JupyterLab leaves keys alone that are pressed here
  const viewer = new ScanViewer(model, el);
  el.countemViewer = viewer;  // for tests, and for the numbers behind the pictures
  return () => viewer.close();
}
