"""Runs the program under test."""

import fcntl
import json
import os
import pathlib
import pty
import signal
import struct
import subprocess
import tempfile
import termios
import unittest

COUNTEM = os.environ["COUNTEM"]

# A shell starts what runs in the background with signals ignored, and the program under test would inherit that.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


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

    def shown_on_a_terminal(self, *arguments, columns=None, **environment):
        """What the program writes to stderr where that is a terminal, one that can draw lines over unless `environment` differs."""
        environment = {"TERM": "xterm", "NO_COLOR": "", **environment}
        terminal, end = pty.openpty()
        if columns is not None:
            fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        subprocess.run([COUNTEM, *map(str, arguments)], stderr=end, check=True, timeout=120, env={**os.environ, **environment})
        os.close(end)
        shown = b""
        try:
            while piece := os.read(terminal, 65536):
                shown += piece
        except OSError:
            pass  # how Linux says that the other end is closed
        os.close(terminal)
        return shown

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
