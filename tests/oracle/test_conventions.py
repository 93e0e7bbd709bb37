"""What the field's programs mean by the same reductions: LiberTEM, py4DSTEM, stempy and pyFAI on the same scan of electrons."""

import pathlib

import h5py
import numpy as np
import pytest

from program import Program

SIDE = 64  # stempy takes the height for the width
CENTRE = (30.3, 33.6)


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, np.ndarray]:
    """A store, and the electrons in it as (scan_y, scan_x, row, column): a disk that moves, on a ring."""
    random = np.random.default_rng(12)
    rows, columns = np.indices((SIDE, SIDE))
    dense = np.zeros((5, 7, SIDE, SIDE), np.uint16)
    for y, x in np.ndindex(5, 7):
        disk = np.hypot(rows - CENTRE[0] - 0.5 * y, columns - CENTRE[1] + 0.3 * x) < 9
        ring = np.abs(np.hypot(rows - CENTRE[0], columns - CENTRE[1]) - 20) < 2
        dense[y, x] = random.poisson(0.5 * disk + 0.1 * ring + 0.01)
    folder = tmp_path_factory.mktemp("conventions")
    np.save(folder / "counts.npy", dense)
    Program.find().run("count", folder / "counts.npy", "-o", folder / "counted.h5", "--method", "counts", "--no-png", "--quiet")
    return folder / "counted.h5", dense


def reduced(path: pathlib.Path, *options: str) -> dict[str, np.ndarray]:
    output = path.with_name("reduced.h5")
    Program.find().run("reduce", path, "-o", output, "--quiet", "--centre", f"{CENTRE[0]},{CENTRE[1]}", *options)
    with h5py.File(output) as file:
        return {name: values[...] for name, values in file["reductions"].items()}


def events_of(dense: np.ndarray):
    from stempy.io.sparse_array import SparseArray

    data = np.empty((dense.shape[0] * dense.shape[1], 1), dtype=object)
    for i, frame in enumerate(dense.reshape(-1, SIDE * SIDE)):
        data[i, 0] = np.repeat(np.arange(SIDE * SIDE), frame).astype(np.uint32)
    return SparseArray(data=data, scan_shape=dense.shape[:2], frame_shape=(SIDE, SIDE))


def test_disks_and_annuli(scan: tuple[pathlib.Path, np.ndarray]) -> None:
    """Radii that no pixel lies at: whether a rim belongs to a detector differs from program to program. Ours: inner <= d < outer."""
    import py4DSTEM
    import stempy.image
    from libertem.api import Context

    path, dense = scan
    found = reduced(path, "--virtual", "disk:9.33", "annulus:15.21,24.17")
    context = Context.make_with("inline")
    data = context.load("memory", data=dense.astype(np.float32), sig_dims=2)
    disk = context.run(context.create_disk_analysis(data, cx=CENTRE[1], cy=CENTRE[0], r=9.33)).intensity.raw_data
    ring = context.run(context.create_ring_analysis(data, cx=CENTRE[1], cy=CENTRE[0], ri=15.21, ro=24.17)).intensity.raw_data
    np.testing.assert_array_equal(found["virtual_0"], disk)
    np.testing.assert_array_equal(found["virtual_1"], ring)
    cube = py4DSTEM.DataCube(dense.astype(np.float32))
    np.testing.assert_array_equal(found["virtual_0"], cube.get_virtual_image("circle", (CENTRE, 9.33), verbose=False).data)
    np.testing.assert_array_equal(found["virtual_1"], cube.get_virtual_image("annulus", (CENTRE, (15.21, 24.17)), verbose=False).data)
    # stempy's first centre is that of the columns.
    np.testing.assert_array_equal(found["virtual_0"], stempy.image.virtual_darkfield(events_of(dense), CENTRE[1], CENTRE[0], 9.33))


def test_who_owns_a_rim(tmp_path: pathlib.Path) -> None:
    """docs/reductions.md has this table: pixels at distances 2 (inner) and 4 (outer) of an annulus, one electron each."""
    import py4DSTEM
    from libertem import masks

    dense = np.zeros((1, 1, 11, 11), np.uint16)
    dense[0, 0, 5, 7] = dense[0, 0, 5, 9] = 1
    np.save(tmp_path / "rim.npy", dense)
    Program.find().run("count", tmp_path / "rim.npy", "-o", tmp_path / "rim.h5", "--method", "counts", "--no-png", "--quiet")
    Program.find().run("reduce", tmp_path / "rim.h5", "-o", tmp_path / "r.h5", "--quiet", "--centre", "5,5", "--virtual", "annulus:2,4", "disk:2", "annulus:4,9")
    with h5py.File(tmp_path / "r.h5") as file:
        assert [int(file[f"reductions/virtual_{i}"][0, 0]) for i in range(3)] == [1, 0, 1]
    ring = masks.ring(5, 5, 11, 11, 4, 2)
    assert (ring[5, 7], ring[5, 9]) == (False, True)
    annulus = py4DSTEM.DataCube(dense).make_detector((11, 11), "annulus", ((5, 5), (2, 4)))
    assert (annulus[5, 7], annulus[5, 9]) == (False, False)


def test_rings_of_stempy(scan: tuple[pathlib.Path, np.ndarray]) -> None:
    import stempy.image

    path, dense = scan
    found = reduced(path, "--radial")["radial"]
    wanted = stempy.image.radial_sum_sparse(events_of(dense), CENTRE)
    np.testing.assert_array_equal(found[:, :, : wanted.shape[2] - 1], wanted[:, :, :-1])  # its last bin has both of its edges


def test_centres_of_mass_of_stempy(scan: tuple[pathlib.Path, np.ndarray]) -> None:
    import stempy.image

    path, dense = scan
    found = reduced(path, "--com")
    first, second = stempy.image.com_sparse(events_of(dense), replace_nans=False)  # columns, then rows
    np.testing.assert_allclose(found["com_column"], first, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found["com_row"], second, rtol=0, atol=1e-4)


@pytest.mark.parametrize("masked", [False, True])
def test_radial_mean_of_pyfai(scan: tuple[pathlib.Path, np.ndarray], tmp_path: pathlib.Path, masked: bool) -> None:
    """Pixels in rings by their centres, a beam stop left out. pyFAI has 0 in a ring without pixels; its Poisson errors give a pixel
    without electrons the variance 1, which is wrong where most pixels have none."""
    from pyFAI.integrator.azimuthal import AzimuthalIntegrator

    path, dense = scan
    stop = np.zeros((SIDE, SIDE), np.uint8)
    stop[28:34, :40] = masked
    np.save(tmp_path / "stop.npy", stop)
    found = reduced(path, "--radial-profile", "--errors", "--exclude", str(tmp_path / "stop.npy"))
    rings = 28
    pixel = 1e-3  # metres, so that a millimetre is a pixel
    integrator = AzimuthalIntegrator(dist=1, poni1=(CENTRE[0] + 0.5) * pixel, poni2=(CENTRE[1] + 0.5) * pixel, pixel1=pixel, pixel2=pixel)
    wanted = integrator.integrate1d(dense.sum(axis=(0, 1)).astype(np.float64), rings, unit="r_mm", radial_range=(0, rings), mask=stop,
                                    method=("no", "histogram", "cython"), correctSolidAngle=False)
    np.testing.assert_allclose(found["radial_radius"][:rings], wanted.radial, rtol=1e-6)
    used = found["radial_pixels"][:rings] > 0
    assert used.all() != masked and np.isnan(found["radial_mean"][:rings][~used]).all()
    np.testing.assert_allclose(found["radial_mean"][:rings][used], wanted.intensity[used], rtol=1e-5)


def test_bins_of_py4dstem(scan: tuple[pathlib.Path, np.ndarray], tmp_path: pathlib.Path) -> None:
    """The remainder is cropped, and the size of a pixel grows."""
    import py4DSTEM

    path, dense = scan
    output = tmp_path / "binned.h5"
    Program.find().run("reduce", path, "-o", output, "--quiet", "--bin", "3", "--scan-bin", "2")
    cube = py4DSTEM.DataCube(dense.astype(np.float32))
    cube.calibration.set_Q_pixel_size(1)
    cube.bin_Q(3)
    cube.bin_R(2)
    with h5py.File(output) as file:
        np.testing.assert_array_equal(file["electron_counts/data"][...], cube.data)
        assert np.diff(file["electron_counts/dim3"][...])[0] == cube.calibration.get_Q_pixel_size() == 3
