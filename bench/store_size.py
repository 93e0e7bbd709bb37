"""Bytes per event of stores at several doses, beside zlib's of the same dense frames, the entropy of positions and stempy's file.

    python3 bench/store_size.py --countem build/release/countem [--occupancy 0.0001 0.001 0.01 0.1] [--scan 16x8] [--method cluster]

Scans are simulated at 300 kV, 576 x 576 pixels, and counted. `chunks` is what the store's chunks take, footers included; `zlib 6` and `zlib 9`
are frames packed one by one; the entropy is that of pixels which are hit or not, alike and independent. Needs h5py and numpy.
"""

import argparse
import pathlib
import subprocess
import tempfile
import zlib

import h5py
import numpy as np


def entropy_bytes(frame: np.ndarray) -> float:
    share = np.count_nonzero(frame) / frame.size
    if share in (0, 1):
        return 0
    return -frame.size * (share * np.log2(share) + (1 - share) * np.log2(1 - share)) / 8


def dense_view(store: h5py.File) -> h5py.Dataset:
    found = []
    store.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) and item.ndim >= 4 else None)
    return found[0]


def sizes(store: pathlib.Path) -> dict[str, float]:
    """Bytes of each form, and events."""
    total = {"events": 0, "chunks": 0, "zlib 6": 0, "zlib 9": 0, "entropy": 0}
    with h5py.File(store) as opened:
        dense = dense_view(opened)
        for number in range(dense.id.get_num_chunks()):
            chunk = dense.id.get_chunk_info(number)
            frame = dense[tuple(chunk.chunk_offset[: dense.ndim - 2])]
            total["events"] += int(frame.sum())
            total["chunks"] += chunk.size
            total["zlib 6"] += len(zlib.compress(frame.tobytes(), 6))
            total["zlib 9"] += len(zlib.compress(frame.tobytes(), 9))
            total["entropy"] += entropy_bytes(frame)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--countem", type=pathlib.Path, required=True)
    parser.add_argument("--occupancy", nargs="+", default=["0.0001", "0.001", "0.0025", "0.007", "0.015", "0.03", "0.1"])
    parser.add_argument("--scan", default="16x8")
    parser.add_argument("--method", default="cluster")
    options = parser.parse_args()
    countem = options.countem.resolve()

    print("| electrons per pixel | events per frame | chunks | zlib 6 | zlib 9 | entropy | stempy | chunks / zlib 9 |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for occupancy in options.occupancy:
        with tempfile.TemporaryDirectory() as room:
            folder = pathlib.Path(room)
            subprocess.run([countem, "simulate", folder, "--format", "npy", "--scan", options.scan, "--occupancy", occupancy, "--quiet"], check=True)
            subprocess.run([countem, "count", folder / "data.npy", "--scan", options.scan, "--method", options.method,
                            "--threshold", "36", "--xray-threshold", "2000", "--no-png", "--quiet", "-o", folder / "counted.h5"], check=True)
            subprocess.run([countem, "convert", folder / "counted.h5", "--to", "stempy", "-o", folder / "stempy.h5", "--quiet"], check=True)
            total = sizes(folder / "counted.h5")
            total["stempy"] = (folder / "stempy.h5").stat().st_size
            width, height = map(int, options.scan.split("x"))
            numbers = [f"{total[name] / total['events']:.2f}" for name in ("chunks", "zlib 6", "zlib 9", "entropy", "stempy")]
            print(f"| {occupancy} | {total['events'] / (width * height):.0f} | {' | '.join(numbers)} | {total['chunks'] / total['zlib 9']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
