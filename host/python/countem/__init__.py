"""Electron counting for direct detectors: counted scans as numpy arrays.

    import countem as ct
    with ct.open("counted.h5") as scan:
        scan.shape                  # (scan rows, scan columns, detector rows, detector columns)
        scan.events(10, 20)         # linear indices of one diffraction pattern's electrons
        scan.indptr, scan.indices   # all electrons, as a compressed sparse row matrix has them
        bright, dark = scan.virtual([ct.disk(30), ct.annulus(60, 200)])
        phase = scan.com(descan=True).phase()
"""

from countem import _countem
from countem._detectors import Detector, annulus, disk, wedge
from countem._files import Recovery, import_events, recover, verify
from countem._image import Axis, Image
from countem._parallax import Aberration, Parallax
from countem._reductions import Beam, CentreOfMass, RadialProfile
from countem._store import Scan, open
from countem._warnings import CountemWarning

__version__: str = _countem.describe_build().version

__all__ = [
    "Aberration", "Axis", "Beam", "CentreOfMass", "CountemWarning", "Detector", "Image", "Parallax", "RadialProfile", "Recovery", "Scan", "__version__",
    "annulus", "disk", "import_events", "open", "recover", "verify", "wedge",
]
