"""Where reductions are computed: in this process, or by workers of dask."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from countem import _countem
from countem._detectors import as_mask, as_weights
from countem._reductions import Centre, Reductions, split, warn_of_losses

if TYPE_CHECKING:
    from countem._part import Part
    from countem._store import Scan


class Reducing(Reductions):
    """What scans have in common: they compute here, or elsewhere."""

    _store: _countem.Store
    _path: str
    _part: Part
    _threads: int
    _client: Any = None  #: of dask, or the address of its scheduler; None: this process reduces

    def on(self: Scan, client: Any) -> Scan:
        """The scan, or what the part shows, whose reductions are computed by the workers of a `distributed.Client` of dask, or of the
        scheduler at an address; parts of it are, too. None: by this process again.

        Each worker opens the file by the same path and reads windows of scan positions; results are joined exactly: `sum`, `max`,
        `virtual`, `com`, `radial`, `radial_profile`, `dose` and `centre` are those of one process to the bit, of the same shapes. What is
        not in a worker's power is read here: `parallax`, events, dense numbers, and `corrected=True`.

        Raises ValueError for a scan in memory; the reductions then ImportError without dask's distributed, TypeError where `client` is
        none, and what workers raise.

        Example: `bright, dark = ct.open("counted.h5").on(client).virtual([ct.disk(30), ct.annulus(60, 200)])`
        """
        if client is not None and not self._path:
            raise ValueError("a scan in memory is not seen by workers: save() it, and open the file")
        scan = self._with(self._part)
        scan._client = client
        return scan

    def _reduce(self, items: Sequence[str], *, detectors: Sequence[Any] = (), exclude: npt.ArrayLike | None = None, aperture: Any = None,
                centre: Centre = None, incomplete: str = "keep", errors: bool = False, corrected: bool = False, backend: str = "automatic") -> _countem.Reduced:
        chosen, weighed = split(detectors)
        point = None if centre is None or isinstance(centre, (str, os.PathLike)) else (float(centre[0]), float(centre[1]))
        vacuum = os.fspath(centre) if isinstance(centre, (str, os.PathLike)) else ""
        asked = ([*items, f"incomplete:{incomplete}", *(["errors"] if errors else [])], chosen, weighed, None if exclude is None else as_mask(exclude),
                 None if aperture is None else as_weights(aperture), point, vacuum)
        if self._client is None or corrected:
            reduced = self._store.reduce(self._part.numbers, _countem.Asked(*asked), backend, corrected, self._threads)
        else:
            from countem import _dask

            reduced = _dask.reduce_on(self._client, self._store, self._path, self._part, asked, backend, self._threads)
        warn_of_losses(reduced)
        return reduced
