"""The same counted scan reduced by countem, numpy on dense frames, scipy.sparse, stempy and LiberTEM: one table, one JSON object.

    python3 bench/peers/reductions.py --countem build/release/countem [--json FILE] [--write docs/benchmarks.md]

Makes its own environment beside the program the first time (Python 3.11 with its venv module, and a reachable package registry).
The scan is simulated and counted by countem; every program gets its events in the form it likes best, in memory, and its result is
checked against numpy's. One thread each; every number is the median over repetitions.
"""

import json
import logging
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable

import common

THRESHOLD_ADU = 31.5
STAGES = ("sum", "virtual detector", "centre of mass", "radial sum", "bin", "crop")
SIDE = 576
CENTRE = (SIDE - 1) / 2
# What `countem bench reductions` computes.
ANNULUS = (SIDE // 8, SIDE // 3)
RINGS = SIDE // 2
WINDOW = slice(SIDE // 4, SIDE // 4 + SIDE // 2)


class Scan:
    """The counted scan: a store, dense frames, and events as a CSR matrix."""

    def __init__(self, program: pathlib.Path, folder: pathlib.Path, side: int, occupancy: float) -> None:
        import h5py
        import numpy as np
        from scipy import sparse

        self.side, self.store, self.folder = side, folder / "counted.h5", folder
        raw = folder / "raw"
        subprocess.run([program, "simulate", raw, "--scan", f"{side}x{side}", "--occupancy", str(occupancy), "--seed", "1", "--quiet"],
                       check=True)
        subprocess.run([program, "count", *sorted(raw.glob("*module*.data")), "-o", self.store, "--threshold", repr(THRESHOLD_ADU),
                        "--no-png", "--quiet"], check=True)
        with h5py.File(self.store) as file:
            self.dense = file["/electron_counts/data"][...].reshape(-1, SIDE, SIDE)
        self.matrix = sparse.csr_matrix(self.dense.reshape(len(self.dense), -1).astype(np.uint32))
        self.events = int(self.matrix.sum())
        rows, columns = np.indices((SIDE, SIDE))
        distance = np.hypot(rows - CENTRE, columns - CENTRE)
        self.mask = (distance >= ANNULUS[0]) & (distance < ANNULUS[1])
        self.ring = np.minimum(distance.astype(np.int64), RINGS)  # RINGS: outside all


# What each program does. Each returns {stage: function}, and a function's result is what numpy's has.


def numpy_dense(scan: Scan) -> dict[str, Callable]:
    import numpy as np

    dense, positions = scan.dense, np.arange(SIDE)
    ring = scan.ring.ravel()

    def centre_of_mass():
        rows, columns = (dense.sum(axis=axis, dtype=np.uint32) for axis in (2, 1))
        return np.stack([rows @ positions, columns @ positions], axis=1) / rows.sum(axis=1)[:, None]

    return {
        "sum": lambda: dense.sum(axis=0, dtype=np.uint64),
        "virtual detector": lambda: dense.sum(axis=(1, 2), dtype=np.uint64, where=scan.mask),
        "centre of mass": centre_of_mass,
        "radial sum": lambda: np.stack([np.bincount(ring, frame.ravel(), RINGS + 1)[:RINGS] for frame in dense]),
        "bin": lambda: dense.reshape(-1, SIDE // 2, 2, SIDE // 2, 2).sum(axis=(2, 4), dtype=np.uint16),
        "crop": lambda: dense[:, WINDOW, WINDOW].copy(),
    }


def scipy_sparse(scan: Scan) -> dict[str, Callable]:
    import numpy as np
    from scipy import sparse

    matrix, pixels = scan.matrix, np.arange(SIDE * SIDE)
    rows, columns = np.divmod(pixels, SIDE)
    ones = np.ones(pixels.size, np.uint32)
    mask = scan.mask.ravel().astype(np.uint32)
    places = np.stack([ones, rows, columns], axis=1).astype(np.uint32)
    rings = sparse.csr_matrix((ones, (pixels, scan.ring.ravel())), shape=(pixels.size, RINGS + 1))
    merged = sparse.csr_matrix((ones, (pixels, rows // 2 * (SIDE // 2) + columns // 2)), shape=(pixels.size, pixels.size // 4))
    kept = pixels.reshape(SIDE, SIDE)[WINDOW, WINDOW].ravel()

    def centre_of_mass():
        moments = matrix @ places
        return moments[:, 1:] / moments[:, :1]

    return {
        "sum": lambda: np.asarray(matrix.sum(axis=0, dtype=np.uint64)).reshape(SIDE, SIDE),
        "virtual detector": lambda: matrix @ mask,
        "centre of mass": centre_of_mass,
        "radial sum": lambda: (matrix @ rings)[:, :RINGS],
        "bin": lambda: matrix @ merged,
        "crop": lambda: matrix[:, kept],
    }


def stempy_array(scan: Scan) -> dict[str, Callable]:
    import numpy as np
    import stempy.image
    from stempy.io.sparse_array import SparseArray

    data = np.empty((scan.side**2, 1), object)
    for frame in range(len(data)):
        events = slice(*scan.matrix.indptr[frame:frame + 2])
        data[frame, 0] = np.repeat(scan.matrix.indices[events], scan.matrix.data[events]).astype(np.uint32)
    array = SparseArray(data=data, scan_shape=(scan.side, scan.side), frame_shape=(SIDE, SIDE), dtype=np.uint32, sparse_slicing=True)
    flat = (scan.side**2, SIDE)

    def virtual_detector():
        return stempy.image.create_stem_images(array, [ANNULUS[0]], [ANNULUS[1]], center=(CENTRE, CENTRE))[0].ravel()

    return {
        "sum": lambda: array.sum(axis=(0, 1)),
        "virtual detector": virtual_detector,
        "centre of mass": lambda: stempy.image.com_sparse(array).reshape(2, -1)[::-1].T,
        "radial sum": lambda: stempy.image.radial_sum_sparse(array, (CENTRE, CENTRE)).reshape(flat[0], -1)[:, :RINGS],
        "bin": lambda: array.bin_frames(2),
        "crop": lambda: array[:, :, WINDOW, WINDOW],
    }


def libertem_udfs(scan: Scan, program: pathlib.Path) -> dict[str, Callable]:
    import libertem.api
    import numpy as np
    import sparse
    from libertem.executor.inline import InlineJobExecutor
    from libertem.udf.masks import ApplyMasksUDF
    from libertem.udf.sum import SumUDF

    context = libertem.api.Context(executor=InlineJobExecutor(inline_threads=1))
    target = scan.folder / "events.toml"
    subprocess.run([program, "convert", scan.store, "-o", target, "--to", "raw_csr"], check=True)
    dataset = context.load("raw_csr", path=str(target))
    rows, columns = np.indices((SIDE, SIDE)).astype(np.float64)
    every = np.ones_like(rows)
    rings = sparse.COO(np.stack([scan.ring.ravel(), *np.divmod(np.arange(SIDE * SIDE), SIDE)]), 1.0, shape=(RINGS + 1, SIDE, SIDE))

    def masks(*images):
        return ApplyMasksUDF(mask_factories=[lambda image=image: image for image in images], mask_dtype=np.float64)

    weighted, detector, summing = masks(every, rows, columns), masks(scan.mask.astype(np.float64)), SumUDF()
    ringed = ApplyMasksUDF(mask_factories=lambda: rings, mask_count=RINGS + 1, mask_dtype=np.float64, use_sparse="scipy.sparse")

    def run(udf):
        return context.run_udf(dataset=dataset, udf=udf)["intensity"].data

    def centre_of_mass():
        moments = run(weighted).reshape(-1, 3)
        return moments[:, 1:] / moments[:, :1]

    logging.getLogger("libertem").setLevel(logging.ERROR)  # masks are not sent anywhere here, so their size does not matter
    return {
        "sum": lambda: run(summing),
        "virtual detector": lambda: run(detector).ravel(),
        "centre of mass": centre_of_mass,
        "radial sum": lambda: run(ringed).reshape(scan.side**2, -1)[:, :RINGS],
    }


# Agreement and rates.


def as_dense(stage: str, result):
    """A result as numpy's function has it."""
    import numpy as np
    from scipy import sparse

    if sparse.issparse(result):
        result = result.toarray()
    elif hasattr(result, "to_dense"):
        result = result.to_dense()
    result = np.asarray(result)
    if stage in ("bin", "crop"):
        return result.reshape(-1, SIDE // 2, SIDE // 2)
    return result


def rates(scan: Scan, functions: dict[str, Callable], wanted: dict, repetitions: int, name: str) -> tuple[dict[str, float], list[str]]:
    """Million events a second of each stage, and where a result is not numpy's."""
    import numpy as np

    found, differing = {}, []
    for stage, function in functions.items():
        try:
            result = as_dense(stage, function())
        except Exception as problem:  # somebody else's program: told, not hidden
            differing.append(f"{name}, {stage}: {type(problem).__name__}: {problem}")
            continue
        if result.shape != wanted[stage].shape or not np.allclose(result, wanted[stage], rtol=1e-6, atol=1e-6):
            differing.append(f"{name}, {stage}: another result than numpy's")
        found[stage] = scan.events / common.median_seconds(repetitions, function) / 1e6
    return found, differing


def countem_from_memory(program: pathlib.Path, scan: Scan, repetitions: int) -> tuple[dict[str, float], float]:
    told = json.loads(subprocess.run([program, "bench", "reductions", "--store", scan.store, "--repetitions", str(max(repetitions, 9)), "--json"],
                                     check=True, capture_output=True, text=True).stdout)
    assert told["checked"]
    measured = told["rates"][0]
    return ({stage: measured["stages"][stage]["million_events_per_s"] for stage in STAGES}, measured["streaming_read_million_events_per_s"])


def countem_from_file(program: pathlib.Path, scan: Scan, repetitions: int) -> dict[str, float]:
    options = {
        "sum": ["--sum"], "virtual detector": ["--virtual", f"annulus:{ANNULUS[0]},{ANNULUS[1]}"], "centre of mass": ["--com"],
        "radial sum": ["--radial"], "bin": ["--bin", "2"], "crop": ["--crop", f"{WINDOW.start}:{WINDOW.stop},{WINDOW.start}:{WINDOW.stop}"],
    }
    found = {}
    for stage, chosen in options.items():
        command = [program, "reduce", scan.store, "-o", scan.folder / f"{stage}.h5", "--threads", "1", "--quiet", "--centre",
                   f"{CENTRE},{CENTRE}", *chosen]
        found[stage] = scan.events / common.median_seconds(repetitions, lambda command=command: subprocess.run(command, check=True)) / 1e6
    return found


def measure(program: pathlib.Path, scan: Scan, repetitions: int) -> dict:
    functions = numpy_dense(scan)
    wanted = {stage: as_dense(stage, function()) for stage, function in functions.items()}
    ours, read = countem_from_memory(program, scan, repetitions)
    found = {"countem, from memory": ours, "countem, program from store to file": countem_from_file(program, scan, repetitions)}
    differing = []
    peers = {"numpy, dense frames": functions, "scipy.sparse, CSR": scipy_sparse(scan), "stempy, SparseArray": stempy_array(scan),
             "LiberTEM, raw_csr": libertem_udfs(scan, program)}
    for name, of_peer in peers.items():
        print(f"  {name}", file=sys.stderr)
        found[name], problems = rates(scan, of_peer, wanted, repetitions, name)
        differing += problems
    return {"events": scan.events, "frames": scan.side**2, "million_events_per_s": found, "differing": differing,
            "streaming_read_million_events_per_s": read}


def cell(rate: float | None) -> str:
    if rate is None:
        return "-"
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.2g}"


def report(result: dict) -> str:
    text = f"{common.circumstances(result)}; {SIDE} x {SIDE} pixels, one thread, medians of {result['repetitions']}.\n"
    for run in result["runs"]:
        text += (f"\n{100 * run['occupancy']:g} %: {run['frames']} frames, {run['events']:,} events; streaming read of 4 bytes per event "
                 f"{run['streaming_read_million_events_per_s']:,.0f} M events/s.\n\n")
        text += "| M events/s | " + " | ".join(STAGES) + " |\n|---|" + "---:|" * len(STAGES) + "\n"
        for name, found in run["million_events_per_s"].items():
            text += f"| {name} | " + " | ".join(cell(found.get(stage)) for stage in STAGES) + " |\n"
        for problem in run["differing"]:
            text += f"\n- {problem}"
        text += "\n" if run["differing"] else ""
    return text


def run(what: str | None, name: str, measure: Callable[[pathlib.Path, Scan, int], dict], report: Callable[[dict], str]) -> None:
    """Measures one scan for each occupancy that is asked for, and tells the results under that name. `what`: the help's first words."""
    asked = common.parser(what, side=24, repetitions=5).parse_args()
    common.enter_environment(asked.countem, "reductions", common.ORACLES / "requirements.txt")
    program = asked.countem.resolve()
    result = {"machine": common.machine(), "versions": common.versions(program, "numpy", "scipy", "stempy", "libertem"),
              "repetitions": asked.repetitions, "runs": []}
    for occupancy in asked.occupancy:
        print(f"measuring {100 * occupancy:g} %", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            scan = Scan(program, pathlib.Path(folder), asked.side, occupancy)
            result["runs"].append({"occupancy": occupancy} | measure(program, scan, asked.repetitions))
    common.tell(asked, name, result, report(result))


if __name__ == "__main__":
    run(__doc__, "reductions", measure, report)
