"""Raw frames: files opened as the program opens them, and arrays, converted exactly or refused."""

import pathlib
import pickle
import warnings

import h5py
import numpy as np
import pytest

import countem as ct
from conftest import run
from simulated import Simulated, simulate


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(tmp_path_factory.mktemp("raw") / "sim", scan="4x3", frame="8x10")


def test_a_file_reads_frame_by_frame(simulated: Simulated) -> None:
    raw = ct.open_raw(simulated.raw)
    assert (raw.shape, raw.ndim, raw.dtype, raw.issues) == ((3, 4, 8, 10), 4, np.uint16, [])
    for where in np.ndindex(3, 4):
        np.testing.assert_array_equal(raw[where], simulated.array[where])
    np.testing.assert_array_equal(raw[-1, -4], simulated.array[2, 0])


def test_a_list_a_pattern_and_a_directory(tmp_path: pathlib.Path) -> None:
    run("simulate", tmp_path / "sim", "--scan", "3x2", "--format", "v5", "--occupancy", 0.001)
    files = sorted((tmp_path / "sim").glob("*.data"))
    frames = [raw[1, 2] for raw in (ct.open_raw(files[::-1]), ct.open_raw(str(tmp_path / "sim" / "*.data")), ct.open_raw(tmp_path / "sim"))]
    assert len(files) == 4 and frames[0].shape == (576, 576)
    for frame in frames[1:]:
        np.testing.assert_array_equal(frame, frames[0])


@pytest.mark.parametrize("dtype", ["uint8", "<u2", ">u2", ">u4", ">f4"])
def test_flat_files(tmp_path: pathlib.Path, dtype: str) -> None:
    values = np.arange(2 * 3 * 4 * 5).reshape(6, 4, 5).astype(dtype)
    gaps = b"".join(frame.tobytes() + b"gap" for frame in values)
    (tmp_path / "flat.bin").write_bytes(b"header" + gaps)
    raw = ct.open_raw(tmp_path / "flat.bin", shape=(4, 5), dtype=dtype, offset=6, gap=3, scan=(2, 3))
    assert raw.shape == (2, 3, 4, 5) and raw.dtype == values.dtype.newbyteorder("=")
    np.testing.assert_array_equal(raw[1, 2], values[5])


def test_a_dataset_of_hdf5(tmp_path: pathlib.Path) -> None:
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["a/frames"], file["b/frames"] = np.zeros((2, 4, 5), np.uint16), np.full((2, 4, 5), 7, np.uint16)
    assert ct.open_raw(tmp_path / "two.h5", dataset="b/frames")[0, 1].tolist() == [[7] * 5] * 4


def test_files_of_a_relative_path_that_lead_to_others(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = np.arange(2 * 4 * 5, dtype=np.uint16).reshape(2, 4, 5)
    with h5py.File(tmp_path / "part.h5", "w") as part:
        part["frames"] = frames
    with h5py.File(tmp_path / "all.h5", "w") as file:
        layout = h5py.VirtualLayout((2, 4, 5), np.uint16)
        layout[:] = h5py.VirtualSource(tmp_path / "part.h5", "frames", (2, 4, 5))
        file.create_virtual_dataset("frames", layout)
    monkeypatch.chdir(tmp_path)
    raw = ct.open_raw("all.h5")
    assert {file.is_absolute() for file in raw.files} == {False, True}, "what this test is about"
    np.testing.assert_array_equal(raw[0, 1], frames[1])
    assert str(tmp_path) in repr(raw)


def test_a_dataset_that_a_newer_hdf5_wrote(tmp_path: pathlib.Path) -> None:
    frames = np.arange(2 * 4 * 5, dtype=np.uint16).reshape(2, 4, 5)
    with h5py.File(tmp_path / "new.h5", "w", libver="latest") as file:
        file["one"] = frames
        layout = h5py.VirtualLayout((2, 4, 5), np.uint16)
        layout[:] = h5py.VirtualSource(".", "one", (2, 4, 5))
        file.create_virtual_dataset("two", layout)
    with pytest.raises(ValueError, match=r"holds several datasets that may be frames \(/one, /two\)"):
        ct.open_raw(tmp_path / "new.h5")
    np.testing.assert_array_equal(ct.open_raw(tmp_path / "new.h5", dataset="/one")[0, 1], frames[1])
    try:
        np.testing.assert_array_equal(ct.open_raw(tmp_path / "new.h5", dataset="/two")[0, 1], frames[1])
    except ValueError as problem:
        assert "a newer HDF5 than" in str(problem)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axes", ["scan_row,scan_column,row,column", "row,column,scan_row,scan_column", "column,scan_row,row,scan_column"])
def test_axes_of_numpy_files(tmp_path: pathlib.Path, axes: str, order: str) -> None:
    names = ["scan_row", "scan_column", "row", "column"]
    frames = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    turned = frames.transpose([names.index(name) for name in axes.split(",")])
    np.save(tmp_path / "turned.npy", np.asarray(turned, order=order))
    raw = ct.open_raw(tmp_path / "turned.npy", axes=axes)
    assert raw.shape == frames.shape
    for place in np.ndindex(2, 3):
        np.testing.assert_array_equal(raw[place], frames[place])


def test_axes_are_those_of_the_darks_too(tmp_path: pathlib.Path) -> None:
    dark = np.arange(8 * 9, dtype=np.uint16).reshape(8, 9)
    np.save(tmp_path / "frames.npy", np.full((8, 9, 4, 5), 100, np.uint16))
    raw = ct.open_raw(tmp_path / "frames.npy", axes="row,column,scan_row,scan_column")
    for name, repeats in (("same", (4, 5)), ("three", (6,)), ("one", ())):
        np.save(tmp_path / f"{name}.npy", np.broadcast_to(dark.reshape(8, 9, *(1,) * len(repeats)), (8, 9, *repeats)))
        np.testing.assert_array_equal(ct.calibrate(raw, dark=tmp_path / f"{name}.npy", threshold=50, accept_masked=True).dark, dark)


def test_frames_at_each_position(tmp_path: pathlib.Path) -> None:
    np.save(tmp_path / "five.npy", np.zeros((3, 2, 2, 8, 9), np.uint16))
    assert ct.open_raw(tmp_path / "five.npy", scan=(2, 3)).shape == (2, 3, 2, 8, 9)
    assert ct.open_raw(tmp_path / "five.npy", scan=(3, 4, 1)).shape == (3, 4, 8, 9)
    assert ct.frames(np.load(tmp_path / "five.npy"), scan=(6, 1)).shape == (6, 1, 2, 8, 9)
    with pytest.warns(ct.CountemWarning, match="takes 6; the rest is left out"):
        assert ct.open_raw(tmp_path / "five.npy", scan=(3, 2, 1)).shape == (3, 2, 8, 9)


def test_axes_of_a_format_that_defines_them(tmp_path: pathlib.Path) -> None:
    np.zeros((2, 4, 5), np.uint16).tofile(tmp_path / "flat.bin")
    with pytest.raises(ValueError, match="flat.bin: is a file of format raw, which defines its axes"):
        ct.open_raw(tmp_path / "flat.bin", shape=(4, 5), axes="row,column,frame")


def test_what_is_missing_is_known(simulated: Simulated) -> None:
    with pytest.warns(ct.CountemWarning, match=r"data.npy: holds 12 whole frames, the scan of 5 x 4 positions .* the last ones are missing"):
        raw = ct.open_raw(simulated.raw, scan=(4, 5))
    assert (raw.missing_frames, raw.incomplete_frames, len(raw.issues)) == (8, 0, 1)
    np.testing.assert_array_equal(raw[2, 1], simulated.array.reshape(12, 8, 10)[11])
    with pytest.raises(ValueError, match=r"data.npy: nothing of frame 12 \(2, 2\) arrived"):
        raw[2, 2]
    assert "1 issue" in repr(raw) and "the last ones are missing" in raw._repr_html_()


def test_refusals(simulated: Simulated, tmp_path: pathlib.Path) -> None:
    (tmp_path / "other").write_bytes(b"\xfe" * 100)
    (tmp_path / "notes").write_bytes(b"a scan\n" * 10)
    for path, error, words in (("absent.npy", FileNotFoundError, "absent.npy"), ("*.npy", FileNotFoundError, "no file has such a name"),
                               ("other", ValueError, "name it with format"), ("notes", ValueError, "first bytes, which read as text; name it with format")):
        with pytest.raises(error, match=words):
            ct.open_raw(tmp_path / path)
    for options, words in (({"scan": (3,)}, r"scan=\(3,\) is not"), ({"scan": (0, 12)}, "each at least 1"), ({"dtype": "u2"}, "give shape"),
                           ({"format": "x"}, "x"), ({"scale": -1}, "above 0"), ({"shape": (4, 5), "dtype": "c8"}, "complex64 cannot be read")):
        with pytest.raises(ValueError, match=words):
            ct.open_raw(simulated.raw, **options)
    raw = ct.open_raw(simulated.raw)
    for where in ((3, 0), (0, 4), (-4, 0), 1, (1,), (1, 2, 3), np.s_[0:1]):
        with pytest.raises(IndexError):
            raw[where]
    with pytest.raises(TypeError):
        raw[1.0, 2]


def test_raw_frames_pickle(simulated: Simulated, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for raw in (ct.open_raw(simulated.raw, scan=(6, 2)), ct.frames(simulated.array, scale=2)):
        again = pickle.loads(pickle.dumps(raw))
        assert again.shape == raw.shape
        np.testing.assert_array_equal(again[1, 1], raw[1, 1])
    monkeypatch.chdir(simulated.raw.parent)
    for name in (simulated.raw.name, [simulated.raw.name], "*" + simulated.raw.name):
        pickled = pickle.dumps(ct.open_raw(name))
        monkeypatch.chdir(tmp_path)
        assert pickle.loads(pickled).files == [simulated.raw]
        monkeypatch.chdir(simulated.raw.parent)
    with h5py.File("memory.h5", "w", driver="core", backing_store=False) as file, pytest.raises(TypeError):
        pickle.dumps(ct.frames(file.create_dataset("x", (2, 3, 4), "u2")))


def test_raw_frames_with_an_index_pickle(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("simulate", tmp_path / "sim", "--scan", "2x2")
    monkeypatch.chdir(tmp_path)
    ct.index_raw("sim/data*.data", "scan.index.h5")
    pickled = pickle.dumps(ct.open_raw("sim/data*.data", index="scan.index.h5"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    again = pickle.loads(pickled)
    assert again.shape == (2, 2, 576, 576) and len(again.files) == 4


def test_axes_of_arrays(simulated: Simulated) -> None:
    array = simulated.array
    for given, scan, shape in ((array, None, (3, 4, 8, 10)), (array.reshape(12, 8, 10), None, (1, 12, 8, 10)), (array.reshape(12, 8, 10), (3, 4), (3, 4, 8, 10)),
                               (array.reshape(3, 2, 2, 8, 10), None, (3, 2, 2, 8, 10)), (array[0, 0], None, (1, 1, 8, 10)),
                               (array.swapaxes(0, 1).copy().swapaxes(0, 1), None, (3, 4, 8, 10))):
        raw = ct.frames(given, scan=scan)
        assert raw.shape == shape and raw.dtype == np.uint16
        last = tuple(length - 1 for length in shape[:-2])
        np.testing.assert_array_equal(raw[last], given.reshape(-1, 8, 10)[-1])
    for shape in ((8,), (0, 8, 10), (1, 1, 1, 1, 8, 10)):
        with pytest.raises(ValueError, match="is not a scan"):
            ct.frames(np.zeros(shape, np.uint16))
    with pytest.warns(ct.CountemWarning, match="12 whole frames, the scan of 5 x 4"):
        assert ct.frames(array.reshape(12, 8, 10), scan=(4, 5)).missing_frames == 8


@pytest.mark.parametrize(("stored", "kept"), [("?", "u1"), ("u1", "u1"), ("i1", "f4"), (">u2", "u2"), (">i2", "f4"), ("f2", "f4"), (">f4", "f4"), ("u4", "u4"), (">i4", "f4"),
                                              ("i8", "f4"), ("u8", "u4"), (">f8", "f4")])
def test_pixel_types_keep_their_values(stored: str, kept: str) -> None:
    values = np.array([[0, 1, 1], [1, 0, 1]]) if stored == "?" else np.array([[0, 1, 100], [-100, 17, -1]])
    if np.dtype(stored).kind == "u":
        values = abs(values)
    raw = ct.frames(values.astype(stored)[None])
    assert raw.dtype == np.dtype(kept)
    np.testing.assert_array_equal(raw[0, 0], values)


@pytest.mark.parametrize(("dtype", "value", "expected"), [
    ("u8", 2**32 - 2, 2**32 - 2), ("u8", 2**40, 2**32 - 1), ("i4", -(2**24), -(2**24)), ("i8", 2**30, 2**30), ("f8", 100.03125, 100.0), ("f8", 100.04, 100.0625),
    ("f8", 2.0**24, 2.0**24), ("f8", 1e300, np.inf), ("f8", np.nan, np.nan), ("f4", 0.001, np.float32(0.001)), ("i4", 2**24 + 1, None), ("f8", 2**22 + 0.5, None)])
def test_values_at_the_limits(dtype: str, value: float, expected: float | None) -> None:
    """Rounded to 1/16 where charges are (half to even), cut beyond all charges; what would be wrong is refused."""
    array = np.zeros((2, 3, 4), dtype)
    array[1, 2, 3] = value
    raw = ct.frames(array)
    if expected is None:
        with pytest.raises(ValueError, match=r"numpy ndarray: frame 1, row 2, column 3 is .* cannot hold"):
            raw[0, 1]
    else:
        np.testing.assert_array_equal(raw[0, 1][2, 3], np.dtype(raw.dtype).type(expected))


def test_arrays_that_are_refused() -> None:
    for given in (np.zeros((2, 3, 4), "c8"), np.zeros((2, 3, 4), "f16"), np.zeros((2, 3, 4), "S2"), np.ma.zeros((2, 3, 4), "u2"), {"axes": []}):
        with pytest.raises(ValueError):
            ct.frames(given)

    class Liar:
        shape, dtype = (4, 3, 5), np.dtype(np.uint16)

        def __init__(self, given: np.ndarray) -> None:
            self.given = given

        def __getitem__(self, where: object) -> np.ndarray:
            return self.given

    for given, error, words in ((np.zeros((1, 5, 3), "u2"), ValueError, r"shape \(1, 5, 3\) where \(1, 3, 5\)"), (np.zeros((2, 3, 5), "u2"), ValueError, "where"),
                                (np.zeros((1, 3, 5), "i4"), TypeError, "Cannot cast")):
        with pytest.raises(error, match=words) as caught:
            ct.frames(Liar(given))[0, 2]
        assert caught.value.__notes__ == ["while frames 2 to 2 were read"]


def test_signals_of_other_programs(simulated: Simulated) -> None:
    class Signal:  # of hyperspy: neither shape nor dtype of its own
        data = simulated.array

    for given in ({"data": simulated.array, "axes": []}, Signal()):
        np.testing.assert_array_equal(ct.frames(given)[2, 3], simulated.array[2, 3])


def test_a_sample_is_read_once(simulated: Simulated) -> None:
    read: list[object] = []

    class Counting:
        shape, dtype = simulated.array.shape, simulated.array.dtype

        def __getitem__(self, where: object) -> np.ndarray:
            read.append(where)
            return simulated.array[where]

    ct.calibrate(ct.frames(Counting()), threshold=30, xray_threshold=np.inf, samples=5)
    assert len(read) == len({str(where) for where in read}) == 5


def test_scale(simulated: Simulated) -> None:
    for raw in (ct.open_raw(simulated.raw, scale=0.3), ct.frames(simulated.array, scale=0.3)):
        np.testing.assert_array_equal(raw[1, 1], (simulated.array[1, 1] * 0.3).astype(np.float32))


def test_nothing_is_warned_of_without_a_reason(simulated: Simulated) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ct.open_raw(simulated.raw)
        ct.frames(simulated.array)


class OnDevice:
    """An array that numpy cannot read: its pieces must be copied, by the method `copied`."""

    __cuda_array_interface__ = {}

    def __init__(self, array: np.ndarray, copied: str) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        setattr(self, copied, lambda: array)

    def __getitem__(self, key: object) -> "OnDevice":
        return OnDevice(self.array[key], "get" if hasattr(self, "get") else "cpu")

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise TypeError("implicit conversion to numpy is not allowed")


class ByDlpack:
    """An array that can be had by DLPack alone, with types that are named as torch does."""

    def __init__(self, array: np.ndarray, word: str = "torch.uint16") -> None:
        self.array, self.shape, self.dtype = array, array.shape, word

    def __getitem__(self, key: object) -> "ByDlpack":
        return ByDlpack(self.array[key])

    def __dlpack__(self, **options: object) -> object:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


def test_arrays_of_a_device_are_copied_piece_by_piece() -> None:
    array = np.random.default_rng(3).integers(0, 900, (2, 3, 8, 10)).astype(np.uint16)
    for other in (OnDevice(array, "get"), OnDevice(array, "cpu"), ByDlpack(array)):
        raw = ct.frames(other)
        assert raw.dtype == np.uint16
        np.testing.assert_array_equal(raw[1, 2], array[1, 2])
    with pytest.raises(ValueError, match="bfloat16"):
        ct.frames(ByDlpack(array, "torch.bfloat16"))
