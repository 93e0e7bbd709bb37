"""The command line program, run as a user would."""

import json
import os
import pathlib
import subprocess
from dataclasses import dataclass

import h5py
import numpy as np


@dataclass
class Program:
    executable: pathlib.Path

    @classmethod
    def find(cls) -> "Program":
        return cls(pathlib.Path(os.environ["COUNTEM_PROGRAM"]))

    def run(self, *arguments: object) -> dict:
        """Runs a command that must succeed; returns the JSON object it prints, {} where it prints none."""
        done = subprocess.run([self.executable, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{arguments}: exit code {done.returncode}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def refuse(self, *arguments: object) -> str:
        """Runs a command that must be refused, by its input or its options; returns what it prints."""
        done = subprocess.run([self.executable, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode in (2, 3), f"{arguments}: exit code {done.returncode}\n{done.stderr}"
        return done.stderr

    def dense(self, store: pathlib.Path) -> np.ndarray:
        """The counted frames as any HDF5 program sees them."""
        with h5py.File(store) as file:
            return file["/electron_counts/data"][...]
