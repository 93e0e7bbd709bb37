"""The campaign's own judgement: what a program must not do is noticed. Each case is a run as a faulty program would leave it."""

import dataclasses
import pathlib
import random
import tempfile
import unittest

from checks import Expected, Judge, content, sides_of
from open_faults import LIST, OpenFaults
from plan import ALL_OF, FIRST, LAST, calls_to_fail, faults_of, sample
from runner import Finding
from scenarios import Scenario
from shim import Fault, Outcome

STORE = Scenario("store", ("count",), ("out/c.h5",))
EXPORT = Scenario("export", ("convert",), ("out/e.toml",), sides="out/e*.raw")
FULL = Fault("pwrite", 3, "ENOSPC")
REFUSED = "countem: out/c.h5: writing failed: No space left on device\n"


class Judgement(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        (self.folder / "out").mkdir()
        self.write("c.h5", "new")
        new = content(self.folder / "out/c.h5")
        self.write("c.h5", "older")
        older = content(self.folder / "out/c.h5")
        self.expected = Expected({"events": 3}, {"out/c.h5": new}, {"out/c.h5": older}, frozenset({"c.h5"}))

    def write(self, name, text):
        (self.folder / "out" / name).write_text(text)

    def complaints(self, code, err="", out='{"events": 3, "seconds": 0.5}', fault=FULL, fired=1, expected=None, scenario=STORE, **disk):
        judge = Judge(scenario, expected or self.expected, self.folder, lambda path: False)
        return [what for what, _ in judge.judge(Outcome(code, out, err, {}, fired, **disk), fault)]

    def test_what_is_right(self):
        self.assertEqual(self.complaints(4, REFUSED), [])
        self.write("c.h5", "new")
        self.assertEqual(self.complaints(4, REFUSED), [], "replaced by the whole new one")
        self.assertEqual(self.complaints(0), [])

    def test_an_input_that_could_not_be_examined_may_be_reported(self):
        self.write("c.h5", "new")
        told = '{"events": 3, "bytes": 120, "warnings": ["in/a.h5: whether it changed while it was read cannot be found out: EIO"]}'
        expected = dataclasses.replace(self.expected, answer={"events": 3, "bytes": 100})
        self.assertEqual(self.complaints(0, out=told, expected=expected), ["another answer"], "no stat() failed")
        self.assertEqual(self.complaints(0, out=told, expected=expected, fault=Fault("stat", 3, "EIO")), [])
        self.assertEqual(self.complaints(0, out=told.replace("3", "4"), expected=expected, fault=Fault("stat", 3, "EIO")), ["another answer"])

    def test_ends(self):
        self.assertEqual(self.complaints(-11), ["signal 11"])
        self.assertEqual(self.complaints(-9, fault=Fault("rename", 1, "KILL")), [])
        self.assertEqual(self.complaints(-9, fault=Fault("rename", 1, "KILL"), fired=0), ["signal 9"])
        self.assertEqual(self.complaints(3, REFUSED), ["exit 3 where the system refused"])
        self.assertEqual(self.complaints(70, "countem: internal error: x"), ["internal error"])
        self.assertEqual(self.complaints(4, REFUSED, fired=0), ["exit 4 without a fault"])
        judge = Judge(STORE, self.expected, self.folder, lambda path: False)
        self.assertEqual(judge.judge(Outcome(-9, "", "", {}, 1, hung=True), FULL)[0][0], "hang")

    def test_sentences(self):
        self.assertEqual(self.complaints(4, ""), ["not one sentence"])
        self.assertEqual(self.complaints(4, "HDF5-DIAG: Error\n  #000: H5F.c\n" + REFUSED), ["not one sentence"])
        self.assertEqual(self.complaints(4, "countem: c.h5 " + 400 * "x"), ["a long sentence"])
        self.assertEqual(self.complaints(4, "countem: writing failed"), ["a sentence that names no file"])
        self.assertEqual(self.complaints(4, "countem: not enough memory", fault=Fault("memory", 1, "ENOMEM")), [])

    def test_outputs_of_a_success(self):
        self.assertEqual(self.complaints(0), ["exit 0 with another content"])
        self.write("c.h5", "new")
        self.assertEqual(self.complaints(0, out='{"events": 2}'), ["another answer"])
        self.assertEqual(self.complaints(0, out="{"), ["the answer is no JSON"])
        self.assertEqual(self.complaints(0, err="warning"), ["words on stderr of a success"])
        self.assertEqual(self.complaints(0, fault=Fault("fsync", 1, "EIO")), ["exit 0 although an output may not be on the disk"])
        self.assertEqual(self.complaints(0, pending_folders=1), ["exit 0 before the names were on disk"])
        self.assertEqual(self.complaints(0, early_names=1), ["a file got its name before it was on disk"])
        self.write("c.h5.countem-unfinished", "")
        self.assertEqual(self.complaints(0), ["exit 0 leaves an unfinished file"])
        (self.folder / "out/c.h5.countem-unfinished").unlink()
        (self.folder / "out/c.h5").unlink()
        self.assertEqual(self.complaints(0), ["exit 0 without an output"])

    def test_outputs_of_a_failure(self):
        self.write("c.h5", "half of n")
        self.assertEqual(self.complaints(4, REFUSED), ["a wrong file under a final name"])
        (self.folder / "out/c.h5").unlink()
        self.assertEqual(self.complaints(4, REFUSED), ["an older output is gone"])
        self.write("c.h5", "older")
        self.write("thumbs.db", "")
        self.assertEqual(self.complaints(4, REFUSED), ["an unknown file"])
        (self.folder / "out/thumbs.db").unlink()
        self.write("c.h5.countem-unfinished", "")
        self.assertEqual(self.complaints(4, REFUSED), ["a failure leaves an unfinished file"])
        self.assertEqual(self.complaints(4, REFUSED, fault=Fault("unlink", 1, "EIO")), [])

    def test_files_that_an_output_names(self):
        self.write("e.toml", 'indptr_file = "e.1.indptr.raw"')
        self.write("e.1.indptr.raw", "12")
        self.assertEqual(sides_of(self.folder / "out/e.toml"), ["e.1.indptr.raw"])
        one = content(self.folder / "out/e.toml")
        self.write("e.toml", 'indptr_file = "e.indptr.raw"')
        self.write("e.indptr.raw", "12")
        self.assertEqual(content(self.folder / "out/e.toml"), one)
        (self.folder / "out/c.h5").unlink()
        expected = Expected({}, {"out/e.toml": one}, {}, frozenset())
        self.assertEqual(self.complaints(0, out="{}", expected=expected, scenario=EXPORT), ["an unknown file"])
        self.write("e.indptr.raw", "123")
        self.assertNotEqual(content(self.folder / "out/e.toml"), one)
        (self.folder / "out/e.indptr.raw").unlink()
        self.assertNotEqual(content(self.folder / "out/e.toml"), one)


class Open(unittest.TestCase):
    def test_lines(self):
        listed = OpenFaults("# comment\nopen pread | exit 3 * | convert_* | why\nrename | * | * | why\n")
        found = Finding("convert_npz", False, "pread", "", "exit 3 where the system refused", "", "")
        self.assertTrue(listed.covers(found))
        self.assertEqual(len(listed.unused()), 1)
        for other in ({"kind": "stat"}, {"what": "signal 6"}, {"scenario": "count"}):
            self.assertFalse(listed.covers(dataclasses.replace(found, **other)))

    def test_the_list_itself(self):
        for line in OpenFaults(LIST.read_text()).lines:
            self.assertEqual(line.count("|"), 3, line)


class Plan(unittest.TestCase):
    def test_calls(self):
        for number in (0, 1, ALL_OF):
            self.assertEqual(list(calls_to_fail(number)), list(range(1, number + 1)))
        many = list(calls_to_fail(30_000))
        self.assertEqual(len(many), 60)
        self.assertEqual((many[:FIRST], many[-LAST:]), (list(range(1, 11)), list(range(29_981, 30_001))))
        self.assertEqual(max(calls_to_fail(61)), 61)

    def test_every_error_of_few_calls(self):
        tried = {(fault.error, fault.sticky) for fault in faults_of({"rename": 1}, 0)}
        self.assertIn(("KILL_AFTER", False), tried)
        self.assertIn(("ENOSPC", True), tried)
        self.assertEqual({fault.call for fault in faults_of({"pread": 50}, 0)}, set(range(1, 51)))

    def test_a_sample_has_all_kinds(self):
        jobs = [(STORE, False, Fault(kind, call, "EIO")) for kind, calls in (("pread", 500), ("rename", 2)) for call in range(calls)]
        chosen = sample(jobs, 10, random.Random(1))
        self.assertEqual(len(chosen), 10)
        self.assertEqual(sum(fault.kind == "rename" for _, _, fault in chosen), 2)
        self.assertEqual(sample(jobs, 10, random.Random(1)), chosen)


if __name__ == "__main__":
    unittest.main()
