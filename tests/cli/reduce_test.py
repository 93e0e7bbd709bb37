"""countem reduce, and reductions that are computed while counting: what they refuse, what they leave, and that they agree."""

import array
import ast
import subprocess
import unittest

from program import ProgramTest


def load_npy(path):
    """Shape and numbers of a .npy file, without numpy."""
    content = path.read_bytes()
    assert content[:8] == b"\x93NUMPY\x01\x00", path
    length = int.from_bytes(content[8:10], "little")
    header = ast.literal_eval(content[10 : 10 + length].decode())
    numbers = array.array({"<u4": "I", "<u8": "Q", "<f8": "d"}[header["descr"]])
    numbers.frombytes(content[10 + length :])
    return header["shape"], numbers


class Reduce(ProgramTest):
    def setUp(self):
        super().setUp()
        raw = self.directory / "raw"
        self.succeed("simulate", raw, "--scan", "6x5", "--occupancy", 0.001, "--seed", 3, "--quiet")
        self.frames = sorted(raw.glob("data_*"))
        self.counted = self.directory / "counted.h5"

    def count(self, *options):
        return self.succeed_json("count", *self.frames, "--threshold", 32, "-o", self.counted, *options)

    def arrays(self, store, *options):
        out = self.directory / "reduced.h5"
        self.succeed("reduce", store, "-o", out, "--npy", self.directory / "npy", *options)
        return {path.stem.removeprefix("reduced_"): load_npy(path) for path in (self.directory / "npy").glob("*.npy")}

    def test_live_reductions_are_those_of_the_store(self):
        told = self.count("--live", "sum,com,virtual:annulus:60,200@288,287.5,virtual:disk:20", "--live-centre", "287,288")
        live = self.directory / "counted_live_sum.png"
        self.assertTrue(live.read_bytes().startswith(b"\x89PNG"))
        images = self.arrays(self.counted, "--sum", "--com", "--virtual", "annulus:60,200@288,287.5", "disk:20", "--centre", "287,288")
        self.assertEqual(images["sum"][0], (576, 576))
        self.assertEqual(sum(images["sum"][1]), told["events"])
        self.assertEqual(sum(images["counts"][1]), told["events"])
        self.assertLess(sum(images["virtual_0"][1]) + sum(images["virtual_1"][1]), told["events"])
        # The group /reductions holds the same numbers; h5dump is part of the packages that tests install.
        for name, (shape, numbers) in images.items():
            self.assertEqual(self.dataset(name), list(numbers), name)
        self.succeed("verify", self.counted)

    def test_live_and_reduce_have_one_grammar(self):
        mask = self.directory / "mask.raw"
        mask.write_bytes(bytes(x % 3 == 0 for x in range(576 * 576)))
        weights = self.directory / "weights.raw"
        weights.write_bytes(array.array("f", (x % 5 for x in range(576 * 576))).tobytes())
        self.count("--live", f"max,com:descan,phase,radial:20,radial-profile,mask:{mask},weights:{weights}", "--live-centre", "287,288",
                   "--no-png")
        images = self.arrays(self.counted, "--max", "--com", "--descan", "--phase", "--radial", "--radial-step", 20, "--radial-profile",
                             "--mask", mask, "--weights", weights, "--centre", "287,288")
        self.assertEqual(set(images), {"counts", "maximum", "com_row", "com_column", "phase", "radial", "radial_sum", "radial_mean",
                                       "virtual_0", "weighted_0"})
        for name, (shape, numbers) in images.items():
            held = self.dataset(name, numbers.typecode)
            self.assertEqual(held.tobytes(), numbers.tobytes(), name)
        self.refuse(2, "count", *self.frames, "-o", self.directory / "x.h5", "--live", "com:centre,com:descan", mentions=["com:descan", "com:centre"])

    def dataset(self, name, typecode=None):
        raw = self.directory / "raw_numbers"
        subprocess.run(["h5dump", "-d", f"/reductions/{name}", "-b", "LE", "-o", raw, self.counted], check=True, capture_output=True)
        numbers = array.array(typecode or ("d" if name.startswith("com") else "Q"))
        numbers.frombytes(raw.read_bytes())
        return numbers if typecode else list(numbers)

    def test_smaller_stores_are_stores(self):
        told = self.count("--no-png")
        out = self.directory / "smaller.h5"
        self.succeed("reduce", self.counted, "-o", out, "--crop", "100:400,150:450", "--bin", 4, "--scan-crop", "1:4,:5")
        self.succeed("verify", out)
        described = self.succeed_json("info", out)
        self.assertEqual(described["frame"], {"height": 75, "width": 75})
        self.assertEqual(described["scan"], {"width": 5, "height": 3, "frames_per_position": 1})
        self.assertLess(described["events"], told["events"])
        self.succeed("reduce", self.counted, "-o", out, "--scan-bin", 2)
        self.assertEqual(self.succeed_json("info", out)["events"], told["events"])

    def test_bench_on_a_store(self):
        self.count("--no-png")
        told = self.succeed_json("bench", "reductions", "--store", self.counted, "--repetitions", 1)
        self.assertTrue(told["checked"])
        (rates,) = told["rates"]
        self.assertEqual((rates["frames"], rates["dense_frames"]), (30, 30))
        self.assertGreater(rates["streaming_read_million_events_per_s"], 0)
        for stage, row in rates["stages"].items():
            self.assertGreater(row["dense_over_linear_index"], 1, stage)
            self.assertEqual(set(row["ns_per_event"]), {"dense", "linear index", "run-length"}, stage)

    def test_refusals(self):
        self.count("--no-png")
        out = self.directory / "out.h5"
        self.refuse(2, "reduce", self.counted, "-o", out, mentions=["nothing is asked for"])
        self.refuse(2, "reduce", self.counted, "-o", self.counted, "--sum", mentions=["one of the files to be read"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--crop", "0:600,0:10", mentions=["0:600", "576"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--crop", "10:10,0:10", mentions=["empty"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--scan-crop", "1:2", mentions=["ROW:ROW,COLUMN:COLUMN"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--virtual", "disc:3", mentions=["disc:3"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--sum", "--centre", "3", mentions=["ROW,COLUMN"])
        self.refuse(2, "reduce", self.counted, "-o", self.frames[0], "--sum", mentions=[self.frames[0]])
        self.refuse(4, "reduce", self.directory / "absent.h5", "-o", out, "--sum", mentions=["absent.h5"])
        self.refuse(3, "reduce", self.frames[0], "-o", out, "--sum", mentions=[self.frames[0]])
        self.refuse(2, "count", *self.frames, "-o", out, "--live", "sum,foo", mentions=["foo"])
        self.assertFalse(out.exists())
        damaged = bytearray(self.counted.read_bytes())
        for at in range(len(damaged) // 3, len(damaged) * 2 // 3):
            damaged[at] ^= 0x5A
        broken = self.directory / "broken.h5"
        broken.write_bytes(damaged)
        code, _, err = self.run_program("reduce", broken, "-o", out, "--sum")
        self.assertIn(code, (3, 4), err)
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
