"""Method cluster by CuPy's label: threshold, label, sums by label. Frames lie on the device before; events must be those of countem.

    python3 bench/gpu/peers/cupy_label.py --countem PROGRAM [--occupancy 0.001 0.01] [--json FILE]

The simulator's frames, one threshold for all pixels, batches of 800 as in gpu_check. Needs CuPy and a device; ends with code 77 and a sentence without.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

SHAPE = (576, 576)
DISTINCT, BATCH = 200, 800
THRESHOLD_ADU, XRAY_ADU = 31.5, 350  # dark = 0: between the noise on its baseline and an electron's peak
ROUNDS = 5


def count(arrays, label, frames, threshold_adu: float, xray_adu: float):
    """Events of all frames, as linear indices in the batch, ascending. `arrays` is cupy or numpy, `label` that of its ndimage."""
    height, width = frames.shape[1:]
    hits = frames > threshold_adu
    in_a_frame = arrays.zeros((3, 3, 3), bool)
    in_a_frame[1] = True
    labels, components = label(hits, structure=in_a_frame)
    places = arrays.flatnonzero(hits)
    component = labels.ravel()[places] - 1
    charge = frames.ravel()[places].astype(arrays.float64)
    row, column = places // width % height, places % width

    def summed(weights):  # of whole numbers below 2^53, exact
        return arrays.bincount(component, weights, components).astype(arrays.int64)

    charges = summed(charge)
    frame = arrays.zeros(components, arrays.int64)
    frame[component] = places // (height * width)
    rows, columns = ((2 * summed(charge * place) + charges) // (2 * charges) for place in (row, column))
    events = (frame * height + rows) * width + columns
    xrays = arrays.bincount(component[charge >= xray_adu], minlength=components) > 0
    return arrays.sort(events[~xrays])


def counted_by_countem(countem: pathlib.Path, raw: pathlib.Path, folder: pathlib.Path):
    """Frames, and their events as linear indices in the batch."""
    import numpy as np

    frames = np.fromfile(raw, np.uint16).reshape(-1, *SHAPE)
    subprocess.run([countem, "count", raw, "--input-format", "raw", "--shape", "576x576", "--dtype", "u16", "--backend", "cpu", "--threshold",
                    str(THRESHOLD_ADU), "--xray-threshold", str(XRAY_ADU), "-o", folder / "counted.h5", "--no-png", "--quiet", "--force"], check=True)
    subprocess.run([countem, "convert", folder / "counted.h5", "-o", folder / "counted.npz", "--to", "npz", "--quiet"], check=True)
    with np.load(folder / "counted.npz") as stored:
        per_frame = np.diff(stored["indptr"])
        of_row = np.repeat(np.arange(len(per_frame)), per_frame)
        events = np.repeat(of_row * (SHAPE[0] * SHAPE[1]) + stored["indices"], stored["data"].astype(np.int64))
    return frames, np.sort(events)


def measure(cupy, label, countem: pathlib.Path, occupancy: float) -> dict:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([countem, "simulate", folder / "scan", "--scan", f"{DISTINCT}x1", "--occupancy", str(occupancy), "--seed", "1", "--format", "raw",
                        "--quiet"], check=True)
        frames, expected = counted_by_countem(countem, folder / "scan" / "data.raw", folder)
    distinct = cupy.asarray(frames)
    if not (cupy.asnumpy(count(cupy, label, distinct, THRESHOLD_ADU, XRAY_ADU)) == expected).all():
        raise SystemExit("cupy_label: its events differ from countem's")
    batch = cupy.tile(distinct, (BATCH // DISTINCT, 1, 1))
    seconds = []
    for _ in range(ROUNDS + 1):  # the first warms up
        cupy.cuda.Device().synchronize()
        start = time.perf_counter()
        count(cupy, label, batch, THRESHOLD_ADU, XRAY_ADU)
        cupy.cuda.Device().synchronize()
        seconds.append(time.perf_counter() - start)
    return {"occupancy": occupancy, "events_per_frame": len(expected) / DISTINCT, "frames_per_s": BATCH / statistics.median(seconds[1:])}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--countem", type=pathlib.Path, required=True)
    parser.add_argument("--occupancy", type=float, nargs="+", default=[0.001, 0.01])
    parser.add_argument("--json", type=pathlib.Path)
    asked = parser.parse_args()
    try:
        import cupy
        from cupyx.scipy.ndimage import label

        cupy.cuda.Device().compute_capability  # noqa: B018  asks the driver
    except Exception as missing:  # of many kinds: no package, no driver, no device
        print(f"cupy_label: not run: {type(missing).__name__}: {missing}", file=sys.stderr)
        return 77
    result = {"cupy": cupy.__version__, "batch_frames": BATCH, "runs": [measure(cupy, label, asked.countem, occupancy) for occupancy in asked.occupancy]}
    for run in result["runs"]:
        print(f"{100 * run['occupancy']:g} %: {run['frames_per_s']:.0f} frames/s by CuPy's label")
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
