"""`countem count` from files to a finished store on the processor and on the device, in turn, and what the host allows in the same run.

    python3 bench/gpu/whole_program.py --countem PROGRAM [--folders DIR /dev/shm] [--frames 16384 65536] [--occupancy 0.001 0.01]
                                       [--threads N] [--rounds 3] [--write-seconds 40] [--seconds N] [--json FILE] [--quick]

PROGRAM was built with -DCOUNTEM_CUDA=ON. Each folder stands for a kind of page cache: a folder of a disk whose file system keeps large folios
(ext4 and xfs of a new kernel), and /dev/shm with its pages of 4 KiB. 1,024 frames are simulated and written again and again into files of 4,096,
flushed to the disk; files that do not fit, or are not written within --write-seconds, are left out, and the longer scan is what there is. Counting uses a
dark reference, the mask found from the darks and given thresholds. Two lengths separate what a start costs from what a frame costs: the rate is
that of the frames by which they differ. Stores and reductions of both backends are compared. Without a device only the processor is measured.
With --seconds every occupancy is measured in each folder before the next occupancy, rounds end when the time is over, and what would begin without as much time
left as the longest before it took is left out, with a message. FILE is written anew after each, so that a run that is stopped leaves what it had.
"""

import argparse
import contextlib
import itertools
import json
import math
import mmap
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import threading
import time

FRAME_BYTES = 576 * 576 * 2
FILE_FRAMES = 4096
DISTINCT_FRAMES = 1024
LIVE = "sum,com,virtual:annulus:60,200"
THRESHOLDS = ("--threshold", 9, "--xray-threshold", 350)  # 4.5 and 175 sigma of the simulated noise, as countem bench has


def succeed(*command) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"whole_program: {' '.join(map(str, command[:3]))} failed ({done.returncode}): {done.stderr.strip()}")
    return done.stdout


def file_system(folder: pathlib.Path) -> str:
    return succeed("stat", "-f", "-c", "%T", folder).strip()


class Scan:
    """Frames of one occupancy in one folder."""

    def __init__(self, countem: pathlib.Path, folder: pathlib.Path, occupancy: float):
        self.countem, self.folder, self.occupancy = countem, folder, occupancy
        self.files: list[pathlib.Path] = []

    def write(self, frames: int, seconds: float) -> None:
        """Up to so many frames; fewer when there is no room, or no time left."""
        succeed(self.countem, "simulate", self.folder / "raw", "--scan", f"{DISTINCT_FRAMES}x1", "--occupancy", self.occupancy, "--seed", 1, "--format", "raw",
                "--dark-frames", 20, "--quiet")
        source = self.folder / "raw" / "data.raw"
        start = time.monotonic()
        wanted = [self.folder / f"frames_{n:03}.raw" for n in range(frames // FILE_FRAMES)]
        for batch in (wanted[n:n + 4] for n in range(0, len(wanted), 4)):
            if self.files and time.monotonic() - start > seconds:
                break
            if shutil.disk_usage(self.folder).free < (len(batch) + 1) * FILE_FRAMES * FRAME_BYTES:
                break
            writers = [threading.Thread(target=self._write_one, args=(source, target, FILE_FRAMES // DISTINCT_FRAMES)) for target in batch]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
            self.files += batch
        if not self.files:
            raise SystemExit(f"whole_program: {self.folder} has no room for {FILE_FRAMES} frames of {FRAME_BYTES} bytes")

    @staticmethod
    def _write_one(source: pathlib.Path, target: pathlib.Path, times: int) -> None:
        piece = 8 << 20  # large folios come from large writes
        with open(source, "rb") as frames, open(target, "wb", buffering=0) as out, mmap.mmap(frames.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            with memoryview(mapped) as all_frames:
                for _ in range(times):
                    at = 0
                    while at < len(all_frames):
                        at += out.write(all_frames[at:at + piece])
            os.fsync(out.fileno())  # what the disk has left to do would be in the times

    def count(self, frames: int, store: pathlib.Path, *options) -> dict:
        """Counts the first frames. Adds the seconds of the whole process."""
        files = self.files[: frames // FILE_FRAMES]
        store.unlink(missing_ok=True)
        start = time.monotonic()
        told = json.loads(succeed(self.countem, "count", *files, "--input-format", "raw", "--shape", "576x576", "--dtype", "u16", "--scan",
                                  f"64x{frames // 64}", "--dark", self.folder / "raw" / "dark.raw", *THRESHOLDS, "-o", store, "--no-png", "--quiet", "--json",
                                  *options))
        return told | {"process_seconds": time.monotonic() - start}


def ways(machine: dict) -> dict[str, tuple]:
    """Where frames are counted: name and options. 'both': on the processor, which devices help."""
    found = {"processor": ("--backend", "cpu")}
    if machine["bus"] is not None:
        found["device"] = ("--backend", "cuda")
        found["both"] = ("--backend", "automatic")
    return found


def slope(seconds: dict[int, float]) -> dict[str, float | None]:
    """The rate between the shortest and the longest scan, and what is left of the shortest run: the start."""
    few, many = min(seconds), max(seconds)
    if few == many or seconds[many] <= seconds[few]:
        return {"slope_frames_per_s": None, "start_seconds": None}
    rate = (many - few) / (seconds[many] - seconds[few])
    return {"slope_frames_per_s": rate, "start_seconds": seconds[few] - few / rate}


def compare(scan: Scan, frames: int, threads: int) -> None:
    """Stores and reductions of both backends are the same, or this ends with a sentence."""
    stores = {}
    for backend in ("cpu", "cuda"):
        stores[backend] = scan.folder / f"{backend}.h5"
        scan.count(frames, stores[backend], "--backend", backend, "--threads", threads)
        succeed(scan.countem, "reduce", stores[backend], "-o", scan.folder / f"{backend}_reduced.h5", "--sum", "--com", "--virtual", "annulus:60,200",
                "--backend", backend, "--npy", scan.folder / backend, "--quiet")
    succeed(scan.countem, "verify", stores["cuda"])
    told = json.loads(succeed(scan.countem, "compare", stores["cuda"], stores["cpu"], "--json"))
    if told["recall"] != 1 or told["precision"] != 1 or told["rms_error_px"]["radial"] != 0:
        raise SystemExit(f"whole_program: the stores of both backends differ: {told}")
    for array in sorted((scan.folder / "cuda").glob("*.npy")):
        if array.read_bytes() != (scan.folder / "cpu" / array.name).read_bytes():
            raise SystemExit(f"whole_program: {array.name} differs between both backends")


def measure(scan: Scan, chosen: dict[str, tuple], frames: list[int], threads: int, rounds: int, deadline: float) -> list[dict]:
    lengths = sorted({min(count, len(scan.files) * FILE_FRAMES) for count in frames})
    runs = [(way, live, length) for length in lengths for way in chosen for live in ("", LIVE)]
    seconds: dict[tuple, list[float]] = {run: [] for run in runs}
    events = 0
    for done in range(rounds):
        if done and time.monotonic() > deadline:
            break
        for run in runs:  # in turn, so that whatever else happens meets all alike
            way, live, length = run
            told = scan.count(length, scan.folder / "counted.h5", *chosen[way], "--threads", threads, *(("--live", live) if live else ()))
            seconds[run].append(told["process_seconds"])
            events = told["events"] / told["frames"]
    rows = []
    for way, live in itertools.product(chosen, ("", LIVE)):
        medians = {length: statistics.median(seconds[way, live, length]) for length in lengths}
        rows.append({"way": way, "live": live, "threads": threads, "occupancy": scan.occupancy, "events_per_frame": events,
                     "lengths": [{"frames": length, "seconds": medians[length], "frames_per_s": length / medians[length],
                                  "all_seconds": seconds[way, live, length]} for length in lengths]} | slope(medians))
    return rows


def show(row: dict) -> None:
    lengths = "  ".join(f"{length['frames']:>7}: {length['seconds']:>7.3f} s {length['frames_per_s']:>8.0f}/s" for length in row["lengths"])
    rate = row["slope_frames_per_s"]
    print(f"{row['folder']:<20} {row['occupancy']:>7g} {row['way']:<10}{'live' if row['live'] else '':<5} {lengths}  slope "
          + (f"{rate:>8.0f}/s, start {row['start_seconds']:.3f} s" if rate else "unknown"), file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--countem", type=pathlib.Path, required=True)
    parser.add_argument("--folders", type=pathlib.Path, nargs="+", default=[pathlib.Path("."), pathlib.Path("/dev/shm")])
    parser.add_argument("--frames", type=int, nargs=2, default=[16384, 65536], help=f"multiples of {FILE_FRAMES}")
    parser.add_argument("--occupancy", type=float, nargs="+", default=[0.001, 0.01])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=math.inf, help="for everything")
    parser.add_argument("--write-seconds", type=float, default=40)
    parser.add_argument("--megabytes", type=int, default=1024, help="moved each time for the rates of the host")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="one round, 4,096 and 16,384 frames")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.frames, chosen.rounds = [4096, 16384], 1
    if any(count <= 0 or count % FILE_FRAMES for count in chosen.frames):
        parser.error(f"--frames takes multiples of {FILE_FRAMES}")
    return chosen


def measure_occupancy(asked: argparse.Namespace, place: pathlib.Path, folder: pathlib.Path, machine: dict, occupancy: float, deadline: float) -> list[dict]:
    chosen = ways(machine)
    scan = Scan(asked.countem, folder / str(occupancy), occupancy)
    scan.folder.mkdir()
    try:
        scan.write(max(asked.frames), asked.write_seconds)
        if "device" in chosen:
            compare(scan, FILE_FRAMES, asked.threads)
        rows = measure(scan, chosen, asked.frames, asked.threads, asked.rounds, deadline)
    finally:
        shutil.rmtree(scan.folder, ignore_errors=True)
    for row in rows:
        row |= {"folder": str(place), "compared": "device" in chosen}
        show(row)
    return rows


def main() -> None:
    asked = arguments()
    deadline = time.monotonic() + asked.seconds
    told = json.loads(succeed(asked.countem, "version", "--json"))
    result = {"version": told["version"], "commit": told["commit"], "threads": asked.threads, "folders": [], "runs": [], "left_out": []}
    with contextlib.ExitStack() as cleaning:
        places = []
        for place in asked.folders:
            folder = place.resolve() / "countem_whole_program"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            cleaning.callback(shutil.rmtree, folder, ignore_errors=True)
            machine = json.loads(succeed(asked.countem, "bench", "machine", "--files", folder, "--threads", asked.threads, "--repetitions", 3, "--megabytes",
                                         asked.megabytes, "--json"))
            result["folders"].append({"folder": str(place), "file_system": file_system(folder), "machine": machine})
            if machine["bus"] is None:
                print(f"whole_program: {place}: no CUDA device answers this program: only the processor is measured", file=sys.stderr)
            places.append((place, folder, machine))
        longest = 0.0
        for occupancy, (place, folder, machine) in itertools.product(asked.occupancy, places):
            start = time.monotonic()
            if deadline - start < longest:
                print(f"whole_program: {place}: {100 * occupancy:g} %: not measured, no time is left", file=sys.stderr)
                result["left_out"].append({"folder": str(place), "occupancy": occupancy})
            else:
                result["runs"] += measure_occupancy(asked, place, folder, machine, occupancy, deadline)
                longest = max(longest, time.monotonic() - start)
            if asked.json:
                asked.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
