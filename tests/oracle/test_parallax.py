"""Tilt-corrected bright field of simulated scans with known aberrations: what was put in must be found; beside py4DSTEM's Parallax."""

import pathlib
import time

import h5py
import matplotlib
import numpy as np
import py4DSTEM
import pytest
from py4DSTEM.process.phase import Parallax

import stores
from abi import Library
from defocused_probe import WAVELENGTH_NM, Probe, Simulation
from program import Program

matplotlib.use("Agg")


def write(library: Library, simulation: Simulation, folder: pathlib.Path) -> tuple[pathlib.Path, np.ndarray]:
    """A store of the simulation; also its dense frames."""
    probe = simulation.probe
    frames = simulation.frames()
    path = folder / "counted.h5"
    library.write_store(path, frames, (probe.detector, probe.detector), (probe.scan, probe.scan), 1, "none", False, False)
    return path, stores.dense(frames, (probe.detector, probe.detector), 255)


def parallax(path: pathlib.Path, probe: Probe, *options: object) -> dict:
    return Program.find().run("parallax", path, "-o", path.with_name("images.h5"), "--quiet", "--json", "--force", "--scan-step", probe.step,
                              "--pixel-mrad", probe.pixel * 1000, *options)


def check(found: dict, probe: Probe) -> None:
    defocus, astigmatism = found["aberrations"]
    assert abs(defocus["a"] - probe.C10) < 0.03 * abs(probe.C10) + 3 * defocus["a_error"]
    assert defocus["a_error"] < 0.02 * abs(probe.C10)
    for name in ("a", "b"):
        assert abs(astigmatism[name] - getattr(probe, "C12" + name)) < 0.02 * abs(probe.C10) + 3 * astigmatism[name + "_error"]
    rotation = found["scan_rotation"]
    assert rotation["flip"] == probe.flip
    assert abs(rotation["degrees"] - probe.rotation_degrees) < 0.5 + 2 * rotation["error_degrees"]
    assert rotation["error_degrees"] < 1


@pytest.mark.parametrize("probe", [Probe(80, 10, -6, -35), Probe(-120, 0, 0, 64, True), Probe(-70, -8, 8, 5, electrons=40)],
                         ids=["overfocus", "flipped", "few_electrons"])
def test_known_aberrations(probe: Probe, library: Library, tmp_path: pathlib.Path) -> None:
    path, _ = write(library, Simulation(probe), tmp_path)
    check(parallax(path, probe), probe)


def py4dstem(frames: np.ndarray, probe: Probe) -> Parallax:
    """Its way from the frames to aberrations, angstroms."""
    cube = py4DSTEM.DataCube(frames.reshape(probe.scan, probe.scan, probe.detector, probe.detector).astype(np.float32))
    cube.calibration.set_R_pixel_size(10 * probe.step)
    cube.calibration.set_R_pixel_units("A")
    cube.calibration.set_Q_pixel_size(1000 * probe.pixel)
    cube.calibration.set_Q_pixel_units("mrad")
    cube.get_dp_mean()
    cube.get_probe_size()
    other = Parallax(energy=300e3, datacube=cube, verbose=False, object_padding_px=(12, 12))
    other.preprocess(edge_blend=6, plot_average_bf=False)
    other.reconstruct(plot_aligned_bf=False, plot_convergence=False, progress_bar=False)
    other.aberration_fit(max_radial_order=2)
    return other


def likeness(image: np.ndarray, ideal: np.ndarray) -> float:
    """Correlation away from the edges."""
    inside = slice(8, -8)
    return float(np.corrcoef(image[inside, inside].ravel(), ideal[inside, inside].ravel())[0, 1])


def test_beside_py4dstem(library: Library, tmp_path: pathlib.Path) -> None:
    probe = Probe(-90, 6, -4, 20, electrons=800)
    simulation = Simulation(probe)
    path, frames = write(library, simulation, tmp_path)
    begin = time.perf_counter()
    found = parallax(path, probe, "--upsample", 1)
    middle = time.perf_counter()
    other = py4dstem(frames, probe)
    end = time.perf_counter()
    check(found, probe)

    # One convention: its shifts move images to where ours move electrons, its rotation turns the other way.
    defocus, astigmatism = found["aberrations"]
    assert abs(other.aberrations_C1 / 10 - defocus["a"]) < 0.06 * abs(probe.C10)
    assert abs(other.aberrations_C12a / 10 - astigmatism["a"]) < 0.06 * abs(probe.C10)
    assert abs(other.aberrations_C12b / 10 - astigmatism["b"]) < 0.06 * abs(probe.C10)
    assert abs(np.rad2deg(other.rotation_Q_to_R_rads) + found["scan_rotation"]["degrees"]) < 2.5

    ideal = simulation.ideal(1)
    with h5py.File(path.with_name("images.h5")) as file:
        ours = likeness(file["reductions/tilt_corrected"][...], ideal)
    theirs = likeness(other.object_cropped, ideal)
    print(f"likeness to the ideal image: countem {ours:.3f}, py4DSTEM {theirs:.3f}; "
          f"seconds: countem {middle - begin:.2f}, py4DSTEM {end - middle:.2f}")
    assert ours > 0.8
    assert ours > theirs - 0.03
    assert middle - begin < end - middle
    assert WAVELENGTH_NM == pytest.approx(py4DSTEM.process.utils.electron_wavelength_angstrom(300e3) / 10, rel=1e-4)
