"""The same frames through countem, stempy, scipy and OpenCV: one table and one JSON object.

    python3 bench/peers/counting.py --countem build/release/countem [--json FILE] [--write docs/benchmarks.md]

Makes its own environment beside the program the first time (Python 3.11 with its venv module, and a reachable package registry).
Frames come from `countem simulate`, are read once and stay in memory and in the page cache; results are checked where the programs
mean the same thing; every number is the median over repetitions.
"""

import json
import multiprocessing
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable

import common
from common import median_seconds

THRESHOLD_ADU = 31.5  # dark = 0: the raw scale; between the noise of 2 ADU on a baseline of 20 and an electron's peak


class Frames:
    """A simulated scan as version 5 files and as an array."""

    def __init__(self, countem: pathlib.Path, folder: pathlib.Path, side: int, occupancy: float) -> None:
        import sector_files

        subprocess.run([countem, "simulate", folder, "--scan", f"{side}x{side}", "--occupancy", str(occupancy), "--seed", "1"],
                       check=True, capture_output=True)
        self.side, self.occupancy = side, occupancy
        self.files = sorted(folder.glob("*module*.data"))
        self.pixels = sector_files.read(self.files)

    def __len__(self) -> int:
        return len(self.pixels)


# What each peer does to a frame. Each returns the sorted linear indices of the events it finds.


def scipy_clusters(frame):
    import numpy as np
    from scipy import ndimage

    labels, count = ndimage.label(frame > THRESHOLD_ADU, structure=np.ones((3, 3), bool))
    centroids = np.array(ndimage.center_of_mass(frame, labels, np.arange(1, count + 1))).reshape(-1, 2)
    rows, columns = np.floor(centroids + 0.5).astype(np.int64).T
    return np.sort(rows * frame.shape[1] + columns)


def opencv_clusters(frame):
    import cv2
    import numpy as np

    _, _, _, centroids = cv2.connectedComponentsWithStats((frame > THRESHOLD_ADU).astype(np.uint8), connectivity=8)
    columns, rows = np.floor(centroids[1:] + 0.5).astype(np.int64).T  # component 0 is the background
    return np.sort(rows * frame.shape[1] + columns)


def stempy_maxima(frame):
    from stempy.image import electron_count_frame

    return electron_count_frame(frame, background_threshold=THRESHOLD_ADU, xray_threshold=1e9).data[0, 0]


# Timing.

shared_frames: Frames | None = None  # what forked workers count


def work_through(task: tuple[Callable, int, int]) -> None:
    count, first, last = task
    for frame in shared_frames.pixels[first:last]:
        count(frame)


def python_rate(count: Callable, frames: Frames, threads: int, repetitions: int) -> float:
    """Frames a second of a per-frame function, shared between processes that are already running."""
    global shared_frames
    shared_frames = frames
    step = -(-len(frames) // threads)
    tasks = [(count, first, first + step) for first in range(0, len(frames), step)]
    if threads == 1:
        return len(frames) / median_seconds(repetitions, lambda: work_through(tasks[0]))
    with multiprocessing.get_context("fork").Pool(threads) as pool:
        return len(frames) / median_seconds(repetitions, lambda: pool.map(work_through, tasks, chunksize=1))


def stempy_scan(frames: Frames, threads: int):
    """Its own way: reads the files, fits thresholds from a few frames, counts all."""
    import numpy as np
    import stempy.image
    import stempy.io

    reader = stempy.io.reader([str(file) for file in frames.files], stempy.io.FileVersion.VERSION5, backend="multi-pass", threads=threads)
    return stempy.image.electron_count(reader, np.zeros((576, 576), np.float32), number_of_samples=8, background_threshold_n_sigma=4.5,
                                       xray_threshold_n_sigma=175, scan_dimensions=(frames.side, frames.side))


class Countem:
    def __init__(self, program: pathlib.Path, folder: pathlib.Path) -> None:
        self.program, self.store = program, folder / "counted.h5"

    def count(self, frames: Frames, method: str, threads: int, background: float, xray: str = "inf") -> None:
        subprocess.run([self.program, "count", *frames.files, "-o", self.store, "--method", method, "--threads", str(threads),
                        "--threshold", repr(background), "--xray-threshold", xray, "--no-png", "--quiet"], check=True)

    def events(self) -> list:
        """Per frame, a repeated index as often as it was counted."""
        import h5py
        import numpy as np

        with h5py.File(self.store) as file:
            dense = file["/electron_counts/data"][...].reshape(-1, 576 * 576)
        return [np.repeat(np.flatnonzero(frame), frame[np.flatnonzero(frame)]) for frame in dense]

    def bench(self, occupancy: float, method: str, threads: int, repetitions: int) -> float:
        told = subprocess.run([self.program, "bench", "count", "--backend", "cpu", "--method", method, "--occupancy", str(occupancy),
                               "--frames", "2000", "--threads", str(threads), "--repetitions", str(repetitions), "--json"],
                              check=True, capture_output=True, text=True)
        measured = json.loads(told.stdout)
        assert measured["checked"]
        return measured["frames_per_s"]


# Agreement.


def check(frames: Frames, countem: Countem) -> dict[str, str]:
    """What was compared, and how it came out; an AssertionError where programs that mean the same thing differ."""
    import numpy as np

    told = {}
    theirs = stempy_scan(frames, 1)
    fitted = theirs.metadata["electron_counting"]
    countem.count(frames, "maximum", 2, fitted["background_threshold"], repr(fitted["x_ray_threshold"]))
    ours = countem.events()
    for number, events in enumerate(ours):
        assert np.array_equal(events, theirs.data[number, 0]), f"stempy differs on frame {number}"
    told["stempy"] = f"maximum, thresholds fitted by stempy: all {sum(map(len, ours))} events the same"

    countem.count(frames, "maximum", 2, THRESHOLD_ADU)
    for number, events in enumerate(countem.events()):
        assert np.array_equal(events, stempy_maxima(frames.pixels[number])), f"stempy differs on frame {number} in memory"

    countem.count(frames, "cluster", 2, THRESHOLD_ADU)
    ours = countem.events()
    total = sum(map(len, ours))
    for name, peer in (("scipy", scipy_clusters), ("OpenCV", opencv_clusters)):
        found = [peer(frame) for frame in frames.pixels]
        assert [len(events) for events in found] == [len(events) for events in ours], f"{name} finds other components"
        same = sum(int(np.minimum(np.bincount(a, minlength=331776), np.bincount(b, minlength=331776)).sum()) for a, b in zip(found, ours))
        told[name] = f"cluster: the same {total} components, {100 * same / total:.2f} % of their centroids on the same pixel"
        assert name == "OpenCV" or same >= 0.9999 * total, told[name]  # scipy's centroids are floating point, so ties may fall either way
    return told


# The table.


def measure(frames: Frames, countem: Countem, threads: int, repetitions: int) -> dict[str, float]:
    """Frames a second of everything that counts."""
    def scan_rate(work: Callable[[], None]) -> float:
        return len(frames) / median_seconds(repetitions, work)

    return {
        "countem cluster, from memory": countem.bench(frames.occupancy, "cluster", threads, repetitions),
        "countem maximum, from memory": countem.bench(frames.occupancy, "maximum", threads, repetitions),
        "countem cluster, files to store": scan_rate(lambda: countem.count(frames, "cluster", threads, THRESHOLD_ADU)),
        "stempy maximum, from memory": python_rate(stempy_maxima, frames, threads, repetitions),
        "stempy maximum, from files": scan_rate(lambda: stempy_scan(frames, threads)),
        "scipy label + center_of_mass": python_rate(scipy_clusters, frames, threads, repetitions),
        "OpenCV connectedComponentsWithStats": python_rate(opencv_clusters, frames, threads, repetitions),
    }


def table(result: dict) -> str:
    columns = [(run["occupancy"], run["threads"]) for run in result["runs"]]
    lines = ["| frames/s | " + " | ".join(f"{100 * occupancy:g} %, {threads} thread{'s' * (threads > 1)}" for occupancy, threads in columns) + " |",
             "|---|" + "---:|" * len(columns)]
    for name in result["runs"][0]["frames_per_s"]:
        lines.append(f"| {name} | " + " | ".join(f"{run['frames_per_s'][name]:,.0f}" for run in result["runs"]) + " |")
    ratios = [run["frames_per_s"]["countem cluster, from memory"] / run["frames_per_s"]["stempy maximum, from memory"] for run in result["runs"]]
    lines.append("| countem cluster over stempy, both from memory | " + " | ".join(f"{ratio:.0f} x" for ratio in ratios) + " |")
    return "\n".join(lines)


def report(result: dict) -> str:
    agreed = "\n".join(f"- {100 * float(occupancy):g} %, {name}: {text}" for occupancy, told in result["agreement"].items()
                       for name, text in told.items())
    return (f"{common.circumstances(result)}; {result['frames']} frames of "
            f"576 x 576 u16 at 300 kV, medians of {result['repetitions']}.\n\n{table(result)}\n\nAgreement of what was counted:\n\n{agreed}\n")


def main() -> None:
    options = common.parser(__doc__, side=16, repetitions=3)
    options.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    asked = options.parse_args()
    common.enter_environment(asked.countem, "counting", common.HERE / "requirements.txt")
    import cv2

    cv2.setNumThreads(1)
    program = asked.countem.resolve()
    result = {"machine": common.machine(), "versions": common.versions(program, "stempy", "scipy", "opencv-python-headless", "numpy"),
              "frames": asked.side**2, "repetitions": asked.repetitions, "agreement": {}, "runs": []}
    for occupancy in asked.occupancy:
        with tempfile.TemporaryDirectory() as folder:
            countem = Countem(program, pathlib.Path(folder))
            frames = Frames(program, pathlib.Path(folder) / "scan", asked.side, occupancy)
            result["agreement"][str(occupancy)] = check(frames, countem)
            for threads in asked.threads:
                print(f"measuring {100 * occupancy:g} %, {threads} thread(s)", file=sys.stderr)
                result["runs"].append({"occupancy": occupancy, "threads": threads,
                                       "frames_per_s": measure(frames, countem, threads, asked.repetitions)})
    common.tell(asked, "counting", result, report(result))


if __name__ == "__main__":
    main()
