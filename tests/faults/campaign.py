#!/usr/bin/env python3
"""Lets system calls of the program fail, one after another, and checks what it does about it. docs/reliability.md describes what
is checked. Ends with 1 when a fault was found that is not on the list of open ones (open_faults.txt).

  campaign.py --program COUNTEM --library LIBCOUNTEM_FAULTS.SO            at least 10,000 faults
  ... --quick    400 of them, few full disks and kills: a test
  ... --ci       at most five minutes
  ... --only TEXT   scenarios whose name holds it; --kind KIND, --error ERROR: such faults only
  ... --json FILE   all numbers and every fault found, with a line that reproduces it"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

import kills
import small_disks
from open_faults import LIST, OpenFaults
from plan import faults_of, sample
from runner import Runner
from scenarios import all_scenarios
from shim import Shim


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--ci", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--kind", default="")
    parser.add_argument("--error", default="")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--strict", action="store_true", help="without the list of open faults")
    parser.add_argument("--list-open", action="store_true", help="print open faults, too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, help="how many; default: all of the plan")
    parser.add_argument("--disks", type=int, help="sizes of a small disk for each command")
    parser.add_argument("--kills", type=int, help="kills at random moments")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, help="stop trying faults after this time")
    given = parser.parse_args()
    defaults = (400, 1, 8, 1) if given.quick else (6000, 5, 60, 4) if given.ci else (None, 30, 200, None)
    for name, value in zip(("faults", "disks", "kills", "minutes"), defaults):
        if getattr(given, name) is None:
            setattr(given, name, value)
    return given

LEAST_FIRED = 0.9  # calls vary a little with the order of threads


class Tally:
    """Numbers by command and kind of fault, and what was found."""

    def __init__(self, open_faults):
        self.open_faults = open_faults
        self.open = []  # found, and on the list of open faults
        self.rows = collections.defaultdict(collections.Counter)
        self.findings = []
        self.lock = threading.Lock()

    def add(self, scenario, kind, outcome, findings):
        with self.lock:
            row = self.rows[scenario.name, kind]
            row["tried"] += 1
            row["fired"] += outcome.fired > 0
            if outcome.fired:
                row["exit 0" if outcome.code == 0 else "killed" if outcome.code < 0 else "refused"] += 1
            known = [finding for finding in findings if self.open_faults.covers(finding)]
            row["open faults"] += bool(known)
            row["faults found"] += len(known) < len(findings)
            self.open += known
            self.findings += [finding for finding in findings if finding not in known]

    COLUMNS = ("tried", "fired", "exit 0", "refused", "killed", "open faults", "faults found")

    def total(self, key):
        """Rows added up by part of their key: 0 the command, 1 the kind."""
        sums = collections.defaultdict(collections.Counter)
        for name, row in self.rows.items():
            sums[name[key]].update(row)
        return sums

    def everything(self):
        return sum(self.rows.values(), collections.Counter())

    def print(self):
        for title, key in (("command", 0), ("kind", 1)):
            print(f"\n{title:22}" + "".join(f"{column:>14}" for column in self.COLUMNS))
            for name, row in self.total(key).items():
                print(f"{name:22}" + "".join(f"{row[column]:14,}" for column in self.COLUMNS))
        print(f"{'all':22}" + "".join(f"{self.everything()[column]:14,}" for column in self.COLUMNS))

    @staticmethod
    def print_findings(findings, title):
        grouped = collections.defaultdict(list)
        for finding in findings:
            grouped[finding.what, finding.kind].append(finding)
        print(f"\n{title}: {len(findings)}, of {len(grouped)} kinds")
        for (what, kind), group in sorted(grouped.items()):
            first = group[0]
            print(f"- {what} ({kind}, {len(group)} times: {', '.join(sorted({finding.scenario for finding in group}))})\n"
                  f"    first: {first.scenario}{' with older outputs' if first.older else ''}, {first.cause}\n"
                  f"    {first.details.strip()}\n    {first.reproduction}")

    def to_json(self, **facts):
        rows = [{"command": command, "kind": kind, **{column.replace(" ", "_"): row[column] for column in self.COLUMNS}}
                for (command, kind), row in self.rows.items()]
        return {**facts, "rows": rows, "findings": [vars(finding) for finding in self.findings],
                "open": [vars(finding) for finding in self.open]}


def try_all(given, runner, scenarios, tally):
    """Faults, small disks and kills; each job is a command, a kind and what to run."""
    chance = random.Random(given.seed)
    faults = [(scenario, older, fault) for number, scenario in enumerate(scenarios) for older in (False, True)
              if (scenario.name, older) in runner.calls for fault in faults_of(runner.calls[scenario.name, older], number + 7 * older)
              if given.kind in ("", fault.kind) and given.error in ("", fault.error)]
    planned = len(faults)
    if given.faults is not None:
        faults = sample(faults, given.faults, chance)
    chance.shuffle(faults)
    print(f"{len(faults):,} of {planned:,} planned faults", flush=True)
    stop = None if given.minutes is None else time.monotonic() + 60 * given.minutes

    def work(job):
        kind, function, parts = job
        if stop is not None and time.monotonic() > stop:
            return False
        outcome, findings = function(runner, *parts)
        tally.add(parts[0], kind, outcome, findings)
        return True

    work_list = [(fault.kind, Runner.run, (scenario, older, fault)) for scenario, older, fault in faults]
    if given.disks and small_disks.can_mount(runner.folder / "mounted"):
        work_list += [("small disk", small_disks.try_size, job) for job in small_disks.jobs(runner, scenarios, given.disks)]
    elif given.disks:
        print("small disks are skipped: this process may not mount a tmpfs (it is not root)")
    work_list += [("kill", kills.kill_at, job) for job in kills.jobs(runner, scenarios, given.kills, chance)]
    chance.shuffle(work_list)
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        done = sum(pool.map(work, work_list))
    if done < len(work_list):
        print(f"{len(work_list) - done:,} of {len(work_list):,} runs were left out: {given.minutes} minutes were gone")


def main():
    given = arguments()
    scenarios = [scenario for scenario in all_scenarios() if given.only in scenario.name]
    begin = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="countem_faults_"))
    tally = Tally(OpenFaults("" if given.strict else LIST.read_text()))
    try:
        runner = Runner(Shim(given.program, given.library), folder, scenarios)
        try_all(given, runner, scenarios, tally)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tally.print()
    if given.list_open:
        tally.print_findings(tally.open, "open faults")
    tally.print_findings(tally.findings, "faults found")
    if given.faults is None and not given.only + given.kind + given.error:
        for line in tally.open_faults.unused():
            print(f"not needed any more in {LIST.name}: {line}")
    seconds = time.monotonic() - begin
    print(f"{seconds:.0f} s")
    if given.json:
        given.json.write_text(json.dumps(tally.to_json(seed=given.seed, seconds=round(seconds, 1)), indent=1) + "\n")
    everything = tally.everything()
    if everything["fired"] < LEAST_FIRED * everything["tried"]:
        print("most faults never fired: the library that lets calls fail does not reach the program")
        return 1
    return 1 if tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
