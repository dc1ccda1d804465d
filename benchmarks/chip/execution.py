"""What a program executes under an emulator of PowerPC (qemu-user) that logs every instruction."""

import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from processor_programs import run

LATENCY = (("mul", 4), ("div", 31), ("l(?!i)", 3), ("st", 3), ("", 1))
"""Cycles until the result of an instruction is there, by the beginning of its name, as the
processor's public sources state them: ``mul_latency``, ``div_latency``, ``ls_bus_latency`` and
``default_latency`` of electronicvisions/nux, src/rtl/packages/frontend_pkg.sv. It issues one
instruction a cycle at most, in order."""


class Executed(NamedTuple):
    """What each function executes.

    Attributes:
        instructions: by function.
        cycles: the sum of their latencies, as if none overlapped with the next one.
        calls: a call begins at a function's first instruction.
    """

    instructions: Counter[str]
    cycles: Counter[str]
    calls: Counter[str]


def executed_by_function(program: Path, standard_input: bytes = b"") -> Executed:
    """Run a program under the emulator."""
    at: Counter[tuple[str, int]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        command = ("qemu-ppc", "-one-insn-per-tb", "-d", "exec,nochain", "-D", str(log))
        subprocess.run(
            [*command, str(program)], input=standard_input, stdout=subprocess.DEVNULL, check=True
        )
        with log.open() as lines:
            for line in lines:
                if line.startswith("Trace"):
                    place, _, function = line.split("/", 1)[1].partition("/")
                    at[function.rsplit(" ", 1)[1].rstrip(), int(place, 16)] += 1
    cycles, found = latencies(program), Executed(Counter(), Counter(), Counter())
    for (function, address), n in sorted(at.items()):
        found.calls.setdefault(function, n)
        found.instructions[function] += n
        found.cycles[function] += n * cycles[address]
    return found


def latencies(program: Path) -> dict[int, int]:
    """Return the latency of each instruction of a program, by its address."""
    listed = run("powerpc-linux-gnu-objdump", "-d", "--no-show-raw-insn", str(program))
    found = re.findall(r"^\s*([0-9a-f]+):\s+(\S+)", listed, re.MULTILINE)
    return {
        int(address, 16): next(n for begins, n in LATENCY if re.match(begins, name))
        for address, name in found
    }
