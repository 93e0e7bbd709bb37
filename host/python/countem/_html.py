"""What notebooks show of scans and results: small pictures and facts, without scripts and without requests."""

from __future__ import annotations

import base64
import html
import json
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from countem import _countem

if TYPE_CHECKING:
    from countem._image import Axis, Image
    from countem._reductions import CentreOfMass
    from countem._store import Scan

_SIDE = 160  # of a picture, at most
_SHOWN_SIDE = 160
_SAMPLED = 1 << 20
_NO_VALUE = bytes((128, 128, 128))  # in no map but gray
_LEVELS = 255


def scan_html(scan: Scan) -> str:
    """Facts of a scan and a picture of its counts; reads no events."""
    rows, columns = scan.shape[:2]
    height, width = scan.shape[-2:]
    repeats = f" × {scan._repeats} frames" if scan._repeats > 1 else ""
    facts = [("Scan", f"{rows} × {columns} positions{repeats}{_span(scan.axes[:2])}"), ("Detector", f"{height} × {width} pixels{_span(scan.axes[-2:])}")]
    picture = ""
    if _counts_are_known(scan):
        counts = np.asarray(scan.counts)
        facts += _doses(counts, scan)
        picture = _picture(counts, "electrons at each scan position")
    facts += _thresholds(scan.provenance)
    part = "" if scan._part == scan._whole else "a part of "
    return _box(f"countem scan, {part}{scan._path or 'in memory'}", picture, facts)


def image_html(image: Image) -> str:
    """An image's picture with its unit; an array of other dimensions by its numbers."""
    if image.ndim != 2 or not image.size:
        return f"<pre>{html.escape(repr(np.asarray(image)))}</pre>"
    values = np.asarray(image, np.float64)
    finite = values[np.isfinite(values)]
    facts = [("Shape", " × ".join(map(str, image.shape)) + _span(image.axes))]
    if finite.size:
        facts.append(("Values", f"{_number(finite.min())} to {_number(finite.max())} {image.unit or ''}".rstrip()))
    if image.error is not None:
        facts.append(("Standard errors", "known"))
    return _box(image.meaning or image.name or "image", _picture(values, image.meaning or image.name or "image"), facts)


def centres_html(centres: CentreOfMass) -> str:
    """Rows and columns of the centres of mass, side by side."""
    pictures = "".join(_picture(np.asarray(one, np.float64), one.meaning or name) for name, one in (("rows", centres.row), ("columns", centres.column)))
    facts = [("Shape", " × ".join(map(str, centres.row.shape)) + _span(centres.row.axes))]
    for name, one in (("Row", centres.row), ("Column", centres.column)):
        finite = np.asarray(one)[np.isfinite(one)]
        if finite.size:
            facts.append((name, f"{finite.mean():.3f} ± {finite.std():.3f} {one.unit or ''} (mean and spread)"))
    return _box(f"centres of mass, {centres.row.meaning or ''}", pictures, facts)


def png(levels: npt.NDArray[np.uint8], colours: bytes) -> bytes:
    """A PNG of (rows, columns) places in a table of red, green, blue."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = levels.shape
    lines = np.zeros((height, width + 1), np.uint8)  # each line begins with 0: it is stored as it is
    lines[:, 1:] = levels
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"PLTE", colours) + chunk(b"IDAT", zlib.compress(lines.tobytes(), 6)) + chunk(b"IEND", b"")


def _counts_are_known(scan: Scan) -> bool:
    whole = scan._whole
    return "counts" in scan.__dict__ or (scan._part.rows.length, scan._part.columns.length) == (whole.rows.length, whole.columns.length)


def _doses(counts: npt.NDArray[np.float64], scan: Scan) -> list[tuple[str, str]]:
    arrived = np.isfinite(counts)
    electrons, positions = float(counts[arrived].sum()), int(arrived.sum())
    facts = [("Electrons", f"{electrons:,.0f}")]
    if positions:
        frame = electrons / positions / scan._repeats
        facts.append(("Electrons per frame", f"{_number(frame)} ({_number(frame / (scan.shape[-2] * scan.shape[-1]))} per pixel)"))
        row, column = scan.axes[:2]
        if row.unit == "nm":
            facts.append(("Dose", f"{_number(electrons / positions / abs(100 * row.step * column.step))} electrons per Å², as counted"))
    if positions < counts.size:
        facts.append(("Never arrived", f"{counts.size - positions:,} of {counts.size:,} positions"))
    return facts


def _thresholds(provenance: dict[str, str]) -> list[tuple[str, str]]:
    try:
        found = json.loads(provenance.get("thresholds", "{}"))
    except ValueError:
        return []
    names = (("background_adu", "background"), ("score_adu", "score"), ("xray_adu", "X-rays"))
    words = [f"{word} {_number(found[name])} ADU" for name, word in names if isinstance(found, dict) and isinstance(found.get(name), (int, float))]
    return [("Thresholds", ", ".join(words))] if words else []


def _span(axes: tuple[Axis, ...]) -> str:
    """How large all of it is, where that is known in a unit of length or angle."""
    if len(axes) != 2 or axes[0].unit not in ("nm", "mrad"):
        return ""
    return f" ({_number(axes[0].size * abs(axes[0].step))} × {_number(axes[1].size * abs(axes[1].step))} {axes[0].unit})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _small(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Means of blocks, so that no side is longer than a picture's."""
    sparse = max(1, int(np.sqrt(values.size / _SAMPLED)))
    values = values[::sparse, ::sparse]
    block = -(-max(values.shape) // _SIDE)
    down, across = min(block, values.shape[0]), min(block, values.shape[1])
    height, width = values.shape[0] // down, values.shape[1] // across
    return values[: height * down, : width * across].reshape(height, down, width, across).mean(axis=(1, 3))


def _picture(values: npt.NDArray[np.float64], words: str) -> str:
    small = _small(np.asarray(values, np.float64))
    finite = small[np.isfinite(small)]
    low, high = np.quantile(finite, (0.002, 0.998)) if finite.size else (0.0, 0.0)
    share = np.nan_to_num((small - low) / (high - low) if high > low else np.zeros_like(small), nan=0.0, posinf=1.0, neginf=0.0)
    levels = np.round(np.clip(share, 0, 1) * (_LEVELS - 1)).astype(np.uint8)
    levels[~np.isfinite(small)] = _LEVELS
    table = _countem.colour_table("perceptual")
    coded = base64.b64encode(png(levels, table[: 3 * _LEVELS] + _NO_VALUE)).decode()
    scale = _SHOWN_SIDE / max(small.shape)
    height, width = (max(8, round(scale * length)) for length in small.shape)
    return (f'<img alt="{html.escape(words, quote=True)}" width="{width}" height="{height}" style="image-rendering:pixelated;margin:0;max-width:none" '
            f'src="data:image/png;base64,{coded}">')


def _box(title: str, pictures: str, facts: list[tuple[str, str]]) -> str:
    rows = "".join(f'<span style="opacity:0.7">{html.escape(name)}</span><span>{html.escape(value)}</span>' for name, value in facts)
    return (f'<div style="display:flex;flex-wrap:wrap;gap:1em;align-items:flex-start;line-height:1.5">{pictures}'
            f"<div><strong>{html.escape(title)}</strong>"
            f'<div style="display:grid;grid-template-columns:max-content auto;gap:0 1.2em">{rows}</div></div></div>')
