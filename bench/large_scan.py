"""Seconds and peak memory of the commands that read a store, with one thread and with two, on a scan of any size.

    cmake --build --preset release --target countem_cli bench_long_store
    python3 bench/large_scan.py --countem build/release/countem --make build/release/bench/bench_long_store [--scan 1024x1024]
        [--events 331] [--only verify crop] [--folder /tmp/large_scan] [--json results.json]

The store is made of generated events, without raw frames, and kept in the folder for the next call. Everything is read from the page
cache. Commands that have no option for threads run on one core by taskset(1).
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time

CORES = "0,1"
PREFIX = os.environ.get("LARGE_SCAN_PREFIX", "").split()  # as "chrt -f 10", where other programs run


def commands_for(countem: pathlib.Path, store: pathlib.Path, out: pathlib.Path) -> dict[str, list]:
    """Name and command; what a command reads besides the store is made by one before it."""
    return {
        "verify": [countem, "verify", store],
        "reduce --sum": [countem, "reduce", store, "-o", out / "sum.h5", "--sum"],
        "reduce --com --virtual": [countem, "reduce", store, "-o", out / "virtual.h5", "--com", "--virtual", "annulus:20,60"],
        "reduce --radial": [countem, "reduce", store, "-o", out / "radial.h5", "--radial"],
        "crop": [countem, "reduce", store, "-o", out / "crop.h5", "--crop", "100:400,100:400"],
        "scan-bin 2": [countem, "reduce", store, "-o", out / "scan_bin.h5", "--scan-bin", "2"],
        "convert --to csr": [countem, "convert", store, "-o", out / "csr.h5", "--to", "csr"],
        "import of csr": [countem, "convert", out / "csr.h5", "-o", out / "from_csr.h5", "--to", "store"],
        "convert --to npz": [countem, "convert", store, "-o", out / "events.npz", "--to", "npz"],
        "convert --to raw_csr": [countem, "convert", store, "-o", out / "raw.toml", "--to", "raw_csr"],
        "convert --to stempy": [countem, "convert", store, "-o", out / "stempy.h5", "--to", "stempy"],
        "import of stempy": [countem, "convert", out / "stempy.h5", "-o", out / "from_stempy.h5", "--to", "store"],
        "recover": [countem, "recover", store, "-o", out / "recovered.h5", "--force"],
        "merge": [countem, "merge", store, "-o", out / "merged.h5"],
        "compare with itself": [countem, "compare", store, store],
        "report": [countem, "report", store, "-o", out / "report.html"],
    }


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
    results = []
    for name in options.only or commands_for(pathlib.Path(), store, out):
        for row in measure(name, options.countem, options, store, out):
            results.append(row)
            print(json.dumps(row), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
