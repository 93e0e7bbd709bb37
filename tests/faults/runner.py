"""Runs scenarios with faults in folders of their own and judges what is left."""

import dataclasses
import json
import pathlib
import shutil
import subprocess
import threading

from checks import UNFINISHED, Expected, Judge, contents, facts_of_inputs
from scenarios import Inputs, files_below, lay_out

TOLD_BY_INFO = ("scan", "frame", "method", "frames", "missing_frames", "incomplete_frames", "events", "most_events_in_a_frame", "xrays",
                "background_threshold_adu", "xray_threshold_adu")


@dataclasses.dataclass(frozen=True)
class Finding:
    scenario: str
    older: bool  # older outputs were there
    kind: str  # of the fault
    cause: str
    what: str
    details: str
    reproduction: str


class Runner:
    def __init__(self, shim, folder, scenarios):
        self.shim = shim
        self.folder = folder
        self.inputs = Inputs(shim, folder / "made", seed=1)
        self.older = {}
        self.calls = {}
        self._expected = {}
        self._store_facts = {}
        self._local = threading.local()
        self._lock = threading.Lock()
        self._number = 0
        self._prepare(scenarios)

    def _prepare(self, scenarios):
        others = Inputs(self.shim, self.folder / "others", seed=2)
        first, second = self.folder / "first", self.folder / "second"
        self.inputs.copy(first)
        self.inputs.copy(second)
        for scenario in scenarios:
            if scenario.outputs:
                lay_out(scenario, others.folder, None)
                self._succeed(scenario, others.folder, False)
                self.older[scenario.name] = pathlib.Path(shutil.move(others.folder / "out", self.folder / f"older_{scenario.name}"))
            for older in (False, True) if scenario.outputs else (False,):
                outcome = self._faultless(scenario, first, older)
                self.calls[scenario.name, older] = outcome.calls
                before = self._contents_of_older(scenario) if older else {}
                made = self._expected[scenario.name, older] = Expected.of(scenario, first, outcome, before)
                if scenario.store:
                    self._store_facts[scenario.name] = self._facts_of_store(first / scenario.outputs[0])
                self._faultless(scenario, second, older)
                again = contents(second, scenario.outputs)
                if again != made.outputs:
                    raise RuntimeError(f"{scenario.name}: two equal runs write different bytes: {[n for n in again if again[n] != made.outputs[n]]}")

    def _contents_of_older(self, scenario):
        older = self.older[scenario.name]
        return {f"out/{path.relative_to(older)}": contents(older, [path.relative_to(older)])[path.relative_to(older)]
                for path in older.rglob("*") if path.is_file()}

    def _succeed(self, scenario, folder, older):
        outcome = self.shim.run(scenario.arguments(older), folder)
        if outcome.code != 0:
            raise RuntimeError(f"{scenario.name} without faults: exit {outcome.code}: {outcome.err}")
        return outcome

    def _faultless(self, scenario, folder, older):
        lay_out(scenario, folder, self.older[scenario.name] if older else None)
        outcome = self._succeed(scenario, folder, older)
        made = files_below(folder)
        if made != sorted(scenario.outputs) and not scenario.sides:
            raise RuntimeError(f"{scenario.name} makes {made}: its outputs in scenarios.py are others")
        return outcome

    def worker_folder(self):
        """This thread's folder with the inputs; out/ is anything."""
        if not hasattr(self._local, "folder"):
            with self._lock:
                self._number += 1
                self._local.folder = self.folder / f"worker{self._number}"
            self.inputs.copy(self._local.folder)
            self._local.facts = facts_of_inputs(self._local.folder)
        return self._local.folder

    def expected(self, scenario, older):
        return self._expected[scenario.name, older]

    # -- content of stores ---------------------------------------------------------------------------------------------

    def _facts_of_store(self, path):
        """Events, numbers per frame and totals of a store that `verify` accepts; None where it does not."""
        def run(*arguments):
            return subprocess.run([self.shim.program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
        if run("verify", path, "--quiet").returncode != 0:
            return None
        told = json.loads(run("info", path, "--json").stdout)
        exported = path.with_name("checked.toml")
        if run("convert", path, "--to", "raw_csr", "-o", exported, "--quiet").returncode != 0:
            return None
        parts = sorted(path.parent.glob("checked*.raw"))
        events = [part.read_bytes() for part in parts]
        for part in (exported, *parts):
            part.unlink()
        return [told[key] for key in TOLD_BY_INFO], events

    def has_right_store(self, scenario):
        return lambda path: self._facts_of_store(path) == self._store_facts[scenario.name]

    # -- runs ----------------------------------------------------------------------------------------------------------

    def run(self, scenario, older, fault):
        """(outcome, findings) of one run with one fault, and of the same command after it where that left anything."""
        folder = self.worker_folder()
        lay_out(scenario, folder, self.older[scenario.name] if older else None)
        outcome = self.shim.run(scenario.arguments(older), folder, fault)
        return outcome, self.judge(scenario, older, fault, outcome)

    def judge(self, scenario, older, fault, outcome, cause=None):
        folder = self.worker_folder()
        judge = Judge(scenario, self.expected(scenario, older), folder, self.has_right_store(scenario))
        complaints = judge.judge(outcome, fault)
        if outcome.code != 0 and not complaints and scenario.outputs and (outcome.code < 0 or self._left_something(folder)):
            complaints += self._retry(scenario, folder)
        if facts_of_inputs(folder) != self._local.facts:
            complaints.append(("an input was changed", ""))
            shutil.rmtree(folder)
            del self._local.folder
        line = self.shim.reproduction(scenario.arguments(older), fault)
        return [Finding(scenario.name, older, fault.kind, cause or str(fault), what, details, line) for what, details in complaints]

    @staticmethod
    def _left_something(folder):
        return any(name.endswith(UNFINISHED) for name in files_below(folder))

    def _retry(self, scenario, folder):
        """The same command without a fault, or count --resume, succeeds."""
        left = ", ".join(files_below(folder))
        force = any((folder / name).exists() for name in scenario.outputs)
        command = scenario.retry(folder, force)
        outcome = self.shim.run(command, folder)
        if outcome.code != 0:
            return [("the command fails afterwards", f"left: {left}; countem {' '.join(command)}: exit {outcome.code}: {outcome.err[:300]}")]
        found = []
        expected = self.expected(scenario, False).outputs, self.expected(scenario, True).outputs
        for name in scenario.outputs:
            path = folder / name
            right = path.is_file() and contents(folder, [name])[name] in (expected[0][name], expected[1][name])
            if not right and not (path.is_file() and scenario.store and name == scenario.outputs[0] and self.has_right_store(scenario)(path)):
                found.append(("the command makes a wrong output afterwards", f"left: {left}; {name}; countem {' '.join(command)}"))
        if self._left_something(folder) and not scenario.sides:  # what a killed raw_csr export left has names of its own
            found.append(("an unfinished file stays after the next run", f"{', '.join(files_below(folder))}; countem {' '.join(command)}"))
        return found
