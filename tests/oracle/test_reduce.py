"""countem reduce against numpy on the dense numbers of the same store: integers equal, centres of mass to 1e-9."""

import pathlib

import h5py
import numpy as np
import pytest
import scipy.ndimage

import stores
from abi import Library
from program import Program

EXAMPLES = [stores.Example("reduced", wide_counts=True), stores.Example("reduced_repeats", frames_per_position=2, wide_counts=True),
            stores.Example("reduced_values", wide_counts=True, values="charge")]


@pytest.fixture(params=EXAMPLES, ids=lambda example: example.name)
def stored(request: pytest.FixtureRequest, library: Library, tmp_path: pathlib.Path) -> tuple[pathlib.Path, np.ndarray]:
    """A store and its dense numbers as (scan_y, scan_x, repeat, row, column)."""
    path = tmp_path / "counted.h5"
    dense = request.param.write(library, path)
    scan_y, scan_x = request.param.scan
    return path, dense.reshape(scan_y, scan_x, -1, *request.param.shape).astype(np.int64)


def reduced(path: pathlib.Path, *options: str) -> dict[str, np.ndarray]:
    output = path.with_name("reduced.h5")
    Program.find().run("reduce", path, "-o", output, "--quiet", *options)
    with h5py.File(output) as file:
        return {name: values[...] for name, values in file["reductions"].items()}


def whole_and_there(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Positions of which every sector of every frame arrived, and those of which anything did."""
    with h5py.File(path) as file:
        scan = file["electron_counts/data"].shape[:2]
        sectors = (file["electron_counts/status"][...] & 15).reshape(*scan, -1)
    return (sectors == 15).all(axis=2), (sectors != 0).any(axis=2)


def share_that_arrived(path: pathlib.Path) -> float:
    """How sectors lie is not known of these stores: each is a quarter of everything."""
    with h5py.File(path) as file:
        status = file["electron_counts/status"][...]
    return np.unpackbits(status & 15).sum() / (4 * len(status))


def distance(shape: tuple[int, int], centre: tuple[float, float]) -> np.ndarray:
    rows, columns = np.indices(shape)
    return np.hypot(rows - centre[0], columns - centre[1])


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("threads", ["1", "3"])
def test_everything_at_once(stored: tuple[pathlib.Path, np.ndarray], backend: str, threads: str) -> None:
    path, dense = stored
    centre = (20.25, 30.5)
    found = reduced(path, "--sum", "--max", "--com", "--radial", "--radial-step", "1.5", "--virtual", "disk:9", "annulus:9.5,22",
                    "disk:4@10,50", "wedge:3,20,30,120", "--centre", "20.25,30.5", "--backend", backend, "--threads", threads)
    at_position = dense.sum(axis=2)
    away = distance(dense.shape[-2:], centre)
    whole, there = whole_and_there(path)
    unless_lost = lambda values: np.where(there, values, np.nan)
    np.testing.assert_array_equal(found["sum"], dense.sum(axis=(0, 1, 2)))
    np.testing.assert_array_equal(found["maximum"], dense.max(axis=(0, 1, 2)))
    np.testing.assert_array_equal(found["counts"], unless_lost(at_position.sum(axis=(2, 3))))
    rows, columns = np.indices(dense.shape[-2:])
    angle = np.degrees(np.arctan2(-(rows - centre[0]), columns - centre[1])) % 360
    masks = [away < 9, (away >= 9.5) & (away < 22), distance(dense.shape[-2:], (10, 50)) < 4,
             (away >= 3) & (away < 20) & (angle >= 30) & (angle < 120)]
    for number, mask in enumerate(masks):
        np.testing.assert_array_equal(found[f"virtual_{number}"], unless_lost(at_position[:, :, mask].sum(axis=2)), err_msg=f"detector {number}")
    rings = np.floor(away / 1.5).astype(int)
    assert found["radial"].shape[2] > rings.max()
    for ring in range(found["radial"].shape[2]):
        np.testing.assert_array_equal(found["radial"][:, :, ring], unless_lost(at_position[:, :, rings == ring].sum(axis=2)))
    for position in np.ndindex(*at_position.shape[:2]):
        frame = at_position[position]
        centre_found = (found["com_row"][position], found["com_column"][position])
        if frame.sum() == 0 or not whole[position]:
            assert np.isnan(centre_found).all()  # never a made-up mean, nor that of a part
        else:
            np.testing.assert_allclose(centre_found, scipy.ndimage.center_of_mass(frame.astype(float)), rtol=0, atol=1e-9)


def test_masks_and_weights_from_files(stored: tuple[pathlib.Path, np.ndarray], tmp_path: pathlib.Path) -> None:
    path, dense = stored
    random = np.random.default_rng(5)
    mask = random.random(dense.shape[-2:]) < 0.3
    weights = random.normal(size=mask.shape)
    np.save(tmp_path / "mask.npy", mask.astype(np.uint8))
    np.save(tmp_path / "weights.npy", weights.astype(np.float32))
    weights.astype("<f4").tofile(tmp_path / "weights.raw")
    found = reduced(path, "--virtual", "disk:9@20,30", "--mask", str(tmp_path / "mask.npy"),
                    "--weights", str(tmp_path / "weights.npy"), str(tmp_path / "weights.raw"))
    at_position = dense.sum(axis=2)
    there = whole_and_there(path)[1]
    np.testing.assert_array_equal(found["virtual_1"], np.where(there, at_position[:, :, mask].sum(axis=2), np.nan))
    wanted = (at_position * weights.astype(np.float32).astype(np.float64)).sum(axis=(2, 3))
    np.testing.assert_allclose(found["weighted_0"], np.where(there, wanted, np.nan), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found["weighted_0"], found["weighted_1"])


def test_about_the_centre(stored: tuple[pathlib.Path, np.ndarray]) -> None:
    path, dense = stored
    centre = (20.25, 30.5)
    options = ("--centre", "20.25,30.5", "--com")
    plain, relative = reduced(path, *options), reduced(path, *options, "--from-centre", "--radial-profile", "--radial-step", "2")
    np.testing.assert_allclose(relative["com_row"], plain["com_row"] - centre[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(relative["com_column"], plain["com_column"] - centre[1], rtol=0, atol=1e-12)
    assert "sum" not in relative
    rings = np.floor(distance(dense.shape[-2:], centre) / 2).astype(int)
    wanted = np.bincount(rings.ravel(), dense.sum(axis=(0, 1, 2)).ravel(), minlength=len(relative["radial_sum"]))
    np.testing.assert_array_equal(relative["radial_sum"], wanted)
    np.testing.assert_allclose(relative["radial_mean"], wanted / np.bincount(rings.ravel()) / share_that_arrived(path))


def test_a_centre_that_is_found_costs_nothing_twice(stored: tuple[pathlib.Path, np.ndarray]) -> None:
    """Two passes give what one gives when the centre is named."""
    path, _ = stored
    options = ("--sum", "--max", "--com", "--virtual", "disk:9", "--radial")
    found = reduced(path, *options)
    told = Program.find().run("reduce", path, "-o", path.with_name("again.h5"), "--json", "--quiet", *options)
    centre = told["centre"]
    given = reduced(path, *options, "--centre", f"{centre['row']!r},{centre['column']!r}")
    assert found.keys() == given.keys()
    for name, values in found.items():
        np.testing.assert_array_equal(values, given[name], err_msg=name)


def test_part_of_the_scan(stored: tuple[pathlib.Path, np.ndarray]) -> None:
    path, dense = stored
    found = reduced(path, "--sum", "--scan-crop", "1:3,2:")
    np.testing.assert_array_equal(found["sum"], dense[1:3, 2:].sum(axis=(0, 1, 2)))
    there = whole_and_there(path)[1][1:3, 2:]
    np.testing.assert_array_equal(found["counts"], np.where(there, dense[1:3, 2:].sum(axis=(2, 3, 4)), np.nan))


def blocks(dense: np.ndarray, axis: int, factor: int, whole: bool) -> np.ndarray:
    """Sums over blocks of an axis; where the factor does not divide it, without a last one, or with a shorter one."""
    length = dense.shape[axis] // factor * factor if whole else dense.shape[axis]
    return np.add.reduceat(np.take(dense, np.arange(length), axis), np.arange(0, length, factor), axis=axis)


@pytest.mark.parametrize("whole", [True, False])
def test_smaller_stores(stored: tuple[pathlib.Path, np.ndarray], whole: bool) -> None:
    path, dense = stored
    output = path.with_name(f"smaller_{whole}.h5")
    Program.find().run("reduce", path, "-o", output, "--quiet", "--scan-crop", ":,1:5", "--crop", "5:40,3:61", "--bin", "3", "--scan-bin", "2",
                       "--sum", "--virtual", "disk:9@20,30", *([] if whole else ["--keep-remainder"]))
    wanted = dense[:, 1:5, :, 5:40, 3:61]
    for axis, factor in ((0, 2), (1, 2), (3, 3), (4, 3)):
        wanted = blocks(wanted, axis, factor, whole)
    Program.find().run("verify", output)
    with h5py.File(output) as file:
        data = file["electron_counts/data"][...]
        limit = np.iinfo(data.dtype).max
        np.testing.assert_array_equal(data.reshape(wanted.shape), np.minimum(wanted, limit))
        np.testing.assert_array_equal(file["reductions/sum"][...], wanted.sum(axis=(0, 1, 2)))
        rows, columns = (file[f"electron_counts/dim{axis}"][...] for axis in (data.ndim - 1, data.ndim))
        np.testing.assert_allclose(rows, 5 + np.arange(wanted.shape[3]) * 3 + 1)
        np.testing.assert_allclose(columns, 3 + np.arange(wanted.shape[4]) * 3 + 1)
        disk = np.hypot(rows[:, None] - 20, columns[None, :] - 30) < 9
        there = (file["electron_counts/status"][...] & 15).reshape(*data.shape[:2], -1).any(axis=2)
        np.testing.assert_array_equal(file["reductions/virtual_0"][...], np.where(there, wanted[..., disk].sum(axis=(2, 3)), np.nan))
        assert "countem reduce" in file["provenance"].attrs["reduce_command_line"]


def test_pictures_and_arrays(stored: tuple[pathlib.Path, np.ndarray]) -> None:
    path, dense = stored
    folder = path.with_name("arrays")
    reduced(path, "--sum", "--com", "--npy", str(folder), "--png", str(folder))
    np.testing.assert_array_equal(np.load(folder / "reduced_sum.npy"), dense.sum(axis=(0, 1, 2)))
    assert np.load(folder / "reduced_com_row.npy").shape == dense.shape[:2]
    assert (folder / "reduced_sum.png").read_bytes().startswith(b"\x89PNG")


def places(frame: np.ndarray) -> np.ndarray:
    """Row and column of each event of a frame."""
    return np.repeat(np.argwhere(frame), frame[frame != 0], axis=0)


def expect_centres(found: dict[str, np.ndarray], at_position: np.ndarray, weights: np.ndarray, whole: np.ndarray) -> None:
    """Centres of mass, second moments and errors from the places themselves; none of a part of a pattern."""
    for position in np.ndindex(*at_position.shape[:2]):
        each = places(np.where(weights != 0, at_position[position], 0))
        measured = np.array([found[name][position] for name in ("com_row", "com_column")])
        if len(each) == 0 or not whole[position]:
            assert np.isnan(measured).all()
            continue
        w = weights[tuple(each.T)].astype(float)
        mean = np.average(each, axis=0, weights=w)
        np.testing.assert_allclose(measured, mean, rtol=0, atol=1e-6)
        spread = np.array([found[name][position] for name in ("variance_row", "covariance", "variance_column", "com_row_error", "com_column_error")])
        if len(each) == 1:
            assert np.isnan(spread).all()
            continue
        n = w.sum() ** 2 / (w**2).sum()
        away = each - mean
        variance = (away.T * w) @ away / w.sum() * n / (n - 1)
        of_mean = (away.T * w**2) @ away / w.sum() ** 2 * n / (n - 1)
        np.testing.assert_allclose(spread, [*variance[np.triu_indices(2)], *np.sqrt(of_mean.diagonal())], rtol=1e-6, atol=1e-6)


def test_second_moments_in_apertures(stored: tuple[pathlib.Path, np.ndarray], tmp_path: pathlib.Path) -> None:
    path, dense = stored
    shape = dense.shape[-2:]
    at_position = dense.sum(axis=2)
    random = np.random.default_rng(8)
    shadow = random.random(shape) < 0.1
    weights = random.integers(0, 4, shape).astype(np.uint8)
    np.save(tmp_path / "shadow.npy", shadow.astype(np.uint8))
    np.save(tmp_path / "weights.npy", weights)
    everywhere = np.ones(shape, dtype=int)
    options = ("--com", "--second-moments", "--errors", "--centre", "20.25,30.5")
    whole = whole_and_there(path)[0]
    expect_centres(reduced(path, *options), at_position, everywhere, whole)
    expect_centres(reduced(path, *options, "--com-within", "annulus:3,18", "--exclude", str(tmp_path / "shadow.npy")), at_position,
                   ((distance(shape, (20.25, 30.5)) >= 3) & (distance(shape, (20.25, 30.5)) < 18) & ~shadow).astype(int), whole)
    expect_centres(reduced(path, *options, "--com-within", str(tmp_path / "weights.npy")), at_position, weights, whole)


@pytest.mark.parametrize("stored", EXAMPLES[:1], indirect=True, ids=["reduced"])
def test_centres_of_mass_in_a_disk_are_libertems(stored: tuple[pathlib.Path, np.ndarray]) -> None:
    context = pytest.importorskip("libertem.api").Context.make_with("inline")
    from libertem.udf.com import CoMUDF

    path, dense = stored
    at_position = dense.sum(axis=2)
    found = reduced(path, "--com", "--from-centre", "--com-within", "disk:17.3", "--centre", "20.25,30.5")
    raw = context.run_udf(context.load("memory", data=at_position.astype(np.float32), sig_dims=2), CoMUDF.with_params(cy=20.25, cx=30.5, r=17.3))
    rows, columns = raw["field_y"].data, raw["field_x"].data
    some = (at_position[:, :, distance(dense.shape[-2:], (20.25, 30.5)) < 17.3].sum(axis=2) > 0) & whole_and_there(path)[0]
    assert some.any()
    np.testing.assert_allclose(found["com_row"][some], rows[some], rtol=0, atol=1e-4)
    np.testing.assert_allclose(found["com_column"][some], columns[some], rtol=0, atol=1e-4)


def test_rings_of_used_pixels(stored: tuple[pathlib.Path, np.ndarray], tmp_path: pathlib.Path) -> None:
    """Behind a beam stop the mean of a ring is that of its open pixels."""
    path, dense = stored
    shape = dense.shape[-2:]
    stop = np.zeros(shape, dtype=np.uint8)
    stop[:, 25:34] = 255
    np.save(tmp_path / "stop.npy", stop)
    found = reduced(path, "--radial", "--radial-profile", "--errors", "--exclude", str(tmp_path / "stop.npy"), "--centre", "20.25,30.5")
    rings = np.floor(distance(shape, (20.25, 30.5))).astype(int)
    used = np.bincount(rings[stop == 0], minlength=len(found["radial_radius"]))
    total = np.bincount(rings[stop == 0], dense.sum(axis=(0, 1, 2))[stop == 0], minlength=len(used))
    np.testing.assert_array_equal(found["radial_pixels"], used)
    np.testing.assert_array_equal(found["radial_sum"], total)
    np.testing.assert_array_equal(np.nansum(found["radial"], axis=(0, 1)), total)
    np.testing.assert_array_equal(found["radial_radius"], np.arange(len(used)) + 0.5)
    used = used * share_that_arrived(path)
    with np.errstate(invalid="ignore", divide="ignore"):
        np.testing.assert_allclose(found["radial_mean"], np.where(used > 0, total / used, np.nan))
        np.testing.assert_allclose(found["radial_mean_error"], np.where(used > 0, np.sqrt(total) / used, np.nan))


def test_profiles_larger_than_what_is_held(library: Library, tmp_path: pathlib.Path) -> None:
    """20,000 rings at 500 positions are 80 MB, which are written while the store is read once more."""
    path = tmp_path / "many.h5"
    example = stores.Example("many", shape=(12, 16), scan=(20, 25), frames_per_position=2, wide_counts=True, occupancy=0.2)
    dense = example.write(library, path).astype(np.int64)
    step, centre = 0.0005, (5.3, 7.1)
    found = reduced(path, "--radial", "--radial-step", str(step), "--errors", "--centre", f"{centre[0]},{centre[1]}")
    rings = np.floor(distance(example.shape, centre) / step).astype(int).ravel()
    number = found["radial"].shape[2]
    assert found["radial"].nbytes > 64 << 20 and number > rings.max()
    _, there = whole_and_there(path)
    at_position = dense.sum(axis=2).reshape(*example.scan, -1)
    for row in range(example.scan[0]):
        for column in range(example.scan[1]):
            wanted = np.bincount(rings, at_position[row, column], minlength=number).astype(float)
            if not there[row, column]:
                wanted[rings] = np.nan
            got = found["radial"][row, column]
            np.testing.assert_array_equal(got, wanted)
            np.testing.assert_array_equal(found["radial_error"][row, column], np.sqrt(got))
    with h5py.File(path.with_name("reduced.h5")) as file:
        assert np.prod(file["reductions/radial"].chunks) * 8 <= 4 << 20
