// Which frames and sectors arrived.

/** The kinds of completeness: the style sheet's colour of each, and its words. */
const arrivalKinds = [
  ["--complete", "complete"], ["--missing-1", "1 sector missing"], ["--missing-2", "2 sectors missing"],
  ["--missing-3", "3 sectors missing"], ["--missing-4", "a frame never arrived"],
];

/** The kind of a cell with these status flags. */
const arrivalKind = (flags) => (flags & 0x80 ? 4 : [0, 1, 2, 3].reduce((count, sector) => count + ((flags >> sector) & 1), 0));

/** The map of a scan's status flags in the style sheet's colours of the moment. */
function arrivalMap(maps, status) {
  const style = getComputedStyle(document.documentElement);
  const table = arrivalKinds.map(([kind]) => {
    const hex = style.getPropertyValue(kind).trim();
    return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  });
  return bitmap(maps.height, maps.width, (i) => table[arrivalKind(status[i])]);
}

/** List items: how many positions, or blocks of them, are of which kind. */
function arrivalLegend(maps, status) {
  const cells = [0, 0, 0, 0, 0];
  for (const flags of status) ++cells[arrivalKind(flags)];
  const [one, many] = maps.stride > 1 ? ["block of positions", "blocks of positions"] : ["position", "positions"];
  return arrivalKinds.flatMap(([colour, text], kind) => {
    if (cells[kind] === 0 && kind > 0) return [];
    const item = document.createElement("li");
    item.append(swatch(`var(${colour})`, `${text}: ${plural(cells[kind], one, many)}`));
    return [item];
  });
}

/** The status of a cell in words, and the share of its frames' pixels that arrived where something is missing; `shares`: null where nothing is. */
const arrivalText = (flags, shares, cell) => `${statusText(flags)}${shares && shares[cell] < 1 ? `; ${percent(shares[cell])} of the detector arrived` : ""}`;

/** Rows of the table about frames; all of its counts but that of X-rays are frames. `share`: what arrived of all pixels of all frames. */
function arrivalRows(found, share) {
  const frames = (count) => plural(count, "frame");
  return [
    ["The scan", frames(found.frames)],
    ["Complete", `${frames(found.complete)} (${short(100 * found.complete / found.frames, 4)} %)`],
    ["Lack a part of the detector", frames(found.incomplete)],
    ["Never arrived", frames(found.never_arrived)],
    ["Share of the detector that arrived", `${percent(share)}, over all frames and pixels`],
    ...(found.without_sector.some((count) => count > 0)
      ? found.without_sector.map((count, sector) => [`Without sector ${sector}`, frames(count)]) : [["Without a sector", frames(0)]]),
    ["With a record cut short", frames(found.truncated)],
    ["With rejected X-rays", `${frames(found.with_xrays)} (${plural(found.xrays, "X-ray")})`],
  ];
}
