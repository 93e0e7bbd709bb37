"""One JSON and one table of a run of scripts/gpu_check.sh: each claim, what was measured, met or not met.

    python3 bench/gpu/report.py RESULT.json [--check check.json] [--whole whole.json]

A part that is missing was not run; its claims read "not measured".
"""

import argparse
import json
import pathlib
import sys

COUNTING = {0: 0.60, 0.001: 0.60, 0.01: 0.35, 0.05: 0.15}  # of the device's read rate
BUS = 0.95  # of the rate of plain copies
NEVER_SLOWER, FASTER = 1.0, 1.3  # than the processor alone
LIVE = 1.10  # times the seconds without


def claim(what: str, bar: str, measured: float | None, met: bool | None) -> dict:
    return {"claim": what, "bar": bar, "measured": measured, "met": met}


def counting_claims(check: dict | None):
    rows = {row["occupancy"]: row for row in (check or {}).get("cluster_576x576_u16", [])
            if row["calibration"] == "dark and mask" and row["batch_frames"] == 800}
    for occupancy, bar in COUNTING.items():
        value = rows[occupancy]["fraction_of_device_read"] if occupancy in rows else None
        yield claim(f"counting on the device at {100 * occupancy:g} %, of its read rate", f">= {bar}", value, None if value is None else value >= bar)
    for occupancy in COUNTING:
        value = rows[occupancy]["fraction_of_bus"] if occupancy in rows else None
        yield claim(f"from pinned memory at {100 * occupancy:g} %, of the bus", f">= {BUS}", value, None if value is None else value >= BUS)
    for occupancy in COUNTING:
        row = rows.get(occupancy)
        value = row["counted_frames_per_s"] / row["thrust_frames_per_s"] if row else None
        yield claim(f"counting on the device at {100 * occupancy:g} %, of Thrust and CUB", "> 1", value, None if value is None else value > 1)


def whole_claims(whole: dict | None):
    runs = {(run["folder"], run["occupancy"], run["way"], bool(run["live"])): run for run in (whole or {}).get("runs", [])}
    places = sorted({key[:2] for key in runs})
    if not any(way == "device" for _, _, way, _ in runs):
        yield claim("from files, of the processor alone", f">= {NEVER_SLOWER}", None, None)
        yield claim("from files, slope, of the processor alone", f">= {FASTER}", None, None)
        yield claim("--live sum,com,virtual, times the seconds without", f"< {LIVE}", None, None)
        return
    for place in places:
        way = "both" if (*place, "both", False) in runs else "device"
        here = f"{place[0]}, {100 * place[1]:g} %, {way}"
        run, live, alone = runs[*place, way, False], runs[*place, way, True], runs[*place, "processor", False]
        for with_it, without in zip(run["lengths"], alone["lengths"]):
            value = without["seconds"] / with_it["seconds"]
            yield claim(f"{here}: {with_it['frames']} frames from files, of the processor alone", f">= {NEVER_SLOWER}", value, value >= NEVER_SLOWER)
        slopes = run["slope_frames_per_s"], alone["slope_frames_per_s"]
        value = slopes[0] / slopes[1] if all(slopes) else None
        yield claim(f"{here}: slope from files, of the processor alone", f">= {FASTER}", value, None if value is None else value >= FASTER)
        value = live["lengths"][-1]["seconds"] / run["lengths"][-1]["seconds"]
        yield claim(f"{here}: --live sum,com,virtual, times the seconds without", f"< {LIVE}", value, value < LIVE)


def table(claims: list[dict]) -> str:
    words = {True: "met", False: "NOT MET", None: "not measured"}
    return "\n".join(f"{words[one['met']]:<13}{'' if one['measured'] is None else format(one['measured'], '.3f'):>8}  {one['bar']:<8} {one['claim']}"
                     for one in claims)


def load(path: pathlib.Path | None) -> dict | None:
    try:
        return json.loads(path.read_text()) if path else None
    except (OSError, ValueError) as failed:
        print(f"report: {path}: {failed}", file=sys.stderr)
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=pathlib.Path)
    parser.add_argument("--check", type=pathlib.Path)
    parser.add_argument("--whole", type=pathlib.Path)
    asked = parser.parse_args()
    check, whole = load(asked.check), load(asked.whole)
    claims = [*counting_claims(check), *whole_claims(whole)]
    asked.result.write_text(json.dumps({"claims": claims, "check": check, "whole_program": whole}, indent=1) + "\n")
    print(table(claims))


if __name__ == "__main__":
    main()
