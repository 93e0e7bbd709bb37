// Tables and lists of facts.

/** Replaces the rows of a table by [name, value] pairs; a value is text or a node. */
function fillTable(table, listed) {
  table.replaceChildren(...listed.map(([name, value]) => {
    const row = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td");
    head.scope = "row";
    head.textContent = name;
    cell.append(value);
    row.append(head, cell);
    return row;
  }));
}

/** Replaces what a definition list holds by [name, value] pairs. */
function fillFacts(list, facts) {
  list.replaceChildren(...facts.map(([name, value]) => {
    const fact = document.createElement("div"), term = document.createElement("dt"), meaning = document.createElement("dd");
    term.textContent = name;
    meaning.textContent = value;
    fact.append(term, meaning);
    return fact;
  }));
}

const arrivedFrames = ({ complete }) => Math.max(1, complete.frames - complete.never_arrived);

function summaryText({ scan, frame }) {
  const repeats = scan.frames_per_position > 1 ? `, ${scan.frames_per_position} frames each` : "";
  const { step } = frame.row;
  const cell = step === 1 ? "pixels" : `cells of ${decimal(step)} × ${decimal(step)} detector pixels`;
  return `${whole(scan.height)} × ${whole(scan.width)} positions${repeats}, frames of ${whole(frame.height)} × ${whole(frame.width)} ${cell}.`;
}

/** What is known of dose and current. */
function doseFacts(dose) {
  const facts = [];
  if (dose?.electrons_per_square_angstrom) facts.push(["Dose", `${short(dose.electrons_per_square_angstrom)} e⁻/Å²`]);
  if (dose?.current_pa) facts.push(["Beam current", `${short(dose.current_pa)} pA`]);
  return facts;
}

function headlineFacts(data) {
  const { complete, frame } = data;
  const perFrame = data.events / arrivedFrames(data);
  return [
    ["Electrons", whole(data.events)],
    ["Electrons per frame", short(perFrame, 4)],
    ["Occupancy", `${short(100 * perFrame / (frame.height * frame.width))} %`],
    ...doseFacts(data.dose),
    ["Complete frames", complete.complete === complete.frames ? "all" : percent(complete.complete / complete.frames)],
    ...(complete.incomplete > 0 ? [["Incomplete frames", whole(complete.incomplete)]] : []),
    ...(complete.never_arrived > 0 ? [["Missing frames", whole(complete.never_arrived)]] : []),
    ["Store", size(data.store_bytes)],
    ["Bytes per electron", short(data.store_bytes / Math.max(1, data.events))],
  ];
}

/** Rows about sizes and speeds; `frameBytes`: what the embedded frames take in the page. */
function sizeRows(data, frameBytes) {
  const { scan, frame, complete } = data;
  const inputs = data.provenance.find(([name]) => name === "inputs")?.[1];
  const raw = Array.isArray(inputs) ? inputs.reduce((sum, input) => sum + (input.bytes ?? 0), 0) : 0;
  const dense = 2 * complete.frames * frame.height * frame.width;
  const listed = raw > 0 ? [["Raw input", `${size(raw)} in ${plural(inputs.length, "file")}`]] : [];
  listed.push(["Frames at 16 bits per pixel", size(dense)],
              ["Event store", `${size(data.store_bytes)}, ${short((raw || dense) / data.store_bytes)} times smaller`]);
  if (data.counted) {
    const { frames, seconds, frames_per_s, gigabytes_per_s, backend } = data.counted;
    listed.push(["Counting", `${whole(frames_per_s)} frames/s, ${short(gigabytes_per_s)} GB/s (${plural(frames, "frame")} in ${short(seconds)} s, ${backend})`]);
  }
  listed.push(["Reading the store and making all images", `${short(data.imaging_seconds)} s, ${short(data.events / data.imaging_seconds / 1e6)} million electrons/s (${data.backend})`]);
  if (data.frames) {
    const { rows, columns, bin } = data.frames;
    const which = `${whole(rows.count * columns.count)} of ${whole(scan.height * scan.width)} positions`;
    listed.push(["Frames in this page", `those of ${which}${bin > 1 ? `, ${bin} × ${bin} pixels as one` : ""}, ${size(frameBytes)}`]);
  } else {
    listed.push(["Frames in this page", "none"]);
  }
  return listed;
}

function provenanceValue(name, value) {
  if (name.includes("command_line")) {
    const code = document.createElement("code");
    code.textContent = value;
    return code;
  }
  if (typeof value === "string") return value;
  if (Array.isArray(value)) {
    if (value.length === 0) return "none";
    const list = document.createElement("ul");
    list.append(...value.map((entry) => {
      const item = document.createElement("li");
      item.textContent = entry.text ?? (entry.name !== undefined ? `${entry.name}, ${size(entry.bytes)}` : JSON.stringify(entry));
      return item;
    }));
    return list;
  }
  return Object.entries(value).map(([key, one]) => `${key.replaceAll("_", " ")}: ${one === null ? "none" : typeof one === "number" ? short(one, 5) : one}`).join(", ");
}

function provenanceRows(data) {
  return [...data.provenance, ["report_command_line", data.command_line]].map(([name, value]) =>
    [(name[0].toUpperCase() + name.slice(1)).replaceAll("_", " "), provenanceValue(name, value)]);
}
