"""Counts that end early keep what they counted; arrays of any size are counted in bounded memory; running counts are followed."""

import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import threading
import time

import h5py
import numpy as np
import pytest

import countem as ct
from simulated import Simulated, content, simulate


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(tmp_path_factory.mktemp("interrupted") / "sim", scan="60x50", frame="24x32")


@pytest.fixture(scope="module")
def cal(simulated: Simulated) -> ct.Calibration:
    return ct.calibrate(ct.open_raw(simulated.raw), simulated.dark)


@pytest.fixture(scope="module")
def whole(simulated: Simulated, cal: ct.Calibration, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("whole") / "counted.h5"
    ct.count(ct.open_raw(simulated.raw), cal, path)
    return path


class Slow:
    """An array that is read a row of the scan at a time, and calls something before each."""

    def __init__(self, array: np.ndarray, before) -> None:
        self.array, self.before = array, before
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, (1, *array.shape[1:])
        self.threads: set[int] = set()

    def __getitem__(self, where: object) -> np.ndarray:
        self.threads.add(threading.get_ident())
        self.before(where)
        return self.array[where]


def rows_of(where: object) -> slice:
    rows = where[0] if isinstance(where, tuple) else where
    return rows if isinstance(rows, slice) else slice(rows, rows + 1)


class Stopped(Exception):
    pass


def resumed(source: ct.Raw, cal: ct.Calibration, path: pathlib.Path, whole: pathlib.Path) -> None:
    """The count is resumed and ends as one that never stopped."""
    part = path.with_name(path.name + ".part")
    assert part.exists() and not path.exists()
    with pytest.raises(FileExistsError, match="did not finish; resume with resume=True"):
        ct.count(source, cal, path)
    with pytest.raises(ValueError, match="was counted with .*; resume with the same inputs and options"):
        ct.count(source, cal.with_threshold(30), path, resume=True)
    ct.count(source, cal, path, resume=True)
    assert content(path) == content(whole) and not part.exists()


def stop_soon(done: int, total: int) -> None:
    if done:
        raise Stopped


NOTE = r"the first (\d+) of 3000 frames are kept in .*counted.h5.part; resume with resume=True"


def kept(failure: BaseException) -> int:
    """Frames that are kept, as the exception notes."""
    return int(re.search(NOTE, "\n".join(failure.__notes__)).group(1))


def test_an_exception_of_progress_ends_a_count(simulated: Simulated, cal: ct.Calibration, whole: pathlib.Path, tmp_path: pathlib.Path) -> None:
    source = ct.frames(Slow(simulated.array, lambda where: time.sleep(0.03)))

    with pytest.raises(Stopped) as caught:
        ct.count(source, cal, tmp_path / "counted.h5", progress=stop_soon)
    assert 0 < kept(caught.value) < 3000
    resumed(ct.frames(simulated.array), cal, tmp_path / "counted.h5", whole)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_a_count(simulated: Simulated, cal: ct.Calibration, whole: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A signal of the system, while the thread that called waits for C++ or for the array."""
    source = ct.frames(Slow(simulated.array, lambda where: time.sleep(0.05)))
    begun = threading.Event()
    thread = threading.Thread(target=lambda: begun.wait(30) and interrupt())
    thread.start()
    with pytest.raises(KeyboardInterrupt) as caught:
        ct.count(source, cal, tmp_path / "counted.h5", progress=lambda done, total: begun.set() if done else None)
    thread.join()
    assert 0 < kept(caught.value) < 3000
    resumed(ct.open_raw(simulated.raw), cal, tmp_path / "counted.h5", whole)


def test_ctrl_c_while_an_array_reads(simulated: Simulated, cal: ct.Calibration, whole: pathlib.Path, tmp_path: pathlib.Path) -> None:
    source = ct.frames(Slow(simulated.array, lambda where: interrupt() if rows_of(where).start >= 20 else None))
    with pytest.raises(KeyboardInterrupt) as caught:
        ct.count(source, cal, tmp_path / "counted.h5")
    assert any("were read" in note for note in caught.value.__notes__)
    resumed(ct.frames(simulated.array), cal, tmp_path / "counted.h5", whole)
    with pytest.raises(KeyboardInterrupt):
        ct.calibrate(source)


def test_ctrl_c_while_files_are_counted(simulated: Simulated, cal: ct.Calibration) -> None:
    source = ct.open_raw(simulated.raw)
    timer = threading.Timer(0.05, interrupt)
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        for _ in range(1000):
            ct.count(source, cal, backend="reference", threads=1)
    timer.join()


def test_ctrl_c_while_headers_are_read(tmp_path: pathlib.Path) -> None:
    """Of four million records, all holes but the first: seconds of reading."""
    record = 16 + 144 * 576 * 2
    path = tmp_path / "large_scan0000000001_id0000_module0_raw.data"
    with open(path, "wb") as file:
        file.write(struct.pack("<IIHHHH", 1, 0, 2048, 2048, 0, 0))
        file.truncate(2**22 * record)
    timer = threading.Timer(0.3, interrupt)
    timer.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ct.open_raw(path, format="v5")
    assert time.monotonic() - begun < 1.3
    timer.join()


def test_ctrl_c_while_stores_are_checked_and_copied(whole: pathlib.Path, tmp_path: pathlib.Path) -> None:
    scan = ct.open(whole)
    for task in (lambda: ct.verify(whole), lambda: scan[:].save(tmp_path / "copy.h5", overwrite=True)):
        timer = threading.Timer(0.05, interrupt)
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            for _ in range(10000):
                task()
        timer.join()
    assert ct.verify(whole) == []
    assert not (tmp_path / "copy.h5.part").exists()


def test_an_exception_of_the_array_comes_out_as_it_is(simulated: Simulated, cal: ct.Calibration, whole: pathlib.Path, tmp_path: pathlib.Path) -> None:
    def broken(where: object) -> None:
        if rows_of(where).stop > 30:
            raise LookupError("the tape broke")

    source = ct.frames(Slow(simulated.array, broken))
    for path in (None, tmp_path / "counted.h5"):
        with pytest.raises(LookupError) as caught:
            ct.count(source, cal, path)
        assert caught.value.args == ("the tape broke",)
        first, last = map(int, re.search(r"while frames (\d+) to (\d+) were read", caught.value.__notes__[0]).groups())
        assert first // 60 <= 30 <= last // 60
    assert kept(caught.value) <= first
    resumed(ct.frames(simulated.array), cal, tmp_path / "counted.h5", whole)
    with pytest.raises(LookupError):
        ct.calibrate(source)
    with pytest.raises(LookupError):
        ct.preview(source, cal, frames=100)


def test_a_value_that_cannot_be_counted_names_its_frame(simulated: Simulated, cal: ct.Calibration, tmp_path: pathlib.Path) -> None:
    array = simulated.array.astype(np.int32)
    array[40, 7, 5, 6] = 2**25 + 1
    with pytest.raises(ValueError, match=r"numpy ndarray: frame 2407, row 5, column 6 is 33554433 \(i32\), which f32 cannot hold.*frames are kept in"):
        ct.count(ct.frames(array), cal, tmp_path / "counted.h5")


def test_arrays_are_read_in_order_once_and_in_one_thread(simulated: Simulated, cal: ct.Calibration, whole: pathlib.Path) -> None:
    read: list[int] = []
    array = Slow(simulated.array, lambda where: read.extend(range(rows_of(where).start, rows_of(where).stop)))
    scan = ct.count(ct.frames(array), cal, threads=2)
    assert sorted(read) == list(range(50)) and array.threads == {threading.get_ident()}
    with ct.open(whole) as expected:
        np.testing.assert_array_equal(scan.indices, expected.indices)


def test_an_array_may_use_countem_itself(simulated: Simulated, cal: ct.Calibration, whole: pathlib.Path) -> None:
    inner = ct.open_raw(simulated.raw)

    class Filtered:
        shape, dtype = inner.shape, inner.dtype

        def __getitem__(self, where: slice | tuple) -> np.ndarray:
            if isinstance(where, slice):
                return np.stack([self[row, 0:60] for row in range(where.start, where.stop)])
            row, columns = where
            return np.stack([inner[row, column] for column in range(columns.start, columns.stop)])

    with ct.open(whole) as expected:
        np.testing.assert_array_equal(ct.count(ct.frames(Filtered()), cal).indices, expected.indices)


def test_memory_is_bounded(tmp_path: pathlib.Path) -> None:
    """1.5 GB of frames, which are made when they are read."""
    program = f"""
import resource, sys
sys.path.insert(0, {str(pathlib.Path(ct.__file__).parent.parent)!r})
import numpy as np
import countem as ct

class Made:
    shape, dtype = (3000, 512, 512), np.dtype(np.uint16)
    frame = np.zeros((512, 512), np.uint16)
    frame[7, 9] = 50
    def __getitem__(self, where):
        return np.broadcast_to(self.frame, (where.stop - where.start, 512, 512))

source = ct.frames(Made(), scan=(50, 60))
cal = ct.calibrate(source, threshold=16, xray_threshold=np.inf, samples=2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
scan = ct.count(source, cal, threads=2)
assert scan.indices.tolist() == [7 * 512 + 9] * 3000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 400 * 1024  # kB


def test_a_running_count_of_this_process_is_followed(simulated: Simulated, cal: ct.Calibration, whole: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "counted.h5"
    source = ct.frames(Slow(simulated.array, lambda where: time.sleep(0.05)))
    for again in (False, True):
        thread = threading.Thread(target=ct.count, args=(source, cal, path), kwargs={"resume": again})
        thread.start()
        states = list(ct.follow(path, interval=0.02, timeout=30))
        thread.join()
        check_states(states, whole)
        path.unlink()
        with pytest.raises(Stopped):
            ct.count(source, cal, path, progress=stop_soon)


def check_states(states: list[ct.CountState], whole: pathlib.Path) -> None:
    done = [state.frames_done for state in states]
    assert done == sorted(done) and len(states) >= 2 and [state.finished for state in states] == [False] * (len(states) - 1) + [True]
    with ct.open(whole) as expected:
        assert states[-1] == (3000, 3000, expected.nnz, True)
        for state in states:
            assert state.events == expected.indptr[state.frames_done]


def test_a_count_of_another_process_is_followed(simulated: Simulated, whole: pathlib.Path, tmp_path: pathlib.Path) -> None:
    program = f"""
import sys, time
sys.path.insert(0, {str(pathlib.Path(ct.__file__).parent.parent)!r})
import numpy as np
import countem as ct

class Slow:
    array = np.load({str(simulated.raw)!r})
    shape, dtype = array.shape, array.dtype
    def __getitem__(self, where):
        time.sleep(0.1)
        return self.array[where]

cal = ct.calibrate(ct.open_raw({str(simulated.raw)!r}), {str(simulated.dark)!r})
ct.count(ct.frames(Slow()), cal, {str(tmp_path / "counted.h5")!r})
"""
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", program]) as process:
        states = list(ct.follow(tmp_path / "counted.h5", interval=0.02, timeout=60))
        assert process.wait(60) == 0
    check_states(states, whole)


def test_following_ends_where_nothing_comes(simulated: Simulated, cal: ct.Calibration, tmp_path: pathlib.Path) -> None:
    with pytest.raises(TimeoutError, match="absent.h5: is not there for 0.1 s"):
        list(ct.follow(tmp_path / "absent.h5", interval=0.01, timeout=0.1))

    with pytest.raises(Stopped):
        ct.count(ct.frames(Slow(simulated.array, lambda where: time.sleep(0.03))), cal, tmp_path / "counted.h5", progress=stop_soon)
    states = []
    with pytest.raises(TimeoutError, match=r"stays at \d+ of 3000 frames"):
        states.extend(ct.follow(tmp_path / "counted.h5", interval=0.01, timeout=0.1))


def test_shares_of_processes_make_the_whole(simulated: Simulated, cal: ct.Calibration, whole: pathlib.Path, tmp_path: pathlib.Path) -> None:
    raw = ct.open_raw(simulated.raw)
    seen = []
    names = [tmp_path / f"{number}.h5" for number in (1, 2, 3)]
    for number, name in enumerate(names, 1):
        ct.count(raw, cal, name, part=(number, 3), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (1000, 1000)  # of 3000 frames
    merged = ct.merge(names, tmp_path / "all.h5")
    linked = ct.merge(names, tmp_path / "linked.h5", virtual=True)
    assert np.array_equal(linked.indices, merged.indices) and np.array_equal(linked.indptr, merged.indptr)
    assert np.array_equal(linked.sum(), merged.sum()) and np.array_equal(linked[3:5, 2], merged[3:5, 2])
    with h5py.File(tmp_path / "linked.h5") as virtual, h5py.File(tmp_path / "all.h5") as stored:
        assert virtual["/entry/data/data"].is_virtual
        assert np.array_equal(virtual["/entry/data/data"], stored["/entry/data/data"])
    with ct.open(whole) as expected:
        np.testing.assert_array_equal(merged.indptr, expected.indptr)
        np.testing.assert_array_equal(merged.indices, expected.indices)
        np.testing.assert_array_equal(merged.status, expected.status)
    with pytest.warns(ct.CountemWarning, match="part 2 of 3 is missing: frames 1000 to 1999"):
        ct.merge([names[0], names[2]], tmp_path / "some.h5")
    with pytest.raises(ValueError, match="into a file"):
        ct.count(raw, cal, part=(1, 3))
    with pytest.raises(ValueError, match="k from 1 to n"):
        ct.count(raw, cal, tmp_path / "no.h5", part=(4, 3))


def test_parts_are_merged(simulated: Simulated, cal: ct.Calibration, whole: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(Stopped) as caught:
        ct.count(ct.frames(Slow(simulated.array, lambda where: time.sleep(0.03))), cal, tmp_path / "counted.h5", progress=stop_soon)
    ct.recover(tmp_path / "counted.h5.part", tmp_path / "first.h5")
    with ct.open(tmp_path / "first.h5") as first, ct.open(whole) as all_frames:
        assert first.nnz == all_frames.indptr[kept(caught.value)]
        with pytest.warns(ct.CountemWarning, match="counted.h5: was counted from .*data.npy, and .*first.h5 from .* Slow: these must hold the same frames"):
            merged = ct.merge([tmp_path / "first.h5", whole], tmp_path / "all.h5")
        np.testing.assert_array_equal(merged.indices, all_frames.indices)
    with pytest.raises(FileExistsError):
        ct.merge([whole], tmp_path / "all.h5")
    assert ct.merge([whole], tmp_path / "all.h5", overwrite=True).nnz == merged.nnz
    ct.count(ct.open_raw(simulated.raw), cal.with_threshold(30), tmp_path / "other.h5")
    with pytest.raises(ValueError, match="other.h5: was counted with another"):
        ct.merge([whole, tmp_path / "other.h5"], tmp_path / "no.h5")
    with pytest.raises(ValueError, match="at least one part"):
        ct.merge([], tmp_path / "no.h5")
    with pytest.raises(FileNotFoundError):
        ct.merge([tmp_path / "absent.h5"], tmp_path / "no.h5")
