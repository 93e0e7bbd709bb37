"""What the library noticed, as Python shows it."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterable

from countem import _countem
from countem._warnings import CountemWarning

logger = logging.getLogger("countem")
logger.addHandler(logging.NullHandler())

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def warn(sentences: Iterable[str] = ()) -> None:
    """Warns of each sentence, and of what the library noticed about the machine, where the caller of the package is."""
    level = 1
    frame = sys._getframe()
    while frame is not None and os.path.abspath(frame.f_code.co_filename).startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    for sentence in (*sentences, *_countem.take_notices()):
        warnings.warn(sentence, CountemWarning, stacklevel=level)
