"""Reads a countem event store with h5py and numpy alone: python read_event_store.py counted.h5 [frame]"""
import sys
import zlib

import h5py
import numpy as np


def events(file, frame):
    """Linear indices (row * width + column) of one frame, sorted, and their values or None."""
    group, data = file["electron_counts"], file["electron_counts/data"]
    if group["counts"][frame] == 0xFFFFFFFF:
        return np.empty(0, np.uint32), None
    where = np.unravel_index(frame, data.shape[:-2])
    _, chunk = data.id.read_direct_chunk((*where, 0, 0))
    magic, _, flags, *_ = np.frombuffer(chunk[-48:-32], [("m", "V8"), ("v", "<u2"), ("f", "u1"), ("s", "u1"), ("x", "<u4")])[0]
    count, stream, indices, values = np.frombuffer(chunk, "<u4", 4, len(chunk) - 24)
    assert bytes(magic) == b"\x89cntem\r\n" and stream + indices + values + 48 == len(chunk)
    if flags & 1:  # the compact indices: events per 65536 pixels, then low halves
        segments = -(-data.shape[-2] * data.shape[-1] // 65536)
        high = np.repeat(np.arange(segments), np.frombuffer(chunk, "<u4", segments, int(stream)))
        found = high * 65536 + np.frombuffer(chunk, "<u2", count, int(stream) + 4 * segments)
    else:
        dense = np.frombuffer(zlib.decompressobj().decompress(chunk), data.dtype)
        found = np.repeat(np.arange(dense.size), dense)
    if not flags & 2:
        return found.astype(np.uint32), None
    planes = np.frombuffer(zlib.decompress(chunk[stream + indices : stream + indices + values]), np.uint8)
    return found.astype(np.uint32), planes.reshape(4, count).astype(np.uint32).T @ np.array([1, 1 << 8, 1 << 16, 1 << 24], np.uint32)


if __name__ == "__main__":
    with h5py.File(sys.argv[1]) as opened:
        print(*events(opened, int(sys.argv[2]) if len(sys.argv) > 2 else 0), sep="\n")
