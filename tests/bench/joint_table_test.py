"""bench/peers/joint_table.py: each half of the table is replaced alone, and holds the right numbers."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import measured

sys.path.insert(0, str(measured.ROOT / "bench" / "peers"))
import joint_table  # noqa: E402

PAGE = "before\n<!-- peers: begin -->\n<!-- peers: end -->\nafter\n"
COUNTING = {"machine": {"date": "2026-01-02", "cpu": "a processor", "cores": 2, "load_at_start": 0.5}, "versions": {"countem": "1"},
            "runs": [{"occupancy": occupancy, "threads": threads, "frames_per_s": {
                "countem cluster, from memory": 20000 * threads, "countem cluster, files to store": 1500, "stempy maximum, from memory": 200,
                "stempy maximum, from files": 250, "scipy label + center_of_mass": 100, "OpenCV connectedComponentsWithStats": 400}}
                     for occupancy in (0.001, 0.01) for threads in (1, 2)]}
REDUCTIONS = {"machine": COUNTING["machine"], "runs": [{"occupancy": occupancy, "million_events_per_s": {
    "countem, from memory": {"sum": 800, "bin": 250}, "countem, program from store to file": {"sum": 900, "bin": 900}, "numpy, dense frames": {"sum": 1, "bin": 9},
    "scipy.sparse, CSR": {"sum": 200, "bin": 5}, "LiberTEM, raw_csr": {"sum": 3}}} for occupancy in (0.001, 0.01)]}


def rows(text: str, half: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"| {half} |")]


class Halves(unittest.TestCase):
    def test_the_processor_is_compared_in_one_thread_and_with_the_fastest_peer(self):
        lines = joint_table.processor_half(COUNTING, REDUCTIONS)
        self.assertEqual(lines[0], "| processor | counting from memory, frames/s | stempy, `maximum` | 20,000 | 200 | 100 | 20,000 | 200 | 100 |")
        self.assertEqual(lines[3], "| processor | counting files, frames/s | stempy, `maximum`, nothing written | 1,500 | 250 | 6 | 1,500 | 250 | 6 |")
        self.assertEqual(lines[4], "| processor | sum, M events/s | scipy.sparse (the fastest peer) | 800 | 200 | 4 | 800 | 200 | 4 |")
        self.assertEqual(lines[5], "| processor | bin, M events/s | numpy (the fastest peer) | 250 | 9 | 28 | 250 | 9 | 28 |")
        self.assertEqual(lines[6].strip(), "- processor: 2026-01-02, a processor, 2 cores, load 0.5 at the start; countem 1; one thread, medians. Reductions: load 0.5.")

    def test_a_device_that_was_not_there(self):
        lines = joint_table.device_half(None)
        self.assertEqual(len(lines), 10)
        for line in lines[:9]:
            self.assertIn(f"| {joint_table.NOT_RUN} |", line)
            self.assertEqual(line.count(" | ") + line.count("| device"), 9, line)

    def test_a_device_that_was_measured(self):
        result = {"date": "2026-01-02", "device": "a device", "check": measured.check(), "cupy": measured.cupy()}
        lines = joint_table.device_half(result)
        self.assertEqual(lines[0], "| device | counting, dark reference and mask, frames/s | Thrust and CUB | 3,000,000 | 400,000 | 7.5 | 3,000,000 | 400,000 | 7.5 |")
        self.assertEqual(lines[1], "| device | counting, one threshold, frames/s | CuPy, `label` | 3,000,000 | 20,000 | 150 | 3,000,000 | 20,000 | 150 |")
        self.assertEqual(lines[2], "| device | sum, M events/s | Thrust, dense frames | 1,000 | 100 | 10 | 1,000 | 100 | 10 |")
        result["cupy"] = None
        self.assertIn(joint_table.NOT_RUN, joint_table.device_half(result)[1])


class Page(unittest.TestCase):
    def test_one_half_is_replaced_and_the_other_kept(self):
        with tempfile.TemporaryDirectory() as name:
            page, result = pathlib.Path(name) / "page.md", pathlib.Path(name) / "result.json"
            processor = joint_table.processor_half(COUNTING, REDUCTIONS)
            page.write_text(PAGE.replace("begin -->\n", "begin -->\n" + joint_table.joint({"processor": processor, "device": joint_table.device_half(None)})))
            before = page.read_text()
            self.assertEqual(len(rows(before, "device")), 9)
            result.write_text(json.dumps({"date": "2026-01-02", "device": "a device", "check": measured.check(), "cupy": None}))
            subprocess.run([sys.executable, joint_table.__file__, "--device", result, "--write", page], check=True, capture_output=True)
            after = page.read_text()
            self.assertEqual(rows(after, "processor"), rows(before, "processor"))
            self.assertIn("- processor: 2026-01-02, a processor", after)
            self.assertIn("- device: 2026-01-02, a device; ", after)
            self.assertEqual(after.count(joint_table.NOT_RUN), 1)  # CuPy
            self.assertTrue(after.startswith("before\n") and after.endswith("after\n"))
            self.assertEqual(after.count(joint_table.HEAD), 1)


if __name__ == "__main__":
    unittest.main()
