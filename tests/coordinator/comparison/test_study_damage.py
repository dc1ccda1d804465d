"""A comparison's damaged files are named, the studies' database included; how each is mended."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from support.command_line import cli
from support.small_comparison import assert_same_comparison, comparison_toml

from spikeloop.cluster.pool import PoolError
from spikeloop.coordinator.comparison import session, studies, trial_records
from spikeloop.coordinator.comparison.affordable import tuned_space
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.comparison.tunable_space import distributions
from spikeloop.coordinator.errors import ConfigError

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert cli("compare", str(comparison_toml(folder / "small.toml")), "--out", str(folder)) == 0
    return folder / "small"


@pytest.fixture
def comparison(undisturbed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(undisturbed, tmp_path / "small"))


def checked(config: ComparisonConfig, folder: Path) -> Any:
    """What a comparison reads of its study: all but times."""
    with session.database_errors(config):
        study = studies.existing_study(config, folder, "evolution")
        assert study is not None
        trials, lacking = studies.checked_trials(config, folder, "evolution", study)
    return [(t.state, t.values, t.params, t.distributions, t.user_attrs) for t in trials], lacking


def test_a_sound_comparison_says_what_was_checked(
    comparison: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli("verify", str(comparison)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "study of evolution: 5 trials, as recorded",
        "searches: 11 run folders verified, each like a run",
        "contest: 6 results, scores follow from held-out episodes",
        "tables and findings follow from studies and contest",
    ]


def test_flipped_bits_of_the_database_are_named_or_change_nothing(comparison: Path) -> None:
    config, path, drawn = session.read_config(comparison), comparison / "study.db", random.Random(1)
    intact = path.read_bytes()
    whole = checked(config, comparison)
    places = [place for place, byte in enumerate(intact) if byte]
    named = 0
    for place in drawn.sample(places, 100):
        damaged = bytearray(intact)
        damaged[place] ^= 1 << drawn.randrange(8)
        path.write_bytes(damaged)
        try:
            assert checked(config, comparison) == whole
        except (ConfigError, PoolError) as error:
            assert "study.db" in str(error)
            assert "\n" not in str(error)
            named += 1
    assert named > 50


@pytest.mark.parametrize(
    "statement",
    [
        "update trial_values set value = value + 1e-15 where trial_id = 1",
        "update trial_params set param_value = param_value * 1.5 where param_name = 'sigma'",
        "update trial_intermediate_values set intermediate_value = 0 where trial_id = 2",
        "update trial_user_attributes set value_json = '95' where key = 'charged'",
        "update trials set state = 'FAIL' where number = 1",
        "update trials set number = 7 where number = 1",
        "update trial_params set distribution_json = replace(distribution_json, '0.4', '0.5')",
        "update study_directions set direction = 'MINIMIZE'",
        "delete from trials where number = 1",
    ],
)
def test_a_changed_cell_is_read_silently_by_optuna_alone_and_refused_here(
    comparison: Path, capsys: pytest.CaptureFixture[str], statement: str
) -> None:
    path = comparison / "study.db"
    with sqlite3.connect(path) as connection:
        assert connection.execute(statement).rowcount > 0
    connection.close()
    optuna.load_study(study_name="small/evolution", storage=f"sqlite:///{path}").get_trials()
    assert cli("resume", str(comparison)) == 2
    errors = capsys.readouterr().err
    assert f"{path}: damaged: " in errors
    assert "remove it and resume" in errors
    assert errors.count("\n") == 1
    assert cli("verify", str(comparison)) == 1


@pytest.mark.slow
def test_a_lost_database_is_made_again_to_the_same_numbers(
    comparison: Path, undisturbed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (comparison / "study.db").unlink()
    assert cli("verify", str(comparison)) == 1
    assert "it lacks number 0, 1, 2, 3, 4" in capsys.readouterr().out
    assert cli("resume", str(comparison)) == 0
    assert "it lacks number 0, 1, 2, 3, 4" in capsys.readouterr().out
    assert_same_comparison(comparison, undisturbed)
    assert cli("verify", str(comparison)) == 0
    config = session.read_config(comparison)
    assert checked(config, comparison) == checked(config, undisturbed)


def test_settings_of_an_unfinished_trial_are_those_it_was_given(comparison: Path) -> None:
    config = session.read_config(comparison)
    study = studies.open_study(config, comparison, "evolution")
    space = tuned_space(config, "evolution")
    given = studies.proposal(config, study, "evolution", space)
    trial_records.propose(trial_records.path_of(comparison, "evolution", 5), given)
    study.enqueue_trial(given)
    for _ in range(2):
        trials, lacking = studies.checked_trials(config, comparison, "evolution", study)
        assert (len(trials), lacking) == (6, [])
        if not study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            study.ask(distributions(space))
    with sqlite3.connect(comparison / "study.db") as connection:
        connection.execute("update trial_params set param_value = 0.2 where trial_id = 6")
    connection.close()
    with pytest.raises(ConfigError, match=r"study\.db: damaged: trial 5 .* settings"):
        checked(config, comparison)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def swap(path: Path) -> None:
    other = path.with_name("000000" + path.suffix)
    one, two = path.read_bytes(), other.read_bytes()
    path.write_bytes(two)
    other.write_bytes(one)


@pytest.mark.parametrize("damage", [flip, Path.unlink])
@pytest.mark.parametrize(
    "name",
    [
        "tuning/evolution/000001/trial.json",
        "tuning/evolution/000001/000000/episodes/part-000002.parquet",
        "runs/random_search/000001/state/000002.npz",
        "contest/evolution/000001.parquet",
        "results.parquet",
    ],
)
def test_verify_names_the_file(
    comparison: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    damage: Callable[[Path], None],
) -> None:
    damage(comparison / name)
    assert cli("verify", str(comparison)) == 1
    problems = [line for line in capsys.readouterr().out.splitlines() if "PROBLEM" in line]
    assert len(problems) == 1
    assert str(comparison / name) in problems[0]


@pytest.mark.parametrize("name", ["findings.json", "comparison.json"])
def test_damaged_json_is_named(
    comparison: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    flip(comparison / name)
    assert cli("verify", str(comparison)) in (1, 2)
    assert f"{comparison / name}: damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "words"), [(flip, "damaged: its bytes"), (swap, "damaged: it is of evolution, 1")]
)
def test_a_damaged_result_is_refused_then_scored_again(
    comparison: Path,
    undisturbed: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    words: str,
) -> None:
    path = comparison / "contest" / "evolution" / "000001.json"
    damage(path)
    assert cli("resume", str(comparison)) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert "remove" in errors
    for damaged in path.parent.glob("*.json"):
        damaged.unlink()
    assert cli("resume", str(comparison)) == 0
    assert_same_comparison(comparison, undisturbed)


def test_a_damaged_search_under_way_is_refused_then_searched_again(
    comparison: Path, undisturbed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = comparison / "runs" / "random_search" / "000001"
    (comparison / "contest" / "random_search" / "000001.json").unlink()
    flip(search / "episodes" / "part-000002.parquet")
    assert cli("resume", str(comparison)) == 2
    errors = capsys.readouterr().err
    assert f"{search / 'episodes' / 'part-000002.parquet'}: damaged" in errors
    assert f"remove {search} and resume" in errors
    assert cli("resume", str(comparison), "--after", "1") == 2
    shutil.rmtree(search)
    assert cli("resume", str(comparison)) == 0
    assert_same_comparison(comparison, undisturbed)
