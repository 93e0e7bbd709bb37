"""Draws docs/measured/counting.json, which bench/peers/counting.py --json wrote, as the chart of the README.

    python3 bench/peers/chart.py docs/measured/counting.json docs/pictures/counting.svg

Frames per second of one thread, all programs counting the same frames from memory; the axis is logarithmic.
"""

import json
import math
import pathlib
import sys
from xml.sax.saxutils import escape

# Rows of the chart: label, key of the measurement, colour.
PROGRAMS = [
    ("countem, cluster", "countem cluster, from memory", "#0b6e99"),
    ("OpenCV, components", "OpenCV connectedComponentsWithStats", "#8a8f98"),
    ("stempy, maximum", "stempy maximum, from memory", "#8a8f98"),
    ("scipy, label", "scipy label + center_of_mass", "#8a8f98"),
]
LEFT, RIGHT, TOP = 150, 90, 58
BAR, GAP, BLOCK_GAP = 17, 5, 30
WIDTH = 720
DECADES = (100, 100_000)  # the axis, in frames per second


def x_of(rate: float) -> float:
    low, high = (math.log10(end) for end in DECADES)
    return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(rate) - low) / (high - low)


def text(x: float, y: float, content: str, **style: object) -> str:
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{escape(content)}</text>'


def axis(bottom: float) -> list[str]:
    drawn = []
    for exponent in range(round(math.log10(DECADES[0])), round(math.log10(DECADES[1])) + 1):
        x = x_of(10**exponent)
        drawn.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" stroke="#d8dbe0"/>')
        drawn.append(text(x, bottom + 15, f"{10**exponent:,}", text_anchor="middle", fill="#555"))
    return drawn


def block(rates: dict[str, float], top: float) -> list[str]:
    drawn = []
    ours = rates[PROGRAMS[0][1]]
    for row, (label, key, colour) in enumerate(PROGRAMS):
        y = top + row * (BAR + GAP)
        end = x_of(rates[key])
        drawn.append(f'<rect x="{LEFT}" y="{y:.1f}" width="{end - LEFT:.1f}" height="{BAR}" rx="2" fill="{colour}"/>')
        drawn.append(text(LEFT - 8, y + BAR - 4, label, text_anchor="end"))
        factor = "" if row == 0 else f"  (1/{ours / rates[key]:.0f})"
        drawn.append(text(end + 6, y + BAR - 4, f"{rates[key]:,.0f}{factor}", fill="#333"))
    return drawn


def chart(result: dict) -> str:
    runs = [run for run in result["runs"] if run["threads"] == 1]
    drawn, y = [], TOP + 14
    for run in runs:
        drawn.append(text(LEFT, y - 5, f"{100 * run['occupancy']:g} % occupancy (electrons per pixel)", font_weight="bold"))
        drawn += block(run["frames_per_s"], y)
        y += len(PROGRAMS) * (BAR + GAP) + BLOCK_GAP
    bottom = y - BLOCK_GAP
    height = bottom + 44
    machine = result["machine"]
    caption = f"frames/s, one thread, {machine['cpu']}, {machine.get('date', 'no date')}; logarithmic axis"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12" role="img">',
        "<title>Counting rates of countem, OpenCV, stempy and scipy on the same frames</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        text(12, 24, "Counting 576 x 576 frames from memory", font_size=16, font_weight="bold"),
        *axis(bottom), *drawn,
        text(12, height - 8, caption, fill="#555"),
        "</svg>", ""])


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    source, target = map(pathlib.Path, sys.argv[1:])
    target.write_text(chart(json.loads(source.read_text())))


if __name__ == "__main__":
    main()
