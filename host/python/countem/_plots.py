"""Pictures by matplotlib, which is imported when one is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from countem._image import Image


def pyplot() -> Any:
    """matplotlib.pyplot. Raises ImportError with advice."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as failure:
        raise ImportError("plots are drawn by matplotlib: pip install matplotlib") from failure
    return plt


def draw_image(image: Image, ax: Any = None, **options: Any) -> Any:
    """An image with its axes in their units; see Image.plot."""
    if image.ndim != 2:
        raise ValueError(f"a picture has two dimensions, {image.name or 'the array'} has {image.ndim}")
    plt = pyplot()
    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    if len(image.axes) == 2:
        rows, columns = image.axes
        edges = [columns.at(-0.5), columns.at(columns.size - 0.5), rows.at(rows.size - 0.5), rows.at(-0.5)]
        options.setdefault("extent", edges)
        ax.set_xlabel(f"{columns.name} ({columns.unit})")
        ax.set_ylabel(f"{rows.name} ({rows.unit})")
    signed = bool(np.nanmin(image) < 0) if np.isfinite(image).any() else False
    options.setdefault("cmap", "RdBu_r" if signed and image.name == "phase" else "viridis")
    drawn = ax.imshow(np.asarray(image), interpolation="nearest", **options)
    ax.set_title(image.meaning or "", fontsize="medium", loc="left")
    ax.figure.colorbar(drawn, ax=ax, label=image.unit or "")
    return ax
