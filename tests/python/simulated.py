"""Raw frames for tests, in files and in memory, and damaged stores."""

import pathlib
from dataclasses import dataclass

import h5py
import numpy as np

from conftest import run


@dataclass
class Simulated:
    """Frames of `countem simulate` and their darks."""

    raw: pathlib.Path
    dark: pathlib.Path

    @property
    def array(self) -> np.ndarray:
        """(scan rows, scan columns, detector rows, detector columns)"""
        return np.load(self.raw)


def simulate(folder: pathlib.Path, scan: str = "16x12", frame: str = "48x64") -> Simulated:
    run("simulate", folder, "--scan", scan, "--frame", frame, "--format", "npy", "--occupancy", 0.01, "--dark-frames", 30, "--hot-pixels", 2)
    array = np.load(folder / "data.npy")
    columns, rows = map(int, scan.split("x"))
    np.save(folder / "data.npy", array.reshape(rows, columns, *array.shape[-2:]))
    return Simulated(folder / "data.npy", folder / "dark.npy")


def content(path: pathlib.Path) -> dict[str, object]:
    """All that a store holds of events and calibration, as h5py reads it."""
    found: dict[str, object] = {}
    with h5py.File(path) as file:

        def keep(name: str, thing: h5py.Group | h5py.Dataset) -> None:
            if name.startswith(("calibration", "electron_counts", "reductions")):
                found.update({f"{name}@{key}": value.tolist() if hasattr(value, "tolist") else value for key, value in thing.attrs.items()})
                if isinstance(thing, h5py.Dataset):
                    found[name] = thing[...].tolist()

        file.visititems(keep)
        found["provenance@thresholds"] = file["provenance"].attrs["thresholds"]
    return found


def damaged(store: pathlib.Path, path: pathlib.Path) -> pathlib.Path:
    """A copy of a store of 5 positions a row of which frame 7 is damaged."""
    stored = bytearray(store.read_bytes())
    with h5py.File(store) as file:
        chunk = file["electron_counts/data"].id.get_chunk_info_by_coord((1, 2, 0, 0))
    stored[chunk.byte_offset + 20] ^= 1
    path.write_bytes(stored)
    return path
