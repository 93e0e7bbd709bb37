"""What gpu_check, whole_program.py and cupy_label.py write, with numbers that the tests choose."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "gpu"))
STAGES = ("sum", "maximum", "two_virtual_detectors", "weighted", "moments", "second_moments", "second_moments_within", "radial", "bin_4", "crop")


def counting_row(occupancy: float, calibration: str = "dark and mask", batch: int = 800, of_read: float = 0.7, of_bus: float = 0.97,
                 rate: float = 3e6, thrust: float = 4e5) -> dict:
    return {"occupancy": occupancy, "calibration": calibration, "batch_frames": batch, "fraction_of_device_read": of_read, "fraction_of_bus": of_bus,
            "counted_frames_per_s": rate, "thrust_frames_per_s": thrust}


def reduction_row(occupancy: float, events: float = 1000, u8: float = 100, u16: float = 50) -> dict:
    return {"occupancy": occupancy, "frames": 4096, "events": 1e6, "load": 800, **{
        name: {stage: rate for stage in STAGES} for name, rate in (("events", events), ("dense_u8", u8), ("dense_u16", u16))}}


def check() -> dict:
    rows = [counting_row(occupancy, calibration, batch) for occupancy in (0, 0.001, 0.01, 0.05) for calibration in ("one threshold", "dark and mask")
            for batch in (50, 800)]
    return {"cases_equal_to_reference": 1, "cluster_576x576_u16": rows,
            "reductions_million_events_per_s": [reduction_row(occupancy) for occupancy in (0.001, 0.01)]}


def cupy() -> dict:
    return {"cupy": "14", "runs": [{"occupancy": occupancy, "frames_per_s": 2e4} for occupancy in (0.001, 0.01)]}


def run(way: str, live: bool, seconds: tuple[float, float], threads: int = 16, folder: str = "build", occupancy: float = 0.001) -> dict:
    lengths = [{"frames": frames, "seconds": took} for frames, took in zip((16384, 65536), seconds)]
    return {"folder": folder, "occupancy": occupancy, "way": way, "live": "sum" if live else "", "threads": threads, "lengths": lengths,
            "slope_frames_per_s": (65536 - 16384) / (seconds[1] - seconds[0])}


def whole(device: str = "device", threads: int = 16) -> dict:
    return {"runs": [run("processor", False, (0.2, 0.8), threads), run("processor", True, (0.3, 0.9), threads), run("device", False, (0.19, 0.59), threads),
                     run("device", True, (0.2, 0.6), threads), *([run("both", False, (0.15, 0.45), threads), run("both", True, (0.16, 0.46), threads)]
                                                                 if device == "both" else [])]}
