"""`countem count` from version 5 files in the page cache to a finished store, beside counting from memory in the same run.

    python3 bench/whole_program.py --countem build/release/countem [--scan 64x64] [--occupancy 0.001 0.01] [--threads 2] [--rounds 7]

Files are counted as they were simulated (written a dozen frames at a time), after they were written anew record by record, and
after they were dropped from the page cache and read back from disk: the page cache holds them in pieces of different size.
"chosen" is how the program counts, in place or copied, whichever it finds faster; "copied" is --copy-input. The fraction is that
of counting to counting from memory; "process" is the program from start to end, with thresholds found in a sample and without
pictures. Medians; programs take turns. Needs 3 GB of disk and as much free memory.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time


def succeed(*command) -> str:
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def write_by_record(files) -> None:
    """Writes files anew, a version 5 record a call."""
    record_bytes = 16 + 144 * 576 * 2
    for file in files:
        anew = file.with_suffix(".anew")
        with open(file, "rb", buffering=0) as source, open(anew, "wb", buffering=0) as target:
            while record := source.read(record_bytes):
                target.write(record)
        anew.replace(file)


def read_back(files) -> None:
    """Drops files from the page cache and reads them again."""
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        while os.read(descriptor, 1 << 20):
            pass
        os.close(descriptor)


class Bench:
    def __init__(self, countem: pathlib.Path, folder: pathlib.Path, occupancy: float, threads: int):
        self.countem, self.folder, self.occupancy, self.threads = countem, folder, occupancy, threads

    def from_memory(self) -> float:
        """Microseconds a frame."""
        told = json.loads(succeed(self.countem, "bench", "count", "--occupancy", self.occupancy, "--threads", self.threads,
                                  "--calibration", "threshold", "--repetitions", 3, "--json"))
        return 1e6 / told["frames_per_s"]

    def from_files(self, files, *options):
        """Microseconds a frame of counting, and of the process."""
        store = self.folder / "counted.h5"
        store.unlink(missing_ok=True)
        start = time.monotonic()
        told = json.loads(succeed(self.countem, "count", *files, "-o", store, "--threads", self.threads, "--no-png", "--json",
                                  *options))
        seconds = time.monotonic() - start
        return 1e6 / told["frames_per_s"], 1e6 * seconds / told["frames"]

    def table(self, files, state: str, rounds: int) -> None:
        memory, chosen, copied = [], [], []
        for _ in range(rounds):
            memory.append(self.from_memory())
            chosen.append(self.from_files(files))
            copied.append(self.from_files(files, "--copy-input"))
        for way, measured in (("chosen", chosen), ("copied", copied)):
            fraction = statistics.median(there / counting for there, (counting, _) in zip(memory, measured))
            print(f"{100 * self.occupancy:>9g} %  {state:<12} {way:<9} {statistics.median(memory):>8.1f} "
                  f"{statistics.median(counting for counting, _ in measured):>8.1f} {fraction:>9.2f} "
                  f"{statistics.median(process for _, process in measured):>8.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--countem", type=pathlib.Path, required=True)
    parser.add_argument("--scan", default="64x64")
    parser.add_argument("--occupancy", type=float, nargs="+", default=[0.001, 0.01])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    print(f"{'occupancy':>11}  {'files':<12} {'way':<9} {'memory':>8} {'files':>8} {'fraction':>9} {'process':>8}   us a frame")
    for occupancy in chosen.occupancy:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            succeed(chosen.countem, "simulate", folder, "--scan", chosen.scan, "--occupancy", occupancy, "--quiet")
            files = sorted(folder.glob("data_*.data"))
            bench = Bench(chosen.countem, folder, occupancy, chosen.threads)
            bench.table(files, "simulated", chosen.rounds)
            write_by_record(files)
            bench.table(files, "by record", chosen.rounds)
            read_back(files)
            bench.table(files, "read back", chosen.rounds)


if __name__ == "__main__":
    main()
