"""The library through the test-only shared library built from counting_abi.cpp and store_abi.cpp."""

import ctypes
import os
import pathlib
from dataclasses import dataclass

import numpy as np

from semantics import Counted, Setup

BACKENDS = ("reference", "cpu", "cuda")
PIXEL_TYPES = {"uint8": "u8", "uint16": "u16", "uint32": "u32", "float32": "f32"}
SPLITS = {"none": 0, "rows": 1, "columns": 2}


class SetupAbi(ctypes.Structure):
    _fields_ = [
        ("height", ctypes.c_uint32), ("width", ctypes.c_uint32),
        ("dark16", ctypes.c_void_p), ("gain", ctypes.c_void_p), ("mask", ctypes.c_void_p), ("pixel_background16", ctypes.c_void_p),
        ("background16", ctypes.c_int32), ("xray16", ctypes.c_int32), ("score16", ctypes.c_int64),
        ("min_cluster_size", ctypes.c_uint32), ("max_cluster_size", ctypes.c_uint32), ("upsample", ctypes.c_uint32),
        ("type", ctypes.c_uint8), ("method", ctypes.c_uint8), ("row_noise", ctypes.c_uint8), ("background", ctypes.c_uint8),
        ("values", ctypes.c_uint8),
    ]


class FramesAbi(ctypes.Structure):
    _fields_ = [
        ("pixels", ctypes.c_void_p), ("present", ctypes.c_void_p), ("count", ctypes.c_uint64),
        ("split", ctypes.c_uint8), ("banded", ctypes.c_uint8),
    ]


class StoreAbi(ctypes.Structure):
    _fields_ = [
        ("height", ctypes.c_uint32), ("width", ctypes.c_uint32), ("scan_height", ctypes.c_uint32), ("scan_width", ctypes.c_uint32),
        ("frames_per_position", ctypes.c_uint32), ("upsample", ctypes.c_uint32),
        ("values", ctypes.c_uint8), ("wide_counts", ctypes.c_uint8), ("fast_sparse", ctypes.c_uint8),
    ]


class EventsAbi(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("indptr", "indices", "values", "xrays", "status")]


class CallFailed(Exception):
    """The library refused; the text is its own."""


class BackendUnavailable(CallFailed):
    """This build does not hold the backend, or no device answers."""


@dataclass
class Library:
    abi: ctypes.CDLL

    @classmethod
    def load(cls) -> "Library":
        abi = ctypes.CDLL(os.environ["COUNTEM_TEST_ABI"])
        result = ctypes.c_void_p
        abi.countem_test_free.argtypes = [result]
        for name, arguments in (("count", [ctypes.c_uint8, ctypes.POINTER(SetupAbi), ctypes.POINTER(FramesAbi)]),
                                ("write_store", [ctypes.c_char_p, ctypes.POINTER(StoreAbi), ctypes.POINTER(EventsAbi)]),
                                ("read_store", [ctypes.c_char_p])):
            function = getattr(abi, "countem_test_" + name)
            function.restype, function.argtypes = result, arguments
        for name, kind in (("error", ctypes.c_char_p), ("unavailable", ctypes.c_uint8), ("frames", ctypes.c_uint64),
                           ("values", ctypes.c_uint64), ("indptr", ctypes.c_void_p), ("indices", ctypes.c_void_p),
                           ("values_data", ctypes.c_void_p), ("xrays", ctypes.c_void_p), ("status", ctypes.c_void_p)):
            function = getattr(abi, "countem_test_" + name)
            function.restype, function.argtypes = kind, [result]
        abi.countem_test_choice.restype, abi.countem_test_choice.argtypes = ctypes.c_int, [ctypes.c_char_p, ctypes.c_char_p]
        return cls(abi)

    def number(self, table: str, word: str) -> int:
        """The enumerator that the library's own table has for a word."""
        value = self.abi.countem_test_choice(table.encode(), word.encode())
        if value < 0:
            raise KeyError(f"the library has no {table} {word}")
        return value

    def count(self, backend: str, setup: Setup, frames: np.ndarray, present: np.ndarray, banded: bool = False) -> list[Counted]:
        """One `Counted` a frame, as semantics.count gives it."""
        frames = np.ascontiguousarray(frames)
        present = np.ascontiguousarray(present, np.uint8)
        kept = [None if array is None else np.ascontiguousarray(array, kind)
                for array, kind in ((setup.dark16, np.int32), (setup.gain, np.float32), (setup.mask, np.uint8),
                                    (setup.pixel_background16, np.int32))]
        dark16, gain, mask, pixel_background16 = (None if array is None else array.ctypes.data for array in kept)
        given = SetupAbi(height=frames.shape[1], width=frames.shape[2], dark16=dark16, gain=gain, mask=mask,
                         pixel_background16=pixel_background16, background16=setup.background16, xray16=setup.xray16, score16=setup.score16,
                         min_cluster_size=setup.min_cluster_size, max_cluster_size=setup.max_cluster_size, upsample=setup.upsample,
                         type=self.number("pixel type", PIXEL_TYPES[frames.dtype.name]),
                         method=self.number("counting method", setup.method),
                         row_noise=self.number("row noise method", setup.row_noise),
                         background=self.number("background method", setup.background),
                         values=self.number("event value", setup.values))
        views = FramesAbi(pixels=frames.ctypes.data, present=present.ctypes.data, count=len(frames), split=SPLITS[setup.split],
                          banded=banded)
        return self._frames_of(self.abi.countem_test_count(self.number("backend", backend), ctypes.byref(given), ctypes.byref(views)))

    def write_store(self, path: pathlib.Path, frames: list[Counted], shape: tuple[int, int], scan: tuple[int, int],
                    frames_per_position: int = 1, values: str = "none", wide_counts: bool = False, fast_sparse: bool = False) -> None:
        """A finished event store of these frames, in scan order."""
        arrays = {
            "indptr": np.cumsum([0, *(len(frame.indices) for frame in frames)], dtype=np.uint64),
            "indices": np.concatenate([frame.indices for frame in frames]).astype(np.uint32),
            "values": None if values == "none" else np.concatenate([frame.values for frame in frames]).astype(np.uint32),
            "xrays": np.array([frame.xrays for frame in frames], np.uint32),
            "status": np.array([frame.status for frame in frames], np.uint8),
        }
        events = EventsAbi(**{name: None if array is None else array.ctypes.data for name, array in arrays.items()})
        given = StoreAbi(height=shape[0], width=shape[1], scan_height=scan[0], scan_width=scan[1],
                         frames_per_position=frames_per_position, upsample=1, values=self.number("event value", values), wide_counts=wide_counts,
                         fast_sparse=fast_sparse)
        self._frames_of(self.abi.countem_test_write_store(os.fsencode(path), ctypes.byref(given), ctypes.byref(events)))

    def read_store(self, path: pathlib.Path) -> list[Counted]:
        """All frames of a store."""
        return self._frames_of(self.abi.countem_test_read_store(os.fsencode(path)))

    def available(self, backend: str) -> bool:
        try:
            self.count(backend, Setup(), np.zeros((1, 1, 1), np.uint16), np.array([15]))
        except BackendUnavailable:
            return False
        return True

    def _frames_of(self, result: int) -> list[Counted]:
        """Takes what a call gave back, and frees it."""
        try:
            error = self.abi.countem_test_error(result).decode()
            if error:
                raise (BackendUnavailable if self.abi.countem_test_unavailable(result) else CallFailed)(error)
            return self._copied_frames(result)
        finally:
            self.abi.countem_test_free(result)

    def _copied_frames(self, result: int) -> list[Counted]:
        def copied(name: str, kind: type, length: int) -> np.ndarray:
            if length == 0:
                return np.empty(0, kind)
            address = getattr(self.abi, "countem_test_" + name)(result)
            return np.frombuffer(ctypes.string_at(address, length * np.dtype(kind).itemsize), kind)

        count = self.abi.countem_test_frames(result)
        indptr = copied("indptr", np.uint64, count + 1)
        indices = copied("indices", np.uint32, int(indptr[-1]))
        values = copied("values_data", np.uint32, self.abi.countem_test_values(result))
        xrays = copied("xrays", np.uint32, count)
        status = copied("status", np.uint8, count)
        bounds = [slice(int(first), int(last)) for first, last in zip(indptr[:-1], indptr[1:])]
        return [Counted(indices[bound], values[bound], int(xrays[frame]), int(status[frame])) for frame, bound in enumerate(bounds)]
