"""Trials that are run again come to what was recorded, or a remedy is named that works."""

import re
import shutil
from pathlib import Path

import optuna
import pyarrow as pa
import pytest
from optuna.trial import TrialState
from support.command_line import cli
from support.small_comparison import assert_same_comparison, comparison_toml

from spikeloop.coordinator.comparison import trial_records
from spikeloop.coordinator.comparison.tuning import _pruning
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    config = comparison_toml(folder / "small.toml", episodes="episodes = 288", seeds="seeds = 1")
    assert cli("compare", str(config), "--out", str(folder)) == 0
    return folder / "small"


@pytest.fixture
def comparison(undisturbed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(undisturbed, tmp_path / "small"))


def study_of(folder: Path) -> optuna.Study:
    return optuna.load_study(
        study_name="small/evolution", storage=f"sqlite:///{folder / 'study.db'}"
    )


def test_a_checkpoint_where_all_held_out_episodes_failed_is_reported_and_found_again(
    tmp_path: Path,
) -> None:
    study = optuna.create_study(
        storage=f"sqlite:///{tmp_path / 'study.db'}",
        direction="maximize",
        pruner=optuna.pruners.NopPruner(),
    )
    measured = _pruning(study.ask(), budget=96)
    store = RunStore.create(tmp_path / "run", {"config": {}})
    for number in (1, 2, 3):
        table = pa.table({"total_episodes": [12 * number], "held_out_score": [float("nan")]})
        store.commit(number, {"generations": table}, {})
        measured(store)
    (trial,) = study.get_trials()
    assert list(map(str, trial.intermediate_values.values())) == ["nan"]
    score = pa.table({"total_episodes": [24], "held_out_score": [0.5]})
    store.commit(2, {"generations": score}, {})
    with pytest.raises(ConfigError, match="is not that of its episodes"):
        measured(store)


def test_a_trial_that_fails_again_may_do_so_for_another_reason(tmp_path: Path) -> None:
    trial = optuna.create_study().ask()
    path = tmp_path / "000000" / "trial.json"
    trial_records.propose(path, {})
    facts = {"episodes": 12, "charged": 96}
    for reason in ("died", "out of memory"):
        found = {**facts, "reason": reason}
        trial_records.finish(path, trial.storage.get_trial(0), TrialState.FAIL, None, found)
        assert atomic_files.read_json(path)["attributes"] == found
    with pytest.raises(ConfigError, match="came to something else"):
        trial_records.finish(
            path, trial.storage.get_trial(0), TrialState.FAIL, None, {**found, "episodes": 24}
        )


def test_a_trial_that_comes_to_something_else_goes_on_once_its_record_is_removed(
    comparison: Path, undisturbed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It failed for want of memory, and the process was killed before the study was told."""
    record = trial_records.path_of(comparison, "evolution", 1)
    facts = atomic_files.read_json(record)
    failed = {**facts["attributes"], "reason": "out of memory"}
    atomic_files.write_json(record, {**facts, "state": "FAIL", "value": None, "attributes": failed})
    (comparison / "study.db").unlink()
    for _ in range(2):  # the refusal itself changes nothing
        assert cli("resume", str(comparison)) == 2
        errors = capsys.readouterr().err
        assert errors.startswith(f"spikeloop: {record}: the trial came to something else")
        assert "remove this file and resume" in errors
        study = study_of(comparison)
        study._storage.set_trial_user_attr(study.trials[1]._trial_id, "reason", "out of memory")
    record.unlink()
    assert cli("verify", str(comparison)) == 1  # trial 2 is yet to be told again
    assert "missing" not in capsys.readouterr().out
    assert cli("resume", str(comparison)) == 0
    assert_same_comparison(comparison, undisturbed)
    assert cli("verify", str(comparison)) == 0


@pytest.mark.parametrize("lost", [True, False])
def test_a_lost_or_damaged_record_is_mended_as_its_message_says(
    comparison: Path, undisturbed: Path, capsys: pytest.CaptureFixture[str], lost: bool
) -> None:
    record, database = trial_records.path_of(comparison, "evolution", 1), comparison / "study.db"
    if lost:
        record.unlink()
    else:
        record.write_bytes(record.read_bytes().replace(b"COMPLETE", b"CoMPLETE"))
    assert cli("resume", str(comparison)) == 2
    errors = capsys.readouterr().err
    assert re.match(rf"spikeloop: {record}: (missing|damaged: )", errors)
    assert f"remove that file if it is there, remove {database} and resume" in errors
    record.unlink(missing_ok=True)
    database.unlink()
    assert cli("resume", str(comparison)) == 0
    assert_same_comparison(comparison, undisturbed)
    assert cli("verify", str(comparison)) == 0


def test_held_out_episodes_that_were_swapped_are_told(
    comparison: Path, undisturbed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = comparison / "contest" / "random_search" / "000000.json"
    other = comparison / "contest" / "evolution" / "000000.parquet"
    row.with_suffix(".parquet").write_bytes(other.read_bytes())
    assert cli("resume", str(comparison)) == 2
    errors = capsys.readouterr().err
    assert f"{row.with_suffix('.parquet')}: damaged: it is not what 000000.json" in errors
    assert f"remove {row} and resume" in errors
    row.unlink()
    assert cli("resume", str(comparison)) == 0
    assert_same_comparison(comparison, undisturbed)
