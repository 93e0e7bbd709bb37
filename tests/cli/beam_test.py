"""The centre of detectors and rings, and what results say of it."""

import array
import math
import random
import re
import subprocess
import unittest

from npy_files import load_npy
from program import ProgramTest


class Beam(ProgramTest):
    """The centre: found, given, from a vacuum scan, or a guess; and that results say which."""

    SHAPE = (60, 80)

    def write_npy(self, name, frames, descr, typecode):
        """Frames of SHAPE from lists of numbers, as a .npy file, without numpy."""
        path = self.directory / name
        shape = (len(frames), *self.SHAPE) if len(frames) > 1 else self.SHAPE
        header = repr({"descr": descr, "fortran_order": False, "shape": shape}).ljust(117) + "\n"
        path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() +
                         b"".join(array.array(typecode, frame).tobytes() for frame in frames))
        return path

    def counted(self, name, centre, radius=9, others=()):
        """A store of 40 frames with about 90 electrons each in a disk, and so many in each other disk: (row, column, electrons)."""
        dice = random.Random(4)
        height, width = self.SHAPE
        frames = []
        for _ in range(40):
            frame = [0] * (height * width)
            for row, column, electrons in ((*centre, 90 if radius else 0), *others):
                for _ in range(electrons):
                    away, angle = radius * dice.random() ** 0.5, 2 * math.pi * dice.random()
                    frame[math.floor(row + away * math.sin(angle) + 0.5) * width + math.floor(column + away * math.cos(angle) + 0.5)] += 1
            frames.append(frame)
        if not radius:
            frames[0][0] = 1
        store = self.directory / f"{name}.h5"
        self.succeed("count", self.write_npy(f"{name}.npy", frames, "<u2", "H"), "-o", store, "--method", "counts", "--no-png", "--quiet")
        return store

    def reduced(self, store, *options):
        out = self.directory / "reduced.h5"
        told = self.succeed_json("reduce", store, "-o", out, "--virtual", "disk:10", "disk:5@3,4", "--radial-profile", *options)
        return told, self.attributes(out, "virtual_0"), self.attributes(out, "virtual_1")

    def attributes(self, file, image):
        shown = subprocess.run(["h5dump", "-A", "-d", f"/reductions/{image}", file], check=True, capture_output=True, text=True).stdout
        return dict(re.findall(r'ATTRIBUTE "(\w+)" \{.*?\(0\): (.*?)\n', shown, re.DOTALL))

    def test_is_found_and_its_images_say_so(self):
        store = self.counted("scan", (25.3, 41.8))
        told, around, elsewhere = self.reduced(store)
        centre = told["centre"]
        for name, value in (("row", 25.3), ("column", 41.8), ("radius", 9)):
            self.assertLess(abs(centre[name] - value), 4 * centre[f"{name}_error"], name)
            self.assertLess(centre[f"{name}_error"], 0.1, name)
        self.assertEqual((centre["found"], centre["guess"], centre["how"]), (True, False, "found in the summed pattern"))
        self.assertEqual(centre["candidates"], [])
        self.assertAlmostEqual(centre["electrons"], 3600, delta=150)
        self.assertEqual(told["warnings"], [])
        self.assertEqual(around["centre_from"], '"found in the summed pattern"')
        self.assertAlmostEqual(float(around["centre_row"]), centre["row"], places=3)
        self.assertAlmostEqual(float(around["centre_column_error"]), centre["column_error"], places=3)
        self.assertAlmostEqual(float(around["beam_radius"]), centre["radius"], places=3)
        self.assertNotIn("centre_row", elsewhere, "it has a centre of its own")
        _, err = self.succeed("reduce", store, "-o", self.directory / "reduced.h5", "--virtual", "disk:10")
        self.assertRegex(err, r"centre: row 25\.\d\d \+- 0\.0\d, column 41\.\d\d \+- 0\.0\d, radius [89]\.\d\d \+- 0\.0\d, found in the summed pattern")

    def test_is_given(self):
        told, around, _ = self.reduced(self.counted("scan", (25.3, 41.8)), "--centre", "20,30.5")
        self.assertEqual(told["centre"], {"row": 20, "column": 30.5, "row_error": None, "column_error": None, "radius": None, "radius_error": None,
                                          "electrons": None, "found": False, "guess": False, "how": "given",
                                          "candidates": []})
        self.assertEqual(around["centre_from"], '"given"')
        self.assertNotIn("beam_radius", around)

    def test_of_a_vacuum_scan(self):
        store, vacuum = self.counted("scan", (25.3, 41.8)), self.counted("vacuum", (30.1, 35.2), radius=12)
        told, around, _ = self.reduced(store, "--centre", vacuum)
        self.assertAlmostEqual(told["centre"]["row"], 30.1, delta=0.3)
        self.assertEqual(told["centre"]["how"], "found in vacuum.h5")
        self.assertEqual(around["centre_from"], '"found in vacuum.h5"')
        of_store = told["centre"]
        self.succeed("reduce", vacuum, "-o", self.directory / "sum.h5", "--sum", "--npy", self.directory / "npy", "--quiet")
        of_sum = self.reduced(store, "--centre", self.directory / "sum.h5")[0]["centre"]
        self.assertAlmostEqual(of_sum["row"], of_store["row"], delta=1e-9)
        (_, numbers) = load_npy(self.directory / "npy" / "sum_sum.npy")
        image = self.write_npy("image.npy", [[number / 40 for number in numbers]], "<f4", "f")  # a mean
        of_image = self.reduced(store, "--centre", image)[0]["centre"]
        self.assertAlmostEqual(of_image["row"], of_store["row"], delta=0.02)
        self.assertAlmostEqual(of_image["radius"], of_store["radius"], delta=0.02)
        told = self.succeed_json("count", self.directory / "scan.npy", "-o", self.directory / "live.h5", "--method", "counts", "--no-png", "--live", "virtual:disk:10",
                                 "--live-centre", vacuum)
        self.assertEqual(self.attributes(self.directory / "live.h5", "virtual_0")["centre_from"], '"found in vacuum.h5"')
        page = self.succeed_json("report", store, "-o", self.directory / "page.html", "--centre", vacuum)
        self.assertAlmostEqual(page["centre"]["row"], of_store["row"], places=9)
        other = self.write_npy("other.npy", [[0] * (self.SHAPE[0] * self.SHAPE[1])], "<u2", "H")
        self.refuse(2, "reduce", store, "-o", self.directory / "x.h5", "--virtual", "disk:3", "--centre", other, mentions=["other.npy", "shows no beam"])
        self.refuse(2, "reduce", store, "-o", vacuum, "--virtual", "disk:3", "--centre", vacuum, "--force", mentions=["one of the files to be read"])
        SHAPE, self.SHAPE = self.SHAPE, (50, 80)
        smaller = self.counted("smaller", (25.3, 41.8))
        self.SHAPE = SHAPE
        self.refuse(2, "reduce", store, "-o", self.directory / "x.h5", "--virtual", "disk:3", "--centre", smaller, mentions=["smaller.h5", "50 x 80", "60 x 80"])
        self.refuse(2, "reduce", store, "-o", self.directory / "x.h5", "--virtual", "disk:3", "--centre", "absent.h5", mentions=["absent.h5", "vacuum scan"])

    def test_is_a_guess_only_with_a_warning(self):
        store = self.counted("empty", (25, 40), radius=0)
        told, around, _ = self.reduced(store)
        self.assertEqual((told["centre"]["row"], told["centre"]["column"], told["centre"]["guess"]), (29.5, 39.5, True))
        (warning,) = [one for one in told["warnings"] if "guess" in one]
        self.assertIn("--centre ROW,COLUMN", warning)
        self.assertEqual(around["centre_from"], '"the frame\'s middle, since no beam was found in the summed pattern"')
        live = self.succeed_json("count", self.directory / "empty.npy", "-o", self.directory / "live.h5", "--method", "counts", "--live", "radial")
        self.assertTrue(any("--live-centre ROW,COLUMN" in one for one in live["warnings"]), live["warnings"])
        self.assertTrue(any("bright and dark field" in one for one in live["warnings"]), live["warnings"])
        self.assertIn("the sum of 40 frames", self.attributes(self.directory / "live.h5", "radial")["centre_from"])

    def test_is_not_found_where_two_disks_are_alike(self):
        store = self.counted("two", (20.3, 21.8), others=[(40.1, 60.2, 88)])
        told, around, _ = self.reduced(store)
        centre = told["centre"]
        self.assertEqual((centre["row"], centre["column"], centre["found"], centre["guess"]), (29.5, 39.5, False, True))
        first, second = sorted(centre["candidates"], key=lambda disk: disk["row"])
        for disk, (row, column, electrons) in ((first, (20.3, 21.8, 3600)), (second, (40.1, 60.2, 3520))):
            self.assertAlmostEqual(disk["row"], row, delta=0.4)
            self.assertAlmostEqual(disk["column"], column, delta=0.4)
            self.assertAlmostEqual(disk["electrons"], electrons, delta=250)
        (warning,) = [one for one in told["warnings"] if "guess" in one]
        self.assertRegex(warning, r"two disks in the summed pattern are alike: one at row [\d.]+, column [\d.]+, another at row [\d.]+, column [\d.]+, "
                                  r"43\.\d pixels away, with \d+ % of its electrons; give it with --centre ROW,COLUMN")
        self.assertIn("are alike", around["centre_from"])
        live = self.succeed_json("count", self.directory / "two.npy", "-o", self.directory / "live.h5", "--method", "counts", "--no-png", "--live", "radial")
        self.assertTrue(any("are alike" in one and "--live-centre ROW,COLUMN" in one for one in live["warnings"]), live["warnings"])
        page = self.succeed_json("report", store, "-o", self.directory / "page.html")
        self.assertEqual(page["centre"]["candidates"], centre["candidates"])
        self.assertTrue(any("are alike" in one for one in page["warnings"]), page["warnings"])
        self.refuse(2, "reduce", store, "-o", self.directory / "x.h5", "--virtual", "disk:3", "--centre", store, mentions=["two.h5", "no beam alone", "are alike"])

    def test_is_found_beside_a_lesser_disk_and_names_it(self):
        told, around, _ = self.reduced(self.counted("lesser", (20.3, 21.8), others=[(40.1, 60.2, 54)]))
        centre = told["centre"]
        self.assertTrue(centre["found"])
        self.assertAlmostEqual(centre["row"], 20.3, delta=0.3)
        self.assertRegex(centre["how"], r"^found in the summed pattern \(another disk lies at row 40\.\d, column 60\.\d, 43\.\d pixels away, with \d\d % of its electrons\)$")
        self.assertEqual(around["centre_from"], f'"{centre["how"]}"')
        self.assertEqual([centre["candidates"][0][axis] for axis in ("row", "column")], [centre["row"], centre["column"]])
        self.assertAlmostEqual(centre["candidates"][1]["electrons"] / centre["candidates"][0]["electrons"], 0.6, delta=0.07)
        self.assertEqual(told["warnings"], [])

    def test_is_needed_only_by_what_depends_on_it(self):
        told = self.succeed_json("reduce", self.counted("empty", (25, 40), radius=0), "-o", self.directory / "reduced.h5", "--sum", "--com")
        self.assertNotIn("centre", told)
        self.assertEqual(told["warnings"], [])


if __name__ == "__main__":
    unittest.main()
