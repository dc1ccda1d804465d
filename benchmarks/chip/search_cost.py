"""What a search on the plasticity processor takes: bytes by section, and instructions.

``python benchmarks/chip/search_cost.py`` compiles the search in ``workers/chip/ppu/c`` for 32-bit
PowerPC (Debian: gcc-powerpc-linux-gnu, make) and prints the bytes of its sections. Then it runs
searches of different sizes under an emulator of user programs that logs every instruction
(qemu-user), and solves for what a generation, a task, an episode and a decision take. What stands
in place of the chip there is left out, but for the synapses, which are counted as the chip's code
reads and writes them; a vector instruction counts as one.
"""

import re
import struct
import tempfile
from dataclasses import dataclass

import numpy as np
from execution import executed_by_function
from processor_programs import LEVELS, build, run, section_bytes, stack_bytes

ALGORITHMS = ("evolution", "one_plus_one", "spsa", "annealing")
N_TRACE = 256
MAILBOX_BYTES, MEMORY_BYTES = 4096, 16384
STAND_INS = re.compile(r"decide|print|print_word|read_weights|write_weights|wait_cycles|send|sleep")
"""Functions of linux.c; those of its start come before the search and cancel out."""

USED = ("code", "constants", "data", "task", "stack")
SYNAPSES = ("read_weights", "write_weights")


@dataclass(frozen=True)
class Program:
    """A rule and its tasks.

    Attributes:
        name: for the tables.
        rule: file of the rule.
        environment: of its tasks.
        sizes: states, actions and coordinates.
        rule_bytes: of the rule's constants in the mailbox.
        switches: of its files.
    """

    name: str
    rule: str
    environment: str
    sizes: tuple[int, int, int]
    rule_bytes: int
    switches: str = ""

    def variables(self, algorithm: str, level: str) -> dict[str, str]:
        """Return the Makefile's variables."""
        names = ("N_STATES", "N_ACTIONS", "N_DIM")
        sizes = " ".join(f"-D{n}={size}" for n, size in zip(names, self.sizes, strict=True))
        return {
            "RULE": self.rule,
            "ENVIRONMENT": self.environment,
            "ALGORITHM": algorithm,
            "LEVEL": level,
            "DEFINES": f"{sizes} -DN_TRACE={N_TRACE} {self.switches}",
        }


PROGRAMS = (
    Program("td_lambda, MDPs 6 × 8", "td_lambda", "mdp", (6, 8, 7), 11),
    Program("incremental, bandits", "incremental", "bandit", (1, 2, 5), 9),
    Program(
        "plasticity_network, bandits",
        "plasticity_network",
        "bandit",
        (1, 2, 52),
        9 + 2 * (7 * 8 + 257),
        "-DN_INPUTS=5 -DN_HIDDEN=7",
    ),
)


def sections(program: Program, algorithm: str, level: str) -> dict[str, int]:
    """Return the bytes of ``USED``, and of what the host writes and the trace in the mailbox."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = section_bytes(build("search.elf", folder, **program.variables(algorithm, level)))
        return {
            "code": sizes["code"],
            "constants": sizes.get("constants", 0),
            "data": sizes["program"],
            "task": sizes["environment"],
            "stack": stack_bytes(folder),
            "message": 40 + 6 * program.sizes[2] + program.rule_bytes,
            "trace": 8 * N_TRACE,
        }


def mailbox(program: Program, shape: tuple[int, int, int, int]) -> bytes:
    """Return what the host writes for so many generations, pairs, tasks and steps."""
    n_generations, n_pairs, n_tasks, n_steps = shape
    n_dim = program.sizes[2]
    words = (1, n_generations, n_tasks, n_steps, n_pairs, 0, 0, 0, 0, 0)
    x = [NO_RESCALING if j == 5 else 40000 for j in range(n_dim)]
    written = struct.pack(">10I", *words) + bytes(4 * n_dim + 8 * N_TRACE)
    return (written + struct.pack(f">{n_dim}H", *x)).ljust(MAILBOX_BYTES, b"\1")


SHAPES = ((1, 1, 0, 0), (3, 1, 0, 0), (1, 3, 0, 0), (1, 1, 4, 0), (1, 3, 4, 0), (1, 1, 1, 60))
"""Generations, pairs, tasks and steps. Costs are the same whatever happens in an episode, but those
of a task, of which four are averaged, and of a decision."""
NO_RESCALING = 65535
"""Coordinate 5, with which td_lambda rescales once an episode, after its end."""


def cost(program: Program, algorithm: str, level: str) -> dict[str, dict[str, float]]:
    """Return instructions and cycles of a generation, a pair in it, a task, an episode, a decision.

    Cycles are the sum of latencies, see ``execution``.
    """
    rows: list[list[int]] = []
    counts: dict[str, list[float]] = {"instructions": [], "cycles": []}
    synapses = synapse_cost(level)
    with tempfile.TemporaryDirectory() as folder:
        elf = build("search.linux", folder, **program.variables(algorithm, level))
        for shape in SHAPES:
            n_generations, n_pairs, n_tasks, n_steps = shape
            n_episodes = n_generations * n_tasks * 2 * n_pairs
            of_generation = [n_generations, n_generations * n_pairs, n_generations * n_tasks]
            rows.append([1, *of_generation, n_episodes, n_episodes * n_steps])
            executed = executed_by_function(elf, mailbox(program, shape))
            for unit, found in counts.items():
                own = getattr(executed, unit)
                total = sum(n for f, n in own.items() if not STAND_INS.fullmatch(f))
                total += sum(synapses[unit][f] * executed.calls[f] for f in SYNAPSES)
                found.append(total)
    names = ("start", "generation", "pair", "task", "episode", "decision")
    return {
        unit: dict(zip(names, np.linalg.solve(rows, found).tolist(), strict=True))
        for unit, found in counts.items()
    }


def synapse_cost(level: str) -> dict[str, dict[str, float]]:
    """Return what it takes the chip's own code to read or write a row of synapses."""
    with tempfile.TemporaryDirectory() as folder:
        variables = {"RULE": "incremental", "LEVEL": level, "DEFINES": "-DN_UPDATES=5"}
        executed = executed_by_function(build("count.linux", folder, **variables))
        return {
            unit: {f: getattr(executed, unit)[f] / executed.calls[f] for f in SYNAPSES}
            for unit in ("instructions", "cycles")
        }


def main() -> None:
    """Print both tables."""
    print(run("powerpc-linux-gnu-gcc", "--version").splitlines()[0])
    columns = ("code", "constants", "data", "task", "stack", "free", "message", "trace")
    print("| program | algorithm | level | " + " | ".join(columns) + " |")
    print("| --- | --- | --- |" + " --- |" * len(columns))
    for program in PROGRAMS:
        for algorithm in ALGORITHMS:
            for level in LEVELS if algorithm == "evolution" else ("-Os",):
                found = sections(program, algorithm, level)
                used = sum(found[name] for name in USED)
                found["free"] = MEMORY_BYTES - MAILBOX_BYTES - used
                cells = " | ".join(str(found[name]) for name in columns)
                print(f"| {program.name} | {algorithm} | {level} | {cells} |", flush=True)
    print("| program | level | unit | generation | pair | task | episode | decision |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for program in PROGRAMS:
        for level in LEVELS:
            for unit, of_unit in cost(program, "evolution", level).items():
                cells = " | ".join(f"{of_unit[name]:.0f}" for name in list(of_unit)[1:])
                print(f"| {program.name} | {level} | {unit} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
