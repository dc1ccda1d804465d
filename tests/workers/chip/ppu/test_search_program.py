"""The search in C under an emulator of PowerPC: every bit of x, m and F as in the reference."""

import random
import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from support.on_chip_reference.algorithms import (
    Algorithm,
    Constants,
    State,
    ask,
    first_state,
)
from support.on_chip_reference.constants import inhibition_u6
from support.on_chip_reference.episode import Rule, play
from support.on_chip_reference.search import search
from support.on_chip_reference.tasks import Task
from support.on_chip_reference.words import TASK, word
from support.program_search_cases import PROGRAM_CASES
from support.search_cases import ALGORITHMS, CASES, Case
from support.search_program import (
    MAILBOX_BYTES,
    N_TRACE,
    Generation,
    Length,
    Memory,
    SearchProgram,
    Size,
    mailbox,
    rule_bytes,
    trace,
)

TRAP = "-fsanitize=undefined -fsanitize-trap=undefined"
"""What C leaves undefined (overflow, shifts, indices) then ends the program."""

LEVELS = ("-Os", "-O0", "-O2", f"-Os {TRAP}")


def constants_of(algorithm: Algorithm, n_pairs: int, draw: random.Random) -> Constants:
    """Random constants over their whole ranges."""
    return Constants(
        algorithm=algorithm,
        n_pairs=n_pairs if algorithm == "evolution" else 1,
        sigma=draw.choice((16, 1000, 9000, 32768)),
        alpha=draw.randrange(65536 if algorithm == "annealing" else 3301),
        halve_every=draw.randrange(5),
        shift=draw.randrange(4) if algorithm == "spsa" else 0,
    )


class Search:
    """One search with random constants, as the program and as the reference run it."""

    def __init__(
        self, case: Case, algorithm: Algorithm, length: Length, seed: int, n_pairs: int
    ) -> None:
        draw = random.Random(f"{algorithm} {seed}")
        self.case, self.length = case, length
        self.constants = constants_of(algorithm, n_pairs, draw)
        self.run_word = draw.getrandbits(32)
        self.first = first_state(self.constants, [draw.randrange(65536) for _ in case.start])

    def message(self) -> bytes:
        rule = self.case.rule_bytes(self.length.n_steps)
        return mailbox(self.constants, self.run_word, self.first, self.length, rule)

    def under_emulator(self, program: SearchProgram, message: bytes) -> list[Generation]:
        return program.run(message, 2 * self.constants.n_pairs)

    def reference(self) -> Iterator[tuple[State, list[int], Rule]]:
        """State and fitness after each generation, and the rule of its last episode."""
        n_steps, rule = self.length.n_steps, None

        def episode(x: list[int], task: Task, seed: int) -> int:
            nonlocal rule
            rule = self.case.make_rule(x, n_steps)
            return play(rule, task, seed, n_steps)

        generations = search(
            *(self.constants, self.run_word, self.first.x),
            *(self.length.n_tasks, self.case.task, episode),
        )
        for state, fitness in islice(generations, self.length.n_generations):
            assert rule is not None
            yield state, fitness, rule


def require_equal(search: Search, program: SearchProgram) -> None:
    """Compare x, m, F, rates and trace, and constants, task and values of the last episode."""
    case, before, fitness = search.case, search.first, []
    found = search.under_emulator(program, search.message())
    for generation, (state, expected, rule) in zip(found, search.reference(), strict=True):
        assert (generation.state, generation.fitness) == (state, expected)
        memory, point = generation.memory, ask(search.constants, search.run_word, before)[-1]
        written = case.constant_bytes(point, search.length.n_steps)
        assert rule_bytes(memory, case.size.n_dim, len(written)) == written
        last_word = word(search.run_word, TASK, before.g, search.length.n_tasks - 1)
        for name, content in case.task_bytes(case.task(last_word)).items():
            assert memory.bytes(name, len(content)) == content
        assert inhibition(memory, case.size) == {inhibition_u6(point[-1])}
        for name, layout, values in case.learned(rule):
            assert memory.read(name, f"{len(values)}{layout}") == tuple(values), name
        before = state
        fitness.append(tuple(expected))
    kept = trace(found[-1].memory, case.size.n_dim, search.length.n_generations)
    assert kept == [(sum(of), max(of)) for of in fitness]
    assert len(set(fitness)) > 1


def inhibition(memory: Memory, size: Size) -> set[int]:
    """The weights from action neurons to other ones."""
    weight, n_states = memory.read("weight", "1024b"), size.n_states
    neurons = range(n_states, n_states + size.n_actions)
    return {weight[32 * row + column] for row in neurons for column in neurons if row != column}


SAMPLE: tuple[tuple[str, Algorithm, str], ...] = (
    ("MDPs of 3 states with td_lambda", "evolution", f"-Os {TRAP}"),
    ("dependent bandits with fictive", "spsa", "-O2"),
    ("bandits with incremental", "annealing", "-O0"),
    ("bandits with a network", "one_plus_one", "-Os"),
)


@pytest.mark.parametrize(("name", "algorithm", "level"), SAMPLE)
def test_search_in_c_equals_the_reference(
    name: str, algorithm: Algorithm, level: str, tmp_path: Path
) -> None:
    """Short episodes in many generations meet constants and tasks all over their range."""
    case = CASES[name]
    program = SearchProgram(tmp_path, case.size, algorithm, level)
    for seed in range(2):
        require_equal(Search(case, algorithm, Length(4, 2, 25), seed, n_pairs=3), program)
        require_equal(Search(case, algorithm, Length(80, 1, 1), seed, n_pairs=1), program)


def test_search_goes_on_from_a_copy_of_the_mailbox(tmp_path: Path) -> None:
    case = CASES["bandits with incremental"]
    program = SearchProgram(tmp_path, case.size, "evolution")
    search = Search(case, "evolution", Length(6, 2, 20), seed=1, n_pairs=2)
    whole = search.under_emulator(program, until(search.message(), 6))
    first = search.under_emulator(program, until(search.message(), 2))
    copied = first[-1].memory.bytes("mailbox", MAILBOX_BYTES)
    then = search.under_emulator(program, until(copied, 6))
    states = [(of.state, of.fitness) for of in whole]
    assert [(of.state, of.fitness) for of in first + then] == states
    ends = [of[-1].memory.bytes("mailbox", MAILBOX_BYTES) for of in (whole, then)]
    assert ends[0] == ends[1]


def until(message: bytes, n_generations: int) -> bytes:
    """A mailbox with another number of generations."""
    return message[:4] + struct.pack(">I", n_generations) + message[8:]


@pytest.mark.exhaustive
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", PROGRAM_CASES)
def test_search_in_c_equals_programs_of_the_emulator(
    name: str, algorithm: Algorithm, tmp_path: Path
) -> None:
    case = PROGRAM_CASES[name]
    program = SearchProgram(tmp_path, case.size, algorithm, f"-Os {TRAP}")
    for seed in range(20):
        require_equal(Search(case, algorithm, Length(20, 2, 60), seed, n_pairs=4), program)


@pytest.mark.exhaustive
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", CASES)
def test_long_searches_in_c_equal_the_reference(
    name: str, algorithm: Algorithm, level: str, tmp_path: Path
) -> None:
    """20 seeds of each case and algorithm, 5 of them at each level of optimisation."""
    case = CASES[name]
    program = SearchProgram(tmp_path, case.size, algorithm, level)
    first = 5 * LEVELS.index(level)
    require_equal(Search(case, algorithm, Length(6, 1, 2000), first, n_pairs=2), program)
    for seed in range(first, first + 5):
        require_equal(Search(case, algorithm, Length(50, 2, 30), seed, n_pairs=8), program)
        require_equal(Search(case, algorithm, Length(N_TRACE, 1, 1), seed, n_pairs=2), program)
