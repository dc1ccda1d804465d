"""Configurations of random bytes, random values and damaged examples."""

import json
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import event, given
from hypothesis import strategies as st
from pydantic import BaseModel
from support.paths import EXAMPLES
from support.small_run import TABLES
from support.tiny_examples import TINY_COMPARISON, TINY_RUN, set_options

from fuzz.promise import Result, examples, own_folder, run_and_check
from fuzz.values import anything, disturbed, table, texts
from spikeloop.coordinator.comparison import comparison_config as comparisons
from spikeloop.coordinator.comparison.comparison_config import ComparisonSettings, TuningSettings
from spikeloop.coordinator.config import run_config as runs
from spikeloop.coordinator.config.load import load, override
from spikeloop.coordinator.config.settings_builder import Kinds
from spikeloop.coordinator.strategies import STRATEGIES

COMPARISON: dict[str, dict[str, Any]] = {
    "comparison": {"name": "small", "budget": 100, "seeds": 1},
    "tuning": {"episodes": 0},
    **{name: TABLES[name] for name in ("family", "learner", "target")},
    "run": {"tasks": 4, "tile_tasks": 2},
    "transfer": {"tasks": 6, "monitor_tasks": 4},
}
SMALL = {
    "run": {"generations": 3, "tasks": 12, "tile_candidates": 50, "tile_tasks": 12},
    "family": {"n_states": 12, "n_actions": 12, "n_steps": 100, "n_rows": 3, "n_columns": 3},
    "strategy": {"population_size": 30, "n_pairs": 15},
    "transfer": {"tasks": 12, "random_points": 8, "monitor_tasks": 12},
    "deploy": {"finalists": 6, "tasks": 40},
}
"""The largest values with which a configuration is not only read but run."""


def is_small(tables: dict[str, Any]) -> bool:
    """Whether a configuration as resolved is over in a moment."""
    return all(
        tables[name].get(key, 0) <= most
        for name, keys in SMALL.items()
        for key, most in keys.items()
    )


def read(*arguments: str) -> tuple[bool, Result]:
    """Lets a configuration be read; whether it is right, and how the command ended.

    A file stands where the folder of results belongs, so a right one ends there.
    """
    Path("taken").touch()
    command = "compare" if arguments[0] == "compare" else "run"
    result = run_and_check(command, *arguments[1:], "--inline", "--out", "taken")
    assert result.code == 2
    right = "choose another with --out" in result.errors
    return right, result


def check_run(path: str, *sets: str, run_episodes: bool = True) -> None:
    """A configuration is refused in one line, or planned and run, if it is small and wanted."""
    right, result = read("run", path, *sets)
    if not right:
        assert path in result.message or "[stop] episodes" in result.message, result.message
        planned = run_and_check("plan", path, "--inline", *sets)
        assert (planned.code, planned.message) == (2, result.message)
        return
    event("right")
    overrides = dict(override(text) for text in sets if text != "--set")
    if not run_episodes or not is_small(load(Path(path), overrides).tables()):
        return
    event("run")
    planned = run_and_check("plan", path, "--inline", "--json", *sets)
    assert planned.code == 0, planned
    assert json.loads(planned.output)["total_s"] > 0
    episodes_done = run_and_check("run", path, "--inline", "--out", "runs", *sets)
    assert episodes_done.code in (0, 1), episodes_done
    [folder] = Path("runs").iterdir()
    assert run_and_check("verify", str(folder)).code == 0


def check_comparison(path: str, *sets: str) -> None:
    """A comparison is refused in one line, or held if it is small."""
    right, result = read("compare", path, *sets)
    if not right:
        assert path in result.message or "[strategies." in result.message, result.message
        return
    overrides = dict(override(text) for text in sets if text != "--set")
    config = comparisons.load(Path(path), overrides)
    small = all(is_small(run.tables()) for run in config.given.values())
    settings = config.comparison
    if config.tuned or settings.budget * settings.seeds > 200 or not small:
        event("right, but large")
        return
    event("held")
    assert run_and_check("compare", path, "--inline", "--out", "held", *sets).code in (0, 1)


def kinds_of(name: str) -> list[type[BaseModel]]:
    rule = runs.TABLES[name]
    return list(rule.table.values()) if isinstance(rule, Kinds) else [rule]


def small_population(cls: type[BaseModel]) -> dict[str, Any]:
    """The setting of a strategy that makes its population small, if it has one."""
    sizes = ("n_pairs", "population_size")
    return {size: 6 for size in sizes if size in cls.model_fields}


def small_table(cls: type[BaseModel], keys: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Right values for some keys of a table, and these."""
    fixed = {"n_steps": 20} if cls in kinds_of("family") else keys
    if cls in kinds_of("strategy"):
        fixed = {**small_population(cls), "kind": cls.model_fields["kind"].default}
    if cls in kinds_of("learner") or cls in kinds_of("target"):
        fixed = {}
    return table(cls).map(lambda drawn: {**drawn, **fixed})


@st.composite
def right_tables(draw: st.DrawFn) -> dict[str, Any]:
    """The tables of a small run with other kinds and values, nearly always right."""
    tables: dict[str, Any] = {}
    for name, keys in TABLES.items():
        cls = draw(st.sampled_from(kinds_of(name)))
        tables[name] = draw(small_table(cls, keys) | st.just(keys))
    return tables


@st.composite
def wrong_tables(draw: st.DrawFn) -> dict[str, Any]:
    """The same with a table in which anything may be wrong."""
    tables = draw(right_tables())
    name = draw(st.sampled_from(sorted(tables)))
    cls = draw(st.sampled_from(kinds_of(name)))
    tables[name] = draw(small_table(cls, TABLES[name]).flatmap(lambda keys: disturbed(cls, keys)))
    if draw(st.integers(0, 9)) == 0:
        tables[draw(st.sampled_from(sorted(tables)) | texts)] = draw(anything)
    return tables


@examples(30)
@given(st.binary(max_size=200))
def test_bytes_are_no_configuration(data: bytes) -> None:
    with own_folder():
        Path("x.toml").write_bytes(data)
        assert not read("run", "x.toml")[0]
        assert not read("compare", "x.toml")[0]


@examples(50)
@given(wrong_tables())
def test_wrong_tables_are_refused_by_every_command_alike(tables: dict[str, Any]) -> None:
    with own_folder():
        Path("x.toml").write_bytes(tomli_w.dumps(tables).encode())
        check_run("x.toml", run_episodes=False)


@pytest.mark.exhaustive
@examples(4)
@given(right_tables())
def test_what_is_planned_is_run(tables: dict[str, Any]) -> None:
    with own_folder():
        Path("x.toml").write_bytes(tomli_w.dumps(tables).encode())
        check_run("x.toml")


@examples(25)
@given(st.data())
def test_tables_of_a_comparison(data: st.DataObject) -> None:
    tables: dict[str, Any] = {name: dict(keys) for name, keys in COMPARISON.items()}
    own: dict[str, list[type[BaseModel]]] = {
        "comparison": [ComparisonSettings],
        "tuning": [TuningSettings],
    }
    for name in data.draw(st.lists(st.sampled_from(sorted(tables)), max_size=2)):
        cls = data.draw(st.sampled_from(own.get(name) or kinds_of(name)))
        tables[name] = data.draw(disturbed(cls, tables[name]))
    strategies = {}
    kinds: dict[str, Any] = dict(STRATEGIES)
    for name in data.draw(st.lists(st.sampled_from(sorted(STRATEGIES)), max_size=3)):
        keys = small_population(kinds[name])
        strategies[name] = data.draw(st.just(keys) | disturbed(kinds[name], keys))
    tables["strategies"] = data.draw(st.just(strategies) | anything | st.just({"a": strategies}))
    with own_folder():
        Path("x.toml").write_bytes(tomli_w.dumps(tables).encode())
        check_comparison("x.toml")


@st.composite
def damaged(draw: st.DrawFn, text: str) -> bytes:
    """A file with one to four lines deleted, doubled, moved, retyped, or hit by bytes."""
    lines = text.encode().splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 4))):
        at, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        name, equals, value = lines[at].partition(b"=")
        match draw(st.integers(0, 6)):
            case 0:
                lines[at] = b""
            case 1:
                lines[at] *= 2
            case 2:
                lines[at], lines[other] = lines[other], lines[at]
            case 3 if equals:
                lines[at] = name + equals + lines[other].partition(b"=")[2] + b"\n"
            case 4 if equals:
                new = draw(anything | st.just(value.decode(errors="replace").strip()))
                lines[at] = tomli_w.dumps({name.decode(errors="replace").strip(): new}).encode()
            case 5:
                lines[at] = name[1:] + equals + value
            case _:
                cut = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:cut] + draw(st.binary(max_size=3)) + lines[at][cut:]
    return b"".join(lines)


@examples(25)
@given(st.data())
def test_damaged_examples(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(EXAMPLES.glob("*.toml"))))
    is_comparison = path.stem.startswith("compare")
    tiny = TINY_COMPARISON if is_comparison else TINY_RUN
    sets = [] if data.draw(st.booleans()) else set_options(tiny)
    with own_folder():
        Path(path.name).write_bytes(data.draw(damaged(path.read_text())))
        if is_comparison:
            check_comparison(path.name, *sets)
        else:
            check_run(path.name, *sets, run_episodes=data.draw(st.integers(0, 9)) == 0)
