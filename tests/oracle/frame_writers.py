"""Frames in files of every format that countem reads, written from docs/formats.md alone: the rows of test_every_format.py.

A writer gets an array of two axes (one frame), three (frames in a line) or four (a scan), and returns the path to give."""

import pathlib
import struct
from collections.abc import Callable
from dataclasses import dataclass

import h5py
import numpy as np

Writer = Callable[[pathlib.Path, str, np.ndarray], pathlib.Path]  # folder, stem of the file's name, pixels


@dataclass(frozen=True)
class Kind:
    """A format with a type of pixel."""

    format: str
    type: str  # as the format calls it
    dtype: str  # of numpy, in which it is written
    write: Writer
    shape: tuple[int, int] = (8, 8)
    low: float = 5  # the least value of the darks
    step: float = 45  # of an electron
    options: tuple[str, ...] = ()  # without which the frames cannot be read
    holds_scan: bool = True  # four axes; else one line, which --scan folds
    image: str = ""  # why one frame is refused as a gain or weights: words of the sentence; empty: it is not
    mask: str = ""  # why it is refused as a mask

    def __str__(self) -> str:
        return f"{self.format}-{self.type}"


def stacked(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(-1, *pixels.shape[-2:])


def scan_of(pixels: np.ndarray) -> tuple[int, int]:
    """Columns and rows."""
    lead = (1, 1, *pixels.shape[:-2])
    return lead[-1], lead[-2]


def npy(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
    np.save(folder / f"{stem}.npy", pixels)
    return folder / f"{stem}.npy"


def fortran(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
    return npy(folder, stem, np.asfortranarray(pixels))


def hdf5(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
    with h5py.File(folder / f"{stem}.h5", "w") as file:
        file["measured/frames"] = pixels
    return folder / f"{stem}.h5"


def chunked(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
    with h5py.File(folder / f"{stem}.h5", "w") as file:
        lead = pixels.ndim - 2
        file.create_dataset("measured/frames", data=pixels, chunks=(1,) * lead + pixels.shape[-2:], compression="gzip")
    return folder / f"{stem}.h5"


def raw(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
    pixels.tofile(folder / f"{stem}.raw")
    return folder / f"{stem}.raw"


def mrc(mode: int, order: str = "<", largest: float | None = None) -> Writer:
    def write(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
        frames = stacked(pixels)
        header = bytearray(1024)
        struct.pack_into(f"{order}4i", header, 0, frames.shape[2], frames.shape[1], len(frames), mode)
        struct.pack_into(f"{order}3f", header, 76, frames.min(), frames.max() if largest is None else largest, frames.mean())
        header[208:216] = b"MAP " + (b"DD\0\0" if order == "<" else b"\x11\x11\0\0")
        body = frames.tobytes()
        if mode == 101:
            body = (frames[..., 0::2] | frames[..., 1::2] << 4).tobytes()
        (folder / f"{stem}.mrc").write_bytes(bytes(header) + body)
        return folder / f"{stem}.mrc"

    return write


def packed_bits(frames: np.ndarray) -> bytes:
    """64 pixels in a word, the last in its highest bit, which comes first in the file."""
    return np.packbits(frames.reshape(-1, 64)[:, ::-1], axis=-1).tobytes()


def turned_words(frames: np.ndarray, pixels: int) -> bytes:
    return np.ascontiguousarray(frames.reshape(-1, pixels)[:, ::-1]).tobytes()


MIB_BODIES: dict[str, Callable[[np.ndarray], bytes]] = {
    "1": packed_bits,
    "6": lambda frame: turned_words(frame.astype("u1"), 8),
    "12": lambda frame: turned_words(frame.astype(">u2"), 4),
    "24": lambda frame: turned_words((frame >> 12).astype(">u2"), 4) + turned_words((frame & 4095).astype(">u2"), 4),
}


def mib(pixel: str, bits: str = "12") -> Writer:
    """With a description beside it where there are four axes."""

    def write(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
        height, width = pixels.shape[-2:]
        in_header = 2 * width if (pixel, bits) == ("R64", "24") else width
        with open(folder / f"{stem}.mib", "wb") as file:
            for number, frame in enumerate(stacked(pixels), 1):
                header = f"MQ1,{number:06},00384,01,{in_header:04},{height:04},{pixel},   1x1,01,2021-05-07 18:56:59.0,0.1,MQ1A,{bits},"
                body = MIB_BODIES[bits](frame) if pixel == "R64" else frame.tobytes()
                file.write(header.encode().ljust(384, b"\0") + body)
        if pixels.ndim == 4:
            columns, rows = scan_of(pixels)
            (folder / f"{stem}.hdr").write_text(f"HDR,\nScanX:\t{columns}\nScanY:\t{rows}\nEnd\t")
        return folder / f"{stem}.mib"

    return write


def empad(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
    """The size of the scan is in the name."""
    frames = stacked(pixels)
    columns, rows = scan_of(pixels)
    path = folder / f"scan_{stem}_x{columns}_y{rows}.raw"
    np.concatenate([frames, np.full((len(frames), 2, frames.shape[2]), 7e4, frames.dtype)], axis=1).tofile(path)
    return path


def empad_xml(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
    frames = stacked(pixels)
    columns, rows = scan_of(pixels)
    np.concatenate([frames, np.zeros((len(frames), 2, frames.shape[2]), frames.dtype)], axis=1).tofile(folder / f"{stem}.raw")
    text = f'<root><raw_file filename="{stem}.raw"/><pix_x>{columns}</pix_x><pix_y>{rows}</pix_y></root>'
    (folder / f"{stem}.xml").write_text(text)
    return folder / f"{stem}.xml"


class Tags:
    """Tags of Digital Micrograph: what is in a group, with 64-bit sizes in DM4 and none in DM3."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.word = ">Q" if version == 4 else ">I"

    def tag(self, kind: int, name: str, inside: bytes) -> bytes:
        size = struct.pack(">Q", len(inside)) if self.version == 4 else b""
        return struct.pack(">BH", kind, len(name)) + name.encode() + size + inside

    def group(self, *tags: bytes) -> bytes:
        return b"\1\0" + struct.pack(self.word, len(tags)) + b"".join(tags)

    def value(self, name: str, description: list[int], stored: bytes) -> bytes:
        numbers = struct.pack(f">{len(description) + 1}{self.word[1]}", len(description), *description)
        return self.tag(21, name, b"%%%%" + numbers + stored)

    def u32(self, name: str, number: int) -> bytes:
        return self.value(name, [5], struct.pack("<I", number))


def dm(data_type: int, element: int, version: int = 4, scan_fastest: bool = False) -> Writer:
    def write(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
        tags = Tags(version)
        stored = np.ascontiguousarray(pixels.transpose(2, 3, 0, 1)) if scan_fastest and pixels.ndim == 4 else pixels
        sizes = [tags.u32("", size) for size in reversed(stored.shape)]
        data = tags.group(tags.value("Data", [20, element, stored.size], stored.tobytes()), tags.u32("DataType", data_type),
                          tags.tag(20, "Dimensions", tags.group(*sizes)))
        order = tags.group(tags.value("Data Order Swapped", [8], bytes([not scan_fastest])))
        image = tags.group(tags.tag(20, "ImageData", data), tags.tag(20, "ImageTags", tags.group(tags.tag(20, "Meta Data", order))))
        root = tags.group(tags.tag(20, "ImageList", tags.group(tags.tag(20, "", image))))
        start = struct.pack(">I", version) + struct.pack(tags.word, len(root)) + struct.pack(">I", 1)
        (folder / f"{stem}.dm{version}").write_bytes(start + root)
        return folder / f"{stem}.dm{version}"

    return write


def tvips(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
    height, width = pixels.shape[-2:]
    words = (256, 2, width, height, 8 * pixels.itemsize, 0, 0, 1, 1, 1, 200, 80, 64)
    with open(folder / f"{stem}_000.tvips", "wb") as file:
        file.write(struct.pack("<13I", *words).ljust(256, b"\0"))
        for number, frame in enumerate(stacked(pixels), 1):
            file.write(struct.pack("<I", number).rjust(52, b"\0").ljust(64, b"\0") + frame.tobytes())
    return folder / f"{stem}_000.tvips"


def blo(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
    columns, rows = scan_of(pixels)
    header = bytearray(512)
    header[:6] = b"IMGBLO"
    struct.pack_into("<HII", header, 6, 258 if pixels.itemsize == 1 else 259, 512, 512)
    struct.pack_into("<HxxHH", header, 20, pixels.shape[-1], columns, rows)
    if pixels.itemsize == 2:
        header[240:264] = b"Blo Bit Depth: 16 bits\0\0"
    marks = (b"\xaa\x55" + struct.pack("<I", number) for number in range(columns * rows))
    body = b"".join(mark + frame.tobytes() for mark, frame in zip(marks, stacked(pixels)))
    (folder / f"{stem}.blo").write_bytes(bytes(header) + body)
    return folder / f"{stem}.blo"


def ser(number: int) -> Writer:
    def write(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
        frames = stacked(pixels)
        axes = scan_of(pixels) if pixels.ndim == 4 else (len(frames),)
        offsets = 30 + 32 * len(axes)
        element = 50 + frames[0].nbytes
        header = struct.pack("<HHHIIIIII", 0x4949, 0x0197, 0x210, 0x4122, 0x4152, len(frames), len(frames), offsets, len(axes))
        header += b"".join(struct.pack("<IddIII", size, 0, 1, 0, 0, 0) for size in axes)
        first = offsets + 8 * len(frames)
        places = [first + at * element for at in range(len(frames))]
        header += struct.pack(f"<{2 * len(frames)}I", *places, *([0] * len(frames)))
        start = struct.pack("<ddIddIHII", 0, 1, 0, 0, 1, 0, number, frames.shape[2], frames.shape[1])
        (folder / f"{stem}.ser").write_bytes(header + b"".join(start + frame[::-1].tobytes() for frame in frames))
        return folder / f"{stem}.ser"

    return write


def seq(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
    frames = stacked(pixels)
    header = bytearray(8192)
    struct.pack_into("<I24sii", header, 0, 0xFEED, "Norpix seq\n".encode("utf-16-le"), 5, 1024)
    bits, size = 8 * frames.itemsize, frames[0].nbytes
    struct.pack_into("<9I", header, 548, frames.shape[2], frames.shape[1], bits, bits, size, 100, len(frames), 0, size + 40)
    (folder / f"{stem}.seq").write_bytes(bytes(header) + b"".join(frame.tobytes().ljust(size + 40, b"x") for frame in frames))
    return folder / f"{stem}.seq"


def blocks(version: int) -> Writer:
    """Versions 1 and 2 of the 4D Camera."""

    def write(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
        frames = stacked(pixels)
        words = np.zeros(1024, "<u4")
        words[:4] = len(frames), *frames.shape[1:], 1
        words[10 : 10 + len(frames)] = range(1, len(frames) + 1)
        (folder / f"{stem}.data").write_bytes((words.tobytes() if version == 1 else bytes(4)) + frames.tobytes())
        return folder / f"{stem}.data"

    return write


def records(version: int) -> Writer:
    """Versions 3 to 5 of the 4D Camera: its folder is returned."""

    def write(folder: pathlib.Path, stem: str, pixels: np.ndarray) -> pathlib.Path:
        columns, rows = scan_of(pixels)
        cuts = {3: [np.s_[:]], 4: [np.s_[:, 144 * m : 144 * m + 144] for m in range(4)], 5: [np.s_[144 * m : 144 * m + 144] for m in range(4)]}
        own = folder / stem
        own.mkdir()
        for module, cut in enumerate(cuts[version]):
            with open(own / f"{stem}_scan0000000003_module{module}.data", "wb") as file:
                for at, frame in enumerate(stacked(pixels)):
                    file.write(struct.pack("<IIHHHH", 3, at + 1, columns, rows, at % columns, at // columns) + frame[cut].tobytes())
        return own

    return write
