"""The Python package beside stempy, LiberTEM and numpy on the same counted scan, and beside the program: two tables, one JSON object.

    python3 bench/peers/python_api.py --countem build/release/countem [--json FILE] [--write docs/benchmarks.md]

Needs the package in the same build tree (target countem_python_package, Python 3.11) and makes the environment of the other programs
beside the program the first time. One thread each but for countem's second column, files in the page cache, every result compared with numpy's. Programs in turn, call by call, medians.

countem opens its store and reads it in every call; in memory: what Scan.load() holds. stempy and numpy work on what they have loaded, in memory; LiberTEM reads raw_csr
files, memory-mapped, in every call, with its executor in the same process.
"""

import json
import logging
import pathlib
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import common
from reductions import ANNULUS, CENTRE, SIDE, WINDOW, Scan, run

PICKED = 50  # frames for the time of one
HALF = SIDE // 2


def each(read: Callable, where: list) -> Callable:
    """Reads one frame after another; returns the last."""
    def call():
        for one in where[:-1]:
            read(one)
        return read(where[-1])
    return call


def positions(scan: Scan) -> list[tuple[int, int]]:
    drawn = random.Random(1)
    return [(drawn.randrange(scan.side), drawn.randrange(scan.side)) for _ in range(PICKED)]


# What each program does: {operation: (function, its result as numpy has it)}. One frame: a function that reads PICKED of them.


def countem_package(scan: Scan, in_memory: bool, threads: int = 1) -> dict[str, Callable]:
    import countem as ct

    ring = ct.annulus(*ANNULUS, centre=(CENTRE, CENTRE))
    kept, picked = ct.open(scan.store, threads=threads), positions(scan)

    def opened(work: Callable) -> Callable:
        def call():
            with ct.open(scan.store, threads=threads) as opened:
                return work(opened)
        return call

    if in_memory:
        kept = kept.load()

    def used(work: Callable) -> Callable:
        return (lambda: work(kept)) if in_memory else opened(work)

    return {
        **({} if in_memory else {"load all events": opened(lambda s: s.indices), "scan.load()": opened(lambda s: s.load())}),
        "one frame, its events": each(lambda where: kept.events(*where), picked),
        "one frame, dense": each(lambda where: kept[where], picked),
        "sum of all frames": used(lambda s: s.sum()),
        "virtual image": used(lambda s: s.virtual(ring)),
        "centre of mass": used(lambda s: s.com()),
        "bin 2 x 2": used(lambda s: s.bin(2).to_scipy()),
        "crop": used(lambda s: s[:, :, WINDOW, WINDOW].to_scipy()),
        "to scipy": used(lambda s: s.to_scipy()),
    }


def stempy_array(scan: Scan, program: pathlib.Path) -> dict[str, Callable]:
    import numpy as np
    import stempy.image
    import stempy.io
    from scipy import sparse

    path = str(scan.folder / "stempy.h5")
    subprocess.run([program, "convert", scan.store, "-o", path, "--to", "stempy", "--quiet"], check=True)
    array, picked = stempy.io.load_electron_counts(path), positions(scan)
    middle = (round(CENTRE), round(CENTRE))  # it takes whole pixels

    def to_scipy():
        lists = array.data[:, 0]
        indices = np.concatenate(lists)
        return sparse.csr_array((np.ones(len(indices), np.uint32), indices, np.cumsum([0, *map(len, lists)])), shape=(len(lists), SIDE * SIDE))

    return {
        "load all events": lambda: stempy.io.load_electron_counts(path),
        "scan.load()": lambda: stempy.io.load_electron_counts(path),
        "one frame, its events": each(lambda where: array.data[where[0] * scan.side + where[1], 0], picked),
        "one frame, dense": each(lambda where: array[where], picked),
        "sum of all frames": lambda: array.sum(axis=(0, 1)),
        "virtual image": lambda: stempy.image.create_stem_images(array, [ANNULUS[0]], [ANNULUS[1]], center=middle)[0] / 65535,
        "centre of mass": lambda: stempy.image.com_sparse(array, replace_nans=False, version=1)[::-1],
        "bin 2 x 2": lambda: array.bin_frames(2),
        "crop": lambda: array[:, :, WINDOW, WINDOW],
        "to scipy": to_scipy,
    }


def libertem_udfs(scan: Scan, program: pathlib.Path) -> dict[str, Callable]:
    import libertem.api
    import numpy as np
    from libertem.executor.inline import InlineJobExecutor
    from libertem.udf.com import CoMUDF
    from libertem.udf.masks import ApplyMasksUDF
    from libertem.udf.raw import PickUDF
    from libertem.udf.sum import SumUDF

    logging.getLogger("libertem").setLevel(logging.ERROR)
    context = libertem.api.Context(executor=InlineJobExecutor(inline_threads=1))
    target, picked = scan.folder / "events.toml", positions(scan)
    subprocess.run([program, "convert", scan.store, "-o", target, "--to", "raw_csr", "--quiet"], check=True)
    dataset = context.load("raw_csr", path=str(target))
    detector = ApplyMasksUDF(mask_factories=[lambda: scan.mask.astype(np.float32)])

    def one(where):
        roi = np.zeros((scan.side, scan.side), bool)
        roi[where] = True
        return context.run_udf(dataset=dataset, udf=PickUDF(), roi=roi)["intensity"].data[0]

    return {
        "one frame, dense": each(one, picked),
        "sum of all frames": lambda: context.run_udf(dataset=dataset, udf=SumUDF())["intensity"].data,
        "virtual image": lambda: context.run_udf(dataset=dataset, udf=detector)["intensity"].data[..., 0],
        "centre of mass": lambda: np.moveaxis(context.run_udf(dataset=dataset, udf=CoMUDF.with_params(cy=0, cx=0))["raw_com"].data, -1, 0),
    }


def numpy_dense(scan: Scan) -> dict[str, Callable]:
    import h5py
    import numpy as np
    from scipy import sparse

    dense = scan.dense.reshape(scan.side, scan.side, SIDE, SIDE)
    file, along, picked = h5py.File(scan.store), np.arange(SIDE), positions(scan)

    def centre_of_mass():
        rows, columns = (dense.sum(axis=axis, dtype=np.uint32) for axis in (3, 2))
        return np.stack([rows @ along, columns @ along]) / rows.sum(axis=2)

    return {
        "load all events": lambda: file["electron_counts/data"][...],
        "one frame, its events": each(lambda where: np.flatnonzero(dense[where]), picked),
        "one frame, dense": each(lambda where: file["electron_counts/data"][where], picked),
        "sum of all frames": lambda: dense.sum(axis=(0, 1), dtype=np.uint64),
        "virtual image": lambda: dense.sum(axis=(2, 3), dtype=np.uint64, where=scan.mask),
        "centre of mass": centre_of_mass,
        "bin 2 x 2": lambda: dense.reshape(scan.side, scan.side, HALF, 2, HALF, 2).sum(axis=(3, 5), dtype=np.uint16),
        "crop": lambda: dense[:, :, WINDOW, WINDOW].copy(),
        "to scipy": lambda: sparse.csr_array(dense.reshape(-1, SIDE * SIDE)),
    }


# Agreement and times.


def as_numpy(operation: str, result):
    """A result as numpy's function has it; of whole scans sums over frames and pixels, each with its place as a weight too; None where
    forms cannot be compared."""
    import numpy as np
    from scipy import sparse

    if operation in ("load all events", "scan.load()", "one frame, its events"):
        return None
    if operation in ("bin 2 x 2", "crop", "to scipy"):
        if hasattr(result, "to_dense"):
            result = result.to_dense()
        if not sparse.issparse(result):
            result = sparse.csr_array(result.reshape(-1, HALF * HALF) if operation != "to scipy" else result)
        result = sparse.csr_array(result, dtype=np.float64)
        frames, pixels = (np.arange(length, dtype=np.float64) for length in result.shape)
        return np.concatenate([result.sum(axis=0), frames @ result, result.sum(axis=1), result @ pixels])
    return np.asarray(result, dtype=np.float64)


def times(peers: dict[str, dict[str, Callable]], wanted: dict, repetitions: int) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Seconds of each operation by program, and where a result is not numpy's. Programs take turns, so that other load on the machine
    meets all of them."""
    import numpy as np

    found: dict[str, dict[str, float]] = {name: {} for name in peers}
    differing = []
    for operation in peers["countem"]:
        able = {name: functions[operation] for name, functions in peers.items() if operation in functions}
        spent: dict[str, list[float]] = {name: [] for name in able}
        print(f"  {operation}", file=sys.stderr)
        for turn in range(repetitions + 1):
            for name, function in able.items():
                start = time.perf_counter()
                result = function()
                spent[name].append(time.perf_counter() - start)
                compared = as_numpy(operation, result) if turn == 0 else None
                if compared is not None and not (compared.shape == wanted[operation].shape and np.allclose(compared, wanted[operation], rtol=1e-5, atol=1e-5)):
                    differing.append(f"{name}, {operation}: another result than numpy's")
                del result, compared
        for name, seconds in spent.items():
            found[name][operation] = statistics.median(seconds[1:]) / (PICKED if operation.startswith("one frame") else 1)
    return found, differing


def overhead(scan: Scan, program: pathlib.Path, repetitions: int) -> dict[str, dict[str, float]]:
    """Calls beside the program's own stopwatch for the same work, in turn; and the part of a call outside the compiled module."""
    import countem as ct

    calls = {"sum of all frames": (["--sum"], lambda s: s.sum()), "centre of mass": (["--com"], lambda s: s.com()),
             "virtual image": (["--virtual", f"annulus:{ANNULUS[0]},{ANNULUS[1]}"], lambda s: s.virtual(ct.annulus(*ANNULUS, centre=(CENTRE, CENTRE))))}
    found = {}
    for operation, (options, call) in calls.items():
        command = [program, "reduce", scan.store, "-o", scan.folder / "overhead.h5", "--threads", "1", "--json", "--quiet", "--centre",
                   f"{CENTRE},{CENTRE}", *options]
        whole, inside, ratios = [], [], []
        for _ in range(max(repetitions, 15) + 1):
            own = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["seconds"]
            with ct.open(scan.store, threads=1) as opened:
                opened.counts  # what describes the scan is read
                spent: list[float] = []
                opened._store = Timed(opened._store, spent)
                start = time.perf_counter()
                call(opened)
                whole.append(time.perf_counter() - start)
                inside.append(sum(spent))
                ratios.append(whole[-1] / own)
        found[operation] = {"call_s": statistics.median(whole[1:]), "outside_s": statistics.median(a - b for a, b in zip(whole[1:], inside[1:])),
                            "ratio_to_program": statistics.median(ratios[1:])}
    return found


class Timed:
    """An object of the compiled module, the time in whose methods adds up in `spent`; what they return is such an object, too."""

    def __init__(self, wrapped, spent: list[float]) -> None:
        self._wrapped, self._spent = wrapped, spent

    def __getattr__(self, name: str):
        found = getattr(self._wrapped, name)
        if not callable(found):
            return found

        def call(*arguments):
            start = time.perf_counter()
            result = found(*arguments)
            self._spent.append(time.perf_counter() - start)
            return Timed(result, self._spent) if type(result).__module__.startswith("countem") else result

        return call


def measure(program: pathlib.Path, scan: Scan, repetitions: int) -> dict:
    sys.path.insert(0, str(program.parent / "python"))  # the package of the same build tree
    dense = numpy_dense(scan)
    wanted = {operation: as_numpy(operation, function()) for operation, function in dense.items()}
    peers = {"countem": countem_package(scan, False), "countem, all cores": countem_package(scan, False, threads=0),
             "countem, in memory": countem_package(scan, True), "stempy": stempy_array(scan, program), "LiberTEM": libertem_udfs(scan, program), "numpy, dense": dense}
    found, differing = times(peers, wanted, repetitions)
    return {"events": scan.events, "frames": scan.side**2, "seconds": found, "differing": differing, "overhead": overhead(scan, program, repetitions)}


def cell(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}" if seconds * factor < 1000 else f"{seconds * factor:,.0f} {unit}"
    raise AssertionError


def report(result: dict) -> str:
    text = f"{common.circumstances(result)}; {SIDE} x {SIDE} pixels, one thread but where all cores are named, medians of {result['repetitions']}.\n"
    for run in result["runs"]:
        names = list(run["seconds"])
        text += f"\n{100 * run['occupancy']:g} %: {run['frames']} frames, {run['events']:,} events.\n\n| | " + " | ".join(names) + " |\n|---|" + "---:|" * len(names) + "\n"
        for operation in run["seconds"]["countem"]:
            text += f"| {operation} | " + " | ".join(cell(run["seconds"][name].get(operation)) for name in names) + " |\n"
        for problem in run["differing"]:
            text += f"\n- {problem}"
        text += "\n" if run["differing"] else ""
        text += "\n| | call | of that outside the compiled module | over the program's own time |\n|---|---:|---:|---:|\n"
        for operation, times_of in run["overhead"].items():
            text += f"| {operation} | {cell(times_of['call_s'])} | {cell(times_of['outside_s'])} | {times_of['ratio_to_program']:.2f} |\n"
    return text


if __name__ == "__main__":
    run(__doc__, "python", measure, report)
