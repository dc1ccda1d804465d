"""Which runs a sweep is made of, and what cannot be swept."""

from pathlib import Path
from typing import Any

import pytest
from support.command_line import refused
from support.small_run import small_toml
from support.small_sweep import small_sweep

from spikeloop.coordinator.api.configure_sweep import configure_sweep
from spikeloop.coordinator.config.load import load as load_run
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.sweep.settings_grid import folder_names, is_folder_name, read_over
from spikeloop.coordinator.sweep.sweep_config import from_json


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("strategy.sigma=0.1,0.2,0.4", "strategy.sigma", [0.1, 0.2, 0.4]),
        ("learner.coding=fired,first", "learner.coding", ["fired", "first"]),
        ("learner.coding = fired, 1", "learner.coding", ["fired", 1]),
        ('family.p=[0, 1],"a,b"', "family.p", [[0, 1], "a,b"]),
        ("run.common_noise=true,false", "run.common_noise", [True, False]),
    ],
)
def test_values_on_the_command_line_are_toml_or_words(
    text: str, key: str, values: list[Any]
) -> None:
    assert read_over(text) == (key, values)


def test_a_grid_combines_all_values_and_every_setting_has_the_same_seeds() -> None:
    over = {"strategy.sigma": [0.1, 0.3], "run": {"tasks": [2, 4]}}
    config = small_sweep({"over": over, "seeds": 3})
    labels = [setting.label for setting in config.settings]
    assert labels == [f"sigma={s}, tasks={t}" for s in (0.1, 0.3) for t in (2, 4)]
    assert [setting.config.run.tasks for setting in config.settings] == [2, 4, 2, 4]
    assert config.baseline == labels[0]
    runs = list(config.runs())
    assert [run.config.run.seed for run in runs] == [7] * 4 + [8] * 4 + [9] * 4
    assert len({run.path for run in runs}) == len({run.config.run.name for run in runs}) == 12


def test_a_list_names_its_settings_and_may_change_a_kind() -> None:
    """A table of another kind has only keys of its own."""
    config = small_sweep(
        {
            "settings": [
                {},
                {"strategy": {"kind": "random_search", "population_size": 8}},
                {"strategy.sigma": 0.2, "transfer.tasks": 4, "name": "wide"},
            ],
            "baseline": "wide",
        }
    )
    as_given, other, wide = config.settings
    assert [s.label for s in config.settings] == [
        "as given",
        "strategy.kind=random_search, population_size=8",
        config.baseline,
    ]
    assert as_given.config.strategy.kind == "evolution"
    assert other.config.tables()["strategy"]["population_size"] == 8
    assert wide.config.transfer.tasks == 4
    assert config.keys == (
        "strategy.kind",
        "strategy.population_size",
        "strategy.sigma",
        "transfer.tasks",
    )


def test_a_run_has_the_configuration_that_set_gives(tmp_path: Path) -> None:
    path = small_toml(tmp_path / "small.toml")
    over = {"strategy.sigma": [0.1, 0.25]}
    config = configure_sweep(path, over=over, seeds=2, sets=["run.tasks=3"])
    *_, last = config.runs()
    given = {
        "run.tasks": 3,
        "strategy.sigma": 0.25,
        "run.seed": 8,
        "run.name": last.config.run.name,
    }
    assert last.config.tables() == load_run(path, given).tables()


def test_a_file_with_a_sweep_is_no_run_and_the_command_line_comes_before_it(tmp_path: Path) -> None:
    path = small_toml(tmp_path / "small.toml")
    table = '\n[sweep]\nover = {"run.tasks" = [2], strategy.sigma = [0.1, 0.2]}\nseeds = 3\n'
    path.write_text(path.read_text() + table)
    assert "is a sweep" in refused("run", path)
    config = configure_sweep(path)
    assert [setting.label for setting in config.settings] == [
        "tasks=2, sigma=0.1",
        "tasks=2, sigma=0.2",
    ]
    assert (config.name, config.seeds) == ("small", (7, 8, 9))
    other = configure_sweep(path, over={"run.tasks": [4]}, seeds=1, sets=["run.seed=2"])
    assert [setting.label for setting in other.settings] == ["tasks=4"]
    assert other.seeds == (2,)


@pytest.mark.parametrize(
    ("sweep", "line"),
    [
        ({}, "nothing varies"),
        ({"over": {"run.tasks": [1]}, "settings": [{"run.tasks": 2}]}, "exclude each other"),
        ({"over": {"run.tasks": 3}}, "run.tasks must be a list"),
        ({"over": {"strategy.sgma": [0.1]}}, "with sgma=0.1.*did you mean 'sigma'"),
        ({"over": {"strtegy.sigma": [0.1]}}, "strtegy.sigma.*did you mean 'strategy'"),
        ({"over": {"run.seed": [1, 2]}}, "run.seed cannot be changed.*sweep.seeds"),
        ({"over": {"target.kind": ["inline"]}}, "one \\[target\\]"),
        ({"over": {"run.tasks": [2, 2]}}, "tasks=2 is declared twice"),
        ({"over": {"run.tasks": [2, 3]}, "baseline": "tasks=4"}, "baseline.*is not among"),
        ({"over": {"run.tasks": list(range(1, 102)), "run.seed": []}}, "run.seed"),
        ({"over": {"run.tasks": [1]}, "seed": 3}, "did you mean 'seeds'"),
        ({"over": {"run.tasks": list(range(10_001))}}, "at most 10000 settings"),
    ],
)
def test_what_cannot_be_swept_is_refused_in_one_line(sweep: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=line) as refused:
        small_sweep(sweep)
    assert "\n" not in str(refused.value)


def test_a_budget_without_one_generation_is_refused_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match=r"with population_size=12: \[stop\] episodes"):
        small_sweep(stop={"episodes": 30})


def test_a_sweep_is_read_back_as_it_was_written() -> None:
    config = small_sweep()
    again = from_json(config.as_json(), "sweep.json", {}, trust=False)
    assert again.as_json() == config.as_json()
    assert [run.path for run in again.runs()] == [run.path for run in config.runs()]


@pytest.mark.parametrize("folder", ["../elsewhere", "a/b", ".hidden", ""])
def test_a_strangers_sweep_cannot_name_folders_elsewhere(folder: str) -> None:
    value = small_sweep().as_json()
    value["settings"][0]["folder"] = folder
    with pytest.raises(ConfigError, match="damaged"):
        from_json(value, "sweep.json", {}, trust=False)


@pytest.mark.parametrize(
    "wrong",
    [{"seeds": []}, {"seeds": [-1]}, {"baseline": "b"}, {"settings": []}, {"settings": [{}]}],
)
def test_a_damaged_plan_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="damaged"):
        from_json({**small_sweep().as_json(), **wrong}, "sweep.json", {}, trust=False)


def test_folders_have_names_of_their_own_on_every_system() -> None:
    labels = ["sigma=0.1", "Sigma=0.1", "kind=a:b/c", "σ", "..", "x" * 300, "x" * 301]
    names = folder_names(labels)
    assert names[:3] == ["sigma-0.1", "Sigma-0.1_2", "kind-a_b_c"]
    assert len({name.lower() for name in names}) == len(labels)
    assert all(is_folder_name(name) and len(name) < 100 for name in names)
