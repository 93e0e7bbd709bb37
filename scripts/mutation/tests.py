"""Runs the quick tests of the built mutants: once to see which test reaches which mutant, then for each mutant those that reach it."""

import ast
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

MOST = 1 << 16
SLOW_PROGRAMS = {"whole_scan_test"}  # label slow in tests/cli


def limits():
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 30, 4 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(command, environment, timeout, **options):
    """Exit code, output; None as code after the time is over. What it started ends with it."""
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", start_new_session=True, preexec_fn=limits, **options) as process:
        try:
            out, _ = process.communicate(timeout=timeout)
            return process.returncode, out
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None, ""


class Tests:
    def __init__(self, build, jobs, with_command_line):
        self.build, self.jobs, self.with_command_line = build, jobs, with_command_line
        self.environment = dict(os.environ, RC_PARAMS="seed=1", PYTHONDONTWRITEBYTECODE="1")
        self.environment.pop("COUNTEM_MUTANT", None)
        self.environment["COUNTEM"] = str(next(iter(build.build.glob("**/countem")), ""))
        self.environment["COUNTEM_HOST_FAULTS"] = str(next(iter(build.build.glob("**/libhost_faults.so")), ""))
        self.environment["COUNTEM_SANITIZE"] = ""
        self.python = build.tree / "tests" / "cli"
        self.reached = {}  # test (program, name): ids
        self.seconds = {}

    def programs(self, targets):
        found = []
        for target in targets:
            if target.startswith("test_"):
                found += self.build.build.glob(f"tests/*/{target}")
        return sorted(found)

    def python_tests(self):
        names = []
        if not self.with_command_line:
            return names
        for path in sorted(self.python.glob("*_test.py")):
            if path.stem in SLOW_PROGRAMS:
                continue
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef):
                    names += [f"{path.stem}.{node.name}.{f.name}" for f in node.body
                              if isinstance(f, ast.FunctionDef) and f.name.startswith("test")]
        return names

    def record(self, targets):
        """All tests once. Returns those that fail without a mutant."""
        with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(self.jobs) as pool:
            jobs = [(self._record_program, program) for program in self.programs(targets)]
            jobs += [(self._record_python, name) for name in self.python_tests()]
            failed = []
            for lost in pool.map(lambda job: job[0](job[1], pathlib.Path(directory)), jobs):
                failed += lost
        return failed

    def _record_program(self, program, directory):
        told = directory / f"{program.name}.tests"
        environment = dict(self.environment, COUNTEM_MUTANTS_REACHED=str(directory / program.name), COUNTEM_MUTANTS_TESTS=str(told))
        code, out = run([program], environment, 900, cwd=directory)
        failed = []
        for line in told.read_text().splitlines() if told.exists() else []:
            name, milliseconds, verdict, *ids = line.split()
            if verdict == "passed":
                self.reached[program, name] = {int(i) for i in ids}
                self.seconds[program, name] = int(milliseconds) / 1000
            else:
                failed.append(f"{program.name} {name}")
        if code != 0 and not failed:
            failed.append(f"{program.name} ends with {code}: {out[-500:]}")
        return failed

    def _record_python(self, name, directory):
        reached = directory / name
        reached.write_bytes(bytes(MOST))
        begin = os.times().elapsed
        code, out = run(self._python(name), dict(self.environment, COUNTEM_MUTANTS_REACHED=str(reached)), 300, cwd=self.python)
        if code != 0:
            return [f"{name}: {out[-500:]}"]
        ids = set()
        if reached.exists():
            ids = {i for i, byte in enumerate(reached.read_bytes()) if byte}
        self.reached[None, name] = ids
        self.seconds[None, name] = os.times().elapsed - begin
        return []

    def _python(self, name):
        return [sys.executable, "-m", "unittest", name]

    def killer(self, id):
        """The first test that fails with mutant `id` awake; None if there is none."""
        environment = dict(self.environment, COUNTEM_MUTANT=str(id))
        for program, names in self._batches(id):
            timeout = 15 + 20 * sum(self.seconds[program, name] for name in names)
            with tempfile.TemporaryDirectory() as directory:
                if program is None:
                    command, where = self._python(names[0]), self.python
                else:
                    command, where = [program, "--gtest_fail_fast", "--gtest_brief=1", f"--gtest_filter={':'.join(names)}"], directory
                code, out = run(command, environment, timeout, cwd=where)
            if code != 0:
                first = next((line for line in out.splitlines() if "[  FAILED  ]" in line or line.startswith(("FAIL:", "ERROR:"))), "")
                how = "timeout" if code is None else f"signal {-code}" if code < 0 else first.strip()[:100]
                return f"{program.name if program else names[0]} ({how})"
        return None

    def _batches(self, id):
        """What is quick first: a program's quick tests in one run, then the others one by one."""
        reaching = [test for test, ids in self.reached.items() if id in ids]
        quick = {}
        for test in reaching:
            if test[0] is not None and self.seconds[test] < 0.5:
                quick.setdefault(test[0], []).append(test[1])
        batches = sorted(((p, n) for p, n in quick.items()), key=lambda b: (sum(self.seconds[b[0], n] for n in b[1]), str(b[0])))
        slow = sorted((t for t in reaching if t[0] is None or self.seconds[t] >= 0.5), key=lambda t: (self.seconds[t], t[1]))
        return batches + [(program, [name]) for program, name in slow]
