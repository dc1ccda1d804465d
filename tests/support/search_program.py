"""The C of a search on the processor, built for Linux and run under an emulator of PowerPC."""

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import processor_programs

from spikeloop.workers.plasticity.small_network import sigmoid_q15
from support.external_tools import find_tool, run_tool
from support.on_chip_reference.algorithms import Algorithm, Constants, State

N_TRACE = 256
N_SIGMOID = 257
MAILBOX_BYTES = 4096


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
    return (packed + struct.pack(f">{n_dim}H", *state.x) + rule).ljust(MAILBOX_BYTES, b"\0")


def network_bytes(n_inputs: int, n_hidden: int, n_actions: int, n_steps: int) -> bytes:
    """Return the bytes of a plasticity network's constants with what the host writes of them."""
    share, others = round(2**24 / n_steps), min(65536 // max(n_actions - 1, 1), 65535)
    n_weights = n_hidden * (n_inputs + 3)
    table = struct.pack(f">{N_SIGMOID}h", *sigmoid_q15(N_SIGMOID).tolist())
    return bytes(3) + struct.pack(">IH", share, others) + bytes(2 * n_weights) + table


class Memory:
    """The program's variables as they lay in memory."""

    def __init__(self, addresses: dict[str, int], content: bytes) -> None:
        self._addresses, self._content = addresses, content

    def read(self, name: str, layout: str) -> tuple[int, ...]:
        """Return the numbers of a variable, by a layout of ``struct`` without its byte order."""
        offset = self._addresses[name] - self._addresses["__bss_start"]
        return struct.unpack_from(f">{layout}", self._content, offset)

    def bytes(self, name: str, n_bytes: int) -> bytes:
        """Return the first bytes of a variable."""
        return bytes(self.read(name, f"{n_bytes}B"))


@dataclass(frozen=True)
class Generation:
    """What the program prints after a generation."""

    state: State
    fitness: list[int]
    memory: Memory


class SearchProgram:
    """The program for Linux; tests that build it are skipped without compiler or emulator."""

    def __init__(self, folder: Path, size: Size, algorithm: Algorithm, level: str = "-Os") -> None:
        for tool in ("make", "powerpc-linux-gnu-gcc", "qemu-ppc"):
            find_tool(tool)
        self.size = size
        self._path = processor_programs.build(
            "search.linux",
            folder,
            RULE=size.rule,
            ENVIRONMENT=size.environment,
            ALGORITHM=algorithm,
            LEVEL=level,
            DEFINES=size.defines(),
        )
        listed = run_tool("powerpc-linux-gnu-nm", str(self._path), cwd=folder).splitlines()
        symbols = [line.split() for line in listed]
        self._addresses = {name: int(address, 16) for address, _, name in symbols}

    def run(self, message: bytes, n_candidates: int) -> list[Generation]:
        """Run a search on the mailbox that the host has written."""
        command = ["qemu-ppc", str(self._path)]
        printed = subprocess.run(command, input=message, stdout=subprocess.PIPE, check=True).stdout
        n_dim = self.size.n_dim
        n_bytes = self._addresses["_end"] - self._addresses["__bss_start"]
        layout = struct.Struct(f">3I{n_dim}I{n_dim}i{n_candidates}I{n_bytes}s")
        history = []
        for *numbers, content in layout.iter_unpack(printed):
            (g, sigma, alpha), rest = numbers[:3], numbers[3:]
            x, m, fitness = rest[:n_dim], rest[n_dim : 2 * n_dim], rest[2 * n_dim :]
            state = State(g, tuple(x), tuple(m), sigma, alpha)
            history.append(Generation(state, fitness, Memory(self._addresses, content)))
        return history


def trace(memory: Memory, n_dim: int, n_generations: int) -> list[tuple[int, int]]:
    """Return sum and maximum of the fitness of each generation, from the mailbox in the end."""
    numbers = memory.read("mailbox", f"{40 + 4 * n_dim}x{2 * n_generations}I")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def rule_bytes(memory: Memory, n_dim: int, n_bytes: int) -> bytes:
    """Return the first bytes of the rule's constants in the mailbox."""
    return bytes(memory.read("mailbox", f"{40 + 6 * n_dim + 8 * N_TRACE}x{n_bytes}B"))
