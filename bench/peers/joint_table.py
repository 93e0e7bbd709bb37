"""The table of all peers, on the processor and on a device; each command replaces its half and keeps the other.

    python3 bench/peers/joint_table.py --countem build/release/countem --write docs/benchmarks.md      measures the processor's half
    python3 bench/peers/joint_table.py --device build/gpu/gpu_check.json --write docs/benchmarks.md    the device's half, as scripts/gpu_check.sh measured it

The first runs counting.py and reductions.py beside this file, whose own parts of the page are written from the same run. A device's half without a result
says "not run on a device".
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import common

MARKERS = "peers"
OCCUPANCIES = (0.001, 0.01)
NOT_RUN = "not run on a device"
HEAD = ("| | job | peer | " + " | ".join(f"countem, {100 * o:g} % | peer, {100 * o:g} % | times" for o in OCCUPANCIES) + " |\n"
        "|---|---|---|" + 2 * "---:|---:|---:|")
# Jobs of counting.py: ours, theirs, peer.
COUNTED = [
    ("counting from memory, frames/s", "countem cluster, from memory", "stempy maximum, from memory", "stempy, `maximum`"),
    ("counting from memory, frames/s", "countem cluster, from memory", "scipy label + center_of_mass", "scipy, `label` and `center_of_mass`"),
    ("counting from memory, frames/s", "countem cluster, from memory", "OpenCV connectedComponentsWithStats", "OpenCV, `connectedComponentsWithStats`"),
    ("counting files, frames/s", "countem cluster, files to store", "stempy maximum, from files", "stempy, `maximum`, nothing written"),
]
# Stages of gpu_check.
REDUCED = {"sum": "sum", "maximum": "maximum", "two_virtual_detectors": "two virtual detectors", "moments": "centre of mass", "radial": "radial sum",
           "bin_4": "bin by 4", "crop": "crop"}


def cells(rates: list[tuple[float, float] | None]) -> str:
    """Ours, the peer's and the ratio at each occupancy."""
    def one(both: tuple[float, float] | None) -> str:
        if both is None:
            return "- | - | -"
        ours, theirs = both
        return f"{number(ours)} | {number(theirs)} | {number(ours / theirs)}"
    return " | ".join(map(one, rates))


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def at(rows: list[dict], occupancy: float) -> dict | None:
    return next((row for row in rows if row["occupancy"] == occupancy), None)


def processor_half(counting: dict, reductions: dict) -> list[str]:
    lines = []
    counted = [run for run in counting["runs"] if run["threads"] == 1]
    for job, ours, theirs, peer in COUNTED:
        rates = [(run["frames_per_s"][ours], run["frames_per_s"][theirs]) if (run := at(counted, o)) else None for o in OCCUPANCIES]
        lines.append(f"| processor | {job} | {peer} | {cells(rates)} |")
    for stage in reductions["runs"][0]["million_events_per_s"]["countem, from memory"]:
        rates, names = [], []
        for o in OCCUPANCIES:
            found = (at(reductions["runs"], o) or {"million_events_per_s": {}})["million_events_per_s"]
            peers = {name: of[stage] for name, of in found.items() if not name.startswith("countem") and stage in of}
            best = max(peers, key=peers.get, default=None)
            rates.append((found["countem, from memory"][stage], peers[best]) if best else None)
            names += [best.split(",")[0]] if best and best.split(",")[0] not in names else []
        lines.append(f"| processor | {stage}, M events/s | {', '.join(names)} (the fastest peer) | {cells(rates)} |")
    lines.append(f"\n- processor: {common.circumstances(counting)}; one thread, medians. Reductions: load {reductions['machine']['load_at_start']}.")
    return lines


def device_half(result: dict | None) -> list[str]:
    check, cupy = ((result or {}).get(part) or {} for part in ("check", "cupy"))
    counted = [row for row in check.get("cluster_576x576_u16", []) if row["batch_frames"] == 800]
    reduced = check.get("reductions_million_events_per_s", [])

    def line(job: str, peer: str, rates: list[tuple[float, float] | None]) -> str:
        return f"| device | {job} | {peer} | " + (cells(rates) if any(rates) else f"{NOT_RUN}" + 5 * " | ") + " |"

    def counting(calibration: str, theirs) -> list[tuple[float, float] | None]:
        rows = [row for row in counted if row["calibration"] == calibration]
        return [(row["counted_frames_per_s"], peer) if (row := at(rows, o)) and (peer := theirs(o, row)) else None for o in OCCUPANCIES]

    lines = [line("counting, dark reference and mask, frames/s", "Thrust and CUB", counting("dark and mask", lambda _, row: row["thrust_frames_per_s"])),
             line("counting, one threshold, frames/s", "CuPy, `label`",
                  counting("one threshold", lambda o, _: (at(cupy.get("runs", []), o) or {}).get("frames_per_s")))]
    for stage, name in REDUCED.items():
        rates = [(row["events"][stage], max(row["dense_u8"][stage], row["dense_u16"][stage])) if (row := at(reduced, o)) else None for o in OCCUPANCIES]
        lines.append(line(f"{name}, M events/s", "Thrust, dense frames", rates))
    lines.append("\n- device: " + (f"{result['date']}, {result['device']}; frames and events on the device already." if result else f"{NOT_RUN}."))
    return lines


def joint(halves: dict[str, list[str]]) -> str:
    """One table of both, then where each was measured."""
    rows = [line for half in halves.values() for line in half if line.startswith("|")]
    notes = [line.strip() for half in halves.values() for line in half if not line.startswith("|")]
    return "\n".join([HEAD, *rows, "", *notes]) + "\n"


def half_on_page(page: str, half: str) -> list[str]:
    lines = page.partition(f"<!-- {MARKERS}: begin -->")[2].partition(f"<!-- {MARKERS}: end -->")[0].splitlines()
    return [line for line in lines if line.startswith((f"| {half} |", f"- {half}: "))]


def measure(countem: pathlib.Path, page: pathlib.Path | None) -> list[str]:
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("counting", "reductions"):
            result = pathlib.Path(folder) / f"{name}.json"
            subprocess.run([sys.executable, common.HERE / f"{name}.py", "--countem", countem, "--json", result, *(["--write", page] if page else [])], check=True)
            results.append(json.loads(result.read_text()))
    return processor_half(*results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--countem", type=pathlib.Path, help="measures with this program")
    chosen.add_argument("--device", type=pathlib.Path, help="what scripts/gpu_check.sh wrote")
    parser.add_argument("--write", type=pathlib.Path, help="page whose part between the markers is replaced")
    asked = parser.parse_args()
    new = ("processor", measure(asked.countem, asked.write)) if asked.countem else ("device", device_half(json.loads(asked.device.read_text())))
    page = asked.write.read_text() if asked.write else ""
    halves = {"processor": half_on_page(page, "processor"), "device": half_on_page(page, "device") or device_half(None)} | dict([new])
    text = joint(halves)
    print(text)
    if asked.write:
        common.write_between_markers(asked.write, MARKERS, text)


if __name__ == "__main__":
    main()
