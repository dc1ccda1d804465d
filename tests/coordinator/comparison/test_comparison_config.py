from pathlib import Path

import pytest
from support.small_comparison import TOML, comparison_toml

from spikeloop.coordinator.comparison import comparison_config
from spikeloop.coordinator.errors import ConfigError


def load(tmp_path: Path, text: str) -> comparison_config.ComparisonConfig:
    path = tmp_path / "small.toml"
    path.write_text(text)
    return comparison_config.load(path)


def test_what_is_resolved_reads_back_as_the_same(tmp_path: Path) -> None:
    loaded = comparison_config.load(comparison_toml(tmp_path / "small.toml"))
    tables = loaded.tables()
    assert comparison_config.parse(tables, "again", tmp_path).tables() == tables
    assert comparison_config.variant_names(loaded) == [
        "evolution",
        "random_search",
        "evolution_tuned",
    ]
    assert tables["strategies"]["evolution"]["kind"] == "evolution"


def test_a_comparison_without_a_name_is_named_after_its_file(tmp_path: Path) -> None:
    assert load(tmp_path, TOML.replace('name = "small"', "")).comparison.name == "small"


def test_without_a_tuning_budget_nothing_is_tuned(tmp_path: Path) -> None:
    loaded = load(tmp_path, TOML.replace("episodes = 480", "episodes = 0"))
    assert comparison_config.variant_names(loaded) == ["evolution", "random_search"]


def test_a_strategy_may_have_another_name_than_its_kind(tmp_path: Path) -> None:
    text = TOML + '\n[strategies.wide]\nkind = "evolution"\nsigma = 0.3\n'
    loaded = load(tmp_path, text)
    assert loaded.given["wide"].strategy.kind == "evolution"


def test_overrides_reach_every_table(tmp_path: Path) -> None:
    path = comparison_toml(tmp_path / "small.toml")
    overrides = {"strategies.evolution.sigma": 0.2, "comparison.seeds": 3, "family.n_steps": 30}
    loaded = comparison_config.load(path, overrides)
    assert loaded.tables()["strategies"]["evolution"]["sigma"] == 0.2
    assert loaded.comparison.seeds == 3
    with pytest.raises(ConfigError, match=r"must be table\.key"):
        comparison_config.load(path, {"strategy.sigma": 0.2})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[comparison]", "[comparson]", r"unknown table \[comparson\]; did you mean 'comparison'"),
        ("[strategies.evolution]", "[strategy]", "a table of its own"),
        ("population_size = 12", "populaton_size = 12", r"\[strategies.evolution\] unknown key"),
        ("budget = 96", "budget = 0", r"\[comparison\] budget must be >= 1"),
        ("[run]", "[run]\nseed = 3", "seeds follow from comparison.seed"),
        ("[run]", "[run]\ngenerations = 3", "follows from comparison.budget"),
        ("[run]", '[run]\nupload_to = "/tmp"', r"\[run\] upload_to"),
        ("seeds = 2", 'baseline = "evolutoin"', "did you mean 'evolution'"),
        ("seeds = 2", 'pairs = [["evolution"]]', "pairs.0"),
        ("seeds = 2", 'pairs = [["evolution", "no"]]', "'no' is not among"),
        ("seeds = 2", 'pairs = [["evolution", "evolution"]]', "compared with itself"),
        ('strategies = ["evolution"]', 'strategies = ["cma"]', "'cma' is not among"),
        ("episodes = 480", "episodes = 95", "must allow one trial, 1 x 96, got 95"),
        ("[strategies.random_search]", "[strategies.evolution.random]", "unknown key 'random'"),
        ('kind = "tabular_td"', 'kind = "tabular"', "did you mean 'tabular_td'"),
        ("[strategies.random_search]", '[strategies."a b"]', "letters, digits"),
        ("[strategies.random_search]", '[strategies.evolution_tuned]\nkind = "evolution"', "diff"),
    ],
)
def test_a_mistake_gets_one_line_that_says_where(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in TOML
    with pytest.raises(ConfigError, match=message) as error:
        load(tmp_path, TOML.replace(old, new, 1))
    assert "\n" not in str(error.value)


def test_one_strategy_is_no_comparison(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two strategies or more"):
        load(tmp_path, TOML.split("[strategies.random_search]")[0])
