"""Reductions of scans and of parts, compared with numpy on the dense numbers and with the program's own images."""

import pathlib
import pickle
import warnings

import h5py
import numpy as np
import pytest

import countem as ct
from conftest import run

MIDDLE = (20.5, 30.25)


@pytest.fixture(scope="module")
def both(counted: pathlib.Path) -> tuple[ct.Scan, np.ndarray]:
    with h5py.File(counted) as file:
        return ct.open(counted), file["electron_counts/data"][...].astype(float)


@pytest.fixture(scope="module")
def distance() -> np.ndarray:
    rows, columns = np.indices((48, 64))
    return np.hypot(rows - MIDDLE[0], columns - MIDDLE[1])


def test_sums(both: tuple[ct.Scan, np.ndarray]) -> None:
    scan, dense = both
    np.testing.assert_array_equal(scan.sum(), dense.sum(axis=(0, 1)))
    np.testing.assert_array_equal(scan.max(), dense.max(axis=(0, 1)))
    assert (scan.sum().unit, scan.sum().axes[0].unit) == ("electrons", "pixels")


def test_virtual_images_in_the_order_of_the_detectors(both: tuple[ct.Scan, np.ndarray], distance: np.ndarray) -> None:
    scan, dense = both
    mask = np.indices(distance.shape).sum(axis=0) % 3 == 0
    weights = np.linspace(0, 1, distance.size).reshape(distance.shape)
    images = scan.virtual([ct.disk(10), weights, mask, "annulus:5,20@3,4", mask.astype(np.uint8) * 7], centre=MIDDLE, errors=True)
    around = np.hypot(*(np.indices(distance.shape) - np.array([3, 4])[:, None, None]))
    for image, weight in zip(images, [distance < 10, np.float32(weights), mask, (around >= 5) & (around < 20), mask]):
        np.testing.assert_allclose(image, (dense * weight).sum(axis=(2, 3)), rtol=1e-7)
        np.testing.assert_allclose(image.error, np.sqrt((dense * np.square(weight, dtype=float)).sum(axis=(2, 3))), rtol=1e-6)
    single = scan.virtual(ct.wedge(0, 100, 0, 90), centre=MIDDLE)
    rows, columns = np.indices(distance.shape)
    quarter = (rows <= MIDDLE[0]) & (columns > MIDDLE[1])
    np.testing.assert_array_equal(single, (dense * quarter).sum(axis=(2, 3)))
    assert single.axes[0].name == "scan row"


def test_detectors_as_text() -> None:
    assert str(ct.disk(3)) == "disk:3.0"
    assert str(ct.annulus(10, 60, unit="mrad", centre=(1, 2.5))) == "annulus:10.0mrad,60.0mrad@1.0,2.5"
    assert str(ct.wedge(1, 2, 0, 90, unit="mrad")) == "wedge:1.0mrad,2.0mrad,0.0,90.0"
    with pytest.raises(ValueError, match="'pixels' or 'mrad'"):
        ct.disk(3, unit="nm")


def test_lengths_in_mrad(both: tuple[ct.Scan, np.ndarray], counted: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="is in mrad"):
        both[0].virtual(ct.disk(3, unit="mrad"), centre=MIDDLE)
    run("reduce", counted, "-o", tmp_path / "scaled.h5", "--scan-crop", "0:3,0:5", "--pixel-mrad", 0.25)
    with ct.open(tmp_path / "scaled.h5") as scan:
        assert (scan.axes[2].unit, scan.axes[2].step) == ("mrad", 0.25)
        np.testing.assert_array_equal(scan.virtual(ct.disk(2.5, unit="mrad"), centre=MIDDLE), both[0].virtual(ct.disk(10), centre=MIDDLE))
        np.testing.assert_array_equal(scan.radial(0.5, unit="mrad", centre=MIDDLE), both[0].radial(2, centre=MIDDLE))


def test_centres_of_mass(both: tuple[ct.Scan, np.ndarray], distance: np.ndarray) -> None:
    scan, dense = both
    rows, columns = np.indices(distance.shape)
    for within, weight in ((None, np.ones(distance.shape)), (ct.disk(12), distance < 12), (np.hypot(rows, columns), np.float32(np.hypot(rows, columns)))):
        found = scan.com(within=within, centre=MIDDLE)
        weighed = dense * weight
        total = weighed.sum(axis=(2, 3))
        np.testing.assert_allclose(found.row, (weighed * rows).sum(axis=(2, 3)) / total, rtol=1e-6)
        np.testing.assert_allclose(found.column, (weighed * columns).sum(axis=(2, 3)) / total, rtol=1e-6)
    row, column = scan.com()
    np.testing.assert_array_equal(np.asarray(scan.com()), np.stack([row, column]))
    np.testing.assert_allclose(scan.com(from_centre=True, centre=MIDDLE).row, row - MIDDLE[0], rtol=1e-9)
    with_moments = scan.com(second_moments=True, errors=True)
    n = dense.sum(axis=(2, 3))
    variance = ((dense * rows**2).sum(axis=(2, 3)) / n - np.asarray(row) ** 2) * n / (n - 1)
    np.testing.assert_allclose(with_moments.variance_row, variance, rtol=1e-9)
    np.testing.assert_allclose(with_moments.row.error, np.sqrt(variance / n), rtol=1e-9)
    with pytest.raises(ValueError, match="not both"):
        scan.com(from_centre=True, descan=True)


def test_phases_equal_the_programs(counted: pathlib.Path, both: tuple[ct.Scan, np.ndarray], tmp_path: pathlib.Path) -> None:
    run("reduce", counted, "-o", tmp_path / "phase.h5", "--com", "--descan", "--phase", "--scan-rotation", 30, "--flip", "--voltage", 300, "--pixel-mrad", 0.25, "--scan-step", 0.1)
    found = both[0].com(descan=True).rotated(30, flip=True)
    phase = found.phase(voltage_kv=300, pixel_mrad=0.25, scan_step_nm=0.1)
    with h5py.File(tmp_path / "phase.h5") as file:
        np.testing.assert_array_equal(phase, file["reductions/phase"])
        np.testing.assert_array_equal(phase.error, file["reductions/phase_error"])
        np.testing.assert_array_equal(found.row, file["reductions/com_row"])
        assert phase.unit == file["reductions/phase"].attrs["units"] == "rad"
    assert both[0].com().phase().unit == "pixels * steps"
    with pytest.raises(ValueError, match="voltage"):
        both[0].com().phase(pixel_mrad=0.1, scan_step_nm=1)


def test_rings(both: tuple[ct.Scan, np.ndarray], distance: np.ndarray) -> None:
    scan, dense = both
    rings = scan.radial(3, centre=MIDDLE)
    number = (distance / 3).astype(int)
    for ring in range(rings.shape[2]):
        np.testing.assert_array_equal(rings[:, :, ring], (dense * (number == ring)).sum(axis=(2, 3)))
    np.testing.assert_allclose(rings.attributes["radius"], 3 * (np.arange(rings.shape[2]) + 0.5))
    profile = scan.radial_profile(3, centre=MIDDLE, exclude=distance < 6)
    assert profile.sum[0] == profile.pixels[0] == 0 and np.isnan(profile.mean[0])
    np.testing.assert_allclose(profile.sum[2:], np.asarray(rings).sum(axis=(0, 1))[2:])


def test_parts_have_the_reductions_of_what_they_show(both: tuple[ct.Scan, np.ndarray]) -> None:
    scan, dense = both
    part = scan[1:, 2:, 8:40, 10:]
    np.testing.assert_array_equal(part.sum(), dense[1:, 2:, 8:40, 10:].sum(axis=(0, 1)))
    np.testing.assert_array_equal(part.counts, dense[1:, 2:, 8:40, 10:].sum(axis=(2, 3)))
    assert (part.sum().axes[0].origin, part.sum().axes[1].origin) == (8, 10)
    # Places stay those of the detector.
    np.testing.assert_array_equal(part.virtual(ct.disk(5), centre=MIDDLE), scan.virtual(ct.disk(5), centre=MIDDLE)[1:, 2:])
    np.testing.assert_allclose(scan[:, :, 8:40, 10:].com().row, part_rows(dense), rtol=1e-9)


def part_rows(dense: np.ndarray) -> np.ndarray:
    cut = dense[:, :, 8:40, 10:]
    return (cut * np.arange(8, 40)[:, None]).sum(axis=(2, 3)) / cut.sum(axis=(2, 3))


def test_the_beam_is_that_of_the_program(counted: pathlib.Path, both: tuple[ct.Scan, np.ndarray], tmp_path: pathlib.Path) -> None:
    run("reduce", counted, "-o", tmp_path / "beam.h5", "--radial-profile")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ct.CountemWarning)
        beam = both[0].centre()
    with h5py.File(tmp_path / "beam.h5") as file:
        attributes = file["reductions/radial_sum"].attrs
        assert tuple(beam) == (attributes["centre_row"], attributes["centre_column"])


def test_a_beam_that_is_known_is_that_which_is_found(tmp_path: pathlib.Path) -> None:
    """An open scan finds its beam once: `used` does for all images in turn, the others are opened for one image each."""
    rows, columns = np.indices((48, 64))
    disk = np.hypot(rows - 22.3, columns - 33.6) < 9
    frames = np.random.default_rng(1).poisson(0.3 * disk + 0.002, (3, 5, 48, 64)).astype(np.uint8)
    frames[:2, :, :, 40:] = 0  # the first rows of the scan show another beam
    path = tmp_path / "beam.h5"
    ct.count(ct.frames(frames), path=path, method="counts").close()
    excluded = columns < 30
    images = [lambda scan: scan.virtual(ct.disk(5)), lambda scan: scan.virtual(ct.annulus(5, 9), incomplete="scale"),
              lambda scan: scan.virtual(ct.disk(5), exclude=excluded), lambda scan: scan.radial(2), lambda scan: scan.com(within=ct.disk(6)).row,
              lambda scan: scan[:2].virtual(ct.disk(5)), lambda scan: scan[:, :, 4:40, 10:60].virtual(ct.disk(5)),
              lambda scan: scan.virtual(ct.disk(5), centre=MIDDLE)]
    used, centres = ct.open(path), set()
    for image in [*images, *images[::-1]]:
        found = image(used)
        with ct.open(path) as opened:
            wanted = image(opened)
        np.testing.assert_array_equal(found, wanted)
        assert {name: str(value) for name, value in found.attributes.items() if name != "radius"} == {
            name: str(value) for name, value in wanted.attributes.items() if name != "radius"}
        centres.add(found.attributes.get("centre_row"))
    assert tuple(used.centre()) == tuple(ct.open(path).centre()) and used.centre().found
    assert len(centres) >= 4, "of all, of a part, without excluded pixels, given"


@pytest.mark.parametrize("share", [1.0, 0.6, 0.2])
def test_another_disk_beside_the_beam_is_named(share: float) -> None:
    rows, columns = np.indices((96, 112))
    disks = np.hypot(rows - 30, columns - 28) < 9, np.hypot(rows - 62, columns - 70) < 9
    frames = np.random.default_rng(3).poisson(0.5 * disks[0] + 0.5 * share * disks[1], (4, 5, 96, 112)).astype(np.uint8)
    scan = ct.count(ct.frames(frames), method="counts")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        beam = scan.centre()
    assert beam.found == (share < 1)
    assert ["are alike" in str(one.message) for one in caught] == ([] if beam.found else [True])
    assert tuple(beam) == pytest.approx((30, 28) if beam.found else (47.5, 55.5), abs=0.2)
    assert len(beam.candidates) == (0 if share < 0.5 else 2)
    for (row, column, electrons), (place, disk) in zip(sorted(beam.candidates), (((30, 28), disks[0]), ((62, 70), disks[1])), strict=False):
        assert (row, column) == pytest.approx(place, abs=0.2)
        assert electrons == pytest.approx(frames[..., disk].sum(), rel=0.06)


def test_a_vacuum_scan_gives_the_centre(both: tuple[ct.Scan, np.ndarray], counted: pathlib.Path) -> None:
    with pytest.raises((ValueError, OSError)):
        both[0].virtual(ct.disk(3), centre="absent.h5")


def test_what_is_refused(both: tuple[ct.Scan, np.ndarray]) -> None:
    scan, _ = both
    with pytest.raises(ValueError, match="3 x 3 pixels"):
        scan.virtual(np.ones((3, 3), bool))
    with pytest.raises(ValueError, match="excludes every pixel"):
        scan.com(exclude=np.ones((48, 64), bool))
    with pytest.raises(ValueError, match="no virtual detector"):
        scan.virtual("ring:3")
    with pytest.raises(ValueError, match="is no backend"):
        scan.sum(backend="abacus")
    with pytest.raises(ValueError, match="incomplete"):
        scan.virtual(ct.disk(3), centre=MIDDLE, incomplete="maybe")


def test_frames_that_lack_a_part_are_warned_of(counted: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "incomplete.h5"
    path.write_bytes(counted.read_bytes())
    with h5py.File(path, "r+") as file:
        file["electron_counts/status"][2] = 0b0111
    with ct.open(path) as scan:
        with pytest.warns(ct.CountemWarning, match="1 of 15 frames lack"):
            image = scan.virtual(ct.disk(10), centre=MIDDLE)
        assert image.completeness is not None and image.completeness.min() < 1
        assert scan.status[0, 2] == 7


def test_images_are_arrays(both: tuple[ct.Scan, np.ndarray]) -> None:
    image = both[0].virtual(ct.disk(10), centre=MIDDLE)
    assert type(image + 1) is np.ndarray and type(image[0]) is np.ndarray and not isinstance(image.sum(), np.ndarray)
    assert image.attributes["centre_row"] == MIDDLE[0]
    again = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(again, image)
    assert (again.unit, again.axes, again.attributes) == (image.unit, image.axes, image.attributes)


def test_doses(both: tuple[ct.Scan, np.ndarray]) -> None:
    scan, dense = both
    dose = scan.dose(dwell_us=10, efficiency=0.8, scan_step_nm=0.5)
    per_frame = dense.sum() / 15 / 0.8
    assert dose.electrons_per_frame == pytest.approx(per_frame)
    assert dose.electrons_per_frame_error == pytest.approx(np.sqrt(dense.sum()) / 15 / 0.8)
    assert dose.current_pa == pytest.approx(per_frame * 0.1602176634 / 10)
    assert dose.per_square_angstrom == pytest.approx(per_frame / 25)
    assert scan.dose().current_pa is None and scan.bin(2).dose().electrons_per_frame == pytest.approx(dense.sum() / 15)
    with pytest.raises(ValueError, match="whole detector"):
        scan[:, :, 1:].dose()
    with pytest.raises(ValueError, match="above 0"):
        scan.dose(dwell_us=-1)


def test_reductions_keep_no_memory(both: tuple[ct.Scan, np.ndarray]) -> None:
    part = both[0][:2]

    def resident() -> int:
        return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096

    for _ in range(200):
        part.com()
    before = resident()
    for _ in range(1000):
        part.com()
    assert resident() - before < 2**20  # an arena of TBB, or an image, each time would be several times that
