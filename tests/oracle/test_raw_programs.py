"""Raw frames of other programs' readers, counted by the package: compared with numpy and scipy on the same frames.

Files of instruments lie in the folder COUNTEM_REAL_DATA; where there is none these tests are skipped."""

import os
import pathlib
import sys

import dask.array
import hyperspy.api as hyperspy
import numpy as np
import pytest
import rsciio.blockfile
import rsciio.digitalmicrograph
import rsciio.mrc
import rsciio.quantumdetector
import rsciio.tvips

sys.path.insert(0, os.environ["COUNTEM_PYTHON_PACKAGE"])

import countem as ct  # noqa: E402
from semantics import Setup, count  # noqa: E402

REAL = pathlib.Path(os.environ.get("COUNTEM_REAL_DATA", "absent"))


def real(name: str) -> pathlib.Path:
    if not (REAL / name).exists():
        pytest.skip(f"no {name} in COUNTEM_REAL_DATA")
    return REAL / name


def electrons(shape: tuple[int, ...], dtype: str, most: int) -> np.ndarray:
    """Noise, single electrons and clusters."""
    rng = np.random.default_rng(7)
    frames = rng.normal(20, 2, shape) + (rng.random(shape) < 0.02) * rng.uniform(10, 60, shape)
    frames += 0.5 * np.roll(frames - 20, 1, axis=-1) * (rng.random(shape) < 0.3)
    return np.clip(np.rint(frames), 0, most).astype(dtype)


def check(source: ct.Raw, frames: np.ndarray, threshold: float, xray: float = 1e6) -> None:
    """Counts with two methods and compares each frame with the oracle; all that is counted are whole numbers of ADU."""
    frames = np.asarray(frames)
    frames = frames.reshape(-1, *frames.shape[-2:])
    cal = ct.calibrate(ct.frames(frames), threshold=threshold, xray_threshold=xray).with_threshold()
    for method in ("cluster", "maximum"):
        scan = ct.count(source, cal, method=method, values="size")
        setup = Setup(background16=int(16 * threshold), xray16=int(16 * xray), method=method, values="size")
        assert len(scan.indptr) == len(frames) + 1 and (scan.nnz > 0 or method == "maximum")
        for number, frame in enumerate(frames):
            expected = count(frame.astype(np.float64), setup)
            part = slice(int(scan.indptr[number]), int(scan.indptr[number + 1]))
            np.testing.assert_array_equal(scan.indices[part], expected.indices)
            np.testing.assert_array_equal(scan.values[part], expected.values)


@pytest.mark.filterwarnings("ignore::countem.CountemWarning")
class TestCounts:
    @pytest.mark.parametrize("chunks", [(2, 3, 16, 20), (1, 1, 7, 9), ((1, 4), (2, 5), (16,), (9, 11))], ids=str)
    @pytest.mark.parametrize("dtype", [">i4", "f8"])
    def test_dask(self, chunks: tuple, dtype: str) -> None:
        frames = electrons((5, 7, 16, 20), dtype, 4095)
        lazy = dask.array.from_array(frames, chunks=chunks)
        check(ct.frames(lazy), frames, 30)
        check(ct.frames(lazy.reshape(35, 16, 20), scan=(5, 7)), frames, 30)
        check(ct.frames((lazy + 1).astype("f4")), frames + 1, 31)

    @pytest.mark.parametrize("lazy", [False, True])
    def test_blockfile(self, tmp_path: pathlib.Path, lazy: bool) -> None:
        frames = electrons((3, 4, 16, 16), "u1", 255)
        hyperspy.signals.Signal2D(frames).save(tmp_path / "made.blo")
        (signal,) = rsciio.blockfile.file_reader(str(tmp_path / "made.blo"), lazy=lazy)
        source = ct.frames(signal)
        assert source.shape == (3, 4, 16, 16) and source.dtype == np.uint8
        check(source, frames, 30)

    @pytest.mark.parametrize("lazy", [False, True])
    def test_tvips(self, tmp_path: pathlib.Path, lazy: bool) -> None:
        frames = electrons((6, 16, 20), "u2", 4095)
        hyperspy.signals.Signal2D(frames).save(tmp_path / "made_000.tvips")
        (read,) = rsciio.tvips.file_reader(str(tmp_path / "made_000.tvips"), lazy=lazy)
        check(ct.frames(read, scan=(2, 3)), frames, 30)

    @pytest.mark.parametrize("lazy", [False, True])
    @pytest.mark.parametrize("name", ["Quad_1_Frame_CounterDepth_6_Rows_256.mib", "Single_1_Frame_CounterDepth_12_Rows_256.mib", "002_4x2_6bit_roi128.mib"])
    def test_merlin(self, name: str, lazy: bool) -> None:
        (signal,) = rsciio.quantumdetector.file_reader(str(real(name)), lazy=lazy)
        check(ct.frames(signal), signal["data"], 10)

    @pytest.mark.parametrize("lazy", [False, True])
    @pytest.mark.parametrize(("name", "reader", "threshold"), [
        ("test2.blo", rsciio.blockfile.file_reader, 15), ("test_tvips_2345_split_000.tvips", rsciio.tvips.file_reader, 10),
        ("dm4_int16_64x65x66.dm4", rsciio.digitalmicrograph.file_reader, 40), ("ROI_Random_Scan_movie.mrc", rsciio.mrc.file_reader, 1200)])
    def test_other_instruments(self, name: str, reader, threshold: float, lazy: bool) -> None:
        signal = reader(str(real(name)), lazy=lazy)[0]
        check(ct.frames(signal), signal["data"], threshold)

    def test_hyperspy(self) -> None:
        frames = electrons((3, 4, 16, 20), "u2", 4095)
        signal = hyperspy.signals.Signal2D(frames)
        check(ct.frames(signal), frames, 30)
        check(ct.frames(signal.as_lazy()), frames, 30)
