"""Seconds and peak memory of the commands that read a store, with one thread and with two, on a scan of any size.

    cmake --build --preset release --target countem_cli bench_long_store
    python3 bench/large_scan.py --countem build/release/countem --make build/release/bench/bench_long_store [--scan 1024x1024]
        [--events 331] [--only verify crop] [--folder /tmp/large_scan] [--json results.json]

The store is made of generated events, without raw frames, and kept in the folder for the next call. Everything is read from the page
cache. Commands that have no option for threads run on one core by taskset(1).

    python3 bench/large_scan.py --countem build/release/countem --make build/release/bench/bench_long_store --memory

prints a table of the peak memory of every command that reads or makes a store, each run once on two cores. Outputs are removed
after the command that reads them, and 8 GB of disk suffice at 1024 x 1024 positions. What counting takes: bench/long_scan.py.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import time

CORES = "0,1"
PREFIX = os.environ.get("LARGE_SCAN_PREFIX", "").split()  # as "chrt -f 10", where other programs run


def commands_for(countem: pathlib.Path, store: pathlib.Path, out: pathlib.Path) -> dict[str, list]:
    """Name and command; what a command reads besides the store is made by one before it."""

    def reduce(name: str, *options: str) -> list:
        return [countem, "reduce", store, "-o", out / f"{name}.h5", *options]

    def convert(form: str, ending: str) -> list:
        return [countem, "convert", store, "-o", out / f"{form}.{ending}", "--to", form]

    return {
        "verify": [countem, "verify", store],
        "reduce --sum": reduce("sum", "--sum"),
        "reduce --com --virtual": reduce("virtual", "--com", "--virtual", "annulus:20,60"),
        "reduce --radial": reduce("radial", "--radial"),
        "crop": reduce("crop", "--crop", "100:400,100:400"),
        "scan-bin 2": reduce("scan_bin", "--scan-bin", "2"),
        "convert --to csr": convert("csr", "h5"),
        "import of csr": [countem, "convert", out / "csr.h5", "-o", out / "from_csr.h5", "--to", "store"],
        "convert --to npz": convert("npz", "npz"),
        "convert --to raw_csr": convert("raw_csr", "toml"),
        "convert --to stempy": convert("stempy", "h5"),
        "import of stempy": [countem, "convert", out / "stempy.h5", "-o", out / "from_stempy.h5", "--to", "store"],
        "recover": [countem, "recover", store, "-o", out / "recovered.h5", "--force"],
        "merge": [countem, "merge", store, "-o", out / "merged.h5"],
        "compare with itself": [countem, "compare", store, store],
        "report": [countem, "report", store, "-o", out / "report.html"],
    }


def more_commands(countem: pathlib.Path, store: pathlib.Path, out: pathlib.Path) -> dict[str, list]:
    """Those whose memory is measured and not their time."""

    def reduce(name: str, *options: str) -> list:
        return [countem, "reduce", store, "-o", out / f"{name}.h5", *options]

    return {
        "info": [countem, "info", store],
        "reduce --max": reduce("max", "--max"),
        "reduce --second-moments --errors": reduce("second", "--com", "--second-moments", "--errors"),
        "reduce --phase --errors": reduce("phase", "--com", "--phase", "--errors"),
        "reduce, ten --virtual --errors": reduce("ten", "--errors", "--virtual", *(f"annulus:{r},{r + 10}" for r in range(0, 100, 10))),
        "reduce --radial --errors --npy": reduce("radial", "--radial", "--errors", "--npy", str(out / "arrays")),
        "reduce --radial-profile": reduce("profile", "--radial-profile", "--errors"),
        "reduce --coincidence": reduce("coincidence", "--coincidence"),
        "bin 2": reduce("bin", "--bin", "2"),
        "scan-bin 32": reduce("scan_bin", "--scan-bin", "32"),
        "scan-crop of half": reduce("scan_crop", "--scan-crop", "0:512,:"),
        "merge --virtual": [countem, "merge", store, "-o", store.with_name("linked.h5"), "--virtual"],
        "parallax": [countem, "parallax", store, "-o", out / "parallax.h5"],
    }


def print_memory(options: argparse.Namespace, store: pathlib.Path, out: pathlib.Path) -> list[dict]:
    countem = options.countem[0].resolve()
    commands = commands_for(countem, store, out) | more_commands(countem, store, out)
    read_later = {"csr.h5": "import of csr", "stempy.h5": "import of stempy"}
    results = []
    print("| command | peak memory, MiB |\n|---|---:|")
    for name in options.only or commands:
        _, _, peak = run(commands[name], CORES)
        results.append({"command": name, "peak_mib": round(peak)})
        print(f"| `{name}` | {peak:,.0f} |", flush=True)
        for left in [*out.iterdir(), store.with_name("linked.h5")]:
            if left.is_dir():
                shutil.rmtree(left)
            elif left.name not in read_later or name == read_later[left.name]:
                left.unlink(missing_ok=True)
    return results


def run(command: list, cores: str) -> tuple[float, float, float]:
    """Seconds, seconds of processors and peak memory in MiB."""
    start = time.monotonic()
    with subprocess.Popen([*PREFIX, "taskset", "-c", cores, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        said = running.stderr.read().decode(errors="replace")
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - start
    if running.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\nended with exit code {running.returncode}:\n{said}")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def measure(name: str, programs: list[pathlib.Path], options: argparse.Namespace, store: pathlib.Path, out: pathlib.Path) -> list[dict]:
    """Programs and numbers of cores in turn, so that all meet the same machine; medians of each."""
    runs: dict[tuple[pathlib.Path, int], list[tuple[float, float, float]]] = {}
    for _ in range(options.repeat):
        for countem in programs:
            for threads in options.threads:
                cores = ",".join(CORES.split(",")[:threads])
                runs.setdefault((countem, threads), []).append(run(commands_for(countem.resolve(), store, out)[name], cores))
    rows = []
    for countem in programs:
        row = {"command": name, "program": str(countem)}
        for threads in options.threads:
            seconds, processors, peaks = zip(*runs[countem, threads])
            row[f"seconds_{threads}"] = round(statistics.median(seconds), 2)
            row[f"processor_seconds_{threads}"] = round(statistics.median(processors), 2)
            row["peak_mib"] = round(max(row.get("peak_mib", 0), *peaks))
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--countem", type=pathlib.Path, required=True, nargs="+", help="programs that are compared")
    parser.add_argument("--make", type=pathlib.Path, required=True, help="bench_long_store")
    parser.add_argument("--scan", default="1024x1024")
    parser.add_argument("--events", type=float, default=331, help="per frame")
    parser.add_argument("--only", nargs="+", help="names of commands")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("/tmp/large_scan"))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeat", type=int, default=1, help="runs of each, of which the median counts")
    parser.add_argument("--memory", action="store_true", help="print the peak memory of all commands")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()

    out = options.folder / "out"
    out.mkdir(parents=True, exist_ok=True)
    store = options.folder / f"{options.scan}_{options.events:g}.h5"
    if not store.exists():
        start = time.monotonic()
        subprocess.run([options.make, store, options.scan, str(options.events)], check=True)
        print(f"made {store}, {store.stat().st_size:,} bytes, in {time.monotonic() - start:.1f} s", flush=True)
    with open(store, "rb") as bytes_of_store:  # into the page cache, in pieces: children begin with the memory of this program
        while bytes_of_store.read(1 << 20):
            pass
    results = print_memory(options, store, out) if options.memory else []
    for name in [] if options.memory else options.only or commands_for(pathlib.Path(), store, out):
        for row in measure(name, options.countem, options, store, out):
            results.append(row)
            print(json.dumps(row), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
