"""4D Camera dumps written from the description of the format alone: an oracle for our reader, a source of frames for stempy."""

import pathlib
import struct

import numpy as np

FRAME = (576, 576)
SECTOR_ROWS = 144
HEADER = struct.Struct("<IIHHHH")  # scan number, frame number, scan width, scan height, x, y
RECORD_BYTES = HEADER.size + SECTOR_ROWS * FRAME[1] * 2


def write(folder: pathlib.Path, frames: np.ndarray, scan_shape: tuple[int, int], order: np.ndarray | None = None) -> list[pathlib.Path]:
    """A version 5 dump: one file a module, records in `order` (default: scan order). Returns the files."""
    height, width = scan_shape
    assert frames.shape == (height * width, *FRAME) and frames.dtype == np.uint16
    folder.mkdir(parents=True)
    files = [folder / f"data_scan0000000007_id0000_module{module}_0000000000.data" for module in range(4)]
    for module, path in enumerate(files):
        with path.open("wb") as file:
            for number in range(len(frames)) if order is None else order.tolist():
                file.write(HEADER.pack(7, number + 1, width, height, number % width, number // width))
                file.write(frames[number, SECTOR_ROWS * module:SECTOR_ROWS * (module + 1)].astype("<u2").tobytes())
    return files


def read(files: list[pathlib.Path]) -> np.ndarray:
    """The frames of a complete version 5 dump with one frame a position, in scan order."""
    frames = None
    for path in files:
        module = int(path.name.split("module")[1].split("_")[0].split(".")[0])
        contents = path.read_bytes()
        assert len(contents) % RECORD_BYTES == 0, path
        for start in range(0, len(contents), RECORD_BYTES):
            _, _, width, height, x, y = HEADER.unpack_from(contents, start)
            if frames is None:
                frames = np.zeros((width * height, *FRAME), np.uint16)
            sector = np.frombuffer(contents, "<u2", SECTOR_ROWS * FRAME[1], start + HEADER.size)
            frames[y * width + x, SECTOR_ROWS * module:SECTOR_ROWS * (module + 1)] = sector.reshape(SECTOR_ROWS, FRAME[1])
    assert frames is not None
    return frames
