"""Reductions on dask.distributed are those of one process to the bit."""

import os
import pathlib
import signal
import sys

import distributed
import numpy as np
import pytest

import sector_files
from dask_cluster import array, cal, client, ct, file, whole

pytestmark = pytest.mark.filterwarnings("ignore::countem.CountemWarning")
__all__ = ["array", "cal", "client", "file", "whole"]  # fixtures


def same_images(found: dict[str, ct.Image], expected: dict[str, ct.Image]) -> None:
    assert found.keys() == expected.keys()
    for name, image in expected.items():
        np.testing.assert_array_equal(found[name], image, err_msg=name)
        assert (found[name].unit, found[name].meaning, found[name].axes, str(found[name].attributes)) == (
            image.unit, image.meaning, image.axes, str(image.attributes)), name
        for beside in ("error", "completeness"):
            assert (getattr(found[name], beside) is None) == (getattr(image, beside) is None)
            if getattr(image, beside) is not None:
                np.testing.assert_array_equal(getattr(found[name], beside), getattr(image, beside), err_msg=f"{name} {beside}")


def all_reductions(scan: ct.Scan) -> dict[str, ct.Image]:
    weights = np.linspace(0, 1, scan.shape[-2] * scan.shape[-1]).reshape(scan.shape[-2:]).astype(np.float32)
    exclude = weights < 0.05
    images = {"sum": scan.sum(), "max": scan.max()}
    detectors = [ct.disk(6), ct.annulus(3, 9, centre=(5, 5)), weights > 0.5, weights]
    for incomplete in ("keep", "skip", "scale"):
        images |= {f"virtual {incomplete} {number}": image for number, image in enumerate(scan.virtual(detectors, errors=True, incomplete=incomplete))}
    images |= {f"excluded {number}": image for number, image in enumerate(scan.virtual(detectors, exclude=exclude, centre=(9, 11)))}
    centres = scan.com(within=ct.disk(8), descan=True, second_moments=True, errors=True)
    weighed = scan.com(within=weights, from_centre=True)
    images |= {"row": centres.row, "column": centres.column, "turned": centres.rotated("auto").row, "phase": centres.phase(), "variance": centres.variance_row,
               "weighed": weighed.row, "radial": scan.radial(1.5, errors=True)}
    profile = scan.radial_profile(2, errors=True)
    images |= {"profile": profile.mean, "profile of": profile.sum, "pixels": profile.pixels}
    return images


@pytest.fixture(scope="module")
def incomplete(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A beam on a detector of four sectors; frames lack sectors, one never arrived."""
    folder = tmp_path_factory.mktemp("incomplete")
    source = np.random.default_rng(8)
    positions, rows = 12, 6
    frames = np.zeros((rows * positions, 576, 576), np.uint16)
    row, column = np.indices((576, 576))
    inside = np.flatnonzero((row - 290) ** 2 + (column - 280) ** 2 < 60**2)
    for frame in frames:
        frame.ravel()[source.choice(inside, 300, replace=False)] = 200
        frame.ravel()[source.integers(0, frame.size, 20)] = 200
    files = sector_files.write(folder / "raw", frames, (rows, positions))
    for module, file in enumerate(files):
        content = file.read_bytes()
        size = sector_files.RECORD_BYTES
        kept = [content[n * size : (n + 1) * size] for n in range(len(frames)) if n != 31 and not (module == 2 and n % 7 == 3)]
        file.write_bytes(b"".join(kept))
    raw = ct.open_raw(files)
    ct.count(raw, ct.calibrate(raw, threshold=100, xray_threshold=1e6), folder / "counted.h5")
    return folder / "counted.h5"


@pytest.mark.parametrize("which", ["whole", "incomplete"])
def test_workers_reduce_to_the_bit(client: distributed.Client, which: str, request: pytest.FixtureRequest) -> None:
    with ct.open(request.getfixturevalue(which)) as scan:
        for part in (scan, scan[2:3]) if which == "incomplete" else (scan[3:17, 2:, 2:20], scan.bin(2, scan=3)):
            same_images(all_reductions(part.on(client)), all_reductions(part))
        there = scan.on(client)
        assert there.dose(dwell_us=10) == scan.dose(dwell_us=10)
        assert str(there.centre()) == str(scan.centre())


def test_a_scan_on_a_cluster_is_a_scan(client: distributed.Client, whole: pathlib.Path, cal: ct.Calibration, file: pathlib.Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    with ct.open(whole) as scan:
        there = scan.on(client.scheduler.address)
        np.testing.assert_array_equal(there[2:9].sum(), scan[2:9].sum())
        np.testing.assert_array_equal(there.indices, scan.indices)
        np.testing.assert_array_equal(there[:, :, 3:9].counts, scan[:, :, 3:9].counts)
        assert there.on(None).shape == scan.shape
        np.testing.assert_array_equal(there.virtual(ct.disk(6), corrected=True), scan.virtual(ct.disk(6), corrected=True))
        calls: list[str] = []
        monkeypatch.setattr(distributed.Client, "gather", lambda *_: calls.append("gather"))
        scan.sum(), scan.on(client).on(None).sum(), scan.on(client).load().sum()
        assert calls == []  # here
    with pytest.raises(ValueError, match="a scan in memory is not seen by workers"):
        ct.count(ct.open_raw(file), cal).on(client)


def test_errors_of_reductions(client: distributed.Client, whole: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "counted.h5"
    path.write_bytes(whole.read_bytes())
    scan = ct.open(path)
    with pytest.raises(ValueError, match="a mask is of 3 x 4 pixels, the frames have 24 x 32"):
        scan.on(client).virtual(np.ones((3, 4), bool))
    with pytest.raises(ValueError, match="'gpu' is no backend"):
        scan.on(client).sum(backend="gpu")
    with pytest.raises(TypeError, match="client=3 is neither"):
        scan.on(3).sum()
    path.unlink()
    with pytest.raises(FileNotFoundError, match="counted.h5"):
        scan.on(client).sum()
    scan[:20].save(path)
    with pytest.raises(ValueError, match="no part of a scan of 20 x 30 positions"):
        scan.on(client).sum()
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match='install it with "pip install distributed"'):
        scan.on("tcp://127.0.0.1:1").sum()


def test_a_window_of_a_killed_worker_is_reduced_again(client: distributed.Client, whole: pathlib.Path) -> None:
    with ct.open(whole) as scan:
        worker, pid = next(iter(client.run(os.getpid).items()))
        os.kill(pid, signal.SIGKILL)
        np.testing.assert_array_equal(scan.on(client).sum(), scan.sum())
