"""docs/semantics.md once more, with numpy and scipy.ndimage and nothing of ours: what every backend is compared with."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

CHARGE_LIMIT = 1 << 30
NO_XRAY = 2**31 - 1
EIGHT_CONNECTED = np.ones((3, 3), bool)


@dataclass
class Setup:
    """The calibration and the options of a count; None means the same for every pixel."""

    dark16: np.ndarray | None = None
    gain: np.ndarray | None = None
    mask: np.ndarray | None = None
    pixel_background16: np.ndarray | None = None
    background16: int = 0
    xray16: int = NO_XRAY
    score16: int = 0
    method: str = "cluster"
    row_noise: str = "none"
    background: str = "none"
    values: str = "none"
    min_cluster_size: int = 1
    max_cluster_size: int = 0xFFFF_FFFF
    upsample: int = 1
    split: str = "none"


@dataclass
class Counted:
    """The events of a frame: indices sorted, ties by value; values empty when none are kept."""

    indices: np.ndarray
    values: np.ndarray
    xrays: int
    status: int

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Counted) and np.array_equal(self.indices, other.indices)
                and np.array_equal(self.values, other.values) and (self.xrays, self.status) == (other.xrays, other.status))


def arrived(shape: tuple[int, int], split: str, present: int) -> np.ndarray:
    """Which pixels belong to a sector that arrived."""
    if split == "none":
        return np.full(shape, present != 0)
    sectors = np.array([bool(present >> sector & 1) for sector in range(4)])
    axis = 0 if split == "rows" else 1
    along = np.repeat(sectors, shape[axis] // 4)
    return np.broadcast_to(along[:, None] if axis == 0 else along[None, :], shape)


def charges(frame: np.ndarray, setup: Setup, present: int) -> tuple[np.ndarray, np.ndarray]:
    """Charges in 1/16 ADU as int64, and which pixels have one at all."""
    has_charge = arrived(frame.shape, setup.split, present) & ~np.isnan(frame)
    if setup.mask is not None:
        has_charge &= setup.mask == 0
    scaled = np.rint(16.0 * np.where(np.isnan(frame), 0, frame).astype(np.float64))
    dark = 0.0 if setup.dark16 is None else setup.dark16.astype(np.float64)
    charge = np.clip(scaled - dark, -CHARGE_LIMIT, CHARGE_LIMIT)
    if setup.gain is not None:
        usable = np.isfinite(setup.gain) & (setup.gain > 0)
        has_charge &= usable
        with np.errstate(over="ignore"):
            product = charge.astype(np.float32) * np.where(usable, setup.gain, 0).astype(np.float32)
        charge = np.clip(np.rint(product).astype(np.float64), -CHARGE_LIMIT, CHARGE_LIMIT)
    charge = charge.astype(np.int64)
    if setup.row_noise != "none" or setup.background != "none":
        charge = np.clip(charge - noise(charge, has_charge, setup), -CHARGE_LIMIT, CHARGE_LIMIT)
    return charge, has_charge


def median(values: np.ndarray) -> int:
    """Halves rounded up."""
    values = np.sort(values)
    return (int(values[(len(values) - 1) // 2]) + int(values[len(values) // 2]) + 1) // 2


def row_middle(charge: np.ndarray, has_charge: np.ndarray) -> int:
    """The middle of the half ADU that holds the lower median of a half-row's sample: of the first 16 of each 80 columns."""
    in_sample = np.arange(len(charge)) % 80 < 16
    values = charge[has_charge & in_sample]
    if len(values) == 0:
        values = charge[has_charge]
    return int(np.sort(values)[(len(values) - 1) // 2]) // 8 * 8 + 4


def mean_about(middle: int, values: np.ndarray) -> int:
    """Values beyond 6 ADU of the middle are cut to it; halves rounded up."""
    n = len(values)
    return middle + (2 * int(np.clip(values - middle, -96, 96).sum()) + n) // (2 * n)


def noise(charge: np.ndarray, has_charge: np.ndarray, setup: Setup) -> np.ndarray:
    """What is subtracted from each pixel's charge."""
    height, width = charge.shape
    found = np.zeros_like(charge)
    medians = []
    for row in range(height):
        for half in (slice(0, width // 2), slice(width // 2, None)):
            values = charge[row, half][has_charge[row, half]]
            if len(values) == 0:
                continue
            if setup.row_noise == "mean":
                about_zero = mean_about(0, values)
                near = abs(about_zero) <= 32
                found[row, half] = about_zero if near else mean_about(row_middle(charge[row, half], has_charge[row, half]), values)
                continue
            middle = median(values)
            found[row, half] = middle
            if row % (1 if height < 128 else height // 64) == 0:
                medians.append(middle)
    if setup.background == "frame":
        found[:] = median(np.array(medians)) if medians else 0
    return found


def background(setup: Setup) -> np.ndarray | int:
    return setup.background16 if setup.pixel_background16 is None else setup.pixel_background16.astype(np.int64)


def clusters(charge: np.ndarray, hits: np.ndarray, setup: Setup) -> tuple[list[tuple[int, int]], int]:
    """(index, value) of every component kept, and how many were rejected as X-rays. Python integers: no width to overflow."""
    labels, count = ndimage.label(hits, structure=EIGHT_CONNECTED)
    rows, columns = np.nonzero(hits)
    component = labels[rows, columns] - 1
    charge_of = charge[rows, columns]
    size, total, weighted_row, weighted_column, xray_pixels = (np.zeros(count, np.int64) for _ in range(5))
    np.add.at(size, component, 1)
    np.add.at(total, component, charge_of)
    np.add.at(weighted_row, component, charge_of * rows)
    np.add.at(weighted_column, component, charge_of * columns)
    np.add.at(xray_pixels, component, charge_of >= setup.xray16)
    k, grid_width = setup.upsample, setup.upsample * charge.shape[1]
    events = []
    for n, s, y, x, xray in zip(*(array.tolist() for array in (size, total, weighted_row, weighted_column, xray_pixels))):
        if xray == 0 and setup.min_cluster_size <= n <= setup.max_cluster_size:
            index = k * (2 * y + s) // (2 * s) * grid_width + k * (2 * x + s) // (2 * s)
            events.append((index, n if setup.values == "size" else min(s, 0xFFFF_FFFF)))
    return events, int(np.count_nonzero(xray_pixels))


def maxima(kept: np.ndarray) -> np.ndarray:
    """Which pixels are above 0 and strictly greater than all their neighbours inside the frame."""
    height, width = kept.shape
    padded = np.pad(kept, 1, constant_values=-1)
    greater = kept > 0
    for down in range(3):
        for right in range(3):
            if (down, right) != (1, 1):
                greater &= kept > padded[down:down + height, right:right + width]
    return greater


AROUND = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]


def shifted(padded: np.ndarray, down: int, right: int) -> np.ndarray:
    """The image of which `padded` has one more pixel on every side, moved."""
    height, width = padded.shape
    return padded[1 + down:height - 1 + down, 1 + right:width - 1 + right]


def peak_pixels(charge: np.ndarray, has_charge: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Which hits beat their eight neighbours."""
    lowest = -(1 << 40)
    padded = np.pad(np.where(has_charge, charge, lowest), 1, constant_values=lowest)
    peak = hits.copy()
    for place in AROUND:
        other = shifted(padded, *place)
        peak &= charge > other if place < (0, 0) else charge >= other
    return peak


def peak_scores(charge: np.ndarray, has_charge: np.ndarray) -> np.ndarray:
    """Twice the charge and the largest of the four blocks of 2 x 2."""
    height, width = charge.shape
    signed = np.pad(np.where(has_charge, charge, 0), 1)
    block = np.max([signed[y:y + height, x:x + width] + signed[y + 1:y + 1 + height, x:x + width] + signed[y:y + height, x + 1:x + 1 + width]
                    + signed[y + 1:y + 1 + height, x + 1:x + 1 + width] for y in (0, 1) for x in (0, 1)], axis=0)
    return 2 * charge + block


def peaks(charge: np.ndarray, has_charge: np.ndarray, hits: np.ndarray, setup: Setup) -> tuple[list[tuple[int, int]], int]:
    """(index, value) of every peak whose score is above its threshold, and how many peaks were X-rays."""
    peak = peak_pixels(charge, has_charge, hits)
    xray = peak & (charge >= setup.xray16)
    event = peak & ~xray & (peak_scores(charge, has_charge) > setup.score16)
    signed = np.pad(np.where(has_charge, charge, 0), 1)
    hit_pixels = np.pad(hits, 1).astype(np.int64)
    charge_of_nine = charge + sum(shifted(signed, *place) for place in AROUND)
    hits_of_nine = hits + sum(shifted(hit_pixels, *place) for place in AROUND)
    k = setup.upsample

    def cell(at: int, middle: int, before: int, after: int) -> int:
        before, after = max(before, 0), max(after, 0)
        total = middle + before + after
        return min(k * (at + 1) - 1, k * at + k * (total + 2 * (after - before)) // (2 * total))

    events = []
    for y, x in zip(*(axis.tolist() for axis in np.nonzero(event))):
        near = signed[y:y + 3, x:x + 3].tolist()
        row = cell(y, near[1][1], near[0][1], near[2][1])
        column = cell(x, near[1][1], near[1][0], near[1][2])
        value = int(hits_of_nine[y, x]) if setup.values == "size" else min(max(int(charge_of_nine[y, x]), 0), 0xFFFF_FFFF)
        events.append((row * k * charge.shape[1] + column, value))
    return events, int(np.count_nonzero(xray))


def counted(frame: np.ndarray, setup: Setup, present: int) -> Counted:
    """A pixel of value v is v events."""
    usable = arrived(frame.shape, setup.split, present) & ~np.isnan(frame)
    if setup.mask is not None:
        usable &= setup.mask == 0
    events = np.where(usable, np.maximum(np.rint(np.where(np.isnan(frame), 0, frame).astype(np.float64)), 0), 0).astype(np.int64)
    indices = np.repeat(np.arange(frame.size, dtype=np.uint32), events.ravel())
    return Counted(indices, np.empty(0, np.uint32), 0, present)


def count(frame: np.ndarray, setup: Setup, present: int = 15) -> Counted:
    """The events of one frame."""
    if present == 0:
        return Counted(np.empty(0, np.uint32), np.empty(0, np.uint32), 0, 0)
    if setup.method == "counts":
        return counted(frame, setup, present)
    charge, has_charge = charges(frame, setup, present)
    hits = has_charge & (charge > background(setup))
    xray_pixels = hits & (charge >= setup.xray16)
    if setup.method == "cluster":
        events, xrays = clusters(charge, hits, setup)
    elif setup.method == "peaks":
        events, xrays = peaks(charge, has_charge, hits, setup)
    else:
        chosen = hits if setup.method == "pixels" else maxima(np.where(hits & ~xray_pixels, charge, 0))
        value = np.ones_like(charge) if setup.values == "size" else charge
        events = list(zip(np.flatnonzero(chosen).tolist(), value[chosen].tolist()))
        xrays = int(np.count_nonzero(xray_pixels))
    events.sort()
    indices = np.array([index for index, _ in events], np.uint32)
    values = np.array([] if setup.values == "none" else [value for _, value in events], np.uint32)
    return Counted(indices, values, xrays, present | (0x20 if xrays else 0))
