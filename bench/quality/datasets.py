"""Frames of known electrons for counting_quality.py: flat illumination of a thinned detector, made from clouds of single electrons.

A cloud is what one electron leaves in the pixels around its entry, in electron-hole pairs, for one place of entry inside its pixel. Each
electron of a frame gets a cloud drawn at random, one of the eight rotations and reflections, and a pixel drawn evenly.
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
    """Pixels of all clouds, one cloud after another: distance of a pixel's centre from the entry in pixels, and its pairs. Each cloud has its
    own place of entry in its pixel."""

    kilovolts: int
    source: str
    starts: np.ndarray  # clouds + 1
    rows: np.ndarray
    columns: np.ndarray
    pairs: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1


CELLS = 101  # of a measured cloud along an axis; the electron enters at the centre of the middle one
REACH = CELLS // 4 + 1  # pixels of two cells on either side of the entry's
PLACES = 8  # places of entry along an axis of a pixel
LEAST_PAIRS = 0.05


def binned(cells: np.ndarray, entry: float) -> np.ndarray:
    """Cells along the first axis to pixels of two cells, for an entry at this distance from its pixel's centre. The charge up to the edges
    of cells is known; between them it follows a monotone cubic (harmonic mean slopes), which keeps the charge of every cell."""
    up_to = np.concatenate([np.zeros((1, cells.shape[1])), np.cumsum(cells, axis=0)])
    before, after = np.pad(cells, ((1, 0), (0, 0))), np.pad(cells, ((0, 1), (0, 0)))
    slope = np.divide(2 * before * after, before + after, out=np.zeros_like(before), where=before + after > 0)
    edges = np.clip(CELLS / 2 - 1 + 2 * (np.arange(-REACH, REACH + 2) - entry), 0, CELLS)
    cell = np.minimum(edges.astype(int), CELLS - 1)
    t = (edges - cell)[:, None]
    smooth = t * t * (3 - 2 * t)
    at_edges = (1 - smooth) * up_to[cell] + smooth * up_to[cell + 1] + t * (1 - t) * ((1 - t) * slope[cell] - t * slope[cell + 1])
    return np.diff(at_edges, axis=0)


def measured_clouds(path: pathlib.Path, kilovolts: int) -> Clouds:
    """event,row,col,pairs of 5 um cells, two a pixel along each axis; the electron enters at the centre of cell (50, 50). An event without
    a line between 0 and the last left no charge: it is a cloud without pixels. Each comes with PLACES x PLACES places of entry, one drawn in
    each part of the pixel."""
    table = np.genfromtxt(path, delimiter=",", names=True, dtype=np.int64)
    rng = np.random.default_rng(kilovolts)
    found, counts = [], []
    for event in range(table["event"].max() + 1):
        own = table[table["event"] == event]
        cells = np.zeros((CELLS, CELLS))
        np.add.at(cells, (own["row"], own["col"]), own["pairs"])
        for part in range(PLACES**2):
            row, column = (np.array(divmod(part, PLACES)) + rng.random(2)) / PLACES - 0.5
            pixels = binned(binned(cells, row).T, column).T
            at = np.argwhere(pixels >= LEAST_PAIRS)
            found.append(np.column_stack([at - REACH - [row, column], pixels[at[:, 0], at[:, 1]]]))
            counts.append(len(at))
    cloud = np.concatenate(found)
    return Clouds(kilovolts, "measured", np.concatenate([[0], np.cumsum(counts)]), cloud[:, 0], cloud[:, 1], cloud[:, 2])


def simulated_clouds(program: pathlib.Path, kilovolts: int, count: int) -> Clouds:
    """Of the project's simulator, as bench_clouds writes them."""
    text = subprocess.run([program, str(kilovolts), str(count), "1"], check=True, capture_output=True, text=True).stdout
    table = np.array([[float(word) for word in line.split(",")] for line in text.splitlines()[1:]])
    starts = np.searchsorted(table[:, 0], np.arange(count + 1))
    return Clouds(kilovolts, "simulated", starts, table[:, 1], table[:, 2], table[:, 3])


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
    rows, columns = (places(offsets, electron, electrons, rng) for offsets in (down, right))
    row, column = np.floor(rows[electron] + down + 0.5).astype(np.int64), np.floor(columns[electron] + right + 0.5).astype(np.int64)
    inside = (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE)
    adu = clouds.pairs[cell[inside]] / PAIRS_PER_ADU
    frame = np.bincount((row * SIDE + column)[inside], adu, SIDE * SIDE)
    left = np.bincount(electron[inside], adu, electrons)
    return frame.reshape(SIDE, SIDE), Electrons(rows.astype(np.float32), columns.astype(np.float32), left.astype(np.float32))


def places(offsets: np.ndarray, electron: np.ndarray, electrons: int, rng: np.random.Generator) -> np.ndarray:
    """Along one axis: each cloud's place in its pixel, the pixel drawn evenly."""
    fraction = rng.uniform(-0.5, 0.5, electrons)  # of those without pixels
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
