"""Electron counting for direct detectors: counted scans as numpy arrays.

    import countem as ct
    with ct.open("counted.h5") as scan:
        scan.shape                  # (scan rows, scan columns, detector rows, detector columns)
        scan.events(10, 20)         # linear indices of one diffraction pattern's electrons
        scan.indptr, scan.indices   # all electrons, as a compressed sparse row matrix has them
"""

from countem import _countem
from countem._store import Scan, open

__version__: str = _countem.describe_build().version

__all__ = ["Scan", "__version__", "open"]
