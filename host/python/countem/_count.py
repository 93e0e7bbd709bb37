"""Counting."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from countem import _countem
from countem._calibration import Calibration, calibrate, load_calibration
from countem._frames import Raw, require_raw
from countem._notices import logger, warn
from countem._store import Scan

_BACKENDS = {"auto": "automatic"}
_MOST = 0xFFFF_FFFF

Progress = bool | Callable[[int, int], Any]
_Show = Callable[[int, int, int, float], None]


@contextmanager
def _shown(progress: Progress) -> Iterator[_Show | None]:
    """What the engine calls now and then: frames done, frames of the scan, events, seconds."""
    last = -1

    def once(show: Callable[[int, int], Any]) -> _Show:
        def changed(done: int, total: int, events: int, seconds: float) -> None:
            nonlocal last
            if done != last:
                last = done
                show(done, total)

        return changed

    if not progress:
        yield None
    elif callable(progress):
        yield once(progress)
    else:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            yield _lines()
            return
        with tqdm(unit="frame", desc="counting") as bar:

            def draw(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield once(draw)


def _lines() -> _Show:
    """A line on stderr at most once a second, and at the end."""
    shown = (time.monotonic(), -1)

    def show(done: int, total: int, events: int, seconds: float) -> None:
        nonlocal shown
        now = time.monotonic()
        if done == shown[1] or (now - shown[0] < 1 and done != total):
            return
        shown = (now, done)
        print(f"countem: {done} of {total} frames, {events} events, {done / seconds if seconds else 0:.0f} frames/s", file=sys.stderr)

    return show


def _fitting(raw: Raw, cal: Any, method: str | None, row_noise: str, background: str | None, threads: int) -> tuple[Calibration, str, str]:
    """The calibration for this way of counting, the method and the background method."""
    require_raw(raw)
    if isinstance(cal, (str, os.PathLike)):
        cal = load_calibration(cal)
    if cal is None:
        if method != "counts":
            raise ValueError("counting needs a calibration, unless method='counts': make one with calibrate()")
        cal = calibrate(raw, method="counts")
    if not isinstance(cal, Calibration):
        raise TypeError(f"{type(cal).__name__} is no calibration: give one that calibrate() or load_calibration() made, or its file")
    method = method or cal.method
    if background is None:
        background = "frame" if cal._shift and row_noise == "none" else "none"
    shift = background != "none" or row_noise != "none"
    if method == "counts" and cal.method == "counts":
        return cal, method, background
    if cal._native.references_only:
        return calibrate(raw, cal, method=method, background="frame" if shift else "none", threads=threads), method, background
    if (method, shift) != (cal.method, cal._shift) and cal._again is not None:
        known = cal.warnings
        cal = cal._again(method, shift)
        warn(sentence for sentence in cal.warnings if sentence not in known)
        logger.info("thresholds for method %s: %r", method, cal)
    if (method == "peaks") != (cal.score_adu is not None):
        raise ValueError(f"the calibration holds thresholds of method {cal.method}: calibrate with method={method!r}")
    return cal, method, background


def count(raw: Raw, cal: Any = None, path: str | os.PathLike[str] | None = None, *, method: str | None = None,
          min_cluster_size: int = 1, max_cluster_size: int | None = None, upsample: int = 1, values: str = "none", row_noise: str = "none",
          background: str | None = None, live: Sequence[str] | str = (), live_centre: Any = "auto", pixel_mrad: float | None = None,
          scan_step_nm: float | None = None, threads: int = 0, backend: str = "auto", overwrite: bool = False, resume: bool = False,
          wide_counts: bool = False, fast_sparse: bool = False, accept_masked: bool = False, part: tuple[int, int] | None = None,
          client: Any = None, shares: int | None = None, progress: Progress = False) -> Scan:
    """Counts the electrons of a scan into an event store, or into memory without `path`, as `countem count` does.

    `cal`: a calibration or its file; not needed for method counts. Thresholds that `calibrate` found in this process are found
    again where `method` is another than theirs; a calibration of darks alone gets thresholds for this scan.
    `method`: cluster, maximum, peaks, pixels or counts; by default that of the calibration. `min_cluster_size`,
    `max_cluster_size`: in pixels (cluster). `upsample`: places on a grid this many times finer. `values`: charge or size, kept
    beside each event. `row_noise`: none, mean or median; `background`: none or frame, by default as calibrated.
    `live`: reductions computed meanwhile and kept in the store, items of docs/reductions.md as ["sum", "com", "virtual:annulus:60,200"];
    `live_centre`: (row, column) in pixels, "auto", or a file of a vacuum scan. `pixel_mrad`, `scan_step_nm`: axes of the store.
    `backend`: auto, cpu, cuda or reference. `threads`: 0 for all cores. `wide_counts`, `fast_sparse`: as of the program.
    `resume`: goes on where an interrupted count of the same frames and options ended (`path` + ".part").
    `part`: (k, n) counts the k-th (1 to n) of n shares of consecutive frames into a store for `merge`, its other frames missing
    (docs/cluster.md); give every process the same calibration.
    `client`: a `distributed.Client` of dask, or the address of its scheduler: workers count `shares` of consecutive frames (four per
    worker) into parts beside `path`, which are merged and removed. They open files themselves, by the same paths; `threads` is per
    worker, 0 for those it has. Needs `path`, without `live` or `part` (docs/cluster.md#dask).
    `progress`: True for a bar (tqdm) or lines on stderr; or a function of (frames done, frames of the scan).

        scan = ct.count(raw, cal, "counted.h5", method="peaks", live=["sum", "com"], progress=True)
        scan = ct.count(raw, cal, "counted.h5", client=distributed.Client("tcp://head:8786"), progress=True)

    Returns the scan. The result is the same, to the byte of each frame, for any backend and number of threads.
    Ctrl-C, or an exception of `progress` or of an array, ends the count at the next batch: what was counted is kept in
    `path` + ".part", or by workers in parts, as a note on the exception says, and `resume=True` goes on. Nothing is kept of a count
    into memory. A share whose worker was lost is counted again by another.
    Raises FileExistsError where `path` is there, unless `overwrite`; TypeError, ValueError, OSError, MemoryError; RuntimeError for a backend
    that cannot be had; ImportError for a `client` without dask's distributed; KilledWorker of dask for a share that ends its worker
    again and again. Warns (CountemWarning) of files that changed while they were read.
    """
    cal, method, background = _fitting(raw, cal, method, row_noise, background, threads)
    options = dict(method=method, row_noise=row_noise, background=background, values=values, backend=_BACKENDS.get(backend, backend),
                   min_cluster_size=min_cluster_size, max_cluster_size=_MOST if max_cluster_size is None else max_cluster_size,
                   upsample=upsample, threads=threads, wide_counts=wide_counts, fast_sparse=fast_sparse, accept_masked=accept_masked,
                   pixel_mrad=_positive("pixel_mrad", pixel_mrad), scan_step_nm=_positive("scan_step_nm", scan_step_nm))
    if client is not None or shares is not None:
        if client is None or path is None or part is not None or len(live):
            raise ValueError("a count by shares needs client, and a path that workers write beside, and neither part nor live: reduce the scan later")
        return _counted_on(client, raw, cal, os.fspath(path), shares, options, overwrite, resume, progress)
    options |= dict(live=live if isinstance(live, str) else ",".join(live),
                    live_centre=os.fspath(live_centre) if isinstance(live_centre, (str, os.PathLike)) else "{!r},{!r}".format(*map(float, live_centre)))
    with _shown(progress) as show:
        outcome = counted(raw, cal, path, part=part, overwrite=overwrite, resume=resume, show=show, **options)
    return Scan._of(outcome.take_store(), "", threads) if path is None else Scan(path, threads)


def counted(raw: Raw, cal: Calibration, path: str | os.PathLike[str] | None, *, part: tuple[int, int] | None, overwrite: bool, resume: bool,
            show: _Show | None, **options: Any) -> _countem.CountOutcome:
    """Counts with options as the compiled module takes them."""
    wanted = _wish(raw, part, **options, overwrite=overwrite, resume=resume)
    wanted.output = "" if path is None else os.fspath(path)
    try:
        with _followed(path, resume, show) as seen:
            outcome = _countem.count(raw._native, cal._native, wanted, seen)
    finally:
        warn()
    warn(outcome.warnings)
    logger.info("%d events in %d frames, %d X-rays, %.2f s, %s backend (%s)", outcome.events, outcome.frames, outcome.xrays,
                outcome.seconds, outcome.backend, outcome.reason)
    return outcome


def _wish(raw: Raw, part: tuple[int, int] | None, **options: Any) -> _countem.CountWish:
    wanted = _countem.CountWish()
    for name, value in options.items():
        setattr(wanted, name, value)
    if part is not None:
        wanted.part_number, wanted.part_of = _share(part)
        options["part"] = part
    wanted.words = f"countem.count({raw!r}, {', '.join(f'{name}={value!r}' for name, value in options.items())})"
    return wanted


def require_same_count(raw: Raw, cal: Calibration, path: str, part: tuple[int, int], **options: Any) -> None:
    """Raises ValueError naming each difference where a part, finished or not, was counted in another way."""
    wanted = _wish(raw, part, **options)
    wanted.output = path
    _countem.require_same_count(raw._native, cal._native, wanted, path)


def _counted_on(client: Any, raw: Raw, cal: Calibration, path: str, shares: int | None, options: dict[str, Any], overwrite: bool, resume: bool,
                progress: Progress) -> Scan:
    from countem import _dask

    with _dask.connected(client, "count") as opened, _shown(progress) as show:
        parts = _dask.count_on(opened, raw, cal, path, shares, options, overwrite=overwrite, resume=resume, show=show)
    scan = merge(parts, path, overwrite=overwrite)
    _dask.forget(path)
    return scan


def _share(part: tuple[int, int]) -> tuple[int, int]:
    number, of = map(int, part)
    if not 1 <= number <= of <= _MOST:
        raise ValueError(f"part={part}: give (k, n) with k from 1 to n, as (3, 4) for the third of four parts")
    return number, of


def _positive(name: str, value: float | None) -> float:
    if value is None:
        return 0.0
    if not 0 < value < float("inf"):
        raise ValueError(f"{name}={value} is not a finite number above 0")
    return float(value)


@dataclass(frozen=True)
class Preview:
    """Some frames counted with one calibration. `preview` makes it."""

    calibration: Calibration
    frames: npt.NDArray[np.uint64]
    """(n): numbers of the frames that were counted."""
    events: npt.NDArray[np.uint32]
    """(n): events of each of them."""
    picture: npt.NDArray[np.uint32]
    """(rows, columns) of the detector: events of all of them added up."""

    @property
    def events_per_frame(self) -> float:
        """Mean of `events`; NaN without frames."""
        return float(np.mean(self.events)) if len(self.events) else float("nan")

    @property
    def false_events_per_frame(self) -> float | None:
        """Events of noise expected in a frame; None where that is not known."""
        return self.calibration.false_events

    def __repr__(self) -> str:
        false = self.false_events_per_frame
        words = "unknown" if false is None else f"{false:.3g}"
        return f"<countem.Preview: {self.events_per_frame:.2f} events per frame, {words} of them false, in {len(self.frames)} frames>"


def preview(raw: Raw, calibrations: Calibration | Sequence[Calibration], *, frames: int = 20, row_noise: str = "none",
            background: str = "none", seed: int = 0, threads: int = 0) -> list[Preview]:
    """Counts a few frames, spread evenly over the scan, with each of several calibrations, to compare thresholds before a count.

    `frames`: how many; fewer where fewer arrived. `seed` chooses them. Each is counted by the method of its calibration.

        for result in ct.preview(raw, [cal, cal.with_threshold(background=7)], frames=20):
            print(result.events_per_frame, result.false_events_per_frame)

    Raises ValueError where a calibration does not fit the frames, OSError, what an array raises, KeyboardInterrupt after Ctrl-C.
    """
    require_raw(raw)
    used = [calibrations] if isinstance(calibrations, Calibration) else list(calibrations)
    if frames < 1:
        raise ValueError(f"frames={frames}: a preview counts at least one")
    for one in used:
        if one._native.references_only:
            raise ValueError("a calibration holds references alone: calibrate the frames of the scan with it first")
    drawn, found = _countem.preview(raw._native, [one._native for one in used], [one.method for one in used], row_noise, background,
                                    frames, seed, threads)
    return [Preview(one, drawn, events, picture.reshape(height, width)) for one, (events, height, width, picture) in zip(used, found)]


def merge(parts: Sequence[str | os.PathLike[str]], path: str | os.PathLike[str], *, virtual: bool = False, overwrite: bool = False) -> Scan:
    """Makes one store of the parts of a scan: stores of the whole scan that hold some of its frames each, as `count` with `part` makes.

        scan = ct.merge(["a.h5", "b.h5"], "all.h5")

    Frames are copied as they are, or with `virtual` left where they are: the store leads to the parts, which must lie in its folder and stay there
    (an HDF5 virtual dataset; other programs read zeros where a part is gone, countem raises OSError). Those that no part holds stay missing, and warnings name them. Raises FileExistsError where `path` is there, unless
    `overwrite`; ValueError where parts were counted differently, a frame is in two of them with different content, or one is
    damaged; OSError; KeyboardInterrupt after Ctrl-C.
    """
    try:
        frames, events, shared, of, warnings = _countem.merge([os.fspath(part) for part in parts], os.fspath(path), overwrite, virtual)
    finally:
        warn()
    warn(warnings)
    logger.info("merged %d of %d frames, %d in several parts, %d events into %s", frames, of, shared, events, os.fspath(path))
    return Scan(path)


class CountState(NamedTuple):
    """How far a count has come. `follow` yields it."""

    frames_done: int
    """Frames of the scan up to the last one that readers can see."""
    frames: int
    """Frames of the scan."""
    events: int
    """Electrons in the frames that are there."""
    finished: bool
    """Whether the store is whole."""


def _part_of(path: str) -> str:
    return os.path.realpath(path) + ".part"


# HDF5 shares a file that one process opens twice, and a reader would change how the writer may end it: counts of this process
# are followed by what they report.
_running: dict[str, CountState] = {}
_files = threading.Lock()  # held where one is looked at or begins


@contextmanager
def _followed(path: str | os.PathLike[str] | None, resume: bool, show: _Show | None) -> Iterator[_Show | None]:
    """Lets follow() see this count; `path` None: nobody can ask for it."""
    if path is None:
        yield show
        return
    part = _part_of(os.fspath(path))
    before = 0
    with _files:
        if resume:
            with contextlib.suppress(OSError, ValueError):
                before = _countem.state_of(part, True)[2]
        counts_here = part not in _running  # else the engine refuses this one
        if counts_here:
            _running[part] = CountState(0, 0, 0, False)

    def seen(done: int, total: int, events: int, seconds: float) -> None:
        if counts_here:
            _running[part] = CountState(done, total, before + events, False)
        if show is not None:
            show(done, total, events, seconds)

    try:
        yield seen
    finally:
        if counts_here:
            del _running[part]


def _state(path: str) -> CountState | None:
    """None: there is neither a running nor a finished count, or nothing is known of it yet."""
    part = _part_of(path)
    with _files:
        if (here := _running.get(part)) is not None:
            return here if here.frames else None
        for file, running in ((part, True), (path, False)):
            try:
                return CountState(*_countem.state_of(file, running), not running)
            except FileNotFoundError:
                continue
            except ValueError:
                if not running or os.path.exists(file):
                    raise
                # It was just given its name.
    return None


def follow(path: str | os.PathLike[str], *, interval: float = 1.0, timeout: float | None = 60) -> Iterator[CountState]:
    """Follows a count that another program, process or thread is writing, until it is finished.

    `path`: the store as it will be named. Yields a state at once, and another whenever there are more frames, which the writer shows
    when it has written them; looks every `interval` seconds. The last state is of the finished store.

        for state in ct.follow("counted.h5"):
            print(state.frames_done, "of", state.frames)

    Raises TimeoutError where nothing new came for `timeout` seconds (None: waits for ever), as when the count was interrupted;
    OSError, ValueError where the file is no event store.
    """
    name = os.fspath(path)
    last: CountState | None = None
    moved = time.monotonic()
    while True:
        state = _state(name)
        if state is not None and state != last:
            yield state
            if state.finished:
                return
            last, moved = state, time.monotonic()
        if timeout is not None and time.monotonic() - moved >= timeout:
            reached = "is not there" if last is None else f"stays at {last.frames_done} of {last.frames} frames"
            raise TimeoutError(f"{name}: {reached} for {timeout:g} s: the count has ended or waits for frames")
        time.sleep(interval)
