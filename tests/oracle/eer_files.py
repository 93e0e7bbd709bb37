"""EER files as the camera's maker describes them: packed electrons, and TIFF directories that lead to them."""

import struct
from collections.abc import Sequence

Electrons = dict[int, tuple[int, int]]  # pixel: column and row of the part of it where the electron was found


def packed(codes: Sequence[tuple[int, int]]) -> bytes:
    """Numbers of so many bits each, from the lowest bit on, to whole pairs of bytes."""
    value, at = 0, 0
    for number, bits in codes:
        value |= number << at
        at += bits
    return value.to_bytes(-(-at // 16) * 2, "little")


def packed_frame(electrons: Electrons, pixels: int, run_bits: int, sub_bits: int) -> bytes:
    longest, upper_half = (1 << run_bits) - 1, (1 << sub_bits) >> 1
    codes: list[tuple[int, int]] = []

    def skip(empty: int) -> int:
        codes.extend([(longest, run_bits)] * (empty // longest))
        return empty % longest

    position = 0
    for pixel, (x, y) in sorted(electrons.items()):
        codes += [(skip(pixel - position), run_bits), (x ^ upper_half, sub_bits), (y ^ upper_half, sub_bits)]
        position = pixel + 1
    if rest := skip(pixels - position):
        codes.append((rest, run_bits))
    return packed(codes)


def tiff(directories: Sequence[tuple[int, bytes]], shape: tuple[int, int], tags: dict[int, int] | None = None, big: bool = True) -> bytes:
    """A directory for each (compression, data), in one strip; `tags`: numbers that the camera's maker adds."""
    number, count, entry, short, long = ("<Q", "<Q", "<HHQQ", 3, 4) if big else ("<I", "<H", "<HHII", 3, 4)
    file = bytearray(b"II+\0\x08\0\0\0" + bytes(8) if big else b"II*\0" + bytes(4))
    link = len(file) - struct.calcsize(number)
    for compression, data in directories:
        begin = len(file)
        file += data
        entries = [(256, long, shape[1]), (257, long, shape[0]), (258, short, 1), (259, short, compression), (273, long, begin),
                   (278, long, shape[0]), (279, long, len(data)), *((tag, short, value) for tag, value in (tags or {}).items())]
        struct.pack_into(number, file, link, len(file))
        file += struct.pack(count, len(entries))
        for tag, kind, value in sorted(entries):
            file += struct.pack(entry, tag, kind, 1, value)
        link = len(file)
        file += bytes(struct.calcsize(number))
    return bytes(file)
