"""The program on a host that refuses: no standard streams, pipes for files, no threads, no locks, little memory, signals."""

import errno
import os
import pty
import re
import resource
import signal
import socket
import subprocess
import time
import unittest

from program import COUNTEM, ProgramTest
from raw_files import npy, write_headers, write_scan

BAD_INPUT, IO_FAILURE, INTERRUPTED = 3, 4, 130
THRESHOLDS = ("--threshold", 10, "--xray-threshold", 1000, "--no-png")
FAULTS = os.environ["COUNTEM_HOST_FAULTS"]  # tests/cli/host_faults.cpp
NO_PRELOAD = unittest.skipIf(os.environ.get("COUNTEM_SANITIZE"), "sanitizers want to be the first library")


class HostTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.frames = write_scan(self.directory)
        self.store = self.directory / "store.h5"
        self.succeed(*self.count(self.store), "--quiet")

    def count(self, output, *more):
        return ("count", *self.frames, "-o", output, *THRESHOLDS, *more)

    def with_faults(self, **orders):
        """The environment of a program that meets these faults."""
        variables = {f"COUNTEM_{name.upper()}": str(value) for name, value in orders.items()}
        return {**os.environ, "LD_PRELOAD": FAULTS, **variables}

    def reading_commands(self, file):
        """Each command that reads a file, reading this one."""
        output = self.directory / "unwanted"
        return {
            "info": ("info", file),
            "count": ("count", file, "-o", output, *THRESHOLDS),
            "verify": ("verify", file),
            "recover": ("recover", file, "-o", output),
            "export": ("convert", file, "-o", output, "--to", "npz"),
            "import": ("convert", file, "-o", output, "--to", "store"),
            "reduce": ("reduce", file, "-o", output, "--sum"),
            "report": ("report", file, "-o", output),
            "compare": ("compare", file, self.store),
            "truth": ("compare", self.store, file),
            "dark": ("calibrate", *self.frames, "--dark", file, "-o", output),
            "gain": (*self.count(output), "--gain", file),
            "numbers": ("report", self.store, "-o", output, "--count-json", file),
        }


class Streams(HostTest):
    def test_stderr_that_cannot_be_written(self):
        output = self.directory / "out.h5"
        with open("/dev/full", "w", encoding="ascii") as full:
            self.assertEqual(subprocess.run([COUNTEM, *map(str, self.count(output))], stderr=full, timeout=60).returncode, 0)
            self.assertEqual(subprocess.run([COUNTEM, "info", "absent"], stderr=full, timeout=60).returncode, IO_FAILURE)
        self.succeed("verify", output)

    def test_a_reader_of_stderr_that_has_gone(self):
        output = self.directory / "out.h5"
        end, begin = os.pipe()
        os.close(end)
        self.assertEqual(subprocess.run([COUNTEM, *map(str, self.count(output))], stderr=begin, timeout=60).returncode, 0)
        os.close(begin)

    def test_help_and_version_that_cannot_be_written(self):
        for words in (("--help",), ("count", "--help"), ("--version",), ("version", "--json")):
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([COUNTEM, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
            self.assertEqual(done.returncode, IO_FAILURE, words)
            self.assertIn("standard output", done.stderr)

    def test_standard_streams_that_are_closed(self):
        output = self.directory / "out.h5"
        close_all = lambda: [os.close(number) for number in (0, 1, 2)]
        done = subprocess.run([COUNTEM, *map(str, self.count(output))], preexec_fn=close_all, timeout=60)
        self.assertEqual(done.returncode, 0)
        self.succeed("verify", output)
        done = subprocess.run([COUNTEM, "info", self.store], preexec_fn=close_all, timeout=60)
        self.assertEqual(done.returncode, IO_FAILURE, "an answer that nobody gets is none")

    def test_names_are_shown_and_not_obeyed(self):
        name = "red\x1b[31m\x07\x9b\n.h5"
        _, _, err = self.run_program("info", self.directory / name)
        self.assertIn("red\\x1b[31m\\x07\\xc2\\x9b\\x0a.h5", err)
        self.assertEqual([character for character in err[:-1] if ord(character) < 32 or 127 <= ord(character) < 160], [])
        _, _, err = self.run_program("count", self.frames[0], "-o", self.directory / name, *THRESHOLDS)
        self.assertNotIn("\x1b", err)
        _, _, err = self.run_program("inf\x1b[31mo")
        self.assertNotIn("\x1b", err)


class Pipes(HostTest):
    def test_what_is_no_regular_file_is_refused(self):
        pipe = self.directory / "pipe.h5"
        os.mkfifo(pipe)
        end = self.directory / "socket.h5"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(end))
            for file in (pipe, end, "/dev/zero"):
                for name, command in self.reading_commands(file).items():
                    with self.subTest(name, file=file):
                        code, _, err = self.run_program(*command, timeout=20)
                        self.assertEqual(code, BAD_INPUT, err)
                        self.assertIn("pipe", err)
                self.assertFalse((self.directory / "unwanted").exists())


class Signals(HostTest):
    """A command is slowed down by reads that wait; the signal comes in the middle."""

    def interrupted(self, command, number=signal.SIGINT, path="", environment=None, **options):
        environment = environment or self.with_faults(slow="read:40", path=path)
        running = subprocess.Popen([COUNTEM, *map(str, command)], env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                   text=True, **options)
        time.sleep(0.4)
        self.assertIsNone(running.poll(), f"{command[0]} was too fast to be interrupted")
        running.send_signal(number)
        _, err = running.communicate(timeout=20)
        return running.returncode, err

    def large_store(self):
        """Frames enough for several rounds of every loop."""
        raw = self.directory / "raw.npy"
        raw.write_bytes(npy((100, 100, 8, 8), os.urandom(100 * 100 * 64), "|u1"))
        store = self.directory / "large.h5"
        self.succeed("count", raw, "-o", store, "--threshold", 100, "--xray-threshold", "inf", "--no-png", "--quiet")
        return store

    @NO_PRELOAD
    def test_long_work_shows_how_far_it_is(self):
        running = subprocess.Popen([COUNTEM, "verify", self.large_store(), "--threads", "1"], env=self.with_faults(slow="read:40", path=""),
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.kill)
        line = running.stderr.readline()
        running.kill()
        running.communicate()
        self.assertRegex(line, r"^verifying [\d,]+ of 10,000 frames  \d+:\d\d left$")

    @NO_PRELOAD
    def test_every_command_ends_at_the_first_signal(self):
        store = self.large_store()
        output = self.directory / "out"
        commands = {
            "verify": ("verify", store, "--threads", 1),
            "recover": ("recover", store, "-o", output),
            "export": ("convert", store, "-o", output, "--to", "npz"),
            "dense": ("convert", store, "-o", self.directory / "out.npy", "--to", "dense"),
            "compare": ("compare", store, store),
            "reduce": ("reduce", store, "-o", output, "--sum"),
            "report": ("report", store, "-o", output),
        }
        before = set(os.listdir(self.directory))
        for turn, (name, command) in enumerate(commands.items()):
            number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[turn % 3]
            with self.subTest(name, signal=number):
                # Slow enough for any machine: each read of some chunks waits.
                code, err = self.interrupted(command, number, environment=self.with_faults(slow="read:10", path="large.h5"))
                self.assertEqual(code, INTERRUPTED, err)
                self.assertIn("interrupted", err)
                self.assertEqual(set(os.listdir(self.directory)) - before, set(), "nothing unfinished may be left")

    @NO_PRELOAD
    def test_opening_sector_files(self):
        lists = self.directory / "many"
        lists.mkdir()
        for copy in range(40):
            (lists / f"data_scan0000000001_id{copy:04d}_module{copy % 4}_part0.data").write_bytes(self.frames[copy % 4].read_bytes())
        code, err = self.interrupted(("info", lists), path="many")
        self.assertEqual(code, INTERRUPTED, err)

    @NO_PRELOAD
    def test_opening_of_many_records_shows_how_far_it_is_and_ends_at_once(self):
        # One read after another would take 11 minutes, 64 at a time some 11 s; the first line is due after 2 s.
        files = [write_headers(self.directory, 33, 33, module) for module in (0, 1)]
        command = [COUNTEM, "info", *files, "--input-format", "v5"]
        for quiet in ((), ("--quiet",)):
            with self.subTest(quiet=quiet):
                environment = self.with_faults(slow="read:300", path="headers")
                running = subprocess.Popen([*command, *quiet], env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
                time.sleep(2.6)
                self.assertIsNone(running.poll(), "it was too fast to be interrupted")
                running.send_signal(signal.SIGINT)
                sent = time.monotonic()
                _, err = running.communicate(timeout=20)
                self.assertLess(time.monotonic() - sent, 1)
                self.assertEqual(running.returncode, INTERRUPTED, err)
                shown = re.findall(r"^indexing ([0-9,]+) of 2,178 records  \d+:\d\d left$", err, re.MULTILINE)
                self.assertEqual(len(shown), 0 if quiet else 1, err)
                for count in shown:
                    self.assertGreater(int(count.replace(",", "")), 2 * 64, "reads that wait do so at the same time")

    @NO_PRELOAD
    def test_copying_of_a_resumed_count(self):
        store = self.large_store()
        part = self.directory / "again.h5.part"
        store.rename(part)
        command = ("count", self.directory / "raw.npy", "-o", self.directory / "again.h5", "--threshold", 100, "--xray-threshold", "inf",
                   "--no-png", "--resume")
        before = part.read_bytes()
        code, err = self.interrupted(command, environment=self.with_faults(slow="read:2", path="again.h5.part"))
        self.assertEqual(code, INTERRUPTED, err)
        self.assertEqual(part.read_bytes(), before)

    @NO_PRELOAD
    def test_inherited_ignored_signals_stay_ignored(self):
        command = ("info", *self.frames)
        ignore = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)
        code, err = self.interrupted(command, path="module", environment=self.with_faults(slow="read:150", path="module"), preexec_fn=ignore)
        self.assertEqual(code, 0, err)


class Files(HostTest):
    @NO_PRELOAD
    def test_a_disk_that_fails_is_an_io_failure(self):
        for name, command in self.reading_commands(self.store).items():
            if name in ("dark", "gain", "numbers", "count", "import"):  # no store
                continue
            for first in (0, 6):
                with self.subTest(name, first=first):
                    environment = self.with_faults(fail=f"read:{errno.EIO}:{first}", path="store.h5")
                    code, _, err = self.run_program(*command, env=environment)
                    if code != 0:  # it needed fewer reads
                        self.assertEqual(code, IO_FAILURE, err)
                        self.assertIn(os.strerror(errno.EIO), err)

    @NO_PRELOAD
    def test_file_systems_without_locks(self):
        for number in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, 524):
            with self.subTest(errno=number):
                environment = self.with_faults(fail=f"flock:{number}")
                told = self.succeed_json("info", self.store, env=environment)
                self.assertEqual(told["kind"], "event store")
                if number != errno.ENOSYS:  # HDF5 itself ignores that one, without a word
                    self.assertEqual(len(told["warnings"]), 1, "it is said once")
                    self.assertIn("lock", told["warnings"][0])
                self.succeed("verify", self.store, env=environment)
        # Who asks HDF5 for locks in the environment gets no file without one, and reads why.
        environment = {**self.with_faults(fail=f"flock:{errno.ENOLCK}"), "HDF5_USE_FILE_LOCKING": "TRUE"}
        self.refuse(IO_FAILURE, "reduce", self.store, "-o", self.directory / "sum.h5", "--sum", env=environment, mentions=["HDF5_USE_FILE_LOCKING"])

    @NO_PRELOAD
    def test_a_lock_that_another_program_holds(self):
        environment = self.with_faults(fail=f"flock:{errno.EAGAIN}")
        self.refuse(IO_FAILURE, "reduce", self.store, "-o", self.directory / "sum.h5", "--sum", env=environment,
                    mentions=["store.h5", "another program"])

    def test_damaged_files_end(self):
        whole = self.store.read_bytes()
        damaged = self.directory / "damaged.h5"
        for at in range(48, 2000, 197):
            damaged.write_bytes(whole[:at] + bytes(64) + whole[at + 64:])
            code, _, err = self.run_program("info", damaged, timeout=20)
            self.assertIn(code, (0, BAD_INPUT), err)


class Threads(HostTest):
    @NO_PRELOAD
    def test_a_host_that_grants_no_threads(self):
        if len(os.sched_getaffinity(0)) == 1:
            self.skipTest("there is one processor: no thread is asked for")
        for number in (errno.EAGAIN, errno.EPERM):
            environment = self.with_faults(fail=f"thread:{number}")
            output = self.directory / "out.h5"
            told = self.succeed_json(*self.count(output), env=environment)
            self.assertEqual(told["events"], 16)
            self.assertTrue(any("threads" in warning for warning in told["warnings"]), told["warnings"])
            output.unlink()


class Memory(HostTest):
    def check(self, code, err, **facts):
        self.assertIn(code, (0, IO_FAILURE), (facts, err))
        if code != 0:
            self.assertIn("not enough memory", err, facts)

    @unittest.skipIf(os.environ.get("COUNTEM_SANITIZE"), "sanitizers reserve more address space than there is")
    def test_little_memory(self):
        ended = set()
        for megabytes in (40, 48, 52, 56, 60, 80, 120):
            limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
            for command in (("info", self.store), self.count(self.directory / "out.h5", "--threads", 1)):
                code, _, err = self.run_program(*command, preexec_fn=limit)
                if code == 127:  # the libraries themselves do not fit
                    continue
                self.check(code, err, megabytes=megabytes, command=command[0])
                ended.add(code)
        self.assertIn(IO_FAILURE, ended)

    @NO_PRELOAD
    def test_each_allocation_may_fail(self):
        for number in [*range(0, 1400, 173), *range(1400, 6000, 419)]:
            environment = self.with_faults(fail=f"memory:{errno.ENOMEM}:{number}")
            code, _, err = self.run_program("info", *self.frames, env=environment)
            self.check(code, err, number=number)


if __name__ == "__main__":
    unittest.main()
