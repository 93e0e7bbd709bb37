"""What the comparisons with other programs share."""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

HERE = pathlib.Path(__file__).resolve().parent
ORACLES = HERE.parents[1] / "tests" / "oracle"  # the environment script and the reader of sector files are shared with the tests
ENVIRONMENT_READY = "COUNTEM_PEERS_ENVIRONMENT"


def enter_environment(countem: pathlib.Path, name: str, requirements: pathlib.Path) -> None:
    """Returns in the pinned environment, one thread to a library; makes it, and starts the script again in it, the first time."""
    if ENVIRONMENT_READY in os.environ:
        sys.path.insert(0, str(ORACLES))
        return
    environments = countem.resolve().parent / "peer_environments" / name
    subprocess.run([sys.executable, ORACLES / "environment.py", "create", environments, "--main", requirements, "--required"], check=True)
    python = environments / "main" / "bin" / "python"
    one_thread = {variable: "1" for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")}
    os.execve(python, [str(python), *sys.argv], os.environ | one_thread | {ENVIRONMENT_READY: name})


def median_seconds(repetitions: int, work: Callable[[], object]) -> float:
    work()  # warms up
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def machine() -> dict[str, str | int | float]:
    model = next((line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "load_at_start": round(os.getloadavg()[0], 1),
            "date": datetime.date.today().isoformat()}


def versions(countem: pathlib.Path, *packages: str) -> dict[str, str]:
    from importlib.metadata import version

    told = subprocess.run([countem, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    return {"countem": told} | {name: version(name) for name in packages}


def circumstances(result: dict) -> str:
    facts = result["machine"]
    programs = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return f"{facts['date']}, {facts['cpu']}, {facts['cores']} cores, load {facts['load_at_start']} at the start; {programs}"


def parser(description: str, side: int, repetitions: int) -> argparse.ArgumentParser:
    """The options that every comparison has."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--countem", type=pathlib.Path, required=True, help="the program")
    options.add_argument("--side", type=int, default=side, help=f"scan positions along each axis (default {side}: {side**2} frames)")
    options.add_argument("--occupancy", type=float, nargs="+", default=[0.001, 0.01])
    options.add_argument("--repetitions", type=int, default=repetitions)
    options.add_argument("--json", type=pathlib.Path, help="where the JSON object goes")
    options.add_argument("--write", type=pathlib.Path, help="page whose part between the markers is replaced")
    return options


def tell(asked: argparse.Namespace, name: str, result: dict, report: str) -> None:
    """Prints the report, and writes what was asked for; `name` is that of the markers."""
    print(report)
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=2) + "\n")
    if asked.write:
        write_between_markers(asked.write, name, report)


def write_between_markers(path: pathlib.Path, name: str, text: str) -> None:
    """Replaces the part of a page between `<!-- NAME: begin -->` and `<!-- NAME: end -->`."""
    first, last = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, begin, rest = path.read_text().partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise SystemExit(f"{path} has no lines {first} and {last} to put the result between")
    path.write_text(f"{before}{begin}\n{text}{end}{after}")
