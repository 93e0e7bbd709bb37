"""Starts the program as several ranks by mpirun, on this machine or on network namespaces that are machines of their own."""

import atexit
import os
import pathlib
import shutil
import subprocess
import tempfile

from program import COUNTEM, ProgramTest

MPIRUN = shutil.which("mpirun")
MODULE = pathlib.Path(COUNTEM).resolve().parent / "libcountem_mpi.so"
WHY_NOT = "" if MPIRUN and MODULE.exists() else "mpirun is not installed" if not MPIRUN else "this build has no MPI (COUNTEM_MPI)"

HOSTS = ("n1", "n2", "n3")
AGENT = """#!/bin/sh
# What Open MPI takes for rsh: HOST COMMAND...
host=$1
shift
exec ip netns exec "$COUNTEM_TEST_NET-$host" unshare --uts --ipc sh -c "hostname $host; $*"
"""


class MpiTest(ProgramTest):
    def start(self, ranks, *arguments, launcher=(), **options):
        """A running mpirun in a session of its own."""
        command = [MPIRUN, "--allow-run-as-root", *(launcher or ("--oversubscribe", "--bind-to", "none")), "-n", str(ranks), COUNTEM, *map(str, arguments)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def run_ranks(self, ranks, *arguments, timeout=300, **options):
        """Exit code, stdout and stderr."""
        running = self.start(ranks, *arguments, **options)
        out, err = running.communicate(timeout=timeout)
        return running.returncode, out, err

    def succeed_on(self, ranks, *arguments, **options):
        code, out, err = self.run_ranks(ranks, *arguments, **options)
        self.assertEqual(code, 0, err)
        return out, err

    def refuse_on(self, ranks, code, *arguments, mentions=(), **options):
        """All ranks end with `code` and one sentence; returns it."""
        got, out, err = self.run_ranks(ranks, *arguments, **options)
        self.assertEqual(got, code, f"stdout: {out}\nstderr: {err}")
        sentences = [line for line in err.splitlines() if line.startswith("countem: ") and not line.startswith("countem: warning")]
        self.assertEqual(len(sentences), 1, err)
        for word in mentions:
            self.assertIn(str(word), sentences[0])
        return sentences[0]


class Network:
    """Machines as network namespaces with names of their own, joined by a bridge. `why_not` is empty where they could be made."""

    def __init__(self):
        self.name = f"ct{os.getpid() % 100000}"
        self.folder = tempfile.TemporaryDirectory()
        self.agent = pathlib.Path(self.folder.name) / "agent.sh"
        self.agent.write_text(AGENT)
        self.agent.chmod(0o755)
        self.subnet = f"10.{64 + os.getpid() % 128}.{os.getpid() // 128 % 256}"
        atexit.register(self.remove)
        self.why_not = self._make()

    def _run(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")

    def _make(self):
        try:
            self._run("ip", "link", "add", self.name, "type", "bridge")
            self._run("ip", "addr", "add", f"{self.subnet}.1/24", "dev", self.name)
            self._run("ip", "link", "set", self.name, "up")
            for number, host in enumerate(HOSTS):
                space, link = f"{self.name}-{host}", f"{self.name}{host}"
                self._run("ip", "netns", "add", space)
                self._run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
                self._run("ip", "link", "set", link, "master", self.name, "up")
                self._run("ip", "-n", space, "addr", "add", f"{self.subnet}.{number + 2}/24", "dev", "eth0")
                self._run("ip", "-n", space, "link", "set", "eth0", "up")
                self._run("ip", "-n", space, "link", "set", "lo", "up")
            self._run("ip", "netns", "exec", f"{self.name}-{HOSTS[0]}", "unshare", "--uts", "--ipc", "true")
        except OSError as reason:
            return f"network namespaces cannot be made here: {reason}"
        return ""

    def launcher(self, ranks_per_host):
        """Options of mpirun, and what it needs in its environment."""
        hosts = ",".join(f"{host}:{ranks_per_host}" for host in HOSTS)
        net = f"{self.subnet}.0/24"
        return {"launcher": ("--mca", "plm_rsh_agent", str(self.agent), "--mca", "plm_rsh_no_tree_spawn", "1", "--mca", "oob_tcp_if_include", net,
                             "--mca", "btl_tcp_if_include", net, "--bind-to", "none", "-x", "COUNTEM_TEST_NET", "--host", hosts),
                "env": {**os.environ, "COUNTEM_TEST_NET": self.name}}

    def remove(self):
        for host in HOSTS:
            subprocess.run(["ip", "netns", "del", f"{self.name}-{host}"], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["ip", "link", "del", self.name], stderr=subprocess.DEVNULL, check=False)
        self.folder.cleanup()
