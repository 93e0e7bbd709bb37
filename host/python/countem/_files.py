"""Files of counted scans: other programs' forms, checks, rescue."""

from __future__ import annotations

import dataclasses
import os
import warnings

from countem import _countem
from countem._store import Scan
from countem._warnings import CountemWarning

Path = str | os.PathLike[str]


def import_events(path: Path, output: Path, *, scan: tuple[int, ...] | None = None, shape: tuple[int, int] | None = None,
                  dwell_us: float | None = None, cluster_ns: float | None = None, overwrite: bool = False) -> Scan:
    """Makes an event store of events that a Falcon camera (EER), a Timepix3 detector (TPX3), stempy (HDF5 versions 1 to 3) or another program (binsparse CSR in HDF5)
    wrote, and opens it.

    `scan`: (rows, columns[, repeats]) and `shape`: (rows, columns) of the detector, where the file does not define them. Frames of EER and
    positions of TPX3 are one line without. For TPX3, `dwell_us`: microseconds at a position where marks begin lines, not positions;
    `cluster_ns`: nanoseconds (200) within which hits are one electron.

    Raises ValueError naming what is wrong or missing, FileExistsError unless `overwrite`, OSError. Warns of what does not stop it.

    Example: `scan = ct.import_events("stempy.h5", "counted.h5")`
    """
    size = None if scan is None else (*scan, *(1,) * (3 - len(scan)))
    for issue in _countem.import_events(os.fspath(path), os.fspath(output), size, shape, dwell_us, cluster_ns, overwrite):
        warnings.warn(issue, CountemWarning, stacklevel=2)
    return Scan(output)


def verify(path: Path, *, threads: int = 0) -> list[str]:
    """Checks structure, checksums, counts, order of events and provenance of an event store: one sentence for each fault; empty when
    it is sound. Raises OSError when the file cannot be opened at all.

    Example: `assert not ct.verify("counted.h5")`
    """
    return _countem.verify(os.fspath(path), threads)


@dataclasses.dataclass(frozen=True)
class Recovery:
    """What `recover` saved."""

    frames: int
    events: int
    scan_frames: int  #: of the whole scan
    damaged: tuple[int, ...]  #: frames of which something is there, but not what was written
    issues: tuple[str, ...]


def recover(path: Path, output: Path, *, overwrite: bool = False) -> Recovery:
    """Saves every frame that reached a broken or unfinished store into a new one. The broken file is only read.

    Raises ValueError when it holds no description of an event store, FileExistsError unless `overwrite`, OSError.

    Example: `ct.recover("counted.h5.part", "saved.h5").frames`
    """
    frames, events, scan_frames, damaged, issues = _countem.recover(os.fspath(path), os.fspath(output), overwrite)
    return Recovery(frames, events, scan_frames, tuple(damaged), tuple(issues))
