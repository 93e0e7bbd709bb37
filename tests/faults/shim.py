"""Runs the program with the preloaded library of fault_shim.c."""

import dataclasses
import os
import pathlib
import signal
import struct
import subprocess

# The order of `enum kind` in fault_shim.c.
KINDS = ("read", "pread", "write", "pwrite", "fsync", "ftruncate", "rename", "open", "close", "fallocate", "stat", "mmap", "lock",
         "unlink", "mkdir", "access", "readlink", "attributes", "memory", "thread")
COUNTERS = struct.Struct(f"={len(KINDS)}q3q")
CLOCK = 1_700_000_000  # what all runs take for the time: equal runs write equal bytes
TIMEOUT_S = 20


@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str
    call: int  # which call of its kind fails, from 1
    error: str  # errno, SHORT, KILL or KILL_AFTER
    sticky: bool = False  # all later calls of the kind fail, too

    @property
    def kills(self):
        return self.error.startswith("KILL")

    def environment(self):
        return {"FAULT_KIND": self.kind, "FAULT_CALL": str(self.call), "FAULT_ERROR": self.error, "FAULT_STICKY": str(int(self.sticky))}

    def __str__(self):
        return f"{self.kind} call {self.call}{' and all later ones' if self.sticky else ''}: {self.error}"


@dataclasses.dataclass(frozen=True)
class Outcome:
    code: int  # negative: the signal that ended it
    out: str
    err: str
    calls: dict  # how many of each kind
    fired: int  # how many calls failed by intent
    hung: bool = False
    early_names: int = 0  # files that got their names before their content was on disk
    pending_folders: int = 0  # folders whose newest names were not on disk in the end


class Shim:
    def __init__(self, program, library):
        self.program = str(pathlib.Path(program).resolve())
        self.library = str(pathlib.Path(library).resolve())

    def environment(self, folder, fault=None):
        chosen = fault.environment() if fault else {}
        return {**os.environ, "LD_PRELOAD": self.library, "FAULT_CLOCK": str(CLOCK), "FAULT_FOLDER": str(folder),
                "FAULT_LOG": str(folder) + ".calls", **chosen}

    def start(self, arguments, folder):
        """A process without faults, working in `folder`, for whoever ends it."""
        return subprocess.Popen([self.program, *arguments], cwd=folder, env=self.environment(folder), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run(self, arguments, folder, fault=None):
        log = pathlib.Path(str(folder) + ".calls")
        log.unlink(missing_ok=True)
        process = subprocess.Popen([self.program, *arguments], cwd=folder, env=self.environment(folder, fault), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        hung = False
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            hung = process.poll() is None  # it may have ended while this script was stopped
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
        if not log.exists():
            raise RuntimeError(f"the fault library did not run: {err.decode(errors='replace')}")
        *calls, fired, early_names, pending_folders = COUNTERS.unpack(log.read_bytes())
        return Outcome(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"), dict(zip(KINDS, calls)), fired, hung,
                       early_names, pending_folders)

    def reproduction(self, arguments, fault):
        """A line for a shell in a folder that holds in/ and out/."""
        chosen = " ".join(f"{name}={value}" for name, value in fault.environment().items()) if fault else ""
        return f"FAULT_FOLDER=$PWD {chosen} LD_PRELOAD=libcountem_faults.so countem {' '.join(arguments)}"
