"""Studies propose only settings of which the budget of a search holds a generation."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.small_comparison import TOML

from spikeloop.coordinator.comparison import studies, variant_search
from spikeloop.coordinator.comparison.affordable import affordable, left_out, tuned_space
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig, load
from spikeloop.coordinator.comparison.tunable_space import defaults, distributions, settings_of
from spikeloop.coordinator.strategies import STRATEGIES
from spikeloop.workers.parameter_types import Choice, Integer, Real, Weights
from spikeloop.workers.space import ParameterSpace


def comparison(folder: Path, budget: int, **tables: str) -> ComparisonConfig:
    """A comparison of strategies with these lines in their tables, all of them tuned."""
    text = TOML[: TOML.index("[strategies.evolution]")]
    text = text.replace("budget = 96", f"budget = {budget}").replace(
        "episodes = 480", "episodes = 9999"
    )
    text = text.replace('strategies = ["evolution"]\n', "")
    for name, lines in {"random_search": "population_size = 2", **tables}.items():
        text += f"[strategies.{name}]\n{lines}\n"
    path = folder / "small.toml"
    path.write_text(text)
    return load(path)


def options(space: ParameterSpace, name: str) -> tuple[str, ...]:
    (parameter,) = (p for p in space.parameters if p.name == name)
    assert isinstance(parameter, Choice)
    return parameter.options


SEVERAL = ParameterSpace.of(
    {
        "parents": Choice(("2", "4", "8"), "4"),
        "children": Integer(1, 64, 4),
        "share": Real(0.1, 1.0, 0.5),
        "sigma": Real(0.01, 1.0, 0.1, scale="log"),
    }
)


def several(values: Mapping[str, Any]) -> float:
    return float(int(values["parents"]) * values["children"] * values["share"])


def test_a_space_that_fits_is_left_as_it_is() -> None:
    assert affordable(SEVERAL, several, 512) == SEVERAL


def ends_of(space: ParameterSpace) -> dict[str, tuple[Any, ...]]:
    """All options of a choice and both ends of a range, by name."""
    return {
        p.name: p.options if isinstance(p, Choice) else (p.low, p.high)
        for p in space.parameters
        if not isinstance(p, Weights)
    }


@settings(max_examples=40, deadline=None)
@given(st.floats(8, 600), st.permutations(SEVERAL.parameters))
def test_every_combination_of_what_is_left_fits(limit: float, order: list[Any]) -> None:
    space = affordable(ParameterSpace(tuple(order)), several, limit)
    assert [p.name for p in space.parameters] == [p.name for p in order]
    assert defaults(space) == defaults(ParameterSpace(tuple(order)))
    ends = ends_of(space)
    costs = [several(dict(zip(ends, chosen, strict=True))) for chosen in product(*ends.values())]
    assert max(costs) <= limit
    # One child more would not fit, unless children were cut where other settings were as given.
    if ends["children"][1] < 64 and order[0].name == "children":
        assert several({**defaults(space), "children": ends["children"][1] + 1}) > limit


def test_settings_without_influence_alone_but_with_others_are_found() -> None:
    """A grid has min(population, points) candidates: 3 points whatever the population."""

    def episodes(values: Mapping[str, Any]) -> float:
        return min(int(values["population"]), int(values["points"]) ** 3)

    space = ParameterSpace.of(
        {
            "population": Choice(("12", "24", "96"), "12"),
            "points": Choice(("2", "3"), "2"),
        }
    )
    kept = affordable(space, episodes, 20)
    assert options(kept, "points") == ("2", "3")
    assert options(kept, "population") == ("12",)


def test_contradictory_settings_are_no_options() -> None:
    space = ParameterSpace.of({"elites": Choice(("1", "20"), "1"), "sigma": Real(0.0, 1.0, 0.5)})
    kept = affordable(space, lambda values: inf if values["elites"] == "20" else 6.0, 8)
    assert options(kept, "elites") == ("1",)
    assert kept.parameters[1] == space.parameters[1]


def test_an_unaffordable_default_leaves_the_space_alone() -> None:
    assert affordable(SEVERAL, several, 1) == SEVERAL


SIZES = {"population_size", "n_pairs"}
"""Settings that a budget restricts; a strategy without one has a fixed number of candidates."""


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind, cls in STRATEGIES.items()
        if SIZES & cls().model_dump(mode="json").keys() and kind != "on_chip"  # for a chip alone
    ],
)
def test_whatever_is_proposed_can_be_planned(kind: str, tmp_path: Path) -> None:
    """Every budget between that of the smallest population and that of the largest."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    own = {"evolution_published": "n_pairs = 6", "random_search": ""}
    lines = own.get(kind, "population_size = 12")
    restricted = []
    for budget in (40, 100, 400):
        tables = {"first": f'kind = "{kind}"\n{lines or "population_size = 12"}'}
        config = comparison(tmp_path, budget, **tables)
        space = tuned_space(config, "first")
        restricted.append(bool(left_out(config, "first", space)))
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=budget))
        for _ in range(15):
            trial = study.ask(distributions(space))
            strategy = variant_search.with_settings(config, "first", settings_of(trial.params))
            planned = variant_search.plan(config.given["first"], strategy, 1, budget, 4, "x")
            assert planned.run.generations >= 1
            study.tell(trial, float(np.sum([trial.number])))
    assert restricted[0]
    assert not restricted[-1]  # 400 episodes hold two generations of the largest population


def test_the_race_of_finalists_and_stop_episodes_are_taken_from_the_budget(tmp_path: Path) -> None:
    config = comparison(tmp_path, 96, evolution="population_size = 12")
    assert options(tuned_space(config, "evolution"), "population_size") == ("12", "24", "48")
    run = config.given["evolution"]
    race = replace(run, deploy=type(run.deploy)(finalists=2, tasks=10))
    racing = replace(config, given={**config.given, "evolution": race})
    assert options(tuned_space(racing, "evolution"), "population_size") == ("12", "24")
    stop = replace(run, stop=type(run.stop)(episodes=24))
    stopped = replace(config, given={**config.given, "evolution": stop})
    assert options(tuned_space(stopped, "evolution"), "population_size") == ("12",)


def test_more_elites_than_a_population_are_not_proposed(tmp_path: Path) -> None:
    config = comparison(tmp_path, 9999, genetic="population_size = 30\nn_elites = 20")
    space = tuned_space(config, "genetic")
    assert options(space, "population_size") == ("24", "48", "96", "30")


def test_a_study_keeps_the_ranges_that_it_began_with(tmp_path: Path) -> None:
    config = comparison(tmp_path, 96, evolution="population_size = 12")
    older = type(config.given["evolution"].strategy).tunable
    assert studies.ranges([], older) == distributions(older)
    study = optuna.create_study(direction="maximize")
    study.tell(study.ask(distributions(older)), 0.5)
    space = tuned_space(config, "evolution")
    assert space != older
    assert studies.ranges(study.trials, space) == distributions(older)
    drawn = studies.next_trial(config, "evolution", space, study.trials)
    assert drawn.params.keys() == distributions(older).keys()
