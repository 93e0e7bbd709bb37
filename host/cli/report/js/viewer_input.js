// Mouse, touch and keyboard of a viewer.

function movePointer(viewer, event) {
  const now = viewer.point(event), last = viewer.pointers.get(event.pointerId);
  if (last && viewer.held) {
    viewer.held.move(now);
  } else if (last) {
    const others = [...viewer.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    if (others.length === 1) {
      const apart = (a) => Math.hypot(a.x - others[0].x, a.y - others[0].y);
      if (apart(last) > 0) viewer.zoomBy(apart(now) / apart(last), others[0]);
    } else {
      viewer.travelled += Math.hypot(now.x - last.x, now.y - last.y);
      if (viewer.travelled > 4) viewer.pan(now.x - last.x, now.y - last.y);
    }
    viewer.pointers.set(event.pointerId, now);
  }
  viewer.hover?.(viewer.under(now));
}

function releasePointer(viewer, event) {
  if (viewer.held) {
    viewer.held.release();
    viewer.held = null;
    viewer.pointers.delete(event.pointerId);
    return;
  }
  if (viewer.pointers.delete(event.pointerId) && event.type === "pointerup" && viewer.travelled <= 4) {
    const hit = viewer.under(viewer.point(event));
    if (hit) viewer.pick?.(...hit);
  }
}

function listenToPointers(viewer) {
  const canvas = viewer.canvas;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    viewer.pointers.set(event.pointerId, viewer.point(event));
    viewer.travelled = viewer.pointers.size > 1 ? Infinity : 0;
    viewer.activate?.(viewer);
    viewer.held = viewer.pointers.size === 1 ? viewer.grab?.(viewer.point(event)) : null;
  });
  canvas.addEventListener("pointermove", (event) => movePointer(viewer, event));
  canvas.addEventListener("pointerup", (event) => releasePointer(viewer, event));
  canvas.addEventListener("pointercancel", (event) => releasePointer(viewer, event));
  canvas.addEventListener("pointerleave", () => viewer.hover?.(null));
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;  // the wheel alone scrolls the page
    event.preventDefault();
    viewer.zoomBy(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.003)), viewer.point(event));
  }, { passive: false });
}

function listenToKeys(viewer) {
  viewer.canvas.addEventListener("focus", () => viewer.activate?.(viewer));
  viewer.canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 10 : 1;
    const actions = {
      ArrowUp: () => viewer.arrow(-step, 0), ArrowDown: () => viewer.arrow(step, 0),
      ArrowLeft: () => viewer.arrow(0, -step), ArrowRight: () => viewer.arrow(0, step),
      "+": () => viewer.zoomBy(1.5), "=": () => viewer.zoomBy(1.5), "-": () => viewer.zoomBy(1 / 1.5), "_": () => viewer.zoomBy(1 / 1.5),
      "0": () => viewer.showWhole(), ...viewer.keys,
    };
    if (!actions[event.key] || actions[event.key](step, event) === false) return;
    event.preventDefault();
  });
}

/** Arrow keys that pan: a step is a fortieth of what is shown. */
const panning = (lens) => (rows, columns) => {
  lens.row += rows * lens.height / (40 * lens.zoom);
  lens.column += columns * lens.width / (40 * lens.zoom);
  lens.changed();
};
