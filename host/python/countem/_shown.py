"""Scans in notebooks and as pages."""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Sequence
from typing import Any

from countem._detectors import Detector

_EXIT_OF_ARGUMENTS = 2
_REPORT_OPTIONS = ("virtual", "exclude", "centre", "scan_rotation", "flip", "no_flip", "step_nm", "dwell", "efficiency", "skip_incomplete", "title",
                   "pixel_mrad", "count_json", "limit", "backend", "threads")


class Shown:
    """What scans have to be looked at."""

    _path: str

    def view(self, detectors: Sequence[Detector] | None = None, *, memory: float = 4e9) -> Any:
        """A viewer for JupyterLab, notebooks and VS Code: the image of a virtual detector beside the diffraction pattern, on which
        detectors are moved and resized by the mouse; a click on a position shows its frame. docs/python.md has the keys.

        `detectors`: disks and annuli; by default a bright field and an annular dark field around the beam. All electrons are read
        and kept sorted by pixel, in up to `memory` bytes (4 to 8 per electron), so that each image takes milliseconds and is exact.
        Where they do not fit, one electron in so many is kept: images are estimates while a detector is dragged, exact when it is
        released, and the viewer shows which they are.

        Returns a widget: its `image` is the image that is shown, exact, `detector` what makes it and `code` the line of Python for
        both; `detectors`, `chosen` and `position` can also be set.

        Raises ImportError without anywidget, ValueError for other detectors, and what reading raises.

        Example: `viewer = scan.view([ct.disk(30), ct.annulus(60, 200)]); viewer`
        """
        try:
            from countem._viewer import Viewer
        except ImportError as failure:
            raise ImportError("the viewer is drawn by anywidget: pip install anywidget") from failure
        return Viewer(self, detectors, memory)  # type: ignore[arg-type]

    def report(self, path: str | os.PathLike[str], *, overwrite: bool = False, **options: Any) -> pathlib.Path:
        """Writes the page of `countem report` (docs/report.md) about the whole scan, and returns its path.

        `options` are those of the program: `title="..."`, `pixel_mrad=0.25`, `step_nm=0.5`, `virtual=[ct.disk(30)]`,
        `centre=(287.5, 288.1)`, `limit=20`, ...; True for those without a value.

        Raises FileExistsError unless `overwrite`, TypeError for an option that reports lack, ValueError with the program's sentence, and
        for a scan that is no file, OSError.

        Example: `scan.report("scan.html", title="Gold on carbon", step_nm=0.05)`
        """
        from countem._program import PROGRAM

        if not self._path or self._part != self._whole:  # type: ignore[attr-defined]
            raise ValueError("a report is about the whole scan in a file: save() the part, and report on what that returns")
        for name in options:
            if name not in _REPORT_OPTIONS:
                raise TypeError(f"there is no option {name} of a report: it has {', '.join(_REPORT_OPTIONS)}")
        page = pathlib.Path(path)
        if page.exists() and not overwrite:
            raise FileExistsError(f"{page}: exists; overwrite=True replaces it")
        command = [os.fspath(PROGRAM), "report", self._path, "-o", os.fspath(page), "--quiet", *_arguments(options)]
        if overwrite:
            command.append("--force")
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            sentence = done.stderr.strip().removeprefix("countem: ") or f"countem report ended with {done.returncode}"
            raise (ValueError if done.returncode == _EXIT_OF_ARGUMENTS else OSError)(sentence)
        return page

    def _repr_html_(self) -> str:
        from countem._html import scan_html

        return scan_html(self)  # type: ignore[arg-type]


def _arguments(options: dict[str, Any]) -> list[str]:
    """Options of Python as those of the program."""
    words: list[str] = []
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            words.append(option)
        elif name == "centre" and not isinstance(value, (str, os.PathLike)):
            words += [option, ",".join(repr(float(number)) for number in value)]
        elif isinstance(value, (list, tuple)):
            words += [option, *map(str, value)]
        else:
            words += [option, str(value)]
    return words
