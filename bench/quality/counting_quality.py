"""Counting quality of every method on frames of known electrons: one command makes the table of docs/counting_quality.md.

    python3 bench/quality/counting_quality.py --countem build/release/countem --clouds FOLDER --json FILE --write docs/counting_quality.md

FOLDER holds clouds_100kV.csv and clouds_300kV.csv (measured clouds, columns event, row, col, pairs); 80 and 200 kV are the simulator's
clouds. Methods that the program does not know are left out, with a line that names them. For one line of the table:

    ... --kilovolts 300 --occupancies 0.001 --noises 2 --methods peaks cluster [--option=--threshold --option=12] [--keep FOLDER]

Needs numpy and h5py.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import datasets

OCCUPANCIES = {0.0002: 1024, 0.001: 512, 0.003: 256, 0.01: 256, 0.03: 128, 0.1: 128}  # and the frames of each
KILOVOLTS = (300, 200, 100, 80)
NOISES_ADU = (2.0, 3.0)
MEASURED = (100, 300)
SIMULATED_CLOUDS = 8000
SEED = 1

FIXED = ["--background-sigma", "4.5"]
AUTOMATIC = ["--background-sigma", "auto"]
FINE = ["--upsample", "4"]
METHODS = [("cluster", "4.5 sigma", FIXED), ("maximum", "4.5 sigma", FIXED), ("cluster", "auto", AUTOMATIC), ("maximum", "auto", AUTOMATIC),
           ("pixels", "auto", AUTOMATIC), ("peaks", "auto", AUTOMATIC)]
FINE_METHODS = [("cluster", "4.5 sigma, upsample 4", FIXED + FINE), ("cluster", "auto, upsample 4", AUTOMATIC + FINE),
                ("peaks", "auto, upsample 4", AUTOMATIC + FINE)]
FINE_CASES = ((300, 0.001), (100, 0.001))  # kilovolts and occupancy, at every noise

KEPT = ("frames", "electrons", "events", "recall", "precision", "rms_error_px", "gain", "fano_factor", "dqe", "dqe_error", "mtf", "nps")


class Program:
    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.version = self.run("version")
        self.help = subprocess.run([path, "count", "--help"], check=True, capture_output=True, text=True).stdout

    def knows(self, method: str) -> bool:
        return method in self.help.split() or f"{method}," in self.help or f"{method}:" in self.help

    def run(self, *arguments: object) -> dict:
        done = subprocess.run([self.path, *map(str, arguments), "--json", "--quiet"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"countem {' '.join(map(str, arguments))}: exit code {done.returncode}\n{done.stderr}")
        return json.loads(done.stdout)

    def quality(self, made: datasets.Dataset, store: pathlib.Path, method: str, options: list[str]) -> dict:
        counted = self.run("count", made.frames, "--dark", made.darks, "-o", store, "--no-png", "--force", "--method", method, *options)
        compared = self.run("compare", store, made.truth)
        return {"commit": self.version["commit"], "thresholds": counted["thresholds"], **{key: compared[key] for key in KEPT}}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--countem", type=pathlib.Path, required=True)
    parser.add_argument("--cloud-program", type=pathlib.Path, help="bench_clouds; default: as the build places it beside the program")
    parser.add_argument("--clouds", type=pathlib.Path, required=True)
    parser.add_argument("--kilovolts", type=int, nargs="+", default=KILOVOLTS)
    parser.add_argument("--occupancies", type=float, nargs="+", default=list(OCCUPANCIES))
    parser.add_argument("--noises", type=float, nargs="+", default=NOISES_ADU)
    parser.add_argument("--methods", nargs="+", help="only these")
    parser.add_argument("--option", action="append", default=[], help="one more argument for every count")
    parser.add_argument("--frames", type=int, help="instead of those that each occupancy has")
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for the frames and stores of each case")
    parser.add_argument("--json", type=pathlib.Path, help="the results; those of other cases in it are kept")
    parser.add_argument("--write", type=pathlib.Path, help="the page that holds the table, between its marks")
    return parser.parse_args()


def clouds_of(wanted: argparse.Namespace, kilovolts: int) -> datasets.Clouds:
    if kilovolts in MEASURED:
        return datasets.measured_clouds(wanted.clouds / f"clouds_{kilovolts}kV.csv", kilovolts)
    program = wanted.cloud_program or wanted.countem.parent / "bench" / "bench_clouds"
    return datasets.simulated_clouds(program, kilovolts, SIMULATED_CLOUDS)


def methods_of(wanted: argparse.Namespace, program: Program, kilovolts: int, occupancy: float) -> list[tuple[str, str, list[str]]]:
    listed = METHODS + (FINE_METHODS if (kilovolts, occupancy) in FINE_CASES else [])
    return [each for each in listed if program.knows(each[0]) and (not wanted.methods or each[0] in wanted.methods)]


def key_of(row: dict) -> tuple:
    return row["kilovolts"], row["noise_adu"], row["occupancy"], row["method"], row["variant"]


def case_rows(wanted: argparse.Namespace, program: Program, clouds: datasets.Clouds, occupancy: float, noise: float) -> list[dict]:
    frames = wanted.frames or OCCUPANCIES.get(occupancy, 256)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        if wanted.keep:
            folder = wanted.keep / f"{clouds.kilovolts}kV_{occupancy:g}_{noise:g}"
            folder.mkdir(parents=True, exist_ok=True)
        made = datasets.make(folder, clouds, occupancy, noise, frames, SEED)
        for method, variant, extra in methods_of(wanted, program, clouds.kilovolts, occupancy):
            store = folder / f"{method}_{variant.replace(', ', '_').replace(' ', '_')}.h5"
            found = program.quality(made, store, method, [*extra, *wanted.option])
            rows.append({"kilovolts": clouds.kilovolts, "clouds": clouds.source, "noise_adu": noise, "occupancy": occupancy, "method": method,
                         "variant": variant, **found})
            print(f"{clouds.kilovolts} kV, {100 * occupancy:g} %, {noise:g} ADU, {method} ({variant}): DQE {triple(found['dqe'])} "
                  f"+- {triple(found['dqe_error'])}, gain {found['gain']:.3f}, recall {found['recall']:.3f}, "
                  f"precision {found['precision']:.3f}, {found['rms_error_px']['radial']:.3f} px", flush=True)
    return rows


def short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".removeprefix("0") if value >= 0 else f"{value:.3f}"


def triple(of: dict) -> str:
    return "/".join(short(of[at]) for at in ("zero", "half", "full"))


def table_lines(heads: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *("| " + " | ".join(row) + " |" for row in rows)]


def render(rows: list[dict], facts: dict) -> str:
    """The tables of the page."""
    found = {key_of(row): row for row in rows}
    columns = [each for each in METHODS if any(key[3:] == each[:2] for key in found)]
    heads = ["occupancy"] + [f"{method}, {variant}" for method, variant, _ in columns]
    commits = ", ".join(sorted({row["commit"] for row in rows}))
    lines = [f"Last line made on {facts['date']} with countem {facts['version']}; programs of commit {commits}. DQE at 0 / half / full Nyquist."]
    for kilovolts in KILOVOLTS:
        for noise in NOISES_ADU:
            cases = [occupancy for occupancy in OCCUPANCIES if any(key[:3] == (kilovolts, noise, occupancy) for key in found)]
            if not cases:
                continue
            source = "measured" if kilovolts in MEASURED else "simulated"
            lines += ["", f"**{kilovolts} kV, noise {noise:g} ADU** ({source} clouds)", ""]
            picked = [[found.get((kilovolts, noise, occupancy, *each[:2])) for each in columns] for occupancy in cases]
            lines += table_lines(heads, [[f"{100 * occupancy:g} %"] + [triple(row["dqe"]) if row else "-" for row in line]
                                         for occupancy, line in zip(cases, picked, strict=True)])
    lines += ["", "Recall / precision / position error in pixels, noise 2 ADU:", ""]
    detail = []
    for kilovolts in KILOVOLTS:
        for occupancy in OCCUPANCIES:
            line = [found.get((kilovolts, NOISES_ADU[0], occupancy, *each[:2])) for each in columns]
            if any(line):
                detail.append([f"{kilovolts} kV, {100 * occupancy:g} %"] + [
                    "/".join(short(value) for value in (row["recall"], row["precision"], row["rms_error_px"]["radial"])) if row else "-"
                    for row in line])
    lines += table_lines(["case", *heads[1:]], detail)
    fine = [row for row in rows if "upsample" in row["variant"]]
    if fine:
        lines += ["", "On a grid four times finer:", ""]
        fine.sort(key=lambda row: (-row["kilovolts"], row["noise_adu"], [each[:2] for each in FINE_METHODS].index((row["method"], row["variant"]))))
        lines += table_lines(["case", "method", "DQE", "MTF at half and full", "position error"],
                             [[f"{row['kilovolts']} kV, {100 * row['occupancy']:g} %, {row['noise_adu']:g} ADU", f"{row['method']}, {row['variant']}", triple(row["dqe"]),
                               f"{short(row['mtf']['half'])}/{short(row['mtf']['full'])}", short(row["rms_error_px"]["radial"])]
                              for row in fine])
    return "\n".join(lines)


def write_table(page: pathlib.Path, table: str) -> None:
    begin, end = "<!-- table: begin -->\n", "<!-- table: end -->\n"
    before, rest = page.read_text().split(begin)
    _, after = rest.split(end)
    page.write_text(before + begin + table + "\n" + end + after)


def rounded(value: object) -> object:
    """Five digits, which is more than the frames give."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def write_rows(path: pathlib.Path, facts: dict, rows: list[dict]) -> None:
    """The facts, and a row per line."""
    lines = ",\n".join(json.dumps(rounded(row)) for row in rows)
    written = path.with_suffix(".unfinished")
    written.write_text(json.dumps(facts)[:-1] + f', "rows": [\n{lines}\n]}}\n')
    os.replace(written, path)


def main() -> None:
    wanted = options()
    program = Program(wanted.countem.resolve())
    missing = sorted({method for method, _, _ in METHODS if not program.knows(method)})
    if missing:
        print(f"left out, this countem does not know them: {', '.join(missing)}", file=sys.stderr)
    kept = {}
    if wanted.json and wanted.json.exists():
        kept = {key_of(row): row for row in json.loads(wanted.json.read_text())["rows"]}
    facts = {"date": datetime.date.today().isoformat(), "version": program.version["version"], "seed": SEED,
             "frame": [datasets.SIDE, datasets.SIDE], "dark_frames": datasets.DARK_FRAMES, "pairs_per_adu": datasets.PAIRS_PER_ADU}
    start = time.monotonic()
    for kilovolts in wanted.kilovolts:
        clouds = clouds_of(wanted, kilovolts)
        for occupancy in wanted.occupancies:
            for noise in wanted.noises:
                kept.update((key_of(row), row) for row in case_rows(wanted, program, clouds, occupancy, noise))
                if wanted.json:  # after each case, so that an interrupted run keeps what it has
                    write_rows(wanted.json, facts, list(kept.values()))
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    if wanted.write:
        write_table(wanted.write, render(list(kept.values()), facts))


if __name__ == "__main__":
    main()
