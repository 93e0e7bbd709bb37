"""Counts and reductions on dask.distributed: shares of a scan, and windows of its positions, are tasks."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import pickle
import re
import threading
import time
import uuid
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

from countem import _countem
from countem._calibration import Calibration
from countem._frames import Raw
from countem._handover import _needs
from countem._part import Part
from countem._warnings import CountemWarning

_SHARES_PER_WORKER = 4
_WINDOWS_PER_THREAD = 2
_MOST_BYTES = 100_000_000  # that are sent with every share
_INTERVAL = 0.5  # seconds between two reports of a worker
_PATIENCE = 15.0  # seconds for shares that are cancelled to end

Count = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class _Run:
    """What all shares of a count have in common, as workers get it."""

    name: str  # of the run, and of the topic of its events
    what: bytes  # frames and calibration
    path: str
    of: int
    options: dict[str, Any]
    resume: bool


class _Unwanted(Exception):
    """The share was cancelled."""


@contextlib.contextmanager
def connected(client: Any, method: str) -> Iterator[Any]:
    """A client of dask.distributed: the one that is given, or one of the scheduler at an address while the context lasts."""
    distributed = _needs("distributed", "distributed", method)
    if isinstance(client, str):
        with distributed.Client(client, set_as_default=False) as opened, opened.as_current():
            yield opened
    elif isinstance(client, distributed.Client) and not client.asynchronous:
        with client.as_current():  # distributed.wait() asks for it
            yield client
    else:
        raise TypeError(f"client={client!r} is neither a distributed.Client that is not asynchronous nor the address of a scheduler")


def name_of_part(path: str, number: int, of: int) -> str:
    """As the program names what {part} stands for: counted.3_of_8.h5."""
    stem, suffix = os.path.splitext(path)
    return f"{stem}.{number:0{len(str(of))}}_of_{of}{suffix}"


def _parts_of(path: str) -> dict[str, int]:
    """Finished and unfinished parts of an earlier count of that name, and of how many shares each is."""
    stem, suffix = os.path.splitext(os.path.basename(path))
    pattern = re.compile(re.escape(stem) + r"\.\d+_of_(\d+)(\.[0-9a-f]{8})?" + re.escape(suffix) + r"(\.part)?(\.countem-unfinished)?")
    folder = os.path.dirname(path)
    return {os.path.join(folder, name): int(found[1]) for name in sorted(os.listdir(folder)) if (found := pattern.fullmatch(name))}


def _remove_parts(path: str) -> None:
    for name in _parts_of(path):
        with contextlib.suppress(FileNotFoundError):
            os.remove(name)


# In workers

_opened: tuple[str, Any] = ("", None)
_opening = threading.Lock()
_running: Counter[str] = Counter()  # shares of each run that this process counts
_ended: set[str] = set()  # runs of which no share may begin
_changing = threading.Lock()  # of these two


def _frames_of(run: _Run) -> tuple[Raw, Calibration]:
    """Opened once in each process."""
    global _opened
    with _opening:
        if _opened[0] != run.name:
            with warnings.catch_warnings():  # the client's process warned of them
                warnings.simplefilter("ignore", CountemWarning)
                _opened = (run.name, pickle.loads(run.what))
        return _opened[1]


@contextlib.contextmanager
def _share_of(run: _Run) -> Iterator[None]:
    """While a share is counted; raises _Unwanted where its run has ended."""
    with _changing:
        if run.name in _ended:
            raise _Unwanted
        _running[run.name] += 1
    try:
        yield
    finally:
        with _changing:
            _running[run.name] -= 1


def _end(name: str) -> int:
    """Lets no share of a run begin or go on and forgets its frames; the shares that have not stopped yet."""
    global _opened
    with _changing:
        _ended.add(name)
        if _opened[0] == name:
            _opened = ("", None)
        return _running[name]


def _count_share(run: _Run, number: int) -> int:
    """Counts one share into its part; its events. May run again after its worker was lost, also while a first attempt still runs somewhere."""
    with _share_of(run):
        return _counted_share(run, number)


def _counted_share(run: _Run, number: int) -> int:
    from distributed import get_worker

    from countem import _frames
    from countem._count import counted, require_same_count

    worker = get_worker()
    key = worker.get_current_task()
    _frames.scheduler = "threads"  # of this process
    raw, cal = _frames_of(run)
    name = name_of_part(run.path, number, run.of)
    if os.path.exists(name):  # of an attempt before this
        if run.resume:
            require_same_count(raw, cal, name, (number, run.of), **run.options)
        return int(_countem.state_of(name, False)[2])
    shown = 0.0

    def seen(done: int, total: int, events: int, seconds: float) -> None:
        nonlocal shown
        task = worker.state.tasks.get(key)
        if run.name in _ended or task is None or task.state == "cancelled":
            raise _Unwanted
        if time.monotonic() - shown > _INTERVAL or done == total:
            shown = time.monotonic()
            worker.log_event(run.name, (number, done, events))

    def count(into: str) -> None:
        options = {**run.options, "threads": run.options["threads"] or worker.state.nthreads}
        counted(raw, cal, into, part=(number, run.of), resume=True, overwrite=True, show=seen, **options)

    if run.name in _ended:  # while its frames were opened
        raise _Unwanted
    try:
        count(name)
    except OSError as failure:
        if "is being written by another process" not in str(failure):
            raise
        # By a worker that was given up and lives.
        stem, suffix = os.path.splitext(name)
        own = f"{stem}.{uuid.uuid4().hex[:8]}{suffix}"
        count(own)
        os.replace(own, name)
    return int(_countem.state_of(name, False)[2])


# In the client's process

class _Watch:
    """What workers report of the shares of a run."""

    def __init__(self) -> None:
        self.frames: dict[int, tuple[int, int]] = {}  # frames and events of a share

    def __call__(self, event: tuple[float, Any]) -> None:
        number, done, events = event[1]
        if done >= self.frames.get(number, (0, 0))[0]:
            self.frames[number] = (done, events)

    def finished(self, number: int, frames: int, events: int) -> None:
        """Of a share, also where nothing of it was left to be counted."""
        self.frames[number] = (frames, events)

    def counted(self) -> tuple[int, int]:
        """Frames and events of all shares."""
        known = list(self.frames.values())
        return sum(done for done, _ in known), sum(events for _, events in known)


def count_on(client: Any, raw: Raw, cal: Calibration, path: str, shares: int | None, options: dict[str, Any], *, overwrite: bool, resume: bool,
             show: Callable[[int, int, int, float], None] | None) -> list[str]:
    """Counts the shares of a scan on a cluster; the parts, to be merged."""
    from countem._count import require_same_count

    path = os.path.abspath(path)
    if os.path.exists(path) and not overwrite:
        raise FileExistsError(f"{path}: is there already; replace it with overwrite=True or name another output")
    of = _number_of_shares(client, raw, path, shares, overwrite, resume)
    run = _Run(f"countem-{uuid.uuid4().hex}", _sent(raw, cal), path, of, options, resume)
    for name, number in _places_of(path)[:1]:  # before a share is begun in another way; workers check the others
        require_same_count(raw, cal, name, (number, of), **options)
    try:
        _run_shares(client, run, _frames_in(raw), show)
    except BaseException as failure:
        finished = sum(os.path.exists(name_of_part(path, number, of)) for number in range(1, of + 1))
        failure.add_note(f"{finished} of {of} shares are counted; these and what was counted of others is kept in {pathlib.Path(path).parent}; "
                         "resume with resume=True")
        raise
    return [name_of_part(path, number, of) for number in range(1, of + 1)]


def _places_of(path: str) -> list[tuple[str, int]]:
    """Parts that are there and hold something, and their numbers."""
    stem = os.path.splitext(os.path.basename(path))[0]
    return [(name, int(os.path.basename(name)[len(stem) + 1 :].partition("_")[0])) for name in _parts_of(path)
            if not name.endswith(".countem-unfinished") and os.path.getsize(name)]


def forget(path: str) -> None:
    """Removes the parts of a store that was merged of them."""
    _remove_parts(os.path.abspath(path))


def _frames_in(raw: Raw) -> int:
    frames = 1
    for length in raw.shape[:-2]:
        frames *= length
    return frames


def _number_of_shares(client: Any, raw: Raw, path: str, shares: int | None, overwrite: bool, resume: bool) -> int:
    """Those of the parts that are there where they are to be resumed."""
    if shares is not None and shares < 1:
        raise ValueError(f"shares={shares}: a scan has at least one share")
    parts = _parts_of(path)
    if parts and not resume:
        if not overwrite:
            raise FileExistsError(f"{path}: parts of an earlier count are there, as {next(iter(parts))}; resume with resume=True, or replace them "
                                  "with overwrite=True")
        _remove_parts(path)
        parts = {}
    before = set(parts.values())
    if len(before) > 1 or (shares is not None and before - {shares}):
        raise ValueError(f"{path}: parts of {' and of '.join(map(str, sorted(before)))} shares are there, which are not "
                         f"{'one division' if shares is None else f'those of shares={shares}'}: remove those that are not wanted")
    if before:
        return before.pop()
    return min(shares or _SHARES_PER_WORKER * max(1, len(client.nthreads())), max(1, _frames_in(raw)))


def _sent(raw: Raw, cal: Calibration) -> bytes:
    """Raises TypeError or ValueError where frames cannot be sent to workers."""
    import cloudpickle

    advice = "give files, which workers open themselves, or a dask array that reads them"
    try:
        what = cloudpickle.dumps((raw, cal._by_value()))
    except TypeError as failure:
        raise TypeError(f"{raw!r} cannot be sent to workers ({failure}): {advice}") from failure
    if len(what) > _MOST_BYTES:
        raise ValueError(f"{raw!r} would be sent to the workers with every share, {len(what)} bytes: {advice}")
    return bytes(what)


def _run_shares(client: Any, run: _Run, frames: int, show: Callable[[int, int, int, float], None] | None) -> None:
    """As many shares at once as there are workers, each of which counts with all its threads; the next one when one is done."""
    from distributed import wait

    watch = _Watch()
    begun = time.monotonic()
    waiting = deque(range(1, run.of + 1))
    running: dict[Any, int] = {}

    def shown() -> None:
        if show is not None:
            done, events = watch.counted()
            show(min(done, frames), frames, events, time.monotonic() - begun)

    client.subscribe_topic(run.name, watch)
    try:
        while waiting or running:
            for number in [waiting.popleft() for _ in range(min(len(waiting), max(1, len(client.nthreads())) - len(running)))]:
                running[client.submit(_count_share, run, number, key=f"{run.name}-share-{number}", pure=False)] = number
            with contextlib.suppress(TimeoutError):
                wait(list(running), timeout=_INTERVAL, return_when="FIRST_COMPLETED")
            for future in [future for future in running if future.done()]:
                events = future.result()
                number = running.pop(future)
                watch.finished(number, frames * number // run.of - frames * (number - 1) // run.of, events)
            shown()
    finally:
        with contextlib.suppress(Exception):  # of a scheduler that is gone
            client.unsubscribe_topic(run.name)
            _end_everywhere(client, list(running), run.name)


def _end_everywhere(client: Any, futures: list[Any], name: str) -> None:
    """Waits until workers have closed what they counted, so that it can be resumed at once."""
    client.cancel(futures)
    end = time.monotonic() + _PATIENCE
    while sum(client.run(_end, name, on_error="ignore").values()) and time.monotonic() < end:
        time.sleep(0.05)


# Reductions

def _windows(part: Part, number: int) -> list[Part]:
    """Windows of positions that follow one another, some `number` of them: whole rows of the scan, or pieces of a row."""
    rows, columns, height, width = (range(window.size) for window in part.windows)

    def cuts(of: range, pieces: int) -> list[range]:
        pieces = min(len(of), pieces)
        return [range(len(of) * piece // pieces, len(of) * (piece + 1) // pieces) for piece in range(pieces)]

    pieces_of_row = -(-number // len(rows)) if len(rows) < number else 1
    return [part.sliced((some, piece, height, width)) for some in cuts(rows, number) for piece in cuts(columns, pieces_of_row)]


def _reduce_window(path: str, part: tuple[int, ...], asked: tuple[Any, ...], backend: str, run_pass: str, centre: tuple[float, float] | None,
                   threads: int) -> bytes:
    """In a worker: what one window of positions adds to a result."""
    store = _countem.Store(path)
    try:
        return store.reduce_window(part, _countem.Asked(*asked), backend, run_pass, centre, threads)
    finally:
        store.close()


def reduce_on(client: Any, store: _countem.Store, path: str, part: Part, asked: tuple[Any, ...], backend: str, threads: int) -> _countem.Reduced:
    """What Store.reduce() gives, of windows that workers read; each with one thread, unless `threads` are given."""
    with connected(client, "on") as opened:
        windows = _windows(part, _WINDOWS_PER_THREAD * max(1, sum(opened.nthreads().values())))

        def run(run_pass: str, centre: tuple[float, float] | None) -> list[bytes]:
            name = f"countem-{uuid.uuid4().hex}-{run_pass}"
            futures = [opened.submit(_reduce_window, os.path.abspath(path), window.numbers, asked, backend, run_pass, centre, threads or 1, pure=False,
                                     key=f"{name}-{number}") for number, window in enumerate(windows)]
            try:
                return list(opened.gather(futures))
            except BaseException:
                opened.cancel(futures)
                raise

        return store.reduce_elsewhere(part.numbers, _countem.Asked(*asked), run, threads)
