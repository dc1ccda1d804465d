"""The memory map of a search on the processor, against the program in C as it is compiled."""

from pathlib import Path

import processor_programs
import pytest
from support.external_tools import find_tool, run_tool
from support.search_program import Size

from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.chip.memory import MemoryMap
from spikeloop.workers.chip.search_memory_map import COMPILED_SEARCH_BYTES, SEARCH_STACK_BYTES
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.plasticity import TdPublished

SEARCHES = {
    "td_lambda": Size("td_lambda", "mdp", 6, 8, 7),
    "incremental": Size("incremental", "bandit", 1, 2, 5),
    "fictive": Size("incremental", "bandit", 1, 2, 6, ("-DFICTIVE",)),
    "plasticity_network": Size(
        "plasticity_network", "bandit", 1, 2, 52, ("-DN_INPUTS=5", "-DN_HIDDEN=7")
    ),
    "formula": Size("formula", "bandit", 1, 2, 3),
    "td_network": Size("td_network", "mdp", 6, 8, 53),
}


def layout(kind: str, n_generations: int = 30) -> MemoryMap:
    learner = ChipAgent.model_validate({"program": {"kind": kind}})
    family = RandomMdp() if SEARCHES[kind].environment == "mdp" else Bandit()
    return learner.search_memory_map(family.interface, n_generations)


@pytest.mark.parametrize("kind", COMPILED_SEARCH_BYTES)
def test_a_search_is_as_long_as_a_compiler_makes_it(kind: str, tmp_path: Path) -> None:
    """To the byte by gcc 14; the map's data are an upper bound, single numbers being estimated."""
    find_tool("make")
    version = run_tool("powerpc-linux-gnu-gcc", "-dumpversion", cwd=tmp_path)
    search = SEARCHES[kind]
    variables = {
        "RULE": search.rule,
        "ENVIRONMENT": search.environment,
        "DEFINES": search.defines(),
    }
    elf = processor_programs.build("search.elf", tmp_path, **variables)
    found = processor_programs.section_bytes(elf)
    code = found["code"] + found.get("constants", 0)
    share = 0.0 if version.startswith("14") else 0.05
    assert code == pytest.approx(COMPILED_SEARCH_BYTES[kind], rel=share)
    assert found["program"] <= layout(kind).section("data").size <= found["program"] + 64
    assert found["environment"] == layout(kind).section("task").size
    assert processor_programs.stack_bytes(tmp_path) <= SEARCH_STACK_BYTES


@pytest.mark.parametrize("kind", COMPILED_SEARCH_BYTES)
def test_the_sections_of_a_search_fill_the_memory(kind: str) -> None:
    sections = layout(kind).sections
    assert [section.start for section in sections[1:]] == [section.end for section in sections[:-1]]
    assert sections[-1].end == 16384
    assert layout(kind).section("free").size > 4500


def test_each_generation_takes_two_words_of_the_mailbox() -> None:
    assert layout("td_lambda", 31).message - layout("td_lambda", 30).message == 8


def test_a_search_that_has_not_been_written_in_c_has_no_map() -> None:
    with pytest.raises(KeyError, match="td_published"):
        ChipAgent(program=TdPublished()).search_memory_map(RandomMdp().interface, 1)
