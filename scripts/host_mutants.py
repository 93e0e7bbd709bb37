#!/usr/bin/env python3
"""Changes conditions, limits and bookkeeping of host/, io/ and kernels/cpu and asks whether a quick test notices.

All mutants are built at once, each asleep until COUNTEM_MUTANT names it (docs/decisions/0025-host-mutants.md).
Prints the survivors that scripts/host_mutants_equivalent.txt does not explain, and ends with 1 where there is one."""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
from mutation.build import Build  # noqa: E402
from mutation.candidates import EXTRA_KINDS, Finder  # noqa: E402
from mutation.tests import Tests  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLACES = ["host/core", "host/engine", "host/cli", "host/include", "io", "kernels/cpu"]
SAMPLED_PLACES = [place for place in PLACES if place != "host/cli"]  # a sample is for CI: a third less is built without the command line
# A sample is built with the test programs that end most of its mutants.
SAMPLED_TESTS = {"test_calibration", "test_cpu_charge_forms", "test_limits", "test_pipeline", "test_reductions", "test_store"}
COMMAND_LINE = {"countem_cli", "host_faults", "make_report_scan", "test_report", "test_arguments"}
LEFT_OUT = ("host/cli/bench/",)  # benches time; no quick test runs them
SAMPLE = ROOT / "scripts" / "host_mutants_sample.txt"
EQUIVALENT = ROOT / "scripts" / "host_mutants_equivalent.txt"
KIND_GROUPS = {"guard-false": "guard", "guard-true": "guard"}


def say(*words):
    print("host_mutants:", *words, flush=True)


def candidates(places):
    """{file: its mutants}"""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *places], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split("\n")
    found = {}
    for file in sorted(set(listed)):
        if file.endswith((".cpp", ".hpp")) and not file.startswith(LEFT_OUT) and (ROOT / file).is_file():
            mutants = Finder(file, (ROOT / file).read_text()).mutants()
            if mutants:
                found[file] = mutants
    return found


def choose(found, seed, count):
    """About `count` mutants: from every file some, more from larger ones, the kinds in turn. What code elsewhere becomes changes no choice within a file."""
    weight = sum(math.sqrt(len(mutants)) for mutants in found.values())
    chosen = []
    for mutants in found.values():
        quota = min(len(mutants), max(1, round(count * math.sqrt(len(mutants)) / weight)))
        groups = {}
        for mutant in sorted(mutants, key=lambda m: m.order(seed)):
            groups.setdefault(KIND_GROUPS.get(mutant.kind, mutant.kind), []).append(mutant)
        turns = sorted(groups.values(), key=lambda group: group[0].order(seed))
        ranked = [group[rank] for rank in range(max(map(len, turns))) for group in turns if rank < len(group)]
        chosen += ranked[:quota]
    chosen.sort(key=lambda m: m.order(seed))
    for id, mutant in enumerate(chosen, 1):
        mutant.id = id
    return chosen


def sample_of(found, number):
    """The first `number` of the list of mutants that tests end, as far as the sources still have them: the same in every run on the same tree."""
    present = {mutant.key: mutant for mutants in found.values() for mutant in mutants}
    listed = [line for line in SAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    chosen = [present[key] for key in dict.fromkeys(listed) if key in present][:number]
    if len(chosen) < number:
        raise SystemExit(f"host_mutants: the sources hold {len(chosen)} of the mutants of {SAMPLE.name}, fewer than {number}: "
                         "add some that a full run ended")
    for id, mutant in enumerate(chosen, 1):
        mutant.id = id
    return chosen


def explained():
    """{key: reason} of the checked-in list: a line with the key, then an indented line with the reason."""
    reasons, key = {}, None
    for line in EQUIVALENT.read_text().splitlines() if EQUIVALENT.exists() else []:
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("  "):
            if key is None:
                raise SystemExit(f"{EQUIVALENT.name}: a reason without a mutant: {line}")
            reasons[key] = (reasons.get(key, "") + " " + line.strip()).strip()
        else:
            key = line.strip()
            reasons[key] = ""
    without = [key for key, reason in reasons.items() if not reason]
    if without:
        raise SystemExit(f"{EQUIVALENT.name}: no reason for {without[0]}")
    return reasons


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=240, help="about so many mutants (default 240)")
    parser.add_argument("--sample", type=int, help="run the first N of scripts/host_mutants_sample.txt only, with fewer test programs")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--list", action="store_true", help="print the list and stop")
    parser.add_argument("--only", nargs="+", default=[], metavar="ID|TEXT", help="numbers of the list, or a text that the key contains")
    parser.add_argument("--in", nargs="+", dest="places", metavar="PATH", help="files and folders, instead of all")
    parser.add_argument("--all", action="store_true", help="every candidate, not a seeded choice (with --only)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()

    found = candidates(arguments.places or (SAMPLED_PLACES if arguments.sample else PLACES))
    if not arguments.all:
        found = {file: [m for m in mutants if m.kind not in EXTRA_KINDS] for file, mutants in found.items()}
    reasons = explained()
    every = {mutant.key for mutants in found.values() for mutant in mutants}
    gone = [key for key in reasons if key not in every] if not (arguments.places or arguments.sample) else []
    for key in gone:
        say(f"{EQUIVALENT.name} explains what is no longer there: {key}")
    if arguments.sample:
        chosen = sample_of(found, arguments.sample)
    else:
        chosen = choose(found, arguments.seed, 10**9 if arguments.all else arguments.count)
    if arguments.only:
        chosen = [m for m in chosen if any(str(m.id) == o or (not o.isdigit() and o in m.key) for o in arguments.only)]
    if arguments.list:
        for mutant in chosen:
            print(f"{mutant.id}\t{mutant.file}:{mutant.line}\t{mutant.key}")
        return 0
    return max(run(chosen, reasons, arguments.jobs, arguments.sample), 1 if gone else 0)


def run(chosen, reasons, jobs, sample):
    build = Build(ROOT, jobs)
    build.prepare()
    build.optimise_less(chosen)
    build.configure()
    with_command_line = any(mutant.file.startswith("host/cli/") for mutant in chosen) or not sample
    targets = [target for target in build.targets() if with_command_line or target not in COMMAND_LINE]
    if sample:
        if gone := SAMPLED_TESTS - set(targets):
            raise SystemExit(f"host_mutants: no longer a test program: {', '.join(sorted(gone))}")
        targets = sorted(SAMPLED_TESTS)
    built = build.compile(chosen, targets, say)
    for mutant in chosen:
        if mutant not in built:
            say(f"does not compile: {mutant.key}")
    tests = Tests(build, jobs, with_command_line)
    failed = tests.record(targets)
    say(f"{len(built)} mutants, {len(tests.reached)} tests")
    for name in failed:
        say(f"fails without a mutant: {name}")

    def judge(mutant):
        killer = tests.killer(mutant.id)
        reached = any(mutant.id in ids for ids in tests.reached.values())
        verdict = f"killed by {killer}" if killer else "survived" if reached else "survived, reached by no test"
        print(f"{mutant.id} {mutant.file}:{mutant.line} {mutant.kind}: {verdict}", flush=True)
        return killer

    with ThreadPoolExecutor(jobs) as pool:
        killers = list(pool.map(judge, built))
    survivors = [m for m, killer in zip(built, killers) if killer is None]
    (build.work / "results.json").write_text(json.dumps({m.key: killer for m, killer in zip(built, killers)}, indent=1))
    wrong = [m for m, killer in zip(built, killers) if killer and m.key in reasons]
    for mutant in wrong:
        say(f"listed as equivalent, but {mutant.key} is killed")
    unexplained = [m for m in survivors if m.key not in reasons]
    say(f"{len(built) - len(survivors)} killed, {len(survivors) - len(unexplained)} explained, {len(unexplained)} survived")
    for mutant in unexplained:
        print(f"  {mutant.file}:{mutant.line}\n  {mutant.key}")
    return 1 if unexplained or wrong or failed else 0


if __name__ == "__main__":
    sys.exit(main())
