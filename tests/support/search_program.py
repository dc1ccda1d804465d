"""The C of a search on the processor, built for Linux and run under an emulator of PowerPC."""

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import processor_programs

from spikeloop.workers.plasticity.plasticity_network import sigmoid_q15
from support.external_tools import find_tool
from tests.support.on_chip_reference.algorithms import Algorithm, Constants, State

N_TRACE = 256
N_SIGMOID = 257


@dataclass(frozen=True)
class Size:
    """What the program is compiled for.

    Attributes:
        rule: file of the rule.
        environment: ``mdp`` or ``bandit``.
        n_states: observed states.
        n_actions: actions.
        n_dim: coordinates.
        switches: of the files, such as ``-DFICTIVE``.
    """

    rule: str
    environment: str
    n_states: int
    n_actions: int
    n_dim: int
    switches: tuple[str, ...] = ()

    def defines(self) -> str:
        sizes = {"N_STATES": self.n_states, "N_ACTIONS": self.n_actions, "N_DIM": self.n_dim}
        named = [f"-D{name}={value}" for name, value in {**sizes, "N_TRACE": N_TRACE}.items()]
        return " ".join([*named, *self.switches])


@dataclass(frozen=True)
class Length:
    """How long a search is."""

    n_generations: int
    n_tasks: int
    n_steps: int


def build(folder: Path, size: Size, algorithm: Algorithm, level: str = "-Os") -> Path:
    """Build the program; skip the test where compiler or emulator are missing."""
    for tool in ("make", "powerpc-linux-gnu-gcc", "qemu-ppc"):
        find_tool(tool)
    return processor_programs.build(
        "search.linux",
        folder,
        RULE=size.rule,
        ENVIRONMENT=size.environment,
        ALGORITHM=algorithm,
        LEVEL=level,
        DEFINES=size.defines(),
    )


def mailbox(
    constants: Constants, run: int, state: State, length: Length, rule: bytes = b""
) -> bytes:
    """Return what the host writes into the mailbox."""
    words = (
        *(run, length.n_generations, length.n_tasks, length.n_steps),
        *(constants.n_pairs, constants.halve_every, constants.shift),
        *(state.g, state.sigma, state.alpha),
    )
    n_dim = len(state.x)
    packed = struct.pack(f">10I{n_dim}i", *words, *state.m) + bytes(8 * N_TRACE)
    return (packed + struct.pack(f">{n_dim}H", *state.x) + rule).ljust(4096, b"\0")


def network_bytes(n_inputs: int, n_hidden: int, n_actions: int, n_steps: int) -> bytes:
    """Return the bytes of a plasticity network's constants with what the host writes of them."""
    share, others = round(2**24 / n_steps), min(65536 // max(n_actions - 1, 1), 65535)
    n_weights = n_hidden * (n_inputs + 3)
    table = struct.pack(f">{N_SIGMOID}h", *sigmoid_q15(N_SIGMOID).tolist())
    return bytes(3) + struct.pack(">IH", share, others) + bytes(2 * n_weights) + table


@dataclass(frozen=True)
class Generation:
    """What the program prints after a generation.

    Attributes:
        state: after it.
        fitness: of the candidates.
        constants: first bytes of those of the last candidate.
        task: bytes of the last task.
    """

    state: State
    fitness: list[int]
    constants: bytes
    task: bytes


def run(
    program: Path, message: bytes, size: Size, n_candidates: int
) -> tuple[list[Generation], bytes]:
    """Return what it prints after each generation, and the mailbox in the end."""
    command = ["qemu-ppc", str(program)]
    printed = subprocess.run(command, input=message, stdout=subprocess.PIPE, check=True).stdout
    n_dim, n_pairs = size.n_dim, size.n_states * size.n_actions
    task_bytes = 4 * size.n_actions if size.environment == "bandit" else 5 * n_pairs * size.n_states
    layout = struct.Struct(f">3I{n_dim}I{n_dim}i{n_candidates}I16s{task_bytes}s")
    history = []
    for *numbers, constants, task in layout.iter_unpack(printed[:-4096]):
        (g, sigma, alpha), rest = numbers[:3], numbers[3:]
        x, m, fitness = rest[:n_dim], rest[n_dim : 2 * n_dim], rest[2 * n_dim :]
        state = State(g, tuple(x), tuple(m), sigma, alpha)
        history.append(Generation(state, fitness, constants, task))
    return history, printed[-4096:]


def trace(end: bytes, n_dim: int, n_generations: int) -> list[tuple[int, int]]:
    """Return sum and maximum of the fitness of each generation, from the mailbox in the end."""
    first: Sequence[int] = struct.unpack_from(f">{2 * n_generations}I", end, 40 + 4 * n_dim)
    return list(zip(first[::2], first[1::2], strict=True))
