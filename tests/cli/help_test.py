"""Help, version and exit codes: every command, every option."""

import pathlib
import re
import unittest

from program import ProgramTest

COMMANDS = ("simulate", "calibrate", "count", "index", "info", "verify", "recover", "merge", "convert", "reduce", "parallax", "report", "compare", "bench count",
            "bench reductions", "bench machine", "version", "help")
COLUMNS = 100
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "command_line.md"


class Help(ProgramTest):
    def help_of(self, command):
        return self.succeed(*command.split(), "--help")[0]

    def test_every_command_is_listed(self):
        top = self.help_of("")
        for command in COMMANDS:
            self.assertRegex(top, rf"\n  {command.split()[0]} +\S")
        self.assertNotIn("__", top, "hidden commands stay hidden")

    def test_no_line_is_longer_than_a_hundred_columns(self):
        for command in ("", "bench", *COMMANDS):
            for line in self.help_of(command).splitlines():
                self.assertLessEqual(len(line), COLUMNS, f"{command}: {line}")

    def test_every_option_has_a_text(self):
        for command in COMMANDS:
            lines = self.help_of(command).splitlines()
            for number, line in enumerate(lines):
                if not re.match(r" {2,6}-", line):
                    continue
                beside = re.match(r" {2,6}-\S.*?  +(\S.*)", line)
                text = beside[1] if beside else lines[number + 1].strip()
                self.assertGreater(len(text), 8, f"{command}: {line}")

    def test_every_command_has_an_example_that_calls_it(self):
        for command in COMMANDS:
            examples = self.help_of(command).split("\nExamples:\n")
            self.assertEqual(len(examples), 2, command)
            self.assertIn(f"countem {command}", examples[1])

    def test_examples_name_only_options_that_there_are(self):
        for command in COMMANDS:
            text, _, examples = self.help_of(command).partition("\nExamples:\n")
            for line in re.findall(r"^  countem.*", examples, re.MULTILINE):
                for option in re.findall(r" (--?[a-z][a-z-]*)", line):
                    self.assertIn(option, text, line)

    def test_options_stand_in_groups(self):
        for command, groups in {
            "count": ("Raw input", "Calibration", "Counting", "Output", "Running", "Printing"),
            "reduce": ("Images", "Part and binning", "Output", "Running", "Printing"),
            "simulate": ("Simulation", "Running", "Printing"),
        }.items():
            headings = re.findall(r"^(\S.*):$", self.help_of(command), re.MULTILINE)
            self.assertEqual([heading for heading in headings if heading in groups], list(groups), command)

    def test_every_command_has_quiet_and_json(self):
        for command in COMMANDS:
            for option in ("--quiet", "--json", "--help"):
                self.assertIn(option, self.help_of(command), command)

    def test_ways_to_ask_for_help(self):
        count = self.help_of("count")
        self.assertEqual(self.succeed("count", "-h")[0], count)
        self.assertEqual(self.succeed("help", "count")[0], count)
        self.assertEqual(self.succeed("help")[0], self.help_of(""))
        self.assertEqual(self.succeed("-h")[0], self.help_of(""))
        self.assertEqual(self.succeed("help", "bench", "count")[0], self.help_of("bench count"))
        self.assertEqual(self.succeed_json("help", "count"),
                         {"command": "countem count", "help": count, "outputs": [], "warnings": []})
        self.refuse(2, "help", "cuont", mentions=["'count'"])

    def test_version(self):
        told, _ = self.succeed("--version")
        self.assertRegex(told.splitlines()[0], r"^countem \d+\.\d+\.\d+$")
        for option in ("-v", "-V", "version"):
            self.assertEqual(self.succeed(option)[0], told)
        facts = self.succeed_json("version")
        self.assertEqual(f"countem {facts['version']}", told.splitlines()[0])
        self.assertIn("cpu", facts["backends"])
        self.assertIn(f"\nbackends  {', '.join(facts['backends'])}\n", told)
        self.assertRegex(facts["hdf5_version"], r"^1\.\d+\.\d+")
        for key in ("compiler", "simd_target", "tbb_version"):
            self.assertTrue(facts[key], key)
            self.assertIn(facts[key], told)

    def test_exit_codes_are_the_documented_ones(self):
        listed = dict(re.findall(r"^  (\d+) +(\S.*)", self.help_of("").split("\nExit codes:\n")[1], re.MULTILINE))
        self.assertEqual(sorted(map(int, listed)), [0, 2, 3, 4, 5, 70, 130])
        documented = re.findall(r"^\| (\d+) \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
        self.assertEqual([code for code, _ in documented], list(listed))
        for code, meaning in documented:
            self.assertTrue(meaning.startswith(listed[code][:20]), meaning)


if __name__ == "__main__":
    unittest.main()
