"""Time a frame and peak memory of `countem count` from 1,600 to 1,000,000 frames, 664 GB of raw data.

    python3 bench/long_scan.py --countem build/release/countem [--frames 1600 16000 160000 1000000] [--threads 2]

One block of 1,600 frames (4D Camera version 2, 1 GB) is simulated; longer scans are that block again and again through
hard links, so that all of it is in the page cache. The store that each count leaves must hold the events of the block once for each time.
Needs 3 GB of disk, and some two bytes more for each event.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

BLOCK_FRAMES = 1600


def make_block(countem: pathlib.Path, folder: pathlib.Path, occupancy: float) -> pathlib.Path:
    subprocess.run([countem, "simulate", folder, "--format", "raw", "--scan", f"{BLOCK_FRAMES}x1", "--occupancy", str(occupancy),
                    "--quiet"], check=True)
    block = folder / "block.dat"
    with open(block, "wb") as out:
        out.write(bytes(4))
        with open(folder / "data.raw", "rb") as frames:
            while piece := frames.read(1 << 24):
                out.write(piece)
    (folder / "data.raw").unlink()
    return block


def count(countem: pathlib.Path, folder: pathlib.Path, block: pathlib.Path, blocks: int, threads: int) -> tuple[dict, float]:
    """What `countem count --json` says, and its peak memory in MiB."""
    links = [folder / f"block_{i:04}.dat" for i in range(blocks)]
    for link in links:
        link.hardlink_to(block)
    store = folder / "counted.h5"
    command = [countem, "count", *links, "--input-format", "v2", "--scan", f"{BLOCK_FRAMES}x{blocks}", "--threshold", "32",
               "--xray-threshold", "400", "--threads", str(threads), "--no-png", "--quiet", "--json", "-o", store]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        said = running.stdout.read()
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode != 0:
        raise SystemExit(f"countem count ended with exit code {running.returncode}")
    for path in [*links, store]:
        path.unlink()
    return json.loads(said), used.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--countem", type=pathlib.Path, required=True)
    parser.add_argument("--frames", type=int, nargs="+", default=[1600, 16_000, 160_000, 1_000_000])
    parser.add_argument("--occupancy", type=float, default=0.001)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    countem = options.countem.resolve()

    with tempfile.TemporaryDirectory() as room:
        folder = pathlib.Path(room)
        block = make_block(countem, folder, options.occupancy)
        count(countem, folder, block, 1, options.threads)  # into the page cache
        events_of_block = None
        print(f"{'frames':>9}  {'events':>12}  {'us a frame':>10}  {'peak, MiB':>9}")
        for frames in options.frames:
            blocks = max(1, frames // BLOCK_FRAMES)
            said, peak = count(countem, folder, block, blocks, options.threads)
            events_of_block = events_of_block or said["events"] // blocks
            if said["events"] != blocks * events_of_block:
                raise SystemExit(f"{said['events']} events in {blocks} blocks of {events_of_block}")
            frames = blocks * BLOCK_FRAMES
            print(f"{frames:>9,}  {said['events']:>12,}  {said['seconds'] / frames * 1e6:>10.1f}  {peak:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
