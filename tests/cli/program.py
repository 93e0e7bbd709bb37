"""Runs the program under test."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

COUNTEM = os.environ["COUNTEM"]


class ProgramTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)

    def run_program(self, *arguments, timeout=120, **options):
        """Exit code, stdout and stderr; never waits for input."""
        done = subprocess.run([COUNTEM, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, **options)
        return done.returncode, done.stdout, done.stderr

    def succeed(self, *arguments, **options):
        code, out, err = self.run_program(*arguments, **options)
        self.assertEqual(code, 0, err)
        return out, err

    def succeed_json(self, *arguments, **options):
        out, _ = self.succeed(*arguments, "--json", **options)
        return json.loads(out)

    def refuse(self, code, *arguments, mentions=(), **options):
        """The program ends with `code` and one sentence on stderr that mentions all of `mentions`."""
        got, out, err = self.run_program(*arguments, **options)
        self.assertEqual(got, code, f"stdout: {out}\nstderr: {err}")
        last = err.strip().splitlines()[-1]
        if code != 2:
            self.assertTrue(last.startswith("countem: "), err)
        for word in mentions:
            self.assertIn(str(word), err)
        return err
