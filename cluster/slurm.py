"""A run as a batch job of SLURM: the script that starts Ray on the job's nodes, and its submission.

The script (``deploy/slurm.sh.jinja``) is all that the job needs: it can be read, changed and
submitted by hand. Decision 0019 says why it starts Ray itself.
"""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.private_ray import OBJECT_STORE_BYTES, ONE_THREAD_EACH

TEMPLATE = Path(__file__).with_name("deploy") / "slurm.sh.jinja"

OWN = (
    *("job-name", "nodes", "ntasks", "ntasks-per-node", "cpus-per-task", "time", "output", "mem"),
    *("open-mode", "requeue", "no-requeue", "signal", "partition", "account", "array", "chdir"),
)
"""Options of sbatch that the script sets, or that would break it."""


@dataclass(frozen=True)
class Batch:
    """What is asked of SLURM.

    Attributes:
        nodes: how many, at least 1.
        time: limit as SLURM writes it: "90", "HH:MM:SS", "D-HH:MM:SS" and so on.
        cpus_per_task: cores of each node; None for whole nodes, with all of their cores.
        mem: of each node, such as "4G"; None for the site's default.
        partition, account: None for the site's default.
        options: other options of sbatch, such as "--qos=long".
        setup: lines of shell that make ``spikeloop`` available on a node, or "" for the
            installation that runs now.
        notice_s: seconds before the limit at which the run commits and is queued again.
        patience_s: seconds to wait until Ray runs on all nodes.
    """

    nodes: int
    time: str
    cpus_per_task: int | None = None
    mem: str | None = None
    partition: str | None = None
    account: str | None = None
    options: Sequence[str] = ()
    setup: str = ""
    notice_s: int = 120
    patience_s: int = 300

    def __post_init__(self) -> None:
        """ValueError, naming the option, for what SLURM or the script would not take."""
        if self.time_s <= self.notice_s:
            raise ValueError(
                f"--time must be longer than the notice of {self.notice_s} s (--notice), got "
                f"{self.time}"
            )
        if self.mem is not None and not re.fullmatch(r"\d+[KMGT]?", self.mem, re.ASCII):
            raise ValueError(
                f"--mem must be a number with K, M, G or T, such as 4G, got {self.mem!r}"
            )
        for option, value in (("partition", self.partition), ("account", self.account)):
            if value is not None and not re.fullmatch(r"[\w.,@+-]+", value, re.ASCII):
                raise ValueError(f"--{option} must be a plain name, got {value!r}")
        for text in self.options:
            found = re.fullmatch(r"--([a-z][a-z-]*)(=.+)?", text)
            if found is None or not text.isprintable():
                raise ValueError(f"--option must look like --qos=long, got {text!r}")
            if found[1] in OWN:
                raise ValueError(f"--option {text} would break the script, which sets it itself")

    @property
    def time_s(self) -> int:
        """The limit in seconds; ValueError if it is not written as SLURM writes it."""
        found = re.fullmatch(
            r"(?:(?P<d>\d+)-)?(?P<a>\d+)(?::(?P<b>\d+))?(?::(?P<c>\d+))?", self.time, re.ASCII
        )
        if found is None:
            raise ValueError(
                "--time must be minutes, HH:MM:SS or D-HH:MM:SS, such as 02:30:00, got "
                f"{self.time!r}"
            )
        days, *parts = (int(found[part] or 0) for part in "dabc")
        if found["d"] is not None or found["c"] is not None:
            hours, minutes, seconds = parts
        else:
            hours, (minutes, seconds) = 0, parts[:2]
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def script(batch: Batch, name: str, config: Path, out: Path, sets: Sequence[str] = ()) -> str:
    """The batch script of a run.

    Args:
        batch: what is asked of SLURM.
        name: of the run; letters, digits, ".", "_" and "-".
        config: the configuration; the job works in its folder.
        out: folder for run folders, which all nodes see.
        sets: overrides, as "table.key=value".
    """
    import jinja2

    config, out = config.resolve(), out.resolve()
    command = ["spikeloop", "run", f"./{config.name}", "--resume", "--out", str(out)]
    command += [part for text in sets for part in ("--set", text)]
    lines = [
        f"--{option}={value}"
        for option, value in (
            ("mem", batch.mem),
            ("partition", batch.partition),
            ("account", batch.account),
        )
        if value is not None
    ]
    bin_ = shlex.quote(str(Path(sys.executable).parent))
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quote"] = lambda path: shlex.quote(str(path))
    return environment.from_string(TEMPLATE.read_text()).render(
        name=name,
        nodes=batch.nodes,
        cpus_per_task=batch.cpus_per_task,
        time=batch.time,
        time_s=batch.time_s,
        notice_s=batch.notice_s,
        patience_s=batch.patience_s,
        lines=[*lines, *batch.options],
        setup=batch.setup.strip() or f'export PATH={bin_}:"$PATH"',
        out=out,
        folder=config.parent,
        threads=[f"{library}={n}" for library, n in ONE_THREAD_EACH.items()],
        store_bytes=OBJECT_STORE_BYTES,
        command=shlex.join(command),
    )


def write(text: str, name: str, out: Path) -> Path:
    """Writes a script where the run's folder will be; OSError if that cannot be."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.sbatch"
    path.write_text(text, errors="surrogateescape")
    return path


def submit(path: Path) -> str:
    """Hands a script to SLURM and gives the job's number; PoolError if SLURM does not take it."""
    if shutil.which("sbatch") is None:
        raise PoolError(
            f"{path}: written, but sbatch is not found here; log in where jobs are submitted and "
            "there: cd to its folder and sbatch it"
        )
    # Its folder is the job's, so that no path stands in a line that SLURM reads.
    done = subprocess.run(
        ["sbatch", "--parsable", path.name],
        cwd=path.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"sbatch ended with {done.returncode}"
        raise PoolError(f"{path}: SLURM does not take it: {reason}")
    return done.stdout.strip().partition(";")[0]
