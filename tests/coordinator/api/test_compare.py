"""``sl.compare``: the numbers of the command line, once and again."""

from pathlib import Path
from typing import Any

import pytest
from support.command_line import cli
from support.folders import folder_contents
from support.small_comparison import assert_same_comparison, comparison_toml

import spikeloop as sl
from spikeloop.coordinator.comparison import final

pytestmark = pytest.mark.usefixtures("without_figures")

OBJECTS: dict[str, Any] = {
    "family": sl.RandomMdp(n_states=3, n_actions=2, n_steps=40),
    "learner": sl.TabularTd(),
    "strategies": {
        "evolution": sl.Evolution(population_size=12),
        "random_search": {"population_size": 12},
    },
    "target": sl.Inline(),
    "name": "small",
    "seed": 5,
    "budget": 96,
    "seeds": 1,
    "measurements": 2,
    "comparison": {"target": 0.5},
    "tuning": {"episodes": 0},
    "run": {"tasks": 2, "tile_tasks": 2},
    "transfer": {"tasks": 6, "random_points": 2, "random_tasks": 6, "monitor_tasks": 4},
}


def compare_small(folder: Path, **changes: Any) -> sl.Comparison:
    return sl.compare(**{**OBJECTS, "progress": False, "out": folder, **changes})


def test_a_comparison_is_that_of_the_command_line_and_the_same_call_gives_it_again(
    tmp_path: Path,
) -> None:
    path = comparison_toml(tmp_path / "small.toml", seeds="seeds = 1", episodes="episodes = 0")
    path.write_text(path.read_text().replace('strategies = ["evolution"]\n', ""))
    assert cli("compare", path, "--out", tmp_path / "command") == 0
    found = compare_small(tmp_path / "small")
    assert found.folder == tmp_path / "small"
    assert_same_comparison(found.folder, tmp_path / "command" / "small")
    before = folder_contents(found.folder)
    assert isinstance(compare_small(found.folder, target=sl.Local()), sl.Comparison)  # no workers
    assert folder_contents(found.folder) == before


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"budget": 97}, "comparison.budget = 96, not 97"),
        (
            {"strategies": {"evolution": sl.Evolution(population_size=24), "random_search": {}}},
            "strategies.evolution.population_size = 12, not 24",
        ),
        ({"family": sl.RandomMdp(n_states=4, n_actions=2, n_steps=40)}, "family.n_states = 3"),
    ],
)
def test_another_comparison_in_the_folder_is_refused(
    changes: dict[str, Any], key: str, begun: Path
) -> None:
    with pytest.raises(sl.ConfigError, match=f"begun with {key}"):
        compare_small(begun, **changes)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a comparison whose first search has only begun."""
    folder = tmp_path_factory.mktemp("begun") / "small"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(final, "run_final", interrupt)
        with pytest.raises(sl.Interrupted, match=r"go on with the same call, sl.compare with out="):
            compare_small(folder)
    return folder


def interrupt(*arguments: object) -> None:
    raise sl.Interrupted
