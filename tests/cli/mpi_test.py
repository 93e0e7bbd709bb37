"""One scan counted and reduced by the ranks of an MPI job: the same content as one process makes, or one sentence why not."""

import array
import json
import os
import pathlib
import random
import shutil
import subprocess
import unittest

from merge_test import FRAME, FRAMES, SCAN, noisy_frames
from mpi_program import MODULE, WHY_NOT, MpiTest, Network
from program import COUNTEM
from raw_files import npy

USAGE, BAD_INPUT, IO_FAILURE, NO_BACKEND = 2, 3, 4, 5
RANKS = (1, 2, 4, 8)


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Mpi(MpiTest):
    def setUp(self):
        super().setUp()
        self.raw = self.directory / "raw.npy"
        self.raw.write_bytes(noisy_frames(1))
        self.whole = self.directory / "whole.h5"

    def counting(self, output, *options):
        return ("count", self.raw, "-o", output, "--values", "charge", *options)

    def content(self, store):
        """Everything a store holds but where it came from."""
        told = self.succeed_json("info", store)
        provenance = told.pop("provenance")
        for which in ("outputs", "warnings"):
            told.pop(which)
        exported = self.directory / "content.npz"
        self.succeed("convert", store, "-o", exported, "--to", "npz", "--force", "--quiet")
        self.succeed("verify", store)
        kept = {name: provenance.get(name) for name in ("thresholds", "seed", "inputs", "issues", "program")}
        return told, kept, exported.read_bytes()

    def expect_nothing_left(self, output=None):
        output = output or self.whole
        beside = [path.name for path in output.parent.iterdir() if ".rank" in path.name or path.name.endswith((".part", "-unfinished"))]
        self.assertEqual(beside, [])

    # -- the same content ----------------------------------------------------------------------------------------------

    def test_ranks_make_what_one_process_makes(self):
        one = self.directory / "one.h5"
        alone = self.succeed_json(*self.counting(one))
        expected = self.content(one)
        pictures = {what: (self.directory / f"one_{what}.png").read_bytes() for what in ("sum", "bright_field", "dark_field")}
        for ranks in RANKS:
            with self.subTest(ranks):
                for left in self.directory.glob("whole*"):
                    left.unlink()
                out, err = self.succeed_on(ranks, *self.counting(self.whole, "--json"))
                told = json.loads(out)
                for same in ("frames", "missing_frames", "events", "xrays", "thresholds", "issues"):
                    self.assertEqual(told[same], alone[same])
                if ranks > 1:
                    self.assertEqual([one["rank"] for one in told["ranks"]], list(range(ranks)))
                    self.assertEqual(sum(one["frames"] for one in told["ranks"]), FRAMES)
                    self.assertIn(f"{ranks} ranks counted ", err)
                self.assertEqual(len([line for line in err.splitlines() if line.startswith("wrote ")]), 4, err)
                self.assertEqual(self.content(self.whole), expected)
                self.assertEqual(self.succeed_json("compare", self.whole, one)["precision"], 1.0)
                for what, picture in pictures.items():
                    self.assertEqual((self.directory / f"whole_{what}.png").read_bytes(), picture, what)
                self.expect_nothing_left()

    @unittest.skipIf(shutil.which("h5diff") is None, "h5diff is not installed")
    def test_live_reductions_are_added(self):
        items = "sum,max,com,second-moments,errors,radial:2,radial-profile,virtual:disk:6,virtual:annulus:6,15"
        for centre in ("auto", "11,17.25"):
            one = self.directory / "one.h5"
            self.succeed(*self.counting(one, "--live", items, "--live-centre", centre))
            for ranks in (2, 5):
                with self.subTest(centre=centre, ranks=ranks):
                    self.succeed_on(ranks, *self.counting(self.whole, "--live", items, "--live-centre", centre))
                    done = subprocess.run(["h5diff", "-v", one, self.whole, "/reductions"], capture_output=True, text=True, check=False)
                    self.assertEqual(done.returncode, 0, done.stdout)
                    self.assertIn("virtual_1", done.stdout)
                    self.assertEqual((self.directory / "whole_live_com_row.png").read_bytes(), (self.directory / "one_live_com_row.png").read_bytes())

    def test_reductions_are_the_same_bytes(self):
        """Files of the same name in two folders: the command that they hold is the same, too."""
        self.succeed("count", self.raw, "-o", "counted.h5", "--no-png", cwd=self.directory)
        commands = {
            "centre found": ("--sum", "--max", "--com", "--radial", "--virtual", "disk:6", "annulus:6,15", "--errors"),
            "part of the scan": ("--sum", "--com", "--scan-crop", "1:4,2:8", "--virtual", "disk:5@10,10"),
            "counts alone": ("--png", "pictures"),
            "smaller store": ("--crop", "2:20,3:33", "--bin", "2", "--sum", "--com", "--virtual", "disk:4"),
            "binned scan": ("--scan-bin", "2", "--sum", "--com"),
        }
        for name, options in commands.items():
            made = []
            for ranks in (0, 2, 3):
                folder = self.directory / f"{name} {ranks}"
                folder.mkdir()
                shutil.copy(self.directory / "counted.h5", folder)
                command = ("reduce", "counted.h5", "-o", "out.h5", *options)
                with self.subTest(name, ranks=ranks):
                    self.succeed_on(ranks, *command, cwd=folder) if ranks else self.succeed(*command, cwd=folder)
                made.append((folder / "out.h5").read_bytes())
            self.assertEqual([content == made[0] for content in made], [True] * len(made), name)

    def test_methods_without_thresholds_and_calibrations_from_a_file(self):
        one = self.directory / "one.h5"
        calibration = self.directory / "calibration.h5"
        self.succeed("calibrate", self.raw, "-o", calibration)
        for options in (("--calibration", calibration), ("--method", "pixels", "--threshold", 55, "--xray-threshold", 1000)):
            self.succeed(*self.counting(one, "--no-png", *options))
            self.succeed_on(3, *self.counting(self.whole, "--no-png", *options))
            self.assertEqual(self.content(self.whole), self.content(one))

    # -- alone ---------------------------------------------------------------------------------------------------------

    def test_parts_and_lone_processes_do_not_meet(self):
        self.succeed_on(2, "count", self.raw, "-o", self.directory / "p.{part}.h5", "--part", "auto")
        self.assertEqual(self.succeed_json("info", self.directory / "p.2_of_2.h5")["part"]["of"], 2)
        code, _, err = self.run_ranks(2, *self.counting(self.whole, "--no-mpi", "--no-png"))
        self.assertIn("is being written by another process", err) if code else self.assertTrue(self.whole.exists())
        self.succeed_on(2, "version")

    def test_a_build_without_mpi_refuses(self):
        program = self.directory / "bin" / "countem"
        program.parent.mkdir()
        shutil.copy(COUNTEM, program)
        done = subprocess.run([program, *map(str, self.counting(self.whole))], env={**os.environ, "OMPI_COMM_WORLD_SIZE": "3"},
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, NO_BACKEND)
        for words in ("3 processes", "OMPI_COMM_WORLD_SIZE", "--part auto", "--no-mpi"):
            self.assertIn(words, done.stderr)
        shutil.copy(MODULE, program.parent)
        done = subprocess.run([program, *map(str, self.counting(self.whole))], env={**os.environ, "PMI_SIZE": "3"}, capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, USAGE, done.stderr)
        self.assertIn("joins 1 of them", done.stderr)
        self.assertFalse(self.whole.exists())

    # -- errors --------------------------------------------------------------------------------------------------------

    def test_errors_of_all_ranks_are_one_sentence(self):
        absent = self.directory / "absent.npy"
        sentence = self.refuse_on(4, IO_FAILURE, "count", absent, "-o", self.whole, mentions=["absent.npy"])
        self.assertNotIn("rank", sentence)
        self.refuse_on(2, USAGE, *self.counting(self.whole, "--live", "sum,nonsense"), mentions=["nonsense"])
        self.whole.write_bytes(b"something else")
        self.refuse_on(3, USAGE, *self.counting(self.whole), mentions=["whole.h5", "--force"])
        self.assertEqual(self.whole.read_bytes(), b"something else")
        self.refuse_on(2, IO_FAILURE, "reduce", absent, "-o", self.directory / "r.h5", "--sum", mentions=["absent.npy"])
        self.expect_nothing_left()

    def on_one_rank(self, rank, ranks, *arguments):
        """A command line of mpirun whose ranks run a script in place of the program: `rank` sees another folder as its own."""
        script = self.directory / "on_one_rank.sh"
        script.write_text(f'#!/bin/sh\nif [ "$OMPI_COMM_WORLD_RANK" = {rank} ]; then cd "{self.directory}/other"; else cd "{self.directory}/same"; fi\n'
                          f'exec "{COUNTEM}" "$@"\n')
        script.chmod(0o755)
        return ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), str(script), *map(str, arguments)]

    def test_an_error_of_one_rank_names_it(self):
        for folder in ("same", "other"):
            (self.directory / folder).mkdir()
        shutil.copy(self.raw, self.directory / "same")
        (self.directory / "other" / "raw.npy").write_bytes(npy((SCAN[0], SCAN[1] + 1, *FRAME), bytes(2 * SCAN[0] * (SCAN[1] + 1) * FRAME[0] * FRAME[1])))
        command = self.on_one_rank(2, 4, "count", "raw.npy", "-o", self.whole, "--no-png")
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, BAD_INPUT, done.stderr)
        self.assertEqual(done.stderr.count("countem: "), 1, done.stderr)
        self.assertRegex(done.stderr, r"countem: rank 2 on \S+: sees other raw frames")
        (self.directory / "other" / "raw.npy").unlink()
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, IO_FAILURE, done.stderr)
        self.assertRegex(done.stderr, r"countem: rank 2 on \S+: .*raw.npy")
        self.assertFalse(self.whole.exists())

    def test_a_frame_that_cannot_be_read_ends_all_ranks_and_keeps_what_was_counted(self):
        pixels = FRAME[0] * FRAME[1]
        values = array.array("d", [0.0]) * (FRAMES * pixels)
        for frame in range(FRAMES):
            values[frame * pixels + frame] = 1.0
        sound = npy((*SCAN, *FRAME), values.tobytes(), "<f8")
        values[30 * pixels + 7] = 2.0**24 + 1  # no number of electrons that is held exactly: docs/formats.md
        self.raw.write_bytes(npy((*SCAN, *FRAME), values.tobytes(), "<f8"))
        counting = ("count", self.raw, "--method", "counts", "--no-png")
        sentence = self.refuse_on(4, BAD_INPUT, *counting, "-o", self.whole, mentions=["raw.npy", "frame 30"])
        self.assertRegex(sentence, r"countem: rank [0-3] on ")
        self.assertFalse(self.whole.exists())
        one = self.directory / "one.h5"
        self.refuse(BAD_INPUT, *counting, "-o", one, mentions=["raw.npy", "frame 30"])
        # The same job on sound frames: what was left does no harm.
        self.raw.write_bytes(sound)
        self.succeed_on(4, *counting, "-o", self.whole, "--force")
        self.assertEqual(self.succeed_json("info", self.whole)["events"], FRAMES)

    def test_ranks_of_different_commands_refuse(self):
        script = self.directory / "each.sh"
        script.write_text(f'#!/bin/sh\nexec "{COUNTEM}" count "{self.raw}" -o "{self.directory}/$OMPI_COMM_WORLD_RANK.h5" --no-png "$@"\n')
        script.chmod(0o755)
        command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2", str(script)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, USAGE, done.stderr)
        self.assertIn("--no-mpi", done.stderr)
        done = subprocess.run([*command, "--no-mpi"], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.content(self.directory / "0.h5"), self.content(self.directory / "1.h5"))

    # -- what is left --------------------------------------------------------------------------------------------------

    def leave(self, ranks=3):
        """What killed ranks leave: made of the stores of parts, cut behind some frames. Returns how many frames are kept."""
        kept = 0
        for rank in range(ranks):
            part = self.succeed_json("count", self.raw, "-o", self.directory / "p.{part}.h5", "--values", "charge", "--part", f"{rank + 1}/{ranks}")
            # As a store of the whole scan: a part's record of its place is no part of what a rank writes.
            self.succeed("merge", part["output"], "-o", self.directory / "p.h5", "--force")
            content = (self.directory / "p.h5").read_bytes()
            ends = [at for at in range(len(content)) if content.startswith(b"\x89cntem\r\n", at)]
            frames = 3 + 2 * rank
            kept += frames
            (self.directory / f"whole.h5.rank{rank:04}.part").write_bytes(content[: ends[frames - 1] + 48])
        return kept

    def test_what_was_left_is_resumed_by_any_number_of_ranks(self):
        one = self.directory / "one.h5"
        self.succeed(*self.counting(one))
        expected = self.content(one)
        pictures = {what: (self.directory / f"one_{what}.png").read_bytes() for what in ("sum", "bright_field", "dark_field")}
        for ranks in (0, 1, 2, 4):
            with self.subTest(ranks):
                for left in self.directory.glob("whole*"):
                    left.unlink()
                kept = self.leave()
                refused = self.refuse(USAGE, *self.counting(self.whole), mentions=["rank0000.part", "--resume", "--force"])
                self.assertIn("holds the frames of an earlier count", refused)
                if ranks:
                    out, _ = self.succeed_on(ranks, *self.counting(self.whole, "--resume", "--json"))
                else:
                    out, _ = self.succeed(*self.counting(self.whole, "--resume", "--json"))
                told = json.loads(out)
                self.assertEqual((told["resumed_after_frames"], told["frames"]), (kept, FRAMES - kept))
                self.assertEqual(self.content(self.whole), expected)
                for what, picture in pictures.items():
                    self.assertEqual((self.directory / f"whole_{what}.png").read_bytes(), picture, what)
                self.expect_nothing_left()

    def test_what_one_process_left_is_resumed_by_ranks(self):
        self.succeed(*self.counting(self.directory / "one.h5", "--no-png"))
        content = (self.directory / "one.h5").read_bytes()
        ends = [at for at in range(len(content)) if content.startswith(b"\x89cntem\r\n", at)]
        (self.directory / "whole.h5.part").write_bytes(content[: ends[11] + 48])
        self.refuse_on(2, USAGE, *self.counting(self.whole, "--no-png"), mentions=["whole.h5.part", "--resume"])
        out, _ = self.succeed_on(2, *self.counting(self.whole, "--no-png", "--resume", "--json"))
        self.assertEqual(json.loads(out)["resumed_after_frames"], 12)
        self.assertEqual(self.content(self.whole), self.content(self.directory / "one.h5"))
        self.expect_nothing_left()

    def test_left_stores_of_another_count(self):
        self.leave()
        before = (self.directory / "whole.h5.rank0000.part").read_bytes()
        self.refuse_on(2, USAGE, *self.counting(self.whole, "--resume", "--threshold", 33), mentions=["rank000", "another background threshold", "--force"])
        self.assertEqual((self.directory / "whole.h5.rank0000.part").read_bytes(), before)
        self.succeed_on(2, *self.counting(self.whole, "--threshold", 33, "--force", "--no-png"))
        self.expect_nothing_left()

    # -- machines ------------------------------------------------------------------------------------------------------

    def test_machines_of_their_own(self):
        network = Network()
        if network.why_not:
            self.skipTest(network.why_not)
        one = self.directory / "one.h5"
        self.succeed(*self.counting(one, "--no-png"))
        for per_host in (1, 2):
            with self.subTest(per_host):
                out, _ = self.succeed_on(3 * per_host, *self.counting(self.whole, "--no-png", "--json"), **network.launcher(per_host))
                self.assertEqual({rank["host"] for rank in json.loads(out)["ranks"]}, {"n1", "n2", "n3"})
                self.assertEqual(self.content(self.whole), self.content(one))
        network.remove()


if __name__ == "__main__":
    unittest.main()
