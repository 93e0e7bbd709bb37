"""What may happen to files that are there already: inputs, other programs' files, unfinished stores, modes, links."""

import os
import pathlib
import signal
import stat
import subprocess
import tempfile
import time

import unittest

from program import COUNTEM, ProgramTest

USAGE = 2
IO_FAILURE = 4
SCAN = ("--scan", "6x4", "--frame", "48x64", "--format", "npy", "--dark-frames", "16", "--occupancy", "0.01", "--quiet")


class Outputs(ProgramTest):
    @classmethod
    def setUpClass(cls):
        """A scan whose count takes a second."""
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.long = pathlib.Path(folder.name) / "data.npy"
        subprocess.run([COUNTEM, "simulate", folder.name, "--scan", "80x60", "--frame", "192x192", "--format", "npy", "--dark-frames", "0",
                        "--occupancy", "0.01", "--quiet", "--force"], check=True, timeout=120)

    def setUp(self):
        super().setUp()
        self.succeed("simulate", self.directory / "sim", *SCAN)
        self.raw = self.directory / "sim" / "data.npy"
        self.dark = self.directory / "sim" / "dark.npy"
        self.counted = self.directory / "counted.h5"
        self.succeed("count", self.raw, "--dark", self.dark, "-o", self.counted, "--no-png", "--quiet")
        self.thesis = self.directory / "thesis.txt"
        self.thesis.write_text("three years of work")

    def bytes_of(self, *paths):
        return {path: path.read_bytes() for path in paths}

    def commands(self, output):
        """Every command that writes a file, with its input."""
        yield self.raw, ["count", self.raw, "--dark", self.dark, "-o", output, "--no-png"]
        yield self.dark, ["count", self.raw, "--dark", self.dark, "-o", output, "--no-png"]
        yield self.raw, ["calibrate", self.raw, "--dark", self.dark, "-o", output]
        yield self.dark, ["calibrate", self.raw, "--dark", self.dark, "-o", output]
        yield self.counted, ["reduce", self.counted, "--sum", "-o", output]
        yield self.counted, ["reduce", self.counted, "--bin", "2", "-o", output]
        yield self.counted, ["report", self.counted, "-o", output]
        yield self.counted, ["recover", self.counted, "-o", output]
        for form in ("stempy", "csr", "raw_csr", "npz"):
            yield self.counted, ["convert", self.counted, "--to", form, "-o", output]

    def test_inputs_are_never_outputs(self):
        before = self.bytes_of(self.raw, self.dark, self.counted)
        alias = self.directory / "alias"
        for read, _ in self.commands("x"):
            for link in (os.link, os.symlink):
                alias.unlink(missing_ok=True)
                link(read, alias)
                for target in (read, alias):
                    for _, command in (pair for pair in self.commands(target) if pair[0] == read):
                        for force in ((), ("--force",)):
                            self.refuse(USAGE, *command, *force, mentions=["to be read"])
        self.assertEqual(self.bytes_of(self.raw, self.dark, self.counted), before)

    def test_standard_output_is_no_file(self):
        reduced = ("reduce", self.counted, "--sum", "-o", "r.h5")
        for command in (*(command for _, command in self.commands("-")), (*reduced, "--png", "-"), (*reduced, "--npy", "-"),
                        ("simulate", "-", "--scan", "1x1")):
            with self.subTest(command=command):
                self.refuse(USAGE, *command, cwd=self.directory, mentions=["-: outputs are files", "./-"])
                self.assertFalse((self.directory / "-").exists())
        self.succeed(*reduced[:-1], "./-", cwd=self.directory)
        self.assertTrue((self.directory / "-").is_file())

    def test_files_of_others_stay(self):
        for _, command in self.commands(self.thesis):
            with self.subTest(command=command[0]):
                self.refuse(USAGE, *command, mentions=[self.thesis, "is there already", "--force"])
                self.assertEqual(self.thesis.read_text(), "three years of work")
        for name in ("thesis.npy", "thesis.h5"):
            other = self.thesis.with_name(name)
            other.write_text("three years of work")
            self.refuse(USAGE, "convert", self.counted, "--to", "dense", "-o", other, mentions=["--force"])
            self.assertEqual(other.read_text(), "three years of work")

    def test_own_outputs_are_replaced_and_force_replaces_all(self):
        for number, (_, command) in enumerate(self.commands("x")):
            with self.subTest(command=command):
                output = self.directory / f"out{number}"
                command[command.index("-o") + 1] = output
                self.succeed(*command)
                first = output.stat().st_ino
                if command[0] == "recover":
                    self.refuse(USAGE, *command, mentions=["is there already"])
                else:
                    self.succeed(*command)
                    self.assertNotEqual(output.stat().st_ino, first)
                output.write_text("three years of work")
                self.succeed(*command, "--force")
                self.assertNotEqual(output.read_bytes()[:5], b"three")
        for name in ("d.npy", "d.h5"):
            for _ in range(2):
                self.succeed("convert", self.counted, "--to", "dense", "-o", self.directory / name)

    def test_pictures_and_arrays_of_others_stay(self):
        folder = self.directory / "pictures"
        command = ("reduce", self.counted, "--sum", "-o", self.directory / "r.h5", "--png", folder, "--npy", folder)
        self.succeed(*command)
        self.succeed(*command)
        for name in ("r_sum.png", "r_sum.npy"):
            (folder / name).write_text("three years of work")
            (self.directory / "r.h5").unlink()
            self.refuse(USAGE, *command, mentions=[name, "is there already"])
            self.assertEqual((folder / name).read_text(), "three years of work")
            self.assertFalse((self.directory / "r.h5").exists())
            self.succeed(*command, "--force")
        (self.directory / "again_sum.png").write_text("three years of work")
        count = ("count", self.raw, "--dark", self.dark, "-o", self.directory / "again.h5")
        self.refuse(USAGE, *count, mentions=["again_sum.png"])
        self.assertFalse((self.directory / "again.h5").exists())

    def test_simulate_never_truncates_raw_data(self):
        before = self.bytes_of(self.raw, self.dark)
        self.refuse(USAGE, "simulate", self.directory / "sim", *SCAN, "--seed", "2", mentions=["is there already", "--force"])
        self.assertEqual(self.bytes_of(self.raw, self.dark), before)
        self.succeed("simulate", self.directory / "sim", *SCAN, "--seed", "2", "--force")
        self.assertNotEqual(self.bytes_of(self.raw, self.dark), before)
        camera = self.directory / "camera"
        camera.mkdir()
        real = camera / "data_scan0000000001_id0000_module2_raw.data"
        real.write_text("the only copy")
        self.refuse(USAGE, "simulate", camera, "--scan", "2x2", "--dark-frames", "0", mentions=[real.name])
        self.assertEqual([file.name for file in camera.iterdir()], [real.name])
        self.assertEqual(real.read_text(), "the only copy")

    def leave_a_part(self, output):
        """A count killed in the middle."""
        part = pathlib.Path(f"{output}.part")
        count = subprocess.Popen([COUNTEM, "count", self.long,
                                  "--threshold", "20", "--xray-threshold", "2000", "-o", output, "--no-png", "--quiet", "--threads", "1"])
        while count.poll() is None and (not part.exists() or part.stat().st_size < 400_000):
            time.sleep(0.001)
        count.send_signal(signal.SIGSTOP)  # so that its end cannot be missed
        if count.poll() is None and part.exists():
            count.kill()
            count.wait()
            return part
        count.wait()
        self.skipTest("the count ended before it could be killed")

    def test_the_only_copy_after_a_kill_is_never_touched(self):
        output = self.directory / "killed.h5"
        part = self.leave_a_part(output)
        before = part.read_bytes()
        for command in (["count", self.raw, "--dark", self.dark, "-o", output, "--no-png"],
                        ["count", self.raw, "--dark", self.dark, "-o", output, "--no-png", "--resume"]):
            self.refuse(USAGE, *command, mentions=[part.name, "--force"])
            self.assertEqual(part.read_bytes(), before)
        self.refuse(USAGE, "count", self.raw, "--dark", self.dark, "-o", output, "--no-png", mentions=["--resume", "countem recover"])
        stempy = self.directory / "s.h5"
        self.succeed("convert", self.counted, "--to", "stempy", "-o", stempy)
        for command in (["reduce", self.counted, "--bin", "2", "-o", output], ["recover", self.counted, "-o", output],
                        ["recover", part, "-o", output], ["convert", stempy, "--to", "store", "-o", output],
                        ["reduce", self.thesis, "--bin", "2", "-o", output]):
            output.unlink(missing_ok=True)
            code, _, _ = self.run_program(*command)
            self.assertEqual(code, 0 if command[1] != self.thesis else 3)
            self.assertEqual(part.read_bytes(), before, command)
        output.unlink(missing_ok=True)
        self.succeed("count", self.raw, "--dark", self.dark, "-o", output, "--no-png", "--force")
        self.assertFalse(part.exists())
        self.succeed("verify", output)

    def test_following_ends_when_the_writer_is_gone(self):
        output = self.directory / "killed.h5"
        part = self.leave_a_part(output)
        began = time.monotonic()
        self.refuse(IO_FAILURE, "info", output, "--follow", "--interval", "0.05", mentions=[part.name, "without finishing", "--resume"])
        self.assertLess(time.monotonic() - began, 10)

    def test_a_part_without_frames_is_in_nobodys_way(self):
        part = self.directory / "new.h5.part"
        part.write_bytes(b"")
        self.succeed("count", self.raw, "--dark", self.dark, "-o", self.directory / "new.h5", "--no-png")
        self.assertFalse(part.exists())
        part.write_text("a download of another program")
        self.refuse(USAGE, "count", self.raw, "--dark", self.dark, "-o", self.directory / "new.h5", "--no-png", mentions=[part.name])
        self.assertEqual(part.read_text(), "a download of another program")

    @unittest.skipIf(os.environ.get("COUNTEM_SANITIZE"), "many runs that decide nothing about memory")
    def test_one_of_many_writers_wins(self):
        big = self.directory / "big.h5"
        count = [COUNTEM, "count", self.long, "--threshold", "20", "--xray-threshold", "2000", "--no-png", "--quiet", "--threads", "1"]
        subprocess.run([*count, "-o", big], check=True)
        right = self.directory / "right.npy"
        self.succeed("convert", big, "--to", "dense", "-o", right)
        expected = right.read_bytes()
        jobs = ([*count, "-o", self.directory / "out.h5"], [COUNTEM, "convert", big, "--to", "dense", "-o", self.directory / "out.npy"],
                [COUNTEM, "convert", big, "--to", "stempy", "-o", self.directory / "out_stempy.h5"])
        for round_ in range(1, 1 + int(os.environ.get("COUNTEM_WRITER_ROUNDS", 1))):
            for writers in (2, 3, 5):
                for job in jobs:
                    output = pathlib.Path(job[job.index("-o") + 1])
                    output.unlink(missing_ok=True)
                    running = []
                    for _ in range(writers):
                        running.append(subprocess.Popen(job, stderr=subprocess.PIPE, text=True))
                        time.sleep(0.2 / writers * (round_ % 2))
                    ends = [(process.communicate()[1], process.returncode) for process in running]
                    winners = [end for end in ends if end[1] == 0]
                    # A process that came after the first had finished may have replaced its output.
                    self.assertGreaterEqual(len(winners), 1, ends)
                    for sentence, code in ends:
                        if code != 0:
                            self.assertEqual(code, IO_FAILURE, sentence)
                            self.assertIn("is being written by another process", sentence)
                    if output.suffix == ".npy":
                        self.assertEqual(output.read_bytes(), expected)
                    elif "stempy" in output.name:
                        self.succeed("convert", output, "--to", "store", "-o", self.directory / "back.h5")
                        self.assertEqual(self.succeed_json("info", self.directory / "back.h5")["events"], self.succeed_json("info", big)["events"])
                    else:
                        self.succeed("verify", output)
                        self.assertEqual(self.succeed_json("info", output)["events"], self.succeed_json("info", big)["events"])
                    self.assertEqual([file.name for file in self.directory.iterdir() if "unfinished" in file.name or file.suffix == ".part"], [])

    def test_modes_follow_the_umask_and_stay_when_replaced(self):
        def modes(*paths):
            return {stat.S_IMODE(path.stat().st_mode) for path in paths}

        here = self.directory
        commands = (["count", self.raw, "--dark", self.dark, "-o", here / "a.h5"], ["reduce", here / "a.h5", "-o", here / "r.h5", "--sum", "--npy", here / "n", "--png", here / "n"],
                    ["report", here / "a.h5", "-o", here / "r.html"], ["convert", here / "a.h5", "--to", "npz", "-o", here / "r.npz"],
                    ["calibrate", self.raw, "--dark", self.dark, "-o", here / "c.h5"], ["simulate", here / "s", *SCAN])
        for command in commands:
            self.succeed(*command, umask=0o002)
        written = [here / name for name in ("a.h5", "a_sum.png", "r.h5", "n/r_sum.npy", "n/r_sum.png", "r.html", "r.npz", "c.h5", "s/data.npy", "s/truth.h5")]
        self.assertEqual(modes(*written), {0o664})
        for path in written[:-2]:
            path.chmod(0o640)
        for command in commands[:-1]:
            self.succeed(*command, umask=0o022)
        self.assertEqual(modes(*written[:-2]), {0o640})

    def test_links_lead_to_the_file_that_is_written(self):
        (self.directory / "scratch").mkdir()
        link = self.directory / "link.h5"
        link.symlink_to("scratch/real.h5")
        for _ in range(2):
            self.succeed("count", self.raw, "--dark", self.dark, "-o", link, "--no-png")
            self.assertTrue(link.is_symlink())
            self.assertEqual([file.name for file in (self.directory / "scratch").iterdir()], ["real.h5"])

    def test_targets_are_checked_before_the_work(self):
        began = time.monotonic()
        self.refuse(IO_FAILURE, "count", self.raw, "--dark", self.dark, "-o", self.directory / "absent" / "a.h5", mentions=["there is no directory"])
        self.refuse(IO_FAILURE, "calibrate", self.raw, "--dark", self.dark, "-o", "/proc/a.h5", mentions=["/proc"])
        self.refuse(IO_FAILURE, "convert", self.counted, "--to", "npz", "-o", "/dev/null", mentions=["no regular file"])
        self.assertLess(time.monotonic() - began, 5)

    def test_a_running_count_with_live_images_may_be_followed(self):
        output = self.directory / "live.h5"
        count = subprocess.Popen([COUNTEM, "count", self.long, "--threshold", "20", "--xray-threshold", "2000", "--live", "sum,com,radial", "--threads", "1",
                                  "-o", output, "--quiet"])
        part = pathlib.Path(f"{output}.part")
        while count.poll() is None and not part.exists():
            time.sleep(0.001)
        self.succeed("info", output, "--follow", "--interval", "0.02")
        self.assertEqual(count.wait(), 0)
        again = self.directory / "r.h5"
        self.succeed("reduce", output, "--sum", "--com", "--radial", "-o", again)
        self.succeed("verify", output)


if __name__ == "__main__":
    unittest.main()
