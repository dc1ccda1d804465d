"""Build the plasticity processor's programs and read what the compiler says of them.

The C and the Makefile are in ``workers/chip/ppu/c``. The compiler is Debian's for 32-bit PowerPC,
gcc-powerpc-linux-gnu.
"""

import re
import subprocess
from collections import defaultdict
from collections.abc import Collection
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "workers" / "chip" / "ppu" / "c"
LEVELS = ("-O0", "-Os", "-O2")
RULES = (
    *("td_published", "td_lambda", "td_advantage", "reward_stdp"),
    *("incremental", "posterior_mean", "plasticity_network", "plasticity_network_published"),
    *("formula", "td_network"),
)

NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "[^"]*?(\d+) bytes', re.MULTILINE)
EDGE = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', re.MULTILINE)


def build(target: str, folder: Path | str, **variables: str) -> Path:
    """Make a target of the Makefile and return its path.

    Args:
        target: its name, such as ``episode.elf``.
        folder: for all that is made; what was made there with the same ``LEVEL`` and ``DEFINES``
            is used again.
        variables: of the Makefile, such as ``RULE``.
    """
    made = Path(folder, target)
    made.unlink(missing_ok=True)
    settings = [f"{name}={value}" for name, value in {"BUILD": str(folder), **variables}.items()]
    run("make", "--silent", f"--directory={SOURCES}", *settings, str(made))
    return made


def section_bytes(elf: Path) -> dict[str, int]:
    """Return the bytes of each section of a program, by its name without the dot."""
    listed = run("powerpc-linux-gnu-size", "-A", str(elf))
    return {name: int(size) for name, size in re.findall(r"^\.(\S+)\s+(\d+)", listed, re.MULTILINE)}


def stack_bytes(folder: Path | str, others: Collection[str] = ()) -> int:
    """Return the bytes of the deepest chain of calls of a program that was made in a folder.

    The compiler notes the frame of each function and what it calls; there is no recursion, and
    there are no pointers to functions.

    Args:
        folder: where it was made.
        others: names of files that were compiled there for other programs.
    """
    frames: dict[str, int] = {}
    callees: dict[str, set[str]] = defaultdict(set)
    for path in sorted(Path(folder).glob("*.ci")):
        if path.stem in others:
            continue
        graph = path.read_text()
        frames |= {title: int(size) for title, size in NODE.findall(graph)}
        for caller, callee in EDGE.findall(graph):
            callees[caller].add(callee)

    @cache
    def deepest(function: str) -> int:
        return frames.get(function, 0) + max(map(deepest, callees[function]), default=0)

    return deepest("start")


def run(*command: str) -> str:
    """Run a program and return what it prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
