"""The package beside other users of HDF5 in one process: python together.py FOLDER MODULE..., imported in this order"""

import importlib
import pathlib
import sys

import numpy as np


def main(folder: pathlib.Path, names: list[str]) -> None:
    for name in names:
        importlib.import_module(name)
    import countem as ct
    import h5py
    import hyperspy.api as hs

    path = folder / "counted.h5"
    for _ in range(3):  # one after another, and with both files open
        with h5py.File(path) as file, ct.open(path) as scan:
            dense = file["electron_counts/data"][...]
            assert scan.nnz == dense.sum()
            np.testing.assert_array_equal(scan.events(3, 4), np.repeat(np.arange(64 * 64), dense[3, 4].ravel()))
    np.testing.assert_array_equal(hs.load(path, file_format="EMD").data.reshape(dense.shape), dense)
    print(" then ".join(names))


main(pathlib.Path(sys.argv[1]), sys.argv[2:])
