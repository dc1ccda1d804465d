"""The memory map: sizes, addresses, and the published maxima as its limits."""

from pathlib import Path
from typing import Any, NamedTuple

import code_size
import numpy as np
import pytest
from numpy.typing import NDArray
from processor_programs import SOURCES
from support.external_tools import run_tool
from support.program_hooks import family_for

from spikeloop.tasks.maze import Maze
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.chip import memory as memory_module
from spikeloop.workers.chip.memory import MemoryMap, constant_bytes, data_bytes, memory_map
from spikeloop.workers.chip.task_message import environments
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.plasticity import PROGRAMS, RewardStdp, TdLambda, TdPublished
from spikeloop.workers.space import ParameterSpace


class Inner(NamedTuple):
    table_q7: NDArray[np.int8]
    mode: int


class Data(NamedTuple):
    inner: Inner
    sums: NDArray[np.int32]
    random: NDArray[np.int64]
    counts_u10: NDArray[np.int64]
    weight_u6: int
    gain_q7: int
    bias_q15: int
    offset_i16: int
    clock_u64: int
    used: bool
    steps: np.int16


def test_numbers_count_at_the_width_of_their_name_else_their_own_or_a_word() -> None:
    data = Data(
        inner=Inner(np.zeros(5, dtype=np.int8), 1),  # 5 + 4
        sums=np.zeros((2, 3), dtype=np.int32),  # 24
        random=np.zeros(1, dtype=np.int64),  # 4
        counts_u10=np.zeros(3, dtype=np.int64),  # 6
        weight_u6=3,  # 1
        gain_q7=-1,  # 1
        bias_q15=0,  # 2
        offset_i16=-5,  # 2
        clock_u64=0,  # 4
        used=True,  # 1
        steps=np.int16(7),  # 2
    )
    assert data_bytes(data) == 5 + 4 + 24 + 4 + 6 + 1 + 1 + 2 + 2 + 4 + 1 + 2
    assert constant_bytes(data) == 4 + 1 + 1 + 2 + 2 + 4 + 1 + 2  # what is no array
    assert constant_bytes(data, ["sums", "table_q7"]) == constant_bytes(data) + 24 + 5


def test_there_is_no_floating_point() -> None:
    environment = environments(RandomMdp().sample(1, np.random.default_rng(1)))[0]
    with pytest.raises(TypeError, match="reward must be an integer, the processor has no float64"):
        data_bytes(environment)


def of_mdp(n_states: int, n_actions: int, program: str = "td_published") -> MemoryMap:
    family = RandomMdp(n_states=n_states, n_actions=n_actions)
    return ChipAgent.model_validate({"program": {"kind": program}}).memory_map(family.interface)


def test_sections_fill_the_memory_at_the_published_addresses() -> None:
    """The mailbox at 0x3000 to 0x4000, the stack below it, code from 0 (libnux: elf32nux.x)."""
    for kind in PROGRAMS:
        learner = ChipAgent.model_validate({"program": {"kind": kind}})
        layout = learner.memory_map(family_for(kind).interface)
        assert [s.name for s in layout.sections] == [
            *("code", "data", "environment", "free", "stack", "mailbox")
        ]
        assert layout.sections[0].start == 0
        for one, following in zip(layout.sections, layout.sections[1:], strict=False):
            assert one.size >= 0
            assert one.end == following.start
        assert (layout.section("mailbox").start, layout.section("mailbox").end) == (0x3000, 0x4000)


def test_the_published_layout_in_bytes() -> None:
    """12,288 − 3,800 of code; two bytes a pair, 8 for the last one, 21 of constants; 5 A S²."""
    assert [(s.name, s.start, s.size) for s in of_mdp(6, 8).sections] == [
        ("code", 0, 8488),
        ("data", 8488, 2 * 48 + 8 + 21),
        ("environment", 8613, 5 * 8 * 36 + 1),
        ("free", 10054, 1466),
        ("stack", 11520, 768),
        ("mailbox", 12288, 4096),
    ]
    assert of_mdp(6, 8).message == 8 + 5 * 8 * 36 + 1 + 21


def test_the_rates_of_td_advantage_come_through_the_mailbox() -> None:
    """Its C reads 8 bytes of constants and 128 halfwords; the numbers of states and actions too."""
    assert of_mdp(6, 8, "td_advantage").message == 8 + 5 * 8 * 36 + 1 + 10 + 256


@pytest.mark.parametrize("kind", PROGRAMS)
def test_constant_arrays_are_arrays_of_the_programs_memory(kind: str) -> None:
    program, interface = PROGRAMS[kind](), family_for(kind).interface
    space = ParameterSpace(program.parameters(interface))
    values = space.decode(space.default_point()[None]).values[0]
    memory = program.memory(dict(zip(space.columns, values, strict=True)), interface)
    found = fields(memory)
    for name in program.constant_arrays:
        assert np.ndim(found[name]) > 0


def fields(memory: Any) -> dict[str, Any]:
    """The fields of a program's memory, and those of the named tuples in it."""
    found = memory._asdict()
    inner = [fields(value) for value in found.values() if hasattr(value, "_asdict")]
    return {name: value for one in [found, *inner] for name, value in one.items()}


def fits(n_states: int, n_actions: int, program: str = "td_published") -> bool:
    return of_mdp(n_states, n_actions, program).section("free").size >= 0


def largest() -> dict[int, int]:
    """The largest number of states for each number of actions that the note names."""
    return {a: max(s for s in range(2, 31 - a) if fits(s, a)) for a in (2, 5)}


def test_the_largest_environments_of_the_published_program_are_the_published_ones() -> None:
    """10 × 5 and 17 × 2, and not one state or action more."""
    assert largest() == {5: 10, 2: 17}
    assert not fits(10, 6)
    assert not fits(10, 7)
    assert not fits(17, 3)


@pytest.mark.parametrize(
    ("constant", "value", "found"),
    [
        ("STACK_BYTES", 240, {5: 11, 2: 18}),  # what our C needs of it
        ("PUBLISHED_CODE_BYTES", 4780, {5: 16, 2: 25}),  # what our C has
        ("STACK_BYTES", 900, {5: 10, 2: 16}),
    ],
)
def test_other_sizes_of_code_and_stack_give_other_largest_environments(
    monkeypatch: pytest.MonkeyPatch, constant: str, value: int, found: dict[int, int]
) -> None:
    """The negative control of the test before."""
    monkeypatch.setattr(memory_module, constant, value)
    assert largest() == found


def test_other_programs_are_longer_by_what_their_c_is() -> None:
    differences = {TdPublished: 0, TdLambda: 28, RewardStdp: 376}
    for program, bytes_ in differences.items():
        kind = program().kind
        assert of_mdp(6, 8, kind).section("code").size == 8488 + bytes_
        maze = ChipAgent.model_validate({"program": {"kind": kind}}).memory_map(Maze().interface)
        assert maze.section("code").size == 8488 + bytes_ + 788


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "environment"), [(2, 2, 9 + 6), (3, 3, 25 + 6), (2, 5, 27 + 6)]
)
def test_mazes_take_a_byte_a_field(n_rows: int, n_columns: int, environment: int) -> None:
    """As tables, 3 × 3 cells would take 12,500 bytes, more than the whole memory has."""
    family = Maze(n_rows=n_rows, n_columns=n_columns)
    layout = ChipAgent().memory_map(family.interface)
    assert layout.section("environment").size == environment
    layout.require_fit()


def test_what_does_not_fit_is_refused_in_one_line_with_its_sizes() -> None:
    with pytest.raises(ValueError) as failure:
        ChipAgent(program=TdPublished()).space(RandomMdp(n_states=10, n_actions=7).interface)
    assert str(failure.value) == (
        "the plasticity processor's memory is 638 bytes too small for code 8488, estimated "
        "from C of our own, data 169, environment 3501, stack 768 and mailbox 4096: take fewer "
        "states or actions, or fewer steps of a restless bandit, or set learner.check_memory = "
        "false"
    )
    ChipAgent(program=TdPublished(), check_memory=False).space(
        RandomMdp(n_states=10, n_actions=7).interface
    )


def test_the_limits_of_memory_and_mailbox_are_exact() -> None:
    data = Inner(np.zeros(100, dtype=np.int8), 1)  # 104 bytes, of which the mailbox gets 4
    compiled = memory_module.COMPILED_PUBLISHED_BYTES
    most = 3800 - 768 - 104
    memory_map(compiled, data, most).require_fit()
    with pytest.raises(ValueError, match=r"is 1 bytes too small for code 8488, .* data 104, env"):
        memory_map(compiled, data, most + 1).require_fit()

    small = compiled - 4000  # a program so short that the mailbox is the limit
    most = 4096 - 8 - 4
    memory_map(small, data, most).require_fit()
    with pytest.raises(ValueError, match="gets takes 4097 bytes, and its mailbox has 4096"):
        memory_map(small, data, most + 1).require_fit()


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what is compiled, much of it for all programs."""
    return tmp_path_factory.mktemp("objects")


@pytest.mark.parametrize("kind", PROGRAMS)
def test_the_programs_lengths_are_those_that_a_compiler_gives(kind: str, objects: Path) -> None:
    """To the byte by gcc 14, the one of the stated lengths; others may differ by a few per cent.

    A few per cent of 4.8 kB would change which environments fit, so no error hides there.
    """
    version = run_tool("powerpc-linux-gnu-gcc", "-dumpversion", cwd=SOURCES)
    share = 0.0 if version.startswith("14") else 0.05
    source = "incremental" if kind == "fictive" else kind
    compiled = {
        environment: code_size.compiled(source, environment, "-O0", objects)
        for environment in code_size.ENVIRONMENTS
    }
    stated = PROGRAMS[kind]().compiled_bytes
    assert compiled["mdp"]["code"] == pytest.approx(stated, rel=share)
    maze = compiled["maze"]["code"] - compiled["mdp"]["code"]
    assert maze == pytest.approx(memory_module.COMPILED_MAZE_BYTES, rel=share)
    chances = compiled["chances"]["code"] - compiled["mdp"]["code"]
    assert chances == pytest.approx(memory_module.COMPILED_CHANCES_BYTES, rel=share)
    assert compiled["mdp"]["stack"] <= memory_module.STACK_BYTES
