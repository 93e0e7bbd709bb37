"""Processes that are killed at random moments."""

import time

from scenarios import lay_out
from shim import Fault, Outcome

KILLED = Fault("process", 0, "KILL")  # what the end is judged as


def measure(runner, scenario):
    """Seconds that a run takes."""
    folder = runner.worker_folder()
    seconds = []
    for _ in range(3):
        lay_out(scenario, folder, None)
        begin = time.monotonic()
        runner.shim.run(scenario.arguments(False), folder)
        seconds.append(time.monotonic() - begin)
    return min(seconds)


def kill_at(runner, scenario, older, moment):
    """(outcome, findings) of a run that is killed after `moment` seconds, unless it was faster."""
    folder = runner.worker_folder()
    lay_out(scenario, folder, runner.older[scenario.name] if older else None)
    running = runner.shim.start(scenario.arguments(older), folder)
    time.sleep(moment)
    running.kill()
    code = running.wait()
    if code == 0:  # what it answered is not read: only what it left is judged
        return Outcome(code, "", "", {}, 0), []
    outcome = Outcome(code, "", "", {}, 1)
    return outcome, runner.judge(scenario, older, KILLED, outcome, cause=f"killed after {1000 * moment:.1f} ms")


def jobs(runner, scenarios, number, random):
    writing = [scenario for scenario in scenarios if scenario.outputs]
    durations = {}
    for turn in range(number if writing else 0):
        scenario = writing[turn % len(writing)]
        if scenario.name not in durations:
            durations[scenario.name] = measure(runner, scenario)
        yield scenario, turn // len(writing) % 2 == 1, random.uniform(0.1, 1.0) * durations[scenario.name]
