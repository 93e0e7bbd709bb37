"""Frames of known electrons for counting_quality.py: flat illumination of a thinned detector, made from clouds of single electrons.

A cloud is what one electron leaves in the cells around its entry, in electron-hole pairs. Each electron of a frame gets a cloud drawn at
random, one of the eight rotations and reflections, and a place drawn evenly over the frame, down to a fraction of a pixel.
"""

import pathlib
import subprocess
from dataclasses import dataclass

import h5py
import numpy as np

SIDE = 288  # pixels along both axes of a frame
PAIRS_PER_ADU = 12.5
BASELINE_ADU = 100.0
DARK_FRAMES = 64


@dataclass(frozen=True)
class Clouds:
    """Cells of all clouds, one cloud after another: distance of a cell's centre from the entry in pixels, and its pairs. A cell's charge
    belongs to the pixel that holds its centre."""

    kilovolts: int
    source: str
    starts: np.ndarray  # clouds + 1
    rows: np.ndarray
    columns: np.ndarray
    pairs: np.ndarray
    placed: bool  # each cloud has its own place of entry in its pixel

    def __len__(self) -> int:
        return len(self.starts) - 1


def measured_clouds(path: pathlib.Path, kilovolts: int) -> Clouds:
    """event,row,col,pairs of 5 um cells, two a pixel along each axis; the electron enters at the centre of cell (50, 50). An event without
    a line between 0 and the last left no charge: it is a cloud without cells."""
    table = np.genfromtxt(path, delimiter=",", names=True, dtype=np.int64)
    table = table[np.argsort(table["event"], kind="stable")]
    starts = np.searchsorted(table["event"], np.arange(table["event"].max() + 2))
    return Clouds(kilovolts, "measured", starts, (table["row"] - 50) / 2, (table["col"] - 50) / 2, table["pairs"].astype(float), False)


def simulated_clouds(program: pathlib.Path, kilovolts: int, count: int) -> Clouds:
    """Of the project's simulator, as bench_clouds writes them: whole pixels, each cloud with its own place of entry in its pixel."""
    text = subprocess.run([program, str(kilovolts), str(count), "1"], check=True, capture_output=True, text=True).stdout
    table = np.array([[float(word) for word in line.split(",")] for line in text.splitlines()[1:]])
    starts = np.searchsorted(table[:, 0], np.arange(count + 1))
    return Clouds(kilovolts, "simulated", starts, table[:, 1], table[:, 2], table[:, 3], True)


def expand(starts: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(which electron, which cell) of all cells of the chosen clouds."""
    counts = starts[chosen + 1] - starts[chosen]
    electron = np.repeat(np.arange(len(chosen)), counts)
    first = np.cumsum(counts) - counts
    return electron, np.arange(len(electron)) - np.repeat(first, counts) + np.repeat(starts[chosen], counts)


@dataclass
class Electrons:
    """The electrons of a frame: where they enter, pixel centres at integers, and the charge that the frame collected of each."""

    rows: np.ndarray
    columns: np.ndarray
    charges_adu: np.ndarray


def illuminate(clouds: Clouds, electrons: int, rng: np.random.Generator) -> tuple[np.ndarray, Electrons]:
    """(ADU in each pixel, the electrons) of a frame."""
    chosen = rng.integers(0, len(clouds), electrons)
    symmetry = rng.integers(0, 8, electrons)
    electron, cell = expand(clouds.starts, chosen)
    down, right = clouds.rows[cell], clouds.columns[cell]
    swapped = (symmetry & 4 != 0)[electron]
    down, right = np.where(swapped, right, down), np.where(swapped, down, right)
    down = np.where((symmetry & 1)[electron], -down, down)
    right = np.where((symmetry & 2)[electron], -right, right)
    rows, columns = (places(clouds, offsets, electron, electrons, rng) for offsets in (down, right))
    row, column = np.floor(rows[electron] + down + 0.5).astype(np.int64), np.floor(columns[electron] + right + 0.5).astype(np.int64)
    inside = (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE)
    adu = clouds.pairs[cell[inside]] / PAIRS_PER_ADU
    frame = np.bincount((row * SIDE + column)[inside], adu, SIDE * SIDE)
    left = np.bincount(electron[inside], adu, electrons)
    return frame.reshape(SIDE, SIDE), Electrons(rows.astype(np.float32), columns.astype(np.float32), left.astype(np.float32))


def places(clouds: Clouds, offsets: np.ndarray, electron: np.ndarray, electrons: int, rng: np.random.Generator) -> np.ndarray:
    """Along one axis, drawn evenly; where each cloud has its own place in its pixel, that place in a pixel drawn evenly."""
    if not clouds.placed:
        return rng.uniform(-0.5, SIDE - 0.5, electrons).astype(np.float32).astype(np.float64)  # the truth's own precision
    fraction = rng.uniform(-0.5, 0.5, electrons)  # of those without cells
    fraction[electron] = np.round(offsets) - offsets
    return rng.integers(0, SIDE, electrons) + fraction


class Detector:
    """Baseline with the structure of rows, columns and pixels, and normal readout noise; whole ADU."""

    def __init__(self, noise_adu: float, rng: np.random.Generator) -> None:
        self.noise_adu = noise_adu
        self.rng = rng
        self.baseline = (BASELINE_ADU + rng.normal(0, 0.7, (SIDE, 1)) + rng.normal(0, 0.3, (1, SIDE)) + rng.normal(0, 0.6, (SIDE, SIDE)))

    def read(self, charge_adu: np.ndarray | float) -> np.ndarray:
        noise = self.rng.standard_normal((SIDE, SIDE), dtype=np.float32) * self.noise_adu
        return np.clip(np.rint(self.baseline + charge_adu + noise), 0, 65535).astype(np.uint16)


@dataclass(frozen=True)
class Dataset:
    frames: pathlib.Path
    darks: pathlib.Path
    truth: pathlib.Path


def scan_of(frames: int) -> tuple[int, int]:
    """(height, width) of a scan of so many frames, a power of two."""
    height = 1 << ((frames.bit_length() - 1) // 2)
    return height, frames // height


def make(folder: pathlib.Path, clouds: Clouds, occupancy: float, noise_adu: float, frames: int, seed: int) -> Dataset:
    """A scan as .npy stacks, its dark frames, and its truth in the layout of truth.h5 (docs/simulation.md)."""
    rng = np.random.default_rng([seed, clouds.kilovolts, round(1e6 * occupancy), round(10 * noise_adu)])
    detector = Detector(noise_adu, rng)
    scan = scan_of(frames)
    made = Dataset(folder / "frames.npy", folder / "darks.npy", folder / "truth.h5")
    np.save(made.darks, np.stack([detector.read(0.0) for _ in range(DARK_FRAMES)]).reshape(1, DARK_FRAMES, SIDE, SIDE))
    stack = np.lib.format.open_memmap(made.frames, "w+", np.uint16, (*scan, SIDE, SIDE)).reshape(frames, SIDE, SIDE)
    made_electrons: list[Electrons] = []
    for number in range(frames):
        electrons = rng.poisson(occupancy * SIDE * SIDE)
        charge, entered = illuminate(clouds, electrons, rng)
        stack[number] = detector.read(charge)
        made_electrons.append(entered)
    stack.base.flush()
    with h5py.File(made.truth, "w") as file:
        file.attrs.update(truth_version=np.int64(1), seed=np.uint64(seed), occupancy=float(occupancy), kilovolts=float(clouds.kilovolts),
                          baseline_adu=BASELINE_ADU, noise_adu=float(noise_adu), xrays_per_frame=0.0, hot_pixels=0.0)
        for name, value in (("scan_height", scan[0]), ("scan_width", scan[1]), ("frames_per_position", 1), ("frame_height", SIDE),
                            ("frame_width", SIDE)):
            file.attrs[name] = np.uint64(value)
        file["electrons/indptr"] = np.concatenate([[0], np.cumsum([len(each.rows) for each in made_electrons])]).astype(np.uint64)
        for name in ("rows", "columns", "charges_adu"):
            file["electrons/" + name] = np.concatenate([getattr(each, name) for each in made_electrons])
        file["detector/baseline_adu"] = detector.baseline.astype(np.float32)
        file["detector/hot_pixels"] = np.empty(0, np.uint32)
    return made
