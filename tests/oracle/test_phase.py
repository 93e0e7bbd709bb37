"""Centres of mass in scan axes, descan and the integrated phase, against LiberTEM, py4DSTEM and the definition in dense algebra."""

import pathlib

import h5py
import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.csgraph
from libertem.udf.com import apply_correction, guess_corrections
from py4DSTEM.process.phase import DPC

import stores
from abi import Library
from program import Program
from semantics import Counted


def reduced(path: pathlib.Path, *options: object) -> dict[str, np.ndarray]:
    output = path.with_name("reduced.h5")
    Program.find().run("reduce", path, "-o", output, "--quiet", "--force", *options)
    with h5py.File(output) as file:
        return {name: values[...] for name, values in file["reductions"].items()}


@pytest.fixture(params=[stores.Example("phase", wide_counts=True, scan=(6, 7)), stores.Example("phase_line", scan=(1, 9)),
                        stores.Example("phase_sparse", scan=(9, 8), occupancy=0.0004)], ids=lambda example: example.name)
def stored(request: pytest.FixtureRequest, library: Library, tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "counted.h5"
    request.param.write(library, path)
    return path


def from_mean(maps: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    weights = maps["counts"].astype(float)
    there = weights > 0
    return tuple(maps[name] - np.average(maps[name][there], weights=weights[there]) for name in ("com_row", "com_column"))


@pytest.mark.parametrize("degrees", [-150, -90, -30.5, 0, 45, 77])
@pytest.mark.parametrize("flip", [False, True])
def test_scan_axes(stored: pathlib.Path, degrees: float, flip: bool) -> None:
    row, column = from_mean(reduced(stored, "--com"))
    turned = reduced(stored, "--com", "--scan-rotation", degrees, *(["--flip"] if flip else []))
    wanted = apply_correction(row, column, scan_rotation=degrees, flip_y=flip)
    for name, values in zip(("com_row", "com_column"), wanted):
        np.testing.assert_allclose(turned[name], values, rtol=0, atol=1e-9)


@pytest.mark.parametrize("degrees", [-60, 20])
@pytest.mark.parametrize("flip", [False, True])
def test_scan_axes_in_the_words_of_py4dstem(degrees: float, flip: bool, library: Library, tmp_path: pathlib.Path) -> None:
    """The table of docs/reductions.md."""
    path = tmp_path / "counted.h5"
    atoms(library, path, 0, False)
    row, column = from_mean(reduced(path, "--com"))
    turned = reduced(path, "--com", "--scan-rotation", degrees, *(["--flip"] if flip else []))
    dpc = DPC(energy=300e3, verbose=False)
    dpc.preprocess(force_com_measured=[row, column], force_com_shifts=[np.zeros_like(row), np.zeros_like(row)],
                   force_com_rotation=90 - degrees if flip else -degrees, force_com_transpose=flip,
                   plot_rotation=False, plot_center_of_mass=False)
    # py4DSTEM may scale by a reciprocal pixel size; here it is 1.
    np.testing.assert_allclose(dpc._com_x, turned["com_row"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(dpc._com_y, turned["com_column"], rtol=0, atol=1e-4)


def test_descan_is_weighted_by_electrons(stored: pathlib.Path) -> None:
    plain, level = reduced(stored, "--com"), reduced(stored, "--com", "--descan")
    rows, columns = np.indices(plain["counts"].shape)
    there = plain["counts"] > 0
    root = np.sqrt(plain["counts"][there].astype(float))
    terms = np.stack([np.ones(there.sum()), rows[there], columns[there]], axis=1)
    for name in ("com_row", "com_column"):
        plane, *_ = np.linalg.lstsq(terms * root[:, None], plain[name][there] * root, rcond=None)
        np.testing.assert_allclose(level[name][there], plain[name][there] - terms @ plane, rtol=0, atol=1e-8)


def spline_integrals(x: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Integrals between the nodes of the cubic spline whose first and last pieces are parabolas: one dense system for all
    coefficients a + b t + c t^2 + d t^3."""
    pieces = len(x) - 1
    h = np.diff(x)
    equations, right = [], []

    def equation(value: float, **terms: tuple[int, float]) -> None:
        line = np.zeros(4 * pieces)
        for place, factor in terms.values():
            line[place] += factor
        equations.append(line)
        right.append(value)

    for j in range(pieces):
        at = 4 * j
        equation(g[j], a=(at, 1))
        equation(g[j + 1], a=(at, 1), b=(at + 1, h[j]), c=(at + 2, h[j]**2), d=(at + 3, h[j]**3))
    for j in range(pieces - 1):
        at = 4 * j
        equation(0, b=(at + 1, 1), c=(at + 2, 2 * h[j]), d=(at + 3, 3 * h[j]**2), e=(at + 5, -1))
        equation(0, c=(at + 2, 2), d=(at + 3, 6 * h[j]), e=(at + 6, -2))
    equation(0, d=(3, 1))
    equation(0, d=(4 * pieces - 1, 1))
    if pieces == 1:
        equation(0, c=(2, 1))
    solution = np.linalg.lstsq(np.array(equations), np.array(right), rcond=None)[0].reshape(pieces, 4)
    return (solution * np.stack([h, h**2 / 2, h**3 / 3, h**4 / 4], axis=1)).sum(axis=1)


def dense_phase(row: np.ndarray, column: np.ndarray, electrons: np.ndarray) -> np.ndarray:
    """The definition of docs/reductions.md by numpy.linalg.lstsq, all positions at once."""
    numbers = np.arange(electrons.size).reshape(electrons.shape)
    links = []
    for maps, lines in ((row.T, numbers.T), (column, numbers)):
        for values, line in zip(maps, lines):
            there = electrons.ravel()[line] > 0
            x = np.flatnonzero(there)
            if len(x) < 2:
                continue
            n = electrons.ravel()[line][there].astype(float)
            weights = 2 / (np.diff(x)**2 * (1 / n[1:] + 1 / n[:-1]))
            links += zip(line[x[:-1]], line[x[1:]], spline_integrals(x.astype(float), values[there]), weights)
    begin, end, rise, weight = map(np.array, zip(*links))
    root = np.sqrt(weight)
    matrix = np.zeros((len(links), electrons.size))
    matrix[np.arange(len(links)), begin] = -root
    matrix[np.arange(len(links)), end] = root
    solution = np.linalg.lstsq(matrix, rise * root, rcond=None)[0]
    graph = scipy.sparse.coo_matrix((np.ones(len(links)), (begin, end)), shape=(electrons.size,) * 2)
    part = scipy.sparse.csgraph.connected_components(graph, directed=False)[1]
    part[electrons.ravel() == 0] = -1
    found = part == np.bincount(part[part >= 0]).argmax()
    phase = np.where(found, solution - solution[found].mean(), np.nan)
    return phase.reshape(electrons.shape)


@pytest.mark.parametrize("options", [[], ["--descan"], ["--scan-rotation", "25", "--flip"]], ids=["plain", "descan", "turned"])
def test_phase(stored: pathlib.Path, options: list[str]) -> None:
    found = reduced(stored, "--com", "--phase", *options)
    row, column = (found["com_row"], found["com_column"]) if options else from_mean(found)
    wanted = dense_phase(row, column, found["counts"])
    np.testing.assert_array_equal(np.isnan(found["phase"]), np.isnan(wanted))
    scale = np.nanmax(np.abs(wanted))
    np.testing.assert_allclose(found["phase"], wanted, rtol=0, atol=2e-5 * scale)


def test_radians(stored: pathlib.Path) -> None:
    plain = reduced(stored, "--com", "--phase")["phase"]
    scaled = reduced(stored, "--com", "--phase", "--pixel-mrad", 0.2, "--voltage", 300, "--scan-step", 0.05)["phase"]
    from py4DSTEM.process.utils import electron_wavelength_angstrom
    wavelength_nm = electron_wavelength_angstrom(300e3) / 10
    np.testing.assert_allclose(scaled, plain * 2 * np.pi * 0.2e-3 / wavelength_nm * 0.05, rtol=1e-6, atol=1e-12)


def atoms(library: Library, path: pathlib.Path, degrees: float, flip: bool) -> None:
    """48 x 48 positions over atoms that attract the beam; the detector is turned and mirrored against the scan."""
    random = np.random.default_rng(4)
    rows, columns = np.indices((48, 48), dtype=float)
    down, right = np.zeros_like(rows), np.zeros_like(rows)
    for at_row in np.arange(5, 48, 11):
        for at_column in np.arange(6, 48, 13):
            bump = np.exp(-((rows - at_row)**2 + (columns - at_column)**2) / (2 * 2.5**2)) / 2.5**2
            down -= 8 * bump * (rows - at_row)
            right -= 8 * bump * (columns - at_column)
    # What LiberTEM's correction undoes: the field in detector axes.
    down, right = apply_correction(down, right, scan_rotation=degrees, flip_y=flip, forward=False)
    frames = []
    for row, column in zip(down.ravel(), right.ravel()):
        places = np.rint(random.normal((31.5 + row, 30 + column), 3, (200, 2))).astype(int).clip(0, 63)
        frames.append(Counted(np.sort(places[:, 0] * 64 + places[:, 1]).astype(np.uint32), np.empty(0, np.uint32), 0, 15))
    library.write_store(path, frames, (64, 64), (48, 48), 1, "none", True, False)


@pytest.mark.parametrize(("degrees", "flip"), [(35, False), (-110, False), (160, True), (-20, True)])
def test_a_rotation_that_is_found(library: Library, tmp_path: pathlib.Path, degrees: float, flip: bool) -> None:
    path = tmp_path / "counted.h5"
    atoms(library, path, degrees, flip)
    plain = reduced(path, "--com")
    told = Program.find().run("reduce", path, "-o", tmp_path / "auto.h5", "--quiet", "--json", "--com", "--scan-rotation", "auto")
    found = next(image for image in told["images"] if image["name"] == "com_row")["attributes"]
    guess = guess_corrections(plain["com_row"], plain["com_column"])
    assert found["scan_rotation_found"] == found["scan_rotation_sign_found"] == found["scan_rotation_flip_found"] == "yes", found
    assert (found["scan_rotation_flip"] == "yes") == flip == guess.flip_y
    away = (found["scan_rotation_degrees"] - degrees + 180) % 360 - 180
    assert abs(away) < max(1, 4 * found["scan_rotation_standard_error_degrees"]), found
    assert abs((guess.scan_rotation - found["scan_rotation_degrees"] + 180) % 360 - 180) < 6, "LiberTEM, in steps of one degree"
