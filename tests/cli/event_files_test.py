"""countem info of files of events: what they hold, as lines and as JSON. The files are made here, byte by byte."""

import struct
import unittest

from program import ProgramTest

HEADER, RISING, FALLING_2 = 0x33585054, 0x6F, 0x6B


def hit(row, column, time):
    """Of TPX3, at a time in units of 25 ns."""
    address = column // 2 << 9 | row // 4 << 3 | column % 2 << 2 | row % 4
    return 0xB << 60 | address << 44 | (time & 0x3FFF) << 30 | 10 << 20 | time >> 14


def mark(edge, time):
    return edge << 56 | time * 8 << 9 | 1 << 5


def tpx3(chips):
    words = [word for chip, packets in chips.items() for word in (HEADER | chip << 32 | len(packets) * 8 << 48, *packets)]
    return struct.pack(f"<{len(words)}Q", *words)


def eer(frames, height, width):
    """Frames without electrons, packed in runs of 7 bits."""
    file = bytearray(b"II*\0" + bytes(4))
    link = 4
    for _ in range(frames):
        data = len(file)
        file += bytes([height * width & 0x7F, 0])
        struct.pack_into("<I", file, link, len(file))
        tags = [(256, width), (257, height), (258, 1), (259, 65001), (273, data), (278, height), (279, 2)]
        file += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        link = len(file)
        file += bytes(4)
    return bytes(file)


class EventFiles(ProgramTest):
    def made(self, name, content):
        (self.directory / name).write_bytes(content)
        return self.directory / name

    def test_eer(self):
        file = self.made("a.eer", eer(3, 8, 12))
        told = self.succeed_json("info", file)
        self.assertEqual((told["kind"], told["format"], told["frames"], told["upsample"]), ("event file", "eer", 3, 4))
        self.assertEqual((told["frame"], told["bytes"]), ({"height": 8, "width": 12}, file.stat().st_size))
        self.assertEqual(told["scan"], {"width": 3, "height": 1, "frames_per_position": 1})
        self.assertEqual(told["issues"], [])
        lines = self.succeed("info", file)[0]
        for line in ("format: eer", "frame: 8 x 12 pixels (height x width)", "upsample: 4", "frames: 3"):
            self.assertIn(line + "\n", lines)

    def test_the_size_of_the_scan_is_compared(self):
        told = self.succeed_json("info", self.made("a.eer", eer(3, 8, 12)), "--scan", "2x2")
        self.assertEqual(told["frames"], 4)
        self.assertEqual([issue["kind"] for issue in told["issues"]], ["missing_frame"])
        self.assertIn("holds 3 whole frames", told["issues"][0]["text"])

    def test_tpx3(self):
        packets = [mark(RISING, 1000), hit(3, 5, 1200), mark(RISING, 2000), hit(200, 100, 41_000), mark(FALLING_2, 1500)]
        file = self.made("a.tpx3", tpx3({2: packets, 0: [hit(0, 0, 1300)]}))
        told = self.succeed_json("info", file)
        self.assertEqual((told["kind"], told["format"], told["hits"], told["chips"]), ("event file", "tpx3", 3, [0, 2]))
        self.assertEqual(told["frame"], {"height": 512, "width": 512})
        self.assertEqual(told["marks"], {"input_1_rising": 2, "input_2_rising": 0, "input_1_falling": 0, "input_2_falling": 1})
        self.assertAlmostEqual(told["duration_s"], 40_000 * 25e-9)
        lines = self.succeed("info", file)[0]
        for line in ("format: tpx3", "hits: 3", "chips: 0, 2", "  input 1 rising: 2", "duration s: 0.001"):
            self.assertIn(line + "\n", lines)

    def test_what_is_wrong_is_reported(self):
        file = self.made("a.tpx3", tpx3({0: [hit(3, 5, 1200)]}) + b"rest")
        self.assertEqual([issue["kind"] for issue in self.succeed_json("info", file)["issues"]], ["truncated_file"])
        self.refuse(3, "info", self.made("b.tpx3", b"TPX3"), mentions=["b.tpx3: holds no hits"])
        self.refuse(3, "info", self.made("sums.eer", b"II*\0" + bytes(4)), mentions=["sums.eer: is a TIFF file without frames of electrons"])


if __name__ == "__main__":
    unittest.main()
