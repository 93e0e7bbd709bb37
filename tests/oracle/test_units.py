"""Origins, steps and units that files of other programs state: in the store, in its parts, and in what opens it."""

import os
import pathlib
import subprocess

import h5py
import hyperspy.api as hyperspy
import numpy as np
import pytest
from program import Program

REAL = pathlib.Path(os.environ.get("COUNTEM_REAL_DATA", "absent"))
STATED = [("y", 2.0, 10.0, "nm"), ("x", 2.0, -4.0, "nm"), ("ky", 0.25, -1.0, "mrad"), ("kx", 0.25, -1.25, "mrad")]
FRAMES = np.random.default_rng(1).integers(0, 3, (3, 4, 8, 10)).astype("u2")


def signal(stated: list[tuple[str, float, float, str]], beam_kv: float | None = None) -> hyperspy.signals.Signal2D:
    made = hyperspy.signals.Signal2D(FRAMES)
    for axis, (name, scale, offset, units) in zip(made.axes_manager._axes, stated):
        axis.name, axis.scale, axis.offset, axis.units = name, scale, offset, units
    if beam_kv:
        made.metadata.set_item("Acquisition_instrument.TEM.beam_energy", beam_kv)
    return made


def counted(program: Program, file: pathlib.Path, *options: object) -> tuple[pathlib.Path, dict[str, str]]:
    """The store, and the issues of the count by kind."""
    store = file.with_name("counted.h5")
    made = program.run("count", file, "-o", store, "--method", "counts", "--no-png", "--json", "--force", *options)
    assert not [warning for warning in made["warnings"] if "taken over where" in warning], "a note, and no warning"
    with h5py.File(store) as written:
        np.testing.assert_array_equal(written["electron_counts/data"], FRAMES)
    return store, {issue["kind"]: issue["text"] for issue in program.run("info", file, "--json")["issues"]}


def axes_of(store: pathlib.Path) -> list[tuple[str, list[float]]]:
    with h5py.File(store) as file:
        axes = [file[f"electron_counts/dim{number}"] for number in range(1, 5)]
        return [(axis.attrs["units"], [float(value) for value in axis[:2]]) for axis in axes]


def from_h5py(path: pathlib.Path, units: list[str], lengths: list[np.ndarray], nexus: bool) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("entry" if nexus else "cube")
        group["data"] = FRAMES
        names = ["y", "x", "ky", "kx"] if nexus else ["dim1", "dim2", "dim3", "dim4"]
        for name, unit, values in zip(names, units, lengths):
            group[name] = values
            group[name].attrs["units"] = unit
        if nexus:
            group.attrs.update({"NX_class": "NXdata", "signal": "data", "axes": names})
        else:
            group.attrs["emd_group_type"] = 1


@pytest.fixture
def program() -> Program:
    return Program.find()


@pytest.mark.parametrize("suffix", ["hspy", "emd", "nxs"])
def test_hyperspy_writes_them(program: Program, tmp_path: pathlib.Path, suffix: str) -> None:
    file = tmp_path / f"made.{suffix}"
    signal(STATED).save(file)
    store, issues = counted(program, file)
    assert axes_of(store) == [("nm", [10, 12]), ("nm", [-4, -2]), ("mrad", [-1, -0.75]), ("mrad", [-1.25, -1])]
    facts = program.run("info", file, "--json")
    assert (facts["pixel_mrad"], facts["detector_origin_mrad"], facts["scan_step_nm"], facts["scan_origin_nm"]) == (0.25, [-1, -1.25], 2, [10, -4])
    shown = subprocess.run([program.executable, "info", file], check=True, capture_output=True, text=True)
    assert "detector origin mrad: -1, -1.25\n" in shown.stdout and "warning" not in shown.stderr
    assert "0.25 mrad" in issues["axes_taken"] and "2 nm" in issues["axes_taken"]
    back = hyperspy.load(store, file_format="emd")
    assert {(axis.offset, axis.scale, axis.units) for axis in back.axes_manager._axes} == {(offset, scale, unit) for _, scale, offset, unit in STATED}


@pytest.mark.parametrize("nexus", [True, False])
def test_values_of_axes(program: Program, tmp_path: pathlib.Path, nexus: bool) -> None:
    file = tmp_path / "made.h5"
    steps = [0.5, 0.5, 1e-3, 1e-3]
    from_h5py(file, ["um", "um", "rad", "rad"], [1 + np.arange(length) * step for length, step in zip(FRAMES.shape, steps)], nexus)
    store, _ = counted(program, file)
    for (unit, values), (theirs, expected) in zip(axes_of(store), [("nm", [1000, 1500])] * 2 + [("mrad", [1000, 1001])] * 2):
        assert unit == theirs
        np.testing.assert_allclose(values, expected, rtol=1e-12)


def test_digital_micrograph_5(program: Program, tmp_path: pathlib.Path) -> None:
    """No program that is at hand writes or reads DM5: values worked out by hand, index i of an axis lies at (i - Origin) Scale."""
    file = tmp_path / "made.dm5"
    calibrations = [(5, 0.25, b"mrad"), (4, 0.25, b"mrad"), (2, 2, "nm"), (-5, 2, "nm")]  # from x on
    with h5py.File(file, "w") as made:
        made["ImageList/[0]/ImageData/Data"] = np.full((3, 4), 0xFF804020, "u4")  # a thumbnail in colours
        made["ImageList/[0]/ImageData"].attrs.update({"DataType": 23, "PixelDepth": 4})
        image = made.create_group("ImageList/[1]")
        image["ImageData/Data"] = FRAMES
        image["ImageData"].attrs.update({"DataType": np.uint32(10), "PixelDepth": np.uint32(2)})
        for number, (length, (origin, scale, units)) in enumerate(zip(FRAMES.shape[::-1], calibrations)):
            image.require_group("ImageData/Dimensions").attrs[f"[{number}]"] = np.uint32(length)
            image.create_group(f"ImageData/Calibrations/Dimension/[{number}]").attrs.update(
                {"Origin": np.float32(origin), "Scale": np.float32(scale), "Units": units, "Label": h5py.Empty("S1")})
        image.create_group("ImageTags/Meta Data").attrs.update({"Format": b"Diffraction image", "Data Order Swapped": np.bool_(True)})
        made.create_group("ImageSourceList/[0]").attrs.update({"ClassName": "ImageSource:4DSummed", "ImageRef": 1})
    store, issues = counted(program, file)
    assert axes_of(store) == [("nm", [10, 12]), ("nm", [-4, -2]), ("mrad", [-1, -0.75]), ("mrad", [-1.25, -1])]
    assert list(issues) == ["axes_taken"]
    facts = program.run("info", file, "--json")
    assert (facts["dataset"], facts["axes"]) == ("/ImageList/[1]/ImageData/Data", "scan_row, scan_column, row, column")


def test_the_angle_of_a_pixel_in_front_of_a_detector_of_dectris(program: Program, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "made_master.h5"
    with h5py.File(file, "w") as made:
        made["entry/data/data_000001"] = FRAMES.reshape(12, 8, 10)
        detector = made.create_group("entry/instrument/detector")
        for name, length in (("x_pixel_size", 1e-4), ("y_pixel_size", 1e-4), ("detector_distance", 0.4)):
            detector[name] = length
            detector[name].attrs["units"] = "m"
    facts = program.run("info", file, "--json")
    assert facts["pixel_mrad"] == pytest.approx(0.25)
    with h5py.File(file, "a") as made:
        made["entry/instrument/detector/detector_distance"][...] = 0
    assert "pixel_mrad" not in program.run("info", file, "--json"), "as an ARINA writes it where nobody told it"


def test_spectra_are_no_frames(program: Program, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "spectra.hspy"
    hyperspy.signals.Signal1D(FRAMES).save(file)
    words = program.refuse("info", file)
    assert "spectra.hspy" in words and "1 signal axis and 3 that navigate" in words
    assert program.run("info", file, "--axes", "scan_row,scan_column,row,column", "--json")["frame"] == {"height": 8, "width": 10}


def test_parts_keep_them(program: Program, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "made.hspy"
    signal(STATED).save(file)
    store, _ = counted(program, file)
    program.run("reduce", store, "-o", tmp_path / "part.h5", "--crop", "2:8,4:10", "--bin", 2, "--scan-crop", "1:3,2:4")
    assert axes_of(tmp_path / "part.h5") == [("nm", [12, 14]), ("nm", [0, 2]), ("mrad", [-0.375, 0.125]), ("mrad", [-0.125, 0.375])]
    program.run("reduce", store, "-o", tmp_path / "images.h5", "--sum", "--scan-crop", "1:3,2:4", "--pixel-mrad", 0.5)
    with h5py.File(tmp_path / "images.h5") as images:
        shown = images["reductions/sum"].attrs
        assert (shown["axis_units"], shown["row_first"], shown["row_step"]) == ("mrad", 0, 0.5)


SCANS = [(("--scan", "4x2", "--skip", "4"), ("nm", [12, 14]), ("nm", [-4, -2])),
         (("--skip", "-4"), ("nm", [8, 10]), ("nm", [-4, -2])),
         (("--scan", "3x3", "--skip", "1", "--flyback", "1"), ("nm", [10, 12]), ("nm", [-2, 0])),
         (("--snake",), ("nm", [10, 12]), ("nm", [-4, -2])),
         (("--scan", "6x2"), ("pixels", [0, 1]), ("pixels", [0, 1])),
         (("--scan", "4x3", "--skip", "1"), ("pixels", [0, 1]), ("pixels", [0, 1]))]


@pytest.mark.parametrize(("options", "rows", "columns"), SCANS)
def test_a_scan_along_a_path_has_its_own(program: Program, tmp_path: pathlib.Path, options: tuple[str, ...], rows: tuple[str, list[float]],
                                         columns: tuple[str, list[float]]) -> None:
    """Frames of the file, and of the store that was counted of it, lie where they lay; what makes no part of that raster lies nowhere."""
    file, made = tmp_path / "made.hspy", tmp_path / "made.h5"
    signal(STATED).save(file)
    store, _ = counted(program, file)
    for command in (("count", file, "--method", "counts", "--no-png"), ("convert", store), ("reduce", store, "--scan-crop", ":,:")):
        told = program.run(*command, *options, "-o", made, "--json", "--force")
        assert axes_of(made) == [rows, columns, ("mrad", [-1, -0.75]), ("mrad", [-1.25, -1])], command
        lost = [line for line in told["warnings"] if "states the step of a scan of 4 x 3 positions" in line]
        assert len(lost) == (rows[0] == "pixels"), told["warnings"]


def test_a_line_has_a_step_for_every_folding(program: Program, tmp_path: pathlib.Path) -> None:
    np.save(tmp_path / "line.npy", FRAMES.reshape(12, 8, 10))
    store, made = tmp_path / "line.h5", tmp_path / "made.h5"
    program.run("count", tmp_path / "line.npy", "--method", "counts", "--no-png", "-o", store, "--scan-step", "0.5", "--json")
    told = program.run("convert", store, "--scan", "4x3", "-o", made, "--json")
    assert axes_of(made)[:2] == [("nm", [0, 0.5])] * 2
    assert any("0.5 nm is known along one line" in line for line in told["warnings"])
    told = program.run("convert", store, "--skip", "2", "-o", made, "--json", "--force")
    assert axes_of(made)[1] == ("nm", [1, 1.5]) and not told["warnings"]


def test_given_lengths_come_first(program: Program, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "made.hspy"
    signal(STATED).save(file)
    store, _ = counted(program, file, "--pixel-mrad", 0.5)
    assert axes_of(store) == [("nm", [10, 12]), ("nm", [-4, -2]), ("mrad", [0, 0.5]), ("mrad", [0, 0.5])]


def test_reciprocal_lengths_need_the_beam(program: Program, tmp_path: pathlib.Path) -> None:
    stated = [*STATED[:2], ("ky", 0.1, 0, "1/nm"), ("kx", 0.1, 0, "1/nm")]
    signal(stated, 300).save(tmp_path / "known.hspy")
    store, issues = counted(program, tmp_path / "known.hspy")
    unit, values = axes_of(store)[2]
    assert unit == "mrad" and "axes_not_taken" not in issues
    np.testing.assert_allclose(values, [0, 0.1 * 1.968749e-3 * 1000], rtol=1e-6)
    signal(stated).save(tmp_path / "unknown.hspy")
    store, issues = counted(program, tmp_path / "unknown.hspy")
    assert [unit for unit, _ in axes_of(store)] == ["nm", "nm", "pixels", "pixels"]
    assert "energy of the beam" in issues["axes_not_taken"]


@pytest.mark.parametrize(("scale", "unit"), [(0.0, "nm"), (-1.0, "nm"), (float("nan"), "nm"), (float("inf"), "nm"), (1.0, "s")])
def test_nonsense_is_not_taken_over(program: Program, tmp_path: pathlib.Path, scale: float, unit: str) -> None:
    file = tmp_path / "made.hspy"
    signal(STATED).save(file)
    with h5py.File(file, "a") as stored:
        for number in (0, 1):
            stored[f"Experiments/__unnamed__/axis-{number}"].attrs.update({"scale": scale, "units": unit})
    store, issues = counted(program, file)
    assert [unit for unit, _ in axes_of(store)] == ["pixels", "pixels", "mrad", "mrad"]
    assert "a step of the scan" in issues["axes_not_taken"]


def test_steps_that_differ_are_not_taken_over(program: Program, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "made.h5"
    uneven = [np.array([0.0, 1, 3]), np.arange(4.0), np.arange(8) * 0.5, np.arange(10) * 0.25]
    from_h5py(file, ["nm", "nm", "mrad", "mrad"], uneven, False)
    store, issues = counted(program, file)
    assert [unit for unit, _ in axes_of(store)] == ["pixels"] * 4
    assert "0.25 mrad along rows" in issues["axes_not_taken"]


@pytest.mark.parametrize(("name", "kind", "words"), [
    ("py4DSTEM_size2x3x4x5.h5", "axes_taken", "0.126797 nm"),
    ("py4DSTEM_size2x3x4x5.h5", "axes_not_taken", "0.0442516 A^-1"),
    ("fei_example_tem_stack.emd", "axes_not_taken", "8.17288e-12 m"),
    ("test2.blo", "axes_taken", "64 nm"),
    ("dm4_int16_64x65x66.dm4", "axes_not_taken", "3 nm, which is a length"),
    ("dm4_int16_64x65x66.dm4", "axes_not_taken", "4 um, which may be a depth"),
])
def test_files_of_instruments(program: Program, name: str, kind: str, words: str) -> None:
    if not (REAL / name).exists():
        pytest.skip(f"no {name} in COUNTEM_REAL_DATA")
    issues = {issue["kind"]: issue["text"] for issue in program.run("info", REAL / name, "--json")["issues"]}
    assert words in issues[kind]
