"""Completion and man pages, made from the definitions of the options: in bash, in zsh and through groff where these are."""

import os
import re
import shutil
import subprocess
import unittest

from program import COUNTEM, ProgramTest

COMMANDS = ("simulate", "calibrate", "count", "index", "info", "verify", "recover", "merge", "convert", "reduce", "parallax", "report", "compare", "bench",
            "bench count", "bench reductions", "bench machine", "version", "help")


class Bash(ProgramTest):
    def offers(self, *words):
        """What bash offers for the last of some words."""
        script = self.directory / "completion.bash"
        script.write_text(self.succeed("__completion", "bash")[0])
        quoted = " ".join(f"'{word}'" for word in words)
        asked = (f"source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _countem; "
                 'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-c", asked], capture_output=True, text=True, timeout=60, cwd=self.directory)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_commands(self):
        self.assertEqual(self.offers("countem", "re"), ["recover", "reduce", "report"])
        self.assertEqual(self.offers("countem", "bench", ""), ["count", "machine", "reductions"])
        self.assertNotIn("__man", self.offers("countem", ""))

    def test_options(self):
        self.assertEqual(self.offers("countem", "count", "--me"), ["--method"])
        self.assertEqual(self.offers("countem", "reduce", "a.h5", "--radial"), ["--radial", "--radial-profile", "--radial-step"])
        self.assertIn("--distinct", self.offers("countem", "bench", "count", "-"))
        self.assertNotIn("--distinct", self.offers("countem", "count", "-"))
        self.assertIn("--version", self.offers("countem", "--"))

    def test_every_option_of_every_command(self):
        for command in COMMANDS:
            text = self.succeed(*command.split(), "--help")[0].partition("\nExamples:\n")[0]
            named = set(re.findall(r"^ {2,6}(?:-\w, )*(--[a-z-]+)", text, re.MULTILINE))
            self.assertLessEqual(named, set(self.offers("countem", *command.split(), "-")), command)

    def test_words_of_a_choice(self):
        self.assertEqual(sorted(self.offers("countem", "count", "--backend", "")), ["automatic", "cpu", "cuda", "reference"])
        self.assertEqual(self.offers("countem", "count", "--backend", "=", "r"), ["reference"])
        self.assertEqual(sorted(self.offers("countem", "count", "--backend", "=")), ["automatic", "cpu", "cuda", "reference"])
        self.assertIn("stempy", self.offers("countem", "convert", "a.h5", "--to", ""))

    def test_a_value_that_no_list_holds(self):
        self.assertEqual(self.offers("countem", "count", "--threshold", "-"), [], "a number, not an option")
        self.assertEqual(self.offers("countem", "count", "--threads", ""), [])

    def test_directories_and_files(self):
        (self.directory / "pictures").mkdir()
        (self.directory / "page.h5").touch()
        self.assertEqual(self.offers("countem", "count", "--png", "p"), ["pictures"])
        self.assertEqual(self.offers("countem", "info", "p"), [], "left to the shell, which knows files")
        self.assertEqual(self.offers("countem", "count", "-o", "p"), [])


class Zsh(ProgramTest):
    def test_the_function_is_one_that_zsh_reads(self):
        if not shutil.which("zsh"):
            self.skipTest("there is no zsh here")
        script = self.directory / "_countem"
        script.write_text(self.succeed("__completion", "zsh")[0])
        done = subprocess.run(["zsh", "-f", "-n", script], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_zsh_offers_words(self):
        if not shutil.which("zsh"):
            self.skipTest("there is no zsh here")
        (self.directory / "_countem").write_text(self.succeed("__completion", "zsh")[0])
        for typed, offered in {"countem recov\t": "recover", "countem count --row-n\t": "--row-noise",
                               "countem count --backend refer\t": "reference"}.items():
            # A zsh in a pseudo-terminal completes the line; its own prompt shows what became of it.
            asked = (f"zmodload zsh/zpty; zpty z TERM=dumb PS1= zsh -f -i; "
                     f"zpty -w z 'fpath=({self.directory} $fpath); autoload -Uz compinit; compinit -u -D; print READY'; "
                     f"zpty -r -m z line '*READY*READY*'; zpty -w -n z '{typed}'; sleep 2; zpty -r -m z line '*{offered}*'; "
                     'print -r -- "$line"; zpty -d z')
            done = subprocess.run(["zsh", "-f", "-c", asked], capture_output=True, text=True, timeout=60)
            self.assertIn(offered, done.stdout, typed)

    def test_every_command_has_its_function(self):
        script = self.succeed("__completion", "zsh")[0]
        self.assertTrue(script.startswith("#compdef countem\n"))
        for command in COMMANDS:
            self.assertIn(f"_countem_{command.replace(' ', '_')}() {{", script)


class ManPages(ProgramTest):
    def test_every_page_is_whole(self):
        for command in ("", *COMMANDS):
            page = self.succeed("__man", *command.split())[0]
            for heading in ("NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS", "SEE ALSO"):
                self.assertIn(f"\n.SH {heading}\n", page, command)
            helped = self.succeed(*command.split(), "--help")[0].partition("\nExamples:\n")[0]
            for option in re.findall(r"^ {2,6}(?:-\w, )*(--[a-z-]+)", helped, re.MULTILINE):
                self.assertIn("\\fB" + option.replace("-", "\\-") + "\\fR", page, command)

    def test_only_commands_with_examples_have_that_heading(self):
        self.assertIn("\n.SH EXAMPLES\n.TP\n", self.succeed("__man", "count")[0])
        self.assertNotIn(".SH EXAMPLES", self.succeed("__man", "__completion")[0])

    def test_options_name_those_that_they_exclude(self):
        page = self.succeed("__man", "count")[0].replace("\\-", "-")
        entries = re.findall(r"\.TP\n(?:\\fB-\w\\fR, )?\\fB(--[a-z-]+)\\fR.*\n(.*)", page)
        excluded = {name: text.partition("not with ")[2].rstrip("]") for name, text in entries if "not with" in text}
        self.assertEqual(excluded.pop("--live"), "--part, --resume")
        self.assertEqual(excluded.pop("--part"), "--live, --png")
        self.assertEqual(excluded.pop("--png"), "--part")
        self.assertEqual(excluded.pop("--resume"), "--live")
        self.assertEqual(excluded.pop("--threshold"), "--false-events")
        self.assertEqual(excluded.pop("--background-sigma"), "--false-events")
        self.assertEqual(excluded.pop("--false-events"), "--background-sigma, --threshold")
        replaced = sorted(excluded.pop("--calibration").split(", "))
        self.assertEqual(replaced, sorted(excluded))
        self.assertEqual(set(excluded.values()), {"--calibration"})

    def test_groff_has_no_warnings(self):
        if not shutil.which("groff"):
            self.skipTest("there is no groff here")
        for command in ("", *COMMANDS):
            page = self.succeed("__man", *command.split())[0]
            done = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-z"], input=page, capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""), command)

    def test_man_shows_the_page(self):
        if not shutil.which("man") or not shutil.which("groff"):
            self.skipTest("there is no man here")
        page = self.directory / "countem-count.1"
        page.write_text(self.succeed("__man", "count")[0])
        done = subprocess.run(["man", "-l", page], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "MANPAGER": "cat", "LC_ALL": "C", "MANWIDTH": "100"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for word in ("COUNTEM-COUNT(1)", "--row-noise STATISTIC", "EXIT STATUS", "130"):
            self.assertIn(word, re.sub(".\b", "", done.stdout))


if __name__ == "__main__":
    unittest.main()
