"""A scan of a thin object far from focus, by rays: the pixel at w sees the object at the scan position plus a matrix times w."""

import math
import random
import struct

from raw_files import npy

SIDE = 24  # scan positions and detector pixels alike
RADIUS = 8.0
MIDDLE = 11.5


def write_tilted_scan(path, per_pixel=-0.5, degrees=30.0, electrons=250, contrast=0.8):
    """Electrons per pixel as .npy, one frame per position. Displacements in scan steps are `per_pixel` times the detector vector,
    turned clockwise by `degrees`."""
    drawn = random.Random(5)
    bumps = [(drawn.uniform(-6, SIDE + 6), drawn.uniform(-6, SIDE + 6)) for _ in range(90)]

    def transmission(row, column):
        return 1 - contrast * min(1, sum(math.exp(-((row - r)**2 + (column - c)**2) / 3) for r, c in bumps if abs(row - r) < 5 and abs(column - c) < 5))

    coarse = {(r, c): transmission(r / 2, c / 2) for r in range(-14, 2 * SIDE + 14) for c in range(-14, 2 * SIDE + 14)}
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    pixels = [(row - MIDDLE, column - MIDDLE) for row in range(SIDE) for column in range(SIDE)]
    disk = [(number, per_pixel * (cosine * row + sine * column), per_pixel * (cosine * column - sine * row))
            for number, (row, column) in enumerate(pixels) if math.hypot(row, column) < RADIUS]
    frames = bytearray()
    for row in range(SIDE):
        for column in range(SIDE):
            counts = [0] * (SIDE * SIDE)
            for _ in range(electrons):
                number, down, right = drawn.choice(disk)
                if drawn.random() < coarse[round(2 * (row + down)), round(2 * (column + right))]:
                    counts[number] += 1
            frames += struct.pack(f"<{len(counts)}B", *counts)
    path.write_bytes(npy((SIDE * SIDE, SIDE, SIDE), bytes(frames), kind="|u1"))
    return ("count", path, "--method", "counts", "--scan", f"{SIDE}x{SIDE}", "--no-png")
