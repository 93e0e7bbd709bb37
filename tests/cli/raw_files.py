"""Raw camera files made byte by byte from the format's description, independent of the program that reads them."""

import pathlib
import struct

HEIGHT = WIDTH = 576
SECTOR_ROWS = 144
HEADER = struct.Struct("<IIHHHH")  # scan number, frame number, scan width, scan height, x, y
SECTOR_BYTES = 2 * SECTOR_ROWS * WIDTH


def sector(events=(), level=0):
    """One sector's pixels: `level` everywhere, 100 more at each (row, column)."""
    pixels = bytearray(struct.pack("<H", level) * (SECTOR_ROWS * WIDTH))
    for row, column in events:
        struct.pack_into("<H", pixels, 2 * (row * WIDTH + column), level + 100)
    return bytes(pixels)


def record(x, y, width, height, pixels, frame=None, scan=1):
    number = y * width + x + 1 if frame is None else frame
    return HEADER.pack(scan, number, width, height, x, y) + pixels


def write_scan(directory, width=2, height=2, modules=(0, 1, 2, 3), event=(10, 20), level=0):
    """A small v5 scan; every sector of every frame holds one event. Returns the files, module by module."""
    directory = pathlib.Path(directory)
    files = []
    pixels = sector([event], level)
    for module in modules:
        path = directory / f"data_scan0000000001_id0000_module{module}_part0.data"
        path.write_bytes(b"".join(record(x, y, width, height, pixels) for y in range(height) for x in range(width)))
        files.append(path)
    return files


def write_headers(directory, width, height, module=0):
    """One module's v5 file, its pixels holes that read as zeros."""
    path = pathlib.Path(directory) / f"headers_scan0000000001_module{module}.data"
    with open(path, "wb") as file:
        for number in range(width * height):
            file.seek(number * (HEADER.size + SECTOR_BYTES))
            file.write(HEADER.pack(1, number, width, height, number % width, number // width))
        file.truncate(width * height * (HEADER.size + SECTOR_BYTES))
    return path


def npy(shape, values, kind="<u2"):
    """An NPY file (version 1.0) as bytes."""
    text = repr({"descr": kind, "fortran_order": False, "shape": tuple(shape)}).encode()
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + values
