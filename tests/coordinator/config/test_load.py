"""TOML files become configurations, or are refused in one line that names the key."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from support.refused_configuration import refusal
from support.small_run import TABLES, small_config, small_tables, small_toml

from spikeloop.coordinator.config.load import load, override, parse
from spikeloop.coordinator.config.setting_errors import allowed
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.strategies.evolution import Evolution
from spikeloop.tasks.settings import Settings

MODEL = {"kind": "brian_model"}
SLOW = {"source": "a", "target": "b", "delay_ms": -1.0}
DELAY = "synapses.s.delay_ms must be >= 0, <= 1000, got -1.0"


def test_resolved_tables_are_read_as_the_same_configuration() -> None:
    config = small_config()
    assert parse(config.tables(), "again", Path()) == config


def test_file_and_overrides_become_settings(tmp_path: Path) -> None:
    path = small_toml(tmp_path / "my run.toml", run={"name": ""})
    config = load(path, dict([override("strategy.sigma=0.25"), override("run.seed=9")]))
    assert (config.run.seed, config.strategy.sigma) == (9, 0.25)  # type: ignore[attr-defined]
    assert config.run.name == "my_run"
    assert load(small_toml(tmp_path / "größe.toml", run={"name": ""})).run.name == "gr__e"


def test_override_reaches_a_nested_table(tmp_path: Path) -> None:
    path = small_toml(tmp_path / "small.toml")
    config = load(path, {"strategy.optimizer": {"kind": "adam"}, "strategy.optimizer.beta1": 0.5})
    assert config.strategy.optimizer.beta1 == 0.5  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("table", "keys", "expected"),
    [
        ("strategy", {"sigmma": 0.1}, "unknown key 'sigmma' of kind 'evolution'; did you mean 's"),
        ("run", {"generation": 3}, "[run] unknown key 'generation'; did you mean 'generations'?"),
        ("learner", {"kind": "chip", "circuit": {"nois_V": 0.1}}, "did you mean 'noise_V'?"),
        ("strategy", {"sigma": -1.0}, "[strategy] sigma must be > 0, got -1.0"),
        ("strategy", {"sigma": "a"}, "[strategy] sigma must be a valid number (> 0), got 'a'"),
        ("run", {"seed": True}, "[run] seed must be a valid integer"),
        ("run", {"tasks": 0, "seed": -1}, "(and 1 more)"),
        ("strategy", {"kind": "evolutoin"}, "did you mean 'evolution'?"),
        ("strategy", {"kind": "no_such:Thing"}, "cannot import 'no_such'"),
        ("strategy", {"kind": "support.small_run:SilentReporter"}, "must name a settings class"),
        ("strategy", {"kind": 3}, "got 3"),
        ("strategy", {"optimizer": {"kind": "sgdx"}}, "optimizer.kind must be one of"),
        ("strategy", {"optimizer": {"kind": "adam", "beta1": 2.0}}, "optimizer.beta1 must be"),
        ("strategy", {"optimizer": {}}, "optimizer.kind is missing"),
        ("strategy", {"optimizer": 3}, "[strategy] optimizer must be a table, got 3"),
        ("learner", {"kind": "chip", "circuit": 3}, "[learner] circuit must be a table, got 3"),
        (
            "learner",
            {"kind": "chip", "circuit": {"step_s": -1.0}},
            "circuit.step_s must be >= 1e-09, <= ",
        ),
        (
            "learner",
            {"kind": "chip", "program": {"kind": "td_lambda", "x": 1}},
            "unknown key 'program.x' of kind 'td_lambda'",
        ),
        (
            "learner",
            {"kind": "chip", "coding": "last"},
            "coding must be 'fired', 'first', 'count' or 'polled', got 'last'",
        ),
        (
            "learner",
            {"kind": "chip", "opened": "some"},
            "opened must be all | list of v_leak | v_thresh | ",
        ),
        ("target", {"kind": "local", "cores_per_worker": 0}, "must be > 0 | node, got 0"),
        ("family", {"n_states": 40}, "[learner] "),
        ("run", {"name": "../up"}, "[run] name must hold the letters a-z and A-Z, digits, "),
        ("run", {"name": ".."}, "[run] name must hold"),
        ("run", {"name": "a\n"}, "[run] name must hold"),
        ("run", {"name": "größe"}, "[run] name must hold"),
        ("learner", {**MODEL, "synapses": {"s": SLOW}}, DELAY),
        (
            "learner",
            {**MODEL, "hyperparameters": {"x": {"low": "0"}}},
            "s.x.low must",
        ),
        (
            "learner",
            {**MODEL, "weights": {"w": 3}},
            "weights.w must be a table, got 3",
        ),
        ("learner", {**MODEL, "synapses": 3}, "synapses must be a table, got 3"),
    ],
)
def test_bad_key_is_refused_in_one_line(table: str, keys: dict[str, Any], expected: str) -> None:
    changes = {"learner": {"kind": "chip"}, table: keys}
    assert expected in refusal(small_tables(**changes))


def test_without_a_strategy_evolution_searches() -> None:
    tables = {name: table for name, table in TABLES.items() if name != "strategy"}
    assert parse(tables, "small.toml", None).strategy == Evolution()


@pytest.mark.parametrize("missing", ["run", "family", "learner"])
def test_missing_table_is_named(missing: str) -> None:
    tables = {name: table for name, table in TABLES.items() if name != missing}
    assert f"table [{missing}] is missing" in refusal(tables)


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ({"family": {}}, "kind is missing; there are random_mdp"),
        ({"transfr": {}}, "did you mean 'transfer'?"),
        ({"run": 3}, "run must be a table"),
    ],
)
def test_bad_table_is_refused_in_one_line(tables: dict[str, Any], expected: str) -> None:
    assert expected in refusal({**TABLES, **tables})


def test_comparison_in_place_of_a_run_names_the_command_for_it(tmp_path: Path) -> None:
    path = tmp_path / "my comparison.toml"
    path.write_text("[tuning]\nlives = 0\n[comparison]\nbudget = 100\n")
    with pytest.raises(ConfigError, match=f"is a comparison.* spikeloop compare '{path}'"):
        load(path)


def test_broken_toml_and_missing_file_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("[run\n")
    with pytest.raises(ConfigError, match=r"broken\.toml: not valid TOML: .*line 1"):
        load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load(path)
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load(tmp_path / "none.toml")


def test_optional_tables_get_defaults() -> None:
    tables = {name: TABLES[name] for name in ("run", "family", "learner", "strategy")}
    config = parse(tables, "small.toml", Path())
    assert config.target.kind == "local"
    assert config.transfer.tasks == 200


@pytest.mark.parametrize("kind", ["tabular_td", "chip"])
def test_learners_of_tables_refuse_families_without(kind: str) -> None:
    message = refusal(
        {**TABLES, "family": {"kind": "informative_bandit"}, "learner": {"kind": kind}}
    )
    assert f"[learner] {kind} needs tasks given as tables" in message


def test_allowed_values_of_elements_are_named() -> None:
    positive, share = Annotated[int, Field(gt=0)], Annotated[float, Field(ge=0, le=1)]

    class Elements(Settings):
        pair: tuple[positive, share]  # type: ignore[valid-type]
        same: tuple[share, ...] | None  # type: ignore[valid-type]
        words: list[Literal["a", "b"] | Literal["c"]]
        names: list[str]

    described = {name: allowed(field) for name, field in Elements.model_fields.items()}
    assert described == {
        "pair": "each > 0, each >= 0, <= 1",
        "same": "each >= 0, <= 1",
        "words": "list of a | b | c",
        "names": "",
    }
