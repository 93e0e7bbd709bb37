"""Slurm on one machine: munged, slurmctld and slurmd daemons of their own ports, in a folder of their own, for as long as wanted."""

import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

DAEMONS = ("munged", "slurmctld", "slurmd")
COMMANDS = ("sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
_PR_SET_PDEATHSIG = 1
_FOLDERS_OF_DAEMONS = os.pathsep.join(("/usr/sbin", "/usr/local/sbin", "/sbin"))

CONFIGURATION = """
ClusterName=countem
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=2
JobRequeue=1
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def program(name):
    return shutil.which(name) or shutil.which(name, path=_FOLDERS_OF_DAEMONS)


def missing_programs():
    """What of Slurm and munge is not installed here."""
    return [name for name in (*DAEMONS, *COMMANDS) if program(name) is None]


def _free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _dies_with_us():
    """Also where the test itself is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Slurm:
    """A cluster of `nodes` nodes of `cpus` processors each, called node1 and on. As a context it is started, and stopped with all it runs."""

    def __init__(self, folder, nodes=4, cpus=2):
        self.folder = pathlib.Path(folder)
        self.nodes = [f"node{number}" for number in range(1, nodes + 1)]
        self._cpus = cpus
        self._running = []
        # The daemons' own variable marks all that they start: what is left of them is found by it.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "OMPI", "PMI"))}
        self.environment["SLURM_CONF"] = str(self.folder / "slurm.conf")

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def _start(self):
        self.folder.chmod(0o755)
        (self.folder / "state").mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        controller, *ports = _free_ports(len(self.nodes) + 1)
        lines = []
        for node, port in zip(self.nodes, ports):
            (self.folder / f"spool.{node}").mkdir()
            lines.append(f"NodeName={node} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs={self._cpus} State=UNKNOWN")
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            host=socket.gethostname().partition(".")[0], controller_port=controller, user=pwd.getpwuid(os.geteuid()).pw_name, folder=self.folder,
            nodes="\n".join(lines)))
        files = [f"--{what}={self.folder}/munge.{ending}" for what, ending in
                 (("key-file", "key"), ("socket", "socket"), ("pid-file", "pid"), ("log-file", "log"), ("seed-file", "seed"))]
        self._run("munged", "--foreground", "--force", "--num-threads=2", *files)
        self._wait_for("munged", (self.folder / "munge.socket").exists)
        self._run("slurmctld", "-D")
        for node in self.nodes:
            self._run("slurmd", "-D", "-N", node)
        self._wait_for("nodes", lambda: self.ask("sinfo", "--noheader", "--format=%T %D").split() == ["idle", str(len(self.nodes))])

    def _run(self, name, *arguments):
        with open(self.folder / f"{name}.{len(self._running)}.out", "wb") as out:
            self._running.append(subprocess.Popen([program(name), *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.environment,
                                                  preexec_fn=_dies_with_us, start_new_session=True))

    def _wait_for(self, what, ready, seconds=30):
        end = time.monotonic() + seconds
        while not ready():
            ended = [process.args[0] for process in self._running if process.poll() is not None]
            if ended or time.monotonic() > end:
                raise RuntimeError(f"{what}: {'ended: ' + ', '.join(ended) if ended else 'not ready'}\n{self.logs()}")
            time.sleep(0.05)

    def logs(self):
        """The last lines of all daemons."""
        return "\n".join(f"== {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-15:])
                         for path in sorted(self.folder.glob("*.log")) if path.stat().st_size)

    def ask(self, *command):
        """What a command of Slurm prints; empty where it fails."""
        done = subprocess.run([program(command[0]), *command[1:]], capture_output=True, text=True, env=self.environment, timeout=30, check=False)
        return done.stdout if done.returncode == 0 else ""

    def run(self, command, folder, **variables):
        """What a command prints that was run in a folder with more variables. Raises subprocess.CalledProcessError."""
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**self.environment, **variables}, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def wait(self, seconds=60):
        """Until no job is left. Raises RuntimeError."""
        end = time.monotonic() + seconds
        while jobs := self.ask("squeue", "--noheader", "--format=%i %j %T %r"):
            if time.monotonic() > end:
                raise RuntimeError(f"jobs are left after {seconds} s:\n{jobs}\n{self.logs()}")
            time.sleep(0.1)

    def states(self):
        """Of all jobs that are known, by job or job_task."""
        found = {}
        for line in self.ask("scontrol", "show", "job", "--oneliner").splitlines():
            facts = dict(word.split("=", 1) for word in line.split() if "=" in word)
            name = f"{facts['ArrayJobId']}_{facts['ArrayTaskId']}" if "ArrayTaskId" in facts else facts["JobId"]
            found[name] = facts["JobState"]
        return found

    def stop(self):
        """Ends jobs and daemons, whatever state they are in."""
        if self._running and (self.folder / "slurm.conf").exists():
            self.ask("scancel", "--quiet", f"--user={pwd.getpwuid(os.geteuid()).pw_name}")
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            for process in reversed(self._running):
                if process.poll() is None:
                    process.send_signal(signal_number)
            for process in self._running:
                try:
                    process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    pass
        for pid in self.left():  # what a daemon started and did not end
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def left(self):
        """Processes of this cluster that run: daemons, and what they started."""
        mark = f"SLURM_CONF={self.folder / 'slurm.conf'}".encode()
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if int(entry.name) != os.getpid() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                pass  # it ended, or is another user's
        return found
