"""Counts on dask.distributed: four processes make what one makes, whatever happens to them."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import dask.array
import distributed
import h5py
import numpy as np
import pytest

from dask_cluster import COLUMNS, FRAMES, ROWS, array, cal, client, ct, file, whole
from countem._dask import name_of_part

SHARES = 8

pytestmark = pytest.mark.filterwarnings("ignore::countem.CountemWarning")
__all__ = ["array", "cal", "client", "file", "whole"]  # fixtures


def content(path: pathlib.Path) -> dict[str, object]:
    """All that a store holds of events and calibration, as h5py reads it."""
    found: dict[str, object] = {}
    with h5py.File(path) as store:

        def keep(name: str, thing: h5py.Group | h5py.Dataset) -> None:
            if name.startswith(("calibration", "electron_counts")):
                found.update({f"{name}@{key}": value.tolist() if hasattr(value, "tolist") else value for key, value in thing.attrs.items()})
                if isinstance(thing, h5py.Dataset):
                    found[name] = thing[...].tolist()

        store.visititems(keep)
        found["provenance@thresholds"] = store["provenance"].attrs["thresholds"]
        assert "part" not in store["provenance"].attrs
    return found


class Watched:
    """An array that appends the rows which are read to a file and calls something before; it is read in workers."""

    def __init__(self, path: pathlib.Path, log: pathlib.Path, seconds: float = 0, kill_at: int | None = None, always: bool = False) -> None:
        self.path, self.log, self.seconds, self.kill_at, self.always = path, log, seconds, kill_at, always
        array = np.load(path, mmap_mode="r")
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, (1, *array.shape[1:])

    def __getitem__(self, where: object) -> np.ndarray:
        rows = where[0] if isinstance(where, tuple) else where
        rows = rows if isinstance(rows, slice) else slice(rows, rows + 1)
        with open(self.log, "a") as log:
            log.write("".join(f"{row}\n" for row in range(rows.start, rows.stop)))
        time.sleep(self.seconds)
        if self.kill_at is not None and rows.start <= self.kill_at < rows.stop:
            try:
                os.mkdir(f"{self.log}.killed")
            except FileExistsError:
                if not self.always:
                    return np.load(self.path, mmap_mode="r")[where]
            os.kill(os.getpid(), signal.SIGKILL)
        return np.load(self.path, mmap_mode="r")[where]

    def read(self) -> list[int]:
        return [int(line) for line in self.log.read_text().split()] if self.log.exists() else []


def files_beside(path: pathlib.Path) -> list[str]:
    return sorted(name.name for name in path.parent.iterdir() if name.name.startswith(path.stem + "."))


def test_a_cluster_counts_what_one_process_counts(client: distributed.Client, file: pathlib.Path, cal: ct.Calibration, whole: pathlib.Path,
                                                  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)  # relative names are those of the client
    seen: list[tuple[int, int]] = []
    path = tmp_path / "counted.h5"
    with ct.count(ct.open_raw("*.npy"), cal, path, client=client, progress=lambda done, total: seen.append((done, total))) as scan, ct.open(whole) as expected:
        assert scan.nnz == expected.nnz
        assert scan.provenance["merged_from"].count(".h5") == 16  # four shares per worker
    assert content(path) == content(whole) and files_beside(path) == ["counted.h5"]
    assert seen[-1] == (FRAMES, FRAMES) and seen == sorted(seen)
    with pytest.raises(FileExistsError, match="counted.h5: is there already; replace it with overwrite=True"):
        ct.count(ct.open_raw(file), cal, path, client=client)
    ct.count(ct.open_raw(file), cal, path, client=client, overwrite=True, shares=3, method="pixels", values="charge")
    one = tmp_path / "one.h5"
    ct.count(ct.open_raw(file), cal, one, method="pixels", values="charge")
    assert content(path) == content(one)


@pytest.mark.parametrize("shares", [1, 7, FRAMES + 9])
def test_any_number_of_shares(client: distributed.Client, file: pathlib.Path, cal: ct.Calibration, whole: pathlib.Path, tmp_path: pathlib.Path, shares: int) -> None:
    if shares > FRAMES:  # no more than there are frames
        few = np.load(file)[:2, :3]
        np.save(tmp_path / "few.npy", few)
        ct.count(ct.open_raw(tmp_path / "few.npy"), cal, tmp_path / "one.h5")
        file, whole = tmp_path / "few.npy", tmp_path / "one.h5"
    ct.count(ct.open_raw(file), cal, tmp_path / "counted.h5", client=client, shares=shares)
    assert content(tmp_path / "counted.h5") == content(whole)


def test_workers_read_arrays_of_dask(client: distributed.Client, file: pathlib.Path, cal: ct.Calibration, whole: pathlib.Path, tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log"
    lazy = dask.array.from_array(Watched(file, log), chunks=(5, COLUMNS, 24, 32), asarray=False, meta=np.empty((0, 0, 0, 0), np.uint16), name=False)
    ct.count(ct.frames(lazy), cal, tmp_path / "counted.h5", client=client, shares=4)
    assert content(tmp_path / "counted.h5") == content(whole)
    assert sorted(set(Watched(file, log).read())) == list(range(ROWS))


def test_thresholds_are_shared(client: distributed.Client, file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Also those that are found again for another method."""
    raw = ct.open_raw(file)
    found = ct.calibrate(raw)
    ct.count(raw, found, tmp_path / "counted.h5", method="peaks", client=client)
    ct.count(raw, found, tmp_path / "one.h5", method="peaks")
    assert content(tmp_path / "counted.h5") == content(tmp_path / "one.h5")
    events = (np.load(file) > 70).astype(np.uint16)
    ct.count(ct.frames(dask.array.from_array(events, chunks=(10, COLUMNS, 24, 32))), None, tmp_path / "c.h5", method="counts", client=client)
    ct.count(ct.frames(events), None, tmp_path / "d.h5", method="counts")
    assert content(tmp_path / "c.h5") == content(tmp_path / "d.h5")


def test_a_share_of_a_killed_worker_is_counted_again(client: distributed.Client, file: pathlib.Path, cal: ct.Calibration, whole: pathlib.Path,
                                                     tmp_path: pathlib.Path) -> None:
    """Killed by itself in the middle of its share, after it wrote some."""
    before = set(client.nthreads())
    array = Watched(file, tmp_path / "log", 0.02, kill_at=27)
    ct.count(ct.frames(array), cal, tmp_path / "counted.h5", client=client, shares=4)
    assert (tmp_path / "log.killed").exists() and set(client.nthreads()) != before
    assert content(tmp_path / "counted.h5") == content(whole) and files_beside(tmp_path / "counted.h5") == ["counted.h5"]


def test_a_worker_is_killed_from_outside(client: distributed.Client, file: pathlib.Path, cal: ct.Calibration, whole: pathlib.Path, tmp_path: pathlib.Path) -> None:
    pids = client.run(os.getpid)
    victims = list(pids.values())

    def kill_one(done: int, total: int) -> None:
        if done and victims:
            os.kill(victims.pop(), signal.SIGKILL)
            victims.clear()

    ct.count(ct.frames(Watched(file, tmp_path / "log", 0.03)), cal, tmp_path / "counted.h5", client=client, shares=SHARES, progress=kill_one)
    assert not victims and content(tmp_path / "counted.h5") == content(whole)


def test_a_share_that_always_ends_its_worker(file: pathlib.Path, cal: ct.Calibration, tmp_path: pathlib.Path) -> None:
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), \
            distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, distributed.Client(cluster) as client:
        with pytest.raises(distributed.KilledWorker) as caught:
            ct.count(ct.frames(Watched(file, tmp_path / "log", kill_at=27, always=True)), cal, tmp_path / "counted.h5", client=client, shares=4)
    assert "of 4 shares are counted; " in "\n".join(caught.value.__notes__)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("end", ["exception", "ctrl-c"])
def test_what_was_counted_is_kept_and_resumed(client: distributed.Client, file: pathlib.Path, cal: ct.Calibration, whole: pathlib.Path, tmp_path: pathlib.Path,
                                              end: str) -> None:
    path = tmp_path / "counted.h5"
    array = Watched(file, tmp_path / "log", 0.3)

    def stop(done: int, total: int) -> None:
        if done and any(name.endswith(".h5") for name in files_beside(path)):
            if end == "exception":
                raise Stopped
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Stopped if end == "exception" else KeyboardInterrupt) as caught:
        ct.count(ct.frames(array), cal, path, client=client, shares=SHARES, progress=stop)
    note = "\n".join(caught.value.__notes__)
    finished = [name for name in files_beside(path) if name.endswith(".h5")]
    assert f"{len(finished)} of {SHARES} shares are counted" in note and "resume with resume=True" in note
    assert 0 < len(finished) < SHARES and not path.exists()
    read = array.read()
    time.sleep(0.3)
    assert array.read() == read  # nobody counts any more

    with pytest.raises(FileExistsError, match="parts of an earlier count are there, as .*counted.*of_8.h5.*; resume with resume=True, or replace them with overwrite=True"):
        ct.count(ct.frames(array), cal, path, client=client)
    with pytest.raises(ValueError, match="was counted with another background threshold.*; resume with the same inputs and options"):
        ct.count(ct.frames(array), cal.with_threshold(33), path, client=client, resume=True)
    with pytest.raises(ValueError, match="parts of 8 shares are there, which are not those of shares=3"):
        ct.count(ct.frames(array), cal, path, client=client, resume=True, shares=3)
    kept = [int(re.search(r"\.(\d+)_of_8", name)[1]) for name in files_beside(path) if name.endswith((".h5", ".part"))]
    assert kept

    again = Watched(file, tmp_path / "again")
    ct.count(ct.frames(again), cal, path, client=client, resume=True)
    assert content(path) == content(whole) and files_beside(path) == ["counted.h5"]
    done = {int(re.search(r"\.(\d)_of_8", name)[1]) for name in finished}
    for number in done:
        if {number - 1, number, number + 1} - {0, SHARES + 1} <= done:  # arrays are read in pieces, which neighbours share
            first = FRAMES * (number - 1) // SHARES // COLUMNS
            assert not set(range(first, first + ROWS // SHARES)) & set(again.read())
    assert set(range(ROWS)) - set(again.read())


def test_a_client_that_is_killed_stops_its_workers(client: distributed.Client, file: pathlib.Path, cal: ct.Calibration, whole: pathlib.Path,
                                                   tmp_path: pathlib.Path) -> None:
    cal.save(tmp_path / "cal.h5")
    program = f"""
import sys
sys.path[:0] = [{os.environ["COUNTEM_PYTHON_PACKAGE"]!r}, {str(pathlib.Path(__file__).parent)!r}]
import os, pathlib
os.environ["COUNTEM_PYTHON_PACKAGE"] = {os.environ["COUNTEM_PYTHON_PACKAGE"]!r}
import countem as ct
from test_dask_count import Watched
array = Watched(pathlib.Path({str(file)!r}), pathlib.Path({str(tmp_path / "log")!r}), 0.1)
print("begins", flush=True)
ct.count(ct.frames(array), {str(tmp_path / "cal.h5")!r}, {str(tmp_path / "counted.h5")!r}, client={client.scheduler.address!r}, shares={SHARES})
"""
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"begins\n"
        array = Watched(file, tmp_path / "log")
        while len(array.read()) < 12:
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    end = time.monotonic() + 20
    read = -1
    while read != len(array.read()):
        assert time.monotonic() < end
        read = len(array.read())
        time.sleep(0.5)
    assert read < ROWS
    ct.count(ct.frames(array), cal, tmp_path / "counted.h5", client=client, resume=True)
    assert content(tmp_path / "counted.h5") == content(whole)


def test_a_share_that_another_process_still_writes(client: distributed.Client, file: pathlib.Path, cal: ct.Calibration, whole: pathlib.Path,
                                                   tmp_path: pathlib.Path) -> None:
    """As a worker that was given up: the share is counted under another name, and replaces it."""
    path = tmp_path / "counted.h5"
    begun, may_end = threading.Event(), threading.Event()

    def hold(done: int, total: int) -> None:
        if done:
            begun.set()
            may_end.wait(60)

    def count_slowly() -> None:
        with pytest.raises(OSError, match="removed or replaced|cannot be opened"):
            ct.count(ct.frames(Watched(file, tmp_path / "log", 0.02)), cal, name_of_part(str(path), 2, 4), part=(2, 4), progress=hold)

    thread = threading.Thread(target=count_slowly)
    thread.start()
    assert begun.wait(30)
    ct.count(ct.frames(Watched(file, tmp_path / "log")), cal, path, client=client, resume=True)
    assert content(path) == content(whole) and files_beside(path) == ["counted.h5"]
    may_end.set()
    thread.join()


def test_errors_of_workers_come_out(client: distributed.Client, array: np.ndarray, cal: ct.Calibration, tmp_path: pathlib.Path) -> None:
    broken = array.astype(np.int32)
    broken[33, 7, 5, 6] = 2**25 + 1
    lazy = dask.array.from_array(broken, chunks=(5, COLUMNS, 24, 32))
    with pytest.raises(ValueError, match="frame 997, row 5, column 6 is 33554433") as caught:
        ct.count(ct.frames(lazy), cal, tmp_path / "counted.h5", client=client, shares=4)
    assert "3 of 4 shares are counted" in "\n".join(caught.value.__notes__) or "of 4 shares are counted" in "\n".join(caught.value.__notes__)


def test_refusals(client: distributed.Client, file: pathlib.Path, cal: ct.Calibration, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = ct.open_raw(file)
    for options in ({"path": None}, {"live": ["sum"]}, {"part": (1, 2)}):
        with pytest.raises(ValueError, match="a count by shares needs client, and a path"):
            ct.count(raw, cal, **{"path": tmp_path / "no.h5", "client": client, **options})
    with pytest.raises(ValueError, match="a count by shares needs client"):
        ct.count(raw, cal, tmp_path / "no.h5", shares=3)
    with pytest.raises(ValueError, match="shares=0"):
        ct.count(raw, cal, tmp_path / "no.h5", client=client, shares=0)
    with pytest.raises(TypeError, match="client=3 is neither a distributed.Client"):
        ct.count(raw, cal, tmp_path / "no.h5", client=3)
    with pytest.raises(TypeError, match="cannot be sent to workers .*: give files"), h5py.File(tmp_path / "raw.h5", "w") as store:
        ct.count(ct.frames(store.create_dataset("x", data=np.load(file))), cal, tmp_path / "no.h5", client=client)
    monkeypatch.setattr("countem._dask._MOST_BYTES", 1_000_000)
    with pytest.raises(ValueError, match="would be sent to the workers with every share, .* bytes: give files"):
        ct.count(ct.frames(np.load(file)), cal, tmp_path / "no.h5", client=client)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r'count\(\) needs distributed.*install it with "pip install distributed"'):
        ct.count(raw, cal, tmp_path / "no.h5", client="tcp://127.0.0.1:1")
    assert files_beside(tmp_path / "no.h5") == []


def test_the_address_of_a_scheduler(client: distributed.Client, file: pathlib.Path, cal: ct.Calibration, whole: pathlib.Path, tmp_path: pathlib.Path,
                                    capfd: pytest.CaptureFixture[str]) -> None:
    ct.count(ct.open_raw(file), cal, tmp_path / "counted.h5", client=client.scheduler.address, progress=True)
    assert content(tmp_path / "counted.h5") == content(whole)
    assert f"{FRAMES}/{FRAMES}" in capfd.readouterr().err
