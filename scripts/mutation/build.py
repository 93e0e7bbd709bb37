"""Writes the tree with all mutants in it and builds it once. A mutant that does not compile is left out."""

import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from mutation.candidates import rewrite

# A main for the test programs that notes which test reaches which mutant.
MAIN = """include(GoogleTest)
add_library(countem_mutation_main OBJECT ${PROJECT_SOURCE_DIR}/scripts/mutation/test_main.cpp)
target_compile_features(countem_mutation_main PRIVATE cxx_std_20)
target_link_libraries(countem_mutation_main PUBLIC GTest::gmock)
"""


class Build:
    """`root`: the repository. The build folder lies in the copied tree as it does in a plain one, so that ccache knows what is unchanged."""

    def __init__(self, root, jobs):
        self.root, self.jobs = root, jobs
        self.work = root / "build" / "host_mutants"
        self.tree = self.work / "source"
        self.build = self.tree / "build" / "release"

    def prepare(self):
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=self.root, check=True,
                                capture_output=True, text=True).stdout.split("\0")
        wanted = {name for name in listed if name and (self.root / name).is_file()}
        self.tree.mkdir(parents=True, exist_ok=True)
        for directory, folders, files in os.walk(self.tree):
            at = os.path.relpath(directory, self.tree)
            folders[:] = [f for f in folders if at != "." or f != "build"]
            for name in files:
                if os.path.normpath(os.path.join(at, name)) not in wanted:
                    os.unlink(os.path.join(directory, name))
        for name in wanted:
            self.put(name, (self.root / name).read_bytes())
        shared = self.work / "shared"
        if (self.root.parent / "shared").exists() and not shared.exists():
            shared.symlink_to(self.root.parent / "shared")
        testing = (self.root / "cmake/testing.cmake").read_text()
        if "GTest::gtest_main GTest::gmock" not in testing:
            raise SystemExit("host_mutants: cmake/testing.cmake no longer links GTest::gtest_main GTest::gmock")
        testing = testing.replace("GTest::gtest_main GTest::gmock", "countem_mutation_main GTest::gmock").replace("include(GoogleTest)\n", MAIN)
        self.put("cmake/testing.cmake", testing.encode())

    def put(self, name, data):
        """Writes what changed only: the build looks at times."""
        path = self.tree / name
        if path.exists() and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if os.access(self.root / name, os.X_OK):
            path.chmod(0o755)

    def write(self, mutants):
        by_file = {}
        for mutant in mutants:
            by_file.setdefault(mutant.file, []).append(mutant)
        header = f'#include "{self.tree}/scripts/mutation/host_mutant.hpp"'
        for file, held in by_file.items():
            self.put(file, self.text(file, held, header).encode())

    def text(self, file, held, header):
        text = (self.root / file).read_text()
        return f'{header}\n#line 1 "{self.tree / file}"\n' + rewrite(text, held)

    def optimise_less(self, mutants):
        """Rewritten files are compiled at -O1: they cost the time of the build. Vector code needs its inlining. What leaves a vector's
        end by one is noticed, as in the sanitizer build."""
        lines = []
        for file in sorted({m.file for m in mutants if m.file.endswith(".cpp")}):
            # The target that compiles it may be defined in any folder above.
            folders = " ".join(str(folder) for folder in (self.tree / file).parents
                               if folder.is_relative_to(self.tree) and (folder / "CMakeLists.txt").exists())
            options = "-D_GLIBCXX_ASSERTIONS;-w"
            if "HWY_" not in (self.root / file).read_text():
                options += ";-O1"
            # A file's own options stay: without -ffp-contract=off vector code gives other numbers.
            lines.append(f'set_property(SOURCE {self.tree / file} DIRECTORY {folders} APPEND PROPERTY COMPILE_OPTIONS "{options}")')
        text = (self.root / "CMakeLists.txt").read_text() + "\n".join(["", *lines, ""])
        self.put("CMakeLists.txt", text.encode())

    def configure(self, in_groups=True):
        """Rewritten files have options of their own, so each is compiled alone, and the others in other groups than elsewhere."""
        command = ["cmake", "--preset", "release", "-DCOUNTEM_TESTS=ON", "-DCOUNTEM_BENCH=OFF", "-DCOUNTEM_DEVICE_MODEL=OFF",
                   "-DCOUNTEM_ORACLES=OFF", "-DCOUNTEM_PYTHON=OFF", "-DCOUNTEM_CUDA=OFF", f"-DCMAKE_UNITY_BUILD={'ON' if in_groups else 'OFF'}"]
        if flags := os.environ.get("COUNTEM_MUTANTS_FLAGS"):
            command.append(f"-DCMAKE_CXX_FLAGS_RELEASE={flags}")
        subprocess.run(command, cwd=self.tree, check=True, stdout=subprocess.DEVNULL)

    def targets(self):
        listed = subprocess.run(["ninja", "-C", self.build, "-t", "targets", "all"], check=True, capture_output=True, text=True).stdout
        return sorted(set(re.findall(r"^tests/\w+/(test_\w+): CXX_EXECUTABLE_LINKER", listed, re.M))) + ["countem_cli", "host_faults", "make_report_scan"]

    def compile(self, mutants, targets, report):
        """Builds; returns the mutants that compile."""
        left_out, in_groups = set(), True
        while True:
            kept = [m for m in mutants if m.key not in left_out]
            self.write(kept)
            for file in {m.file for m in mutants} - {m.file for m in kept}:
                self.put(file, (self.root / file).read_bytes())
            done = subprocess.run(["ninja", "-C", self.build, "-k", "0", f"-j{self.jobs}", *targets], capture_output=True, text=True)
            if done.returncode == 0:
                return kept
            suspects = self.suspects(done.stdout, kept)
            if in_groups and not suspects:
                report("files that became neighbours do not compile in one group: every file is compiled alone")
                in_groups = False
                self.configure(in_groups)
                continue
            report(f"{len(suspects)} mutants near errors are compiled one by one")
            bad = self.judge(done.stdout, suspects)
            if not bad:
                (self.work / "build.log").write_text(done.stdout + done.stderr)
                raise SystemExit(f"host_mutants: the build fails, and not for a mutant: {self.work}/build.log")
            left_out |= bad

    def suspects(self, output, mutants):
        lines = {}
        for path, line in re.findall(r"(/[^\s:]+|(?:\.\./)+[^\s:]+):(\d+)", output):
            resolved = os.path.normpath(self.build / path)
            lines.setdefault(os.path.relpath(resolved, self.tree), set()).add(int(line))
        near = []
        for mutant in mutants:
            if any(abs(line - mutant.line) <= 6 for line in lines.get(mutant.file, ())):
                near.append(mutant)
        return near

    def judge(self, output, suspects):
        """Which of `suspects` do not compile alone. Every file that failed is tried with each of them that it may include."""
        commands = {entry["output"] if "output" in entry else entry["file"]: entry
                    for entry in json.loads((self.build / "compile_commands.json").read_text())}
        failed = {os.path.normpath(self.build / name) for name in re.findall(r"^FAILED: (\S+)", output, re.M)}
        entries = [e for e in commands.values() if os.path.normpath(self.build / e.get("output", "?")) in failed]
        if not entries:
            entries = [e for e in commands.values() if any(e["file"].endswith(s.file) for s in suspects)]
        by_file = {}
        for mutant in suspects:
            by_file.setdefault(mutant.file, []).append(mutant)
        bad = set()
        for file in {s.file for s in suspects}:
            self.put(file, (self.root / file).read_bytes())
        header = f'#include "{self.tree}/scripts/mutation/host_mutant.hpp"'

        def fails(entry):
            words = re.sub(r" -o \S+", " -o /dev/null", entry["command"])
            words = re.sub(r"^\S*ccache ", "", words)
            return subprocess.run(words + " -fsyntax-only", shell=True, cwd=entry["directory"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL).returncode != 0

        for mutant in suspects:
            using = [e for e in entries if e["file"].endswith(mutant.file)]
            if not using:
                using = [e for e in entries if f'"{mutant.file.split("host/include/")[-1]}"' in output or mutant.file in output]
            self.put(mutant.file, self.text(mutant.file, [mutant], header).encode())
            with ThreadPoolExecutor(self.jobs) as pool:
                if any(pool.map(fails, using)):
                    bad.add(mutant.key)
            self.put(mutant.file, (self.root / mutant.file).read_bytes())
        return bad

    def clean(self):
        shutil.rmtree(self.work, ignore_errors=True)
