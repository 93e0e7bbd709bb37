"""How near the automatic threshold comes to the best fixed one: DQE at frequency 0 of both, for 12 cases (300 and 100 kV, six occupancies).

    python3 bench/quality/best_threshold.py --countem build/release/countem --clouds FOLDER --write docs/counting_quality.md

FOLDER as for counting_quality.py. Fixed thresholds are 3 to 7 sigma in steps of a quarter. Needs numpy and h5py.
"""

import argparse
import pathlib
import tempfile

import datasets
from counting_quality import MEASURED, OCCUPANCIES, SEED, Program, short, table_lines

METHODS = ("cluster", "maximum", "peaks")
NOISE_ADU = 2.0
SIGMAS = [3 + 0.25 * i for i in range(17)]
NEAR = 0.01


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--countem", type=pathlib.Path, required=True)
    parser.add_argument("--clouds", type=pathlib.Path, required=True)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--write", type=pathlib.Path, help="the page that holds the table, between its marks")
    return parser.parse_args()


def efficiencies(program: Program, folder: pathlib.Path, made: datasets.Dataset, method: str) -> tuple[float, float, float]:
    """DQE(0) of the automatic threshold, of the best fixed one, and the latter's sigmas."""
    def of(threshold: object) -> float:
        return program.quality(made, folder / "counted.h5", method, ["--background-sigma", str(threshold)])["dqe"]["zero"]

    fixed = [(of(sigmas), sigmas) for sigmas in SIGMAS]
    return of("auto"), *max(fixed)


def main() -> None:
    wanted = options()
    program = Program(wanted.countem.resolve())
    lines, near = [], dict.fromkeys(wanted.methods, 0)
    for kilovolts in sorted(MEASURED, reverse=True):
        clouds = datasets.measured_clouds(wanted.clouds / f"clouds_{kilovolts}kV.csv", kilovolts)
        for occupancy, frames in OCCUPANCIES.items():
            cells = []
            with tempfile.TemporaryDirectory() as scratch:
                folder = pathlib.Path(scratch)
                made = datasets.make(folder, clouds, occupancy, NOISE_ADU, frames, SEED + 1)
                for method in wanted.methods:
                    found, best, sigmas = efficiencies(program, folder, made, method)
                    near[method] += found >= best - NEAR
                    cells.append(f"{short(found)} / {short(best)} ({sigmas:g} sigma)")
            lines.append([f"{kilovolts} kV, {100 * occupancy:g} %", *cells])
            print(*lines[-1], sep=" | ", flush=True)
    lines.append([f"within {NEAR:g}", *(f"{near[method]} of {len(lines)}" for method in wanted.methods)])
    print(*lines[-1], sep=" | ")
    if wanted.write:
        begin, end = "<!-- thresholds: begin -->\n", "<!-- thresholds: end -->\n"
        before, rest = wanted.write.read_text().split(begin)
        table = table_lines(["DQE(0), automatic / best fixed", *wanted.methods], lines)
        wanted.write.write_text(before + begin + "\n".join(table) + "\n" + end + rest.split(end)[1])


if __name__ == "__main__":
    main()
