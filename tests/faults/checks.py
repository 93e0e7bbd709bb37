"""What must hold after every run, whatever failed during it."""

import dataclasses
import fnmatch
import hashlib
import json
import pathlib
import re

from scenarios import files_below
from shim import TIMEOUT_S

LONGEST_SENTENCE = 400
IO_FAILURE = 4
# Measured times: the only bytes that differ between equal runs.
MEASURED = re.compile(rb'"imaging_seconds":[^,}]*')
MEASURED_KEYS = ("seconds", "frames_per_s", "gigabytes_per_s")
NAMED_FILE = re.compile(rb'_file = "([^"]*)"')  # in the TOML file of raw_csr
MAY_BE_MORE = ("warnings", "issues")  # a run that met a fault may report more
# Where such a call fails, a file may not be found or removed.
PREVENTS_REMOVAL = ("unlink", "stat", "memory", "open", "pread", "lock")
NOT_FILES = ("memory", "thread")
# A file of this name is written, or was left by a process that could not remove it.
UNFINISHED = (".countem-unfinished", ".part")


def content(path):
    """What a file holds, but for measured times, and with the files that a TOML file names, but for their names."""
    path = pathlib.Path(path)
    held = MEASURED.sub(b"", path.read_bytes())
    if path.suffix == ".toml":
        for name in sides_of(path):
            side = path.with_name(name)
            held += hashlib.sha256(side.read_bytes()).digest() if side.is_file() else b"absent"
        held = NAMED_FILE.sub(b"", held)
    return hashlib.sha256(held).hexdigest()


def sides_of(path):
    return [name.decode() for name in NAMED_FILE.findall(path.read_bytes())] if path.is_file() else []


def contents(folder, names):
    return {name: content(folder / name) if (folder / name).is_file() else None for name in names}


def answer(text):
    """The object of --json without what differs between equal runs."""
    told = json.loads(text) if text.strip() else {}
    measured = MEASURED_KEYS + (("bytes",) if "embedded_frames" in told else ())  # a report's page holds times
    return {key: value for key, value in told.items() if key not in (*measured, *MAY_BE_MORE)}


def facts_of_inputs(folder):
    return {path: (content(path), path.stat().st_mtime_ns, path.stat().st_size)
            for path in sorted(pathlib.Path(folder, "in").rglob("*")) if path.is_file()}


def is_answer(text, expected, fault):
    """Where a file could not be examined, an issue that reports it makes a store longer."""
    told = answer(text)
    if fault and fault.kind == "stat" and "cannot be found out" in text:
        return {**told, "bytes": None} == {**expected, "bytes": None}
    return told == expected


@dataclasses.dataclass(frozen=True)
class Expected:
    """What a run without faults makes."""
    answer: dict
    outputs: dict  # name: content
    older: dict  # name: content of what was there before
    names: frozenset  # words of which a sentence about a file names one

    @staticmethod
    def of(scenario, folder, outcome, older):
        names = {pathlib.Path(name).name for name in scenario.outputs} | {"in", "out"}
        names |= {path.name for path in (folder / "in").rglob("*")} | set(scenario.command)
        return Expected(answer(outcome.out), contents(folder, scenario.outputs), older, frozenset(name for name in names if len(name) > 1))


class Judge:
    """Complaints about one run, as (what, details)."""

    def __init__(self, scenario, expected, folder, equal_stores):
        self.scenario = scenario
        self.expected = expected
        self.folder = folder
        self.equal_stores = equal_stores  # a function that compares the content of a store with that of the faultless run

    def judge(self, outcome, fault):
        if outcome.hung:
            return [("hang", f"still running after {TIMEOUT_S} s")]
        if outcome.code < 0 and not (fault and fault.kills and outcome.fired):
            return [(f"signal {-outcome.code}", outcome.err[-300:])]
        found = [*self._files(outcome, fault)]
        if outcome.early_names:
            found.append(("a file got its name before it was on disk", str(outcome.early_names)))
        if outcome.code == 0:
            found += self._success(outcome, fault)
        elif outcome.code > 0:
            found += self._refusal(outcome, fault)
        return found

    def _success(self, outcome, fault):
        if outcome.fired and fault.kind == "fsync" and fault.error != "EINTR":
            yield "exit 0 although an output may not be on the disk", str(fault)
        if outcome.pending_folders:
            yield "exit 0 before the names were on disk", f"of {outcome.pending_folders} folders"
        if outcome.err:
            yield "words on stderr of a success", outcome.err[:300]
        try:
            if not is_answer(outcome.out, self.expected.answer, fault):
                yield "another answer", outcome.out[:600]
        except json.JSONDecodeError:
            yield "the answer is no JSON", outcome.out[:300]
        for name in self.scenario.outputs:
            path = self.folder / name
            if not path.is_file():
                yield "exit 0 without an output", name
            elif content(path) != self.expected.outputs[name] and not self._is_equal_store(path, name):
                yield "exit 0 with another content", name
        for name in files_below(self.folder):
            if name.endswith(UNFINISHED):
                yield "exit 0 leaves an unfinished file", name

    def _is_equal_store(self, path, name):
        return self.scenario.store and name == self.scenario.outputs[0] and self.equal_stores(path)

    def _refusal(self, outcome, fault):
        lines = outcome.err.strip().splitlines()
        if outcome.code == 70 or "internal error" in outcome.err:
            yield "internal error", outcome.err[:300]
            return
        if fault is None or not outcome.fired:
            yield f"exit {outcome.code} without a fault", outcome.err[:300]
        elif outcome.code != IO_FAILURE:
            yield f"exit {outcome.code} where the system refused", outcome.err[:300]
        if len(lines) != 1 or not lines[0].startswith("countem: "):
            yield "not one sentence", outcome.err[:600]
            return
        if len(lines[0]) > LONGEST_SENTENCE:
            yield "a long sentence", lines[0]
        if fault and fault.kind not in NOT_FILES and not any(name in lines[0] for name in self.expected.names):
            yield "a sentence that names no file", lines[0]

    def _files(self, outcome, fault):
        """What is under a final name is what was there or the whole new output; nothing else appears."""
        for name in self.scenario.outputs:
            path = self.folder / name
            older = self.expected.older.get(name)
            if outcome.code == 0:
                continue
            if not path.is_file():
                if older is not None:
                    yield "an older output is gone", name
            elif content(path) not in (older, self.expected.outputs[name]) and not self._is_equal_store(path, name):
                yield "a wrong file under a final name", name
        for name in files_below(self.folder):
            if name.endswith(UNFINISHED):
                if outcome.code > 0 and name.endswith(UNFINISHED[0]) and fault and not fault.sticky and fault.kind not in PREVENTS_REMOVAL:
                    yield "a failure leaves an unfinished file", name
            elif name not in self.scenario.outputs and not self._may_be_there(name, outcome, fault):
                yield "an unknown file", name

    def _may_be_there(self, name, outcome, fault):
        """Side files of an export: those that it names, and others where it did not end as it should or could not remove them."""
        if not self.scenario.sides or not fnmatch.fnmatch(name, self.scenario.sides):
            return False
        return outcome.code != 0 or (fault and fault.kind in PREVENTS_REMOVAL) or \
            pathlib.Path(name).name in sides_of(self.folder / self.scenario.outputs[0])
