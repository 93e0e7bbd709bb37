"""Event stores of random events, written through the library, and the dense numbers that they must show."""

import pathlib
from dataclasses import dataclass

import numpy as np

from abi import Library
from semantics import Counted


@dataclass
class Example:
    """A kind of store that a client must show rightly."""

    name: str
    shape: tuple[int, int] = (48, 64)
    scan: tuple[int, int] = (3, 5)
    frames_per_position: int = 1
    wide_counts: bool = False
    fast_sparse: bool = False
    occupancy: float = 0.02
    values: str = "none"

    @property
    def dense_shape(self) -> tuple[int, ...]:
        repeats = () if self.frames_per_position == 1 else (self.frames_per_position,)
        return (*self.scan, *repeats, *self.shape)

    def events(self) -> list[Counted]:
        """Frames with empty ones, missing ones, repeated indices, and one index repeated beyond what u8 counts."""
        rng = np.random.default_rng(sum(self.name.encode()))
        pixels = self.shape[0] * self.shape[1]
        frames = []
        for number in range(self.scan[0] * self.scan[1] * self.frames_per_position):
            if number % 7 == 3:
                frames.append(Counted(np.empty(0, np.uint32), np.empty(0, np.uint32), 0, 0))
                continue
            occupancy = 0 if number % 7 == 5 else self.occupancy
            drawn = rng.integers(0, pixels, rng.poisson(occupancy * pixels))
            repeated = np.full(300, pixels // 2) if number == 1 else drawn[:4]
            corners = [0, pixels - 1] if number == 2 else []
            indices = np.concatenate([drawn, repeated, corners]).astype(np.uint32)
            values = rng.integers(0, 2**32, len(indices) if self.values != "none" else 0, dtype=np.uint32)
            order = np.lexsort((values, indices) if self.values != "none" else (indices,))
            frames.append(Counted(indices[order], values[order] if self.values != "none" else values, 0, 15))
        return frames

    def write(self, library: Library, path: pathlib.Path) -> np.ndarray:
        """Writes the store; returns its dense numbers, found from the events alone."""
        frames = self.events()
        library.write_store(path, frames, self.shape, self.scan, self.frames_per_position, self.values,
                            self.wide_counts, self.fast_sparse)
        return dense(frames, self.shape, 65535 if self.wide_counts else 255).reshape(self.dense_shape)


def dense(frames: list[Counted], shape: tuple[int, int], largest: int) -> np.ndarray:
    """(frame, row, column): how many events each pixel has, at most `largest`."""
    counts = np.stack([np.bincount(frame.indices, minlength=shape[0] * shape[1]) for frame in frames])
    return np.minimum(counts, largest).astype(np.uint8 if largest == 255 else np.uint16).reshape(len(frames), *shape)


EXAMPLES = [
    Example("plain"),
    Example("fast_sparse", fast_sparse=True),
    Example("wide_counts", wide_counts=True),
    Example("values", values="charge"),
    Example("fast_sparse_values", values="size", fast_sparse=True),
    Example("camera", shape=(576, 576), scan=(2, 3), occupancy=0.01),
    Example("not_square", shape=(33, 7), scan=(4, 2), occupancy=0.3),
]
SEVERAL_FRAMES = Example("several_frames", frames_per_position=2)
