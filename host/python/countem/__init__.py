"""Electron counting for direct detectors: counted scans as numpy arrays.

    import countem as ct
    with ct.open("counted.h5") as scan:
        scan.shape                  # (scan rows, scan columns, detector rows, detector columns)
        scan.events(10, 20)         # linear indices of one diffraction pattern's electrons
        scan.indptr, scan.indices   # all electrons, as a compressed sparse row matrix has them
        bright, dark = scan.virtual([ct.disk(30), ct.annulus(60, 200)])
        phase = scan.com(descan=True).phase()

    raw = ct.open_raw("scan42/*.data", scan=(64, 64))
    cal = ct.calibrate(raw, dark="dark41/*.data")
    scan = ct.count(raw, cal, "counted.h5")
"""

from countem import _countem
from countem._calibration import Calibration, calibrate, load_calibration
from countem._count import CountState, Preview, count, follow, merge, preview
from countem._detectors import Detector, annulus, disk, wedge
from countem._files import Recovery, import_events, recover, verify
from countem._frames import Raw, frames, index_raw, open_raw
from countem._image import Axis, Image
from countem._parallax import Aberration, Parallax
from countem._reductions import Beam, CentreOfMass, Dose, RadialProfile
from countem._rosettasciio import file_reader
from countem._store import Scan, open
from countem._warnings import CountemWarning

__version__: str = _countem.describe_build().version

__all__ = [
    "Aberration", "Axis", "Beam", "Calibration", "CentreOfMass", "CountState", "CountemWarning", "Detector", "Dose", "Image", "Parallax", "Preview",
    "RadialProfile", "Raw", "Recovery", "Scan", "__version__", "annulus", "calibrate", "count", "disk", "file_reader", "follow", "frames", "import_events",
    "index_raw", "load_calibration", "merge", "open", "open_raw", "preview", "recover", "verify", "wedge",
]
