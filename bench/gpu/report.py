"""One JSON and one table of a run of scripts/gpu_check.sh: each claim, what was measured, met or not met.

    python3 bench/gpu/report.py RESULT.json [--parity parity.json] [--check check.json] [--whole whole.json] [--cupy cupy.json]
                                            [--sanitizers FOLDER] [--device NAME] [--began EPOCH]

A part that is missing was not run; its claims read "not measured".
"""

import argparse
import json
import pathlib
import re
import sys
import time

CASES = 600
COUNTING = {0: 0.60, 0.001: 0.60, 0.01: 0.35, 0.05: 0.15}  # of the device's read rate
BUS = 0.95  # of the rate of plain copies
NEVER_SLOWER, FASTER, FASTER_THREADS = 1.0, 1.3, 16  # than the processor alone
LIVE = 1.10  # times the seconds without
SECONDS = 480  # of the whole check
SANITIZERS = ("memcheck", "racecheck", "initcheck", "synccheck")
STAGES = {"sum": "sum", "maximum": "maximum", "two_virtual_detectors": "two virtual detectors", "moments": "centre of mass", "radial": "radial sums",
          "bin_4": "bin by 4", "crop": "crop"}
REDUCED = (0.001, 0.01)


def claim(what: str, bar: str, measured: float | None, met: bool | None) -> dict:
    return {"claim": what, "bar": bar, "measured": measured, "met": met}


def at_least(what: str, bar: float, value: float | None) -> dict:
    return claim(what, f">= {bar:g}", value, None if value is None else value >= bar)


def above(what: str, bar: float, value: float | None) -> dict:
    return claim(what, f"> {bar:g}", value, None if value is None else value > bar)


def below(what: str, bar: float, value: float | None) -> dict:
    return claim(what, f"< {bar:g}", value, None if value is None else value < bar)


def parity_claims(parity: dict | None):
    yield at_least("random cases of counting and of reductions equal to the reference", CASES, (parity or {}).get("cases_equal_to_reference"))


def findings(log: str) -> int | None:
    """What compute-sanitizer counts at its end; None where it came to no end."""
    found = re.search(r"(?:ERROR SUMMARY: (\d+) error|RACECHECK SUMMARY: (\d+) hazard)", log)
    return int(found[1] or found[2]) if found else None


def sanitizer_claims(folder: pathlib.Path | None):
    for tool in SANITIZERS:
        log = folder / f"{tool}.log" if folder else None
        found = findings(log.read_text(errors="replace")) if log and log.exists() else None
        yield below(f"compute-sanitizer {tool}, findings", 1, found)


def rows_of(check: dict | None, calibration: str, batch: int) -> dict[float, dict]:
    return {row["occupancy"]: row for row in (check or {}).get("cluster_576x576_u16", [])
            if row["calibration"] == calibration and row["batch_frames"] == batch}


def counting_claims(check: dict | None):
    rows = rows_of(check, "dark and mask", 800)
    for occupancy, bar in COUNTING.items():
        yield at_least(f"counting on the device at {100 * occupancy:g} %, of its read rate", bar, rows.get(occupancy, {}).get("fraction_of_device_read"))
    for occupancy in COUNTING:
        yield at_least(f"from pinned memory at {100 * occupancy:g} %, of the bus", BUS, rows.get(occupancy, {}).get("fraction_of_bus"))
    for occupancy in COUNTING:
        row = rows.get(occupancy)
        yield above(f"counting on the device at {100 * occupancy:g} %, of Thrust and CUB", 1,
                    row["counted_frames_per_s"] / row["thrust_frames_per_s"] if row else None)


def cupy_claims(cupy: dict | None, check: dict | None):
    """CuPy's side counts the same simulator's frames with one threshold for all pixels."""
    rows, peers = rows_of(check, "one threshold", 800), {run["occupancy"]: run for run in (cupy or {}).get("runs", [])}
    for occupancy in REDUCED:
        both = occupancy in rows and occupancy in peers
        yield above(f"counting on the device at {100 * occupancy:g} %, of CuPy's label", 1,
                    rows[occupancy]["counted_frames_per_s"] / peers[occupancy]["frames_per_s"] if both else None)


def reduction_claims(check: dict | None):
    rows = {row["occupancy"]: row for row in (check or {}).get("reductions_million_events_per_s", [])}
    for occupancy in REDUCED:
        row = rows.get(occupancy)
        for stage, name in STAGES.items():
            dense = max(row["dense_u8"][stage], row["dense_u16"][stage]) if row else None
            yield above(f"{name} of events on the device at {100 * occupancy:g} %, of dense frames by Thrust", 1,
                        row["events"][stage] / dense if row else None)


def whole_claims(whole: dict | None):
    runs = {(run["folder"], run["occupancy"], run["way"], bool(run["live"])): run for run in (whole or {}).get("runs", [])}
    places = sorted({key[:2] for key in runs})
    if not any(way == "device" for _, _, way, _ in runs):
        yield at_least("from files to a finished store, of the processor alone", NEVER_SLOWER, None)
        yield at_least(f"from files, slope, of the processor alone, {FASTER_THREADS} threads", FASTER, None)
        yield below("--live sum,com,virtual, times the seconds without", LIVE, None)
        return
    for place in places:
        way = "both" if (*place, "both", False) in runs else "device"
        run, live, alone = runs[*place, way, False], runs[*place, way, True], runs[*place, "processor", False]
        threads = run["threads"]
        here = f"{place[0]}, {100 * place[1]:g} %, {way}, {threads} threads"
        for with_it, without in zip(run["lengths"], alone["lengths"]):
            yield at_least(f"{here}: {with_it['frames']} frames from files, of the processor alone", NEVER_SLOWER, without["seconds"] / with_it["seconds"])
        slopes = run["slope_frames_per_s"], alone["slope_frames_per_s"]
        value = slopes[0] / slopes[1] if all(slopes) and threads == FASTER_THREADS else None  # the claim is one of 16 threads
        yield at_least(f"{here}: slope from files, of the processor alone", FASTER, value)
        yield below(f"{here}: --live sum,com,virtual, times the seconds without", LIVE,
                    live["lengths"][-1]["seconds"] / run["lengths"][-1]["seconds"])


def table(claims: list[dict]) -> str:
    words = {True: "met", False: "NOT MET", None: "not measured"}
    return "\n".join(f"{words[one['met']]:<13}{'' if one['measured'] is None else format(one['measured'], '.6g'):>9}  {one['bar']:<8} {one['claim']}"
                     for one in claims)


def load(path: pathlib.Path | None) -> dict | None:
    """None also for a part that was not run, which left no file or an empty one."""
    if not path or not path.exists() or path.stat().st_size == 0:
        return None
    try:
        return json.loads(path.read_text())
    except ValueError as failed:
        print(f"report: {path}: {failed}", file=sys.stderr)
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=pathlib.Path)
    for part in ("parity", "check", "whole", "cupy", "sanitizers"):
        parser.add_argument(f"--{part}", type=pathlib.Path)
    parser.add_argument("--device", help="name of the device")
    parser.add_argument("--began", type=int, help="when the check began, seconds since 1970")
    asked = parser.parse_args()
    parity, check, whole, cupy = map(load, (asked.parity, asked.check, asked.whole, asked.cupy))
    claims = [*parity_claims(parity), *sanitizer_claims(asked.sanitizers), *counting_claims(check), *cupy_claims(cupy, check), *reduction_claims(check),
              *whole_claims(whole), below("seconds of this check", SECONDS, time.time() - asked.began if asked.began else None)]
    result = {"device": asked.device, "date": time.strftime("%Y-%m-%d"), "claims": claims, "parity": parity, "check": check, "cupy": cupy,
              "whole_program": whole}
    asked.result.write_text(json.dumps(result, indent=1) + "\n")
    print(table(claims))


if __name__ == "__main__":
    main()
