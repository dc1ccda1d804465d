"""A SLURM site of two nodes on this one machine: the real daemons, and nothing left behind.

The caller runs as root in namespaces of its own (``enter``), so whatever happens, the kernel ends
every daemon and every job with it, and takes every mount away. It is the site's login node: it runs
munged and slurmctld. Each node has its own network, host name, processes, ``/tmp`` and
``/dev/shm``, and sees the same files otherwise, as the nodes of a cluster with a shared home do.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

PRIVATE = "SPIKELOOP_SLURM_PRIVATE"
ROOT = Path("/run/site")
SUBNET = "10.214.7"
NODES = ("n1", "n2")
LIMIT_S = 300.0
APART = ["unshare", "--net", "--uts", "--ipc", "--mount", "--pid"]
APART += ["--fork", "--mount-proc", "--kill-child"]
"""What a command begins with that runs in namespaces of its own."""
NEEDED = ("slurmctld", "slurmd", "sbatch", "munged", "unshare", "nsenter", "ip", "mount")

# A job that is queued again waits as long as a credential is valid: 20 s instead of two minutes.
CONF = f"""
ClusterName=test
SlurmctldHost=login({SUBNET}.1)
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={ROOT}/munge.socket,cred_expire=20
StateSaveLocation={ROOT}/state
SlurmdSpoolDir={ROOT}/%n/spool
SlurmctldPidFile={ROOT}/slurmctld.pid
SlurmdPidFile={ROOT}/%n/slurmd.pid
SlurmctldLogFile={ROOT}/slurmctld.log
SlurmdLogFile={ROOT}/%n/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=batch_sched_delay=1,sched_interval=5,bf_interval=5
KillWait=15
MinJobAge=3600
ReturnToService=2
MpiDefault=none
SlurmdParameters=config_overrides
NodeName=n1 NodeAddr={SUBNET}.2 CPUs=2 RealMemory=4000
NodeName=n2 NodeAddr={SUBNET}.3 CPUs=2 RealMemory=4000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=30
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=9
"""

NODE = """
set -e
hostname "$1"
mount --bind "$2/tmp" /tmp
mount --bind "$2/shm" /dev/shm
ip link set lo up
slurmd -D -N "$1"
exit  # a shell that waits also buries the orphans of jobs, as the first process of a machine has to
"""


def missing() -> str:
    """Why there can be no site here, or ""."""
    if os.geteuid() != 0:
        return "it needs root, for namespaces"
    if absent := [name for name in NEEDED if shutil.which(name, path=_path()) is None]:
        return f"{', '.join(absent)} not found (Debian: slurm-wlm, munge, iproute2)"
    if Path(sys.prefix).is_relative_to("/tmp"):
        return f"{sys.prefix} lies below /tmp, of which each node has its own"
    probe = ["unshare", "--net", "--mount", "ip", "link", "add", "probe", "type", "bridge"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        return "this process may not make namespaces and bridges"
    return ""


def enter(arguments: Sequence[str]) -> None:
    """Starts this program again in namespaces of its own, unless it is there already."""
    if PRIVATE in os.environ:
        return
    command = [*APART, sys.executable, *arguments]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "SLURM_", "SBATCH_"))}
    os.execvpe(command[0], command, {**kept, PRIVATE: "1", "PATH": _path()})


class Site:
    """Starts with the block and ends with it.

    Attributes:
        environment: for the site's commands.
        shared: a folder that all nodes see.
    """

    def __init__(self) -> None:
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(ROOT / "slurm.conf"),
            "HOME": str(ROOT / "home"),
        }
        self.shared = ROOT / "home"
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self._run("mount -t tmpfs tmpfs /run")
        ROOT.mkdir(mode=0o755)
        own = [f"{node}/{folder}" for node in NODES for folder in ("tmp", "shm", "spool")]
        for name in ("state", "home", *own):
            (ROOT / name).mkdir(parents=True)
        (ROOT / "slurm.conf").write_text(CONF)
        (ROOT / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        self._run("hostname login")
        self._run("ip link set lo up")
        self._run("ip link add bridge type bridge")
        self._run(f"ip address add {SUBNET}.1/24 dev bridge")
        self._run("ip link set bridge up")
        # One file of names for all, so that a node can resolve the others as on a real site.
        names = ["127.0.0.1 localhost", f"{SUBNET}.1 login"]
        names += [f"{SUBNET}.{2 + i} {name}" for i, name in enumerate(NODES)]
        (ROOT / "hosts").write_text("\n".join(names) + "\n")
        self._run(f"mount --bind {ROOT}/hosts /etc/hosts")
        self._munge()
        self._start("slurmctld", "-D", "-i")
        for number, name in enumerate(NODES):
            self._node(name, number)
        self.wait("all nodes to be idle", lambda: self.ask("sinfo", "-h", "-o", "%T") == "idle")
        return self

    def __exit__(self, *error: object) -> None:
        for process in (*self._nodes.values(), *self._daemons):
            process.kill()
        for process in (*self._nodes.values(), *self._daemons):
            process.wait()

    def ask(self, *command: str, check: bool = True) -> str:
        """What a command of the site says."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def job(self, job: str) -> dict[str, str]:
        """All that SLURM knows of a job."""
        text = self.ask("scontrol", "show", "job", job, "--oneliner")
        return dict(re.findall(r"(\S+?)=(\S*)", text))

    def wait(self, what: str, reached: Callable[[], bool], limit_s: float = LIMIT_S) -> float:
        """Seconds until a point is reached; RuntimeError if it is not."""
        started = time.monotonic()
        while time.monotonic() < started + limit_s:
            if reached():
                return time.monotonic() - started
            time.sleep(0.1)
        raise RuntimeError(f"waited {limit_s:.0f} s in vain for {what}")

    def on(self, node: str, *command: str) -> str:
        """What a command says in the network and among the files of a node."""
        own = f"/proc/{self._nodes[node].pid}/ns"
        return self.ask("nsenter", f"--net={own}/net", f"--mount={own}/mnt", *command)

    def last_job(self) -> str:
        """The number of the newest job."""
        jobs = self.ask("squeue", "-h", "-t", "all", "-o", "%A").split()
        return max(jobs, key=int, default="0")

    def listening(self, node: str) -> list[str]:
        """What listens on a node, as "address:port program"."""
        lines = self.on(node, "ss", "-Hltnp").splitlines()
        return [f"{line.split()[3]} {line.split()[-1]}" for line in lines]

    def kill_of(self, job: str, program: str) -> None:
        """Ends one process of a job as the kernel does where memory runs out."""
        wanted = f"SLURM_JOB_ID={job}\0".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (entry / "comm").read_text().strip() != program:
                    continue
                if wanted in (entry / "environ").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)
                    return
        raise RuntimeError(f"job {job} has no process {program}")

    def left_by(self, job: str) -> list[str]:
        """Processes and temporary files of a job on any node."""
        wanted = f"SLURM_JOB_ID={job}\0".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                line = command.decode(errors="replace")
                if wanted in (entry / "environ").read_bytes() or f"spikeloop-{job}" in line:
                    found.append(f"{entry.name} {line[:100]}")
        for node in NODES:
            found += map(str, (ROOT / node / "tmp").glob("*"))
            found += map(str, (ROOT / node / "shm").glob("*"))
        return sorted(found)

    def _munge(self) -> None:
        key = ROOT / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        options = ("socket", "key-file", "log-file", "pid-file", "seed-file")
        paths = [f"--{name}={ROOT}/munge.{name.removesuffix('-file')}" for name in options]
        self._start("munged", "--foreground", "--force", *paths)
        self.wait("munged", (ROOT / "munge.socket").exists)

    def _node(self, name: str, number: int) -> None:
        command = [*APART, "sh", "-c", NODE, "sh", name, str(ROOT / name)]
        self._nodes[name] = node = self._popen(command, name)
        own = os.readlink("/proc/self/ns/net")

        def apart() -> bool:
            with suppress(OSError):
                return os.readlink(f"/proc/{node.pid}/ns/net") != own
            return False

        self.wait(f"the network of {name}", apart)
        there = f"nsenter --net=/proc/{node.pid}/ns/net"
        self._run(f"ip link add to-{name} type veth peer name eth0 netns {node.pid}")
        self._run(f"ip link set to-{name} master bridge up")
        self._run(f"{there} ip address add {SUBNET}.{2 + number}/24 dev eth0")
        self._run(f"{there} ip link set eth0 up")

    def _start(self, *command: str) -> None:
        self._daemons.append(self._popen(command, command[0]))

    def _popen(self, command: Sequence[str], name: str) -> subprocess.Popen[bytes]:
        with open(ROOT / f"{name}.out", "ab") as log:
            return subprocess.Popen(
                command,
                env=self.environment,
                cwd="/",  # a folder that no mount hides from the nodes
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _run(self, command: str) -> None:
        subprocess.run(command.split(), check=True, timeout=60)


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
