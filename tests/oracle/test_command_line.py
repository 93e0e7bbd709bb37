"""`countem count` from files and options to the store, against the definition in numpy and scipy.ndimage."""

import dataclasses
import pathlib

import h5py
import numpy as np
import pytest

import random_cases
import semantics
import stores
from program import Program

SCAN = (2, 3)
SHAPE = (40, 52)
THRESHOLD_ADU, XRAY_ADU = 12.3, 300.7


def options_of(setup: semantics.Setup) -> list[object]:
    options = ["--method", setup.method, "--row-noise", setup.row_noise, "--background", setup.background]
    if setup.method == "cluster":
        options += ["--upsample", setup.upsample, "--min-cluster-size", setup.min_cluster_size, "--max-cluster-size", setup.max_cluster_size]
    return options


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("setup", [semantics.Setup(), semantics.Setup(upsample=3, min_cluster_size=2, max_cluster_size=9),
                                   semantics.Setup(method="maximum", row_noise="median"), semantics.Setup(method="pixels"),
                                   semantics.Setup(background="frame"), semantics.Setup(row_noise="mean")],
                         ids=["cluster", "cluster_options", "maximum", "pixels", "frame", "row_mean"])
def test_npy_with_references(program: Program, tmp_path: pathlib.Path, setup: semantics.Setup, dtype: type, backend: str) -> None:
    rng = np.random.default_rng(6)
    frames = np.stack([np.clip(np.rint(random_cases.electrons(rng, SHAPE, 0.03)), 0, 255) for _ in range(6)]).astype(dtype)
    frames[3, 7, 7] = 255 if dtype == np.uint8 else 5000
    dark = (18 + rng.random(SHAPE)).astype(np.float32)
    gain = rng.normal(1, 0.05, SHAPE).astype(np.float32)
    mask = (rng.random(SHAPE) < 0.02).astype(np.uint8)
    for name, array in (("frames", frames.reshape(*SCAN, *SHAPE)), ("dark", dark), ("gain", gain), ("mask", mask)):
        np.save(tmp_path / f"{name}.npy", array)
    store = tmp_path / "counted.h5"
    program.run("count", tmp_path / "frames.npy", "-o", store, "--dark", tmp_path / "dark.npy", "--gain", tmp_path / "gain.npy",
                "--mask", tmp_path / "mask.npy", "--threshold", THRESHOLD_ADU, "--xray-threshold", XRAY_ADU, "--backend", backend,
                "--no-png", *options_of(setup))

    with h5py.File(store) as file:
        used = file["/calibration"]
        np.testing.assert_array_equal(used["dark16"], np.rint(16 * dark.astype(np.float64)))
        np.testing.assert_array_equal(used["gain"], gain)
        # What the dark reference itself makes suspect comes on top of the mask given.
        assert np.all(used["mask"][mask != 0] != 0)
        setup = dataclasses.replace(setup, dark16=used["dark16"][...], gain=gain, mask=used["mask"][...],
                                    background16=int(np.floor(16 * THRESHOLD_ADU)), xray16=int(np.ceil(16 * XRAY_ADU)))
        counted = file["/electron_counts"]
        data, counts, xrays, status = (counted[name][...] for name in ("data", "counts", "xrays", "status"))

    wanted = [semantics.count(frame, setup) for frame in frames]
    grid = (setup.upsample * SHAPE[0], setup.upsample * SHAPE[1])
    np.testing.assert_array_equal(data, stores.dense(wanted, grid, 255).reshape(*SCAN, *grid))
    np.testing.assert_array_equal(counts, [len(frame.indices) for frame in wanted])
    np.testing.assert_array_equal(xrays, [frame.xrays for frame in wanted])
    np.testing.assert_array_equal(status, [frame.status for frame in wanted])
    assert counts.sum() > 100
