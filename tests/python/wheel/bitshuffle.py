"""Frames as DECTRIS cameras compress them, counted by the program of a wheel: python bitshuffle.py FOLDER"""

import pathlib
import subprocess
import sys

import h5py
import hdf5plugin
import numpy as np

import countem as ct

folder = pathlib.Path(sys.argv[1])
frames = np.load(folder / "sim/data.npy")
with h5py.File(folder / "bitshuffle.h5", "w") as file:
    file.create_dataset("frames", data=frames, chunks=(*(1,) * (frames.ndim - 2), *frames.shape[-2:]), **hdf5plugin.Bitshuffle())
program = pathlib.Path(sys.executable).with_name("countem")
arguments = [folder / "bitshuffle.h5", "--dark", folder / "sim/dark.npy", "-o", folder / "again.h5", "--quiet"]
subprocess.run([program, "count", *arguments], check=True, env={"PATH": "/usr/bin:/bin"})  # no path of plugins
with ct.open(folder / "counted.h5") as plain, ct.open(folder / "again.h5") as again:
    np.testing.assert_array_equal(plain.indices, again.indices)
print("bitshuffle")
