"""What each trial has and came to, in sealed files of our own beside Optuna's database.

A database keeps no checksums: a flipped bit in it would be read as another number. This process is
its only writer, so it records each trial once more, in ``tuning/<strategy>/<trial>/trial.json``:
its settings before it is enqueued, all facts before the study is told. Whatever the database says
is compared with these when the study is opened and when it is read for the last time.

A database that was lost is made again from the same files: trials that are recorded but missing are
told again from their run folders, and what they come to must be what was recorded. Why a trial
failed is for people only: the words of an exception need not be the same again.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, TrialState


def path_of(folder: Path, strategy: str, number: int) -> Path:
    """The record of a trial.

    Args:
        folder: of the comparison.
        strategy: whose study it is.
        number: of the trial.
    """
    return folder / "tuning" / strategy / f"{number:06d}" / "trial.json"


def settings(path: Path) -> dict[str, Any] | None:
    """The settings that a trial was given; None if there is no record of it."""
    if not path.exists():
        return None
    found: dict[str, Any] = atomic_files.read_json(path)["settings"]
    return found


def propose(path: Path, given: Mapping[str, Any]) -> None:
    """Records the settings of a trial that is about to be enqueued."""
    atomic_files.make_folder(path.parent)
    atomic_files.write_json(path, {"settings": given})


def restore(trials: Sequence["FrozenTrial"], folder: Path, strategy: str) -> None:
    """Records the settings of an unfinished trial again, if its record was removed.

    Args:
        trials: all of a study, as ``check`` found them.
        folder: of the comparison.
        strategy: whose study it is.
    """
    for trial in trials[-1:]:
        path = path_of(folder, strategy, trial.number)
        if not trial.state.is_finished() and not path.exists():
            propose(path, trial.system_attrs["fixed_params"])


def finish(
    path: Path,
    trial: "FrozenTrial",
    state: "TrialState",
    value: float | None,
    attributes: Mapping[str, Any],
) -> None:
    """Records what a trial came to, before the study is told.

    Args:
        path: of the record.
        trial: as it stands, still running.
        state: that it ends in.
        value: that it is told with; a pruned one gets the last that it reported.
        attributes: that it has.

    Raises:
        ConfigError: it was recorded before and came to something else then.
    """
    from optuna.trial import TrialState

    if state == TrialState.PRUNED and trial.last_step is not None:
        last = trial.intermediate_values[trial.last_step]
        value = None if math.isnan(last) else last
    facts = {**_facts(trial), "attributes": attributes, "state": state.name, "value": value}
    before = atomic_files.read_json(path)
    if "state" in before and _differ(_without_reason(before), _without_reason(facts)):
        raise ConfigError(
            f"{path}: the trial came to something else when it was recorded, by other code or from "
            "other files; remove this file and resume to go on with what it comes to now"
        )
    atomic_files.write_json(path, facts)


def check(trials: Sequence["FrozenTrial"], folder: Path, strategy: str) -> list[int]:
    """Compares the trials of a study with their records.

    Args:
        trials: all, by number.
        folder: of the comparison.
        strategy: whose study it is.

    Returns:
        The numbers of trials that are recorded as finished and that the study lacks.

    Raises:
        ConfigError: a record is damaged or missing; that of an unfinished trial may be missing.
        ValueError: the study says something else.
    """
    for number, trial in enumerate(trials):
        path = path_of(folder, strategy, number)
        if trial.number != number:
            raise ValueError(f"trial {number} of {strategy} is numbered {trial.number}")
        if trial.state.is_finished():
            record = atomic_files.read_json(path)
            if _differ(record, _facts(trial)):
                raise ValueError(f"trial {number} of {strategy} is not what was recorded of it")
            continue
        enqueued = trial.system_attrs.get("fixed_params")
        given = atomic_files.read_json(path)["settings"] if path.exists() else enqueued
        if (
            given is None
            or _differ(enqueued, given)
            or any(_differ(value, given.get(name)) for name, value in trial.params.items())
        ):
            raise ValueError(f"trial {number} of {strategy} has not the settings it was given")
        if number + 1 < len(trials):
            raise ValueError(f"trial {number} of {strategy} is unfinished, though others followed")
    return [number for number in finished(folder, strategy) if number >= len(trials)]


def finished(folder: Path, strategy: str) -> list[int]:
    """The numbers of trials that are recorded as finished; ConfigError if a record is damaged."""
    paths = sorted((folder / "tuning" / strategy).glob("*/trial.json"))
    return [int(path.parent.name) for path in paths if "state" in atomic_files.read_json(path)]


def _facts(trial: "FrozenTrial") -> dict[str, Any]:
    """What is recorded of a trial: all but its times."""
    from optuna.distributions import distribution_to_json

    return {
        "settings": trial.params,
        "distributions": {
            name: json.loads(distribution_to_json(law)) for name, law in trial.distributions.items()
        },
        "reported": {str(step): value for step, value in trial.intermediate_values.items()},
        "attributes": trial.user_attrs,
        "state": trial.state.name,
        "value": trial.value if trial.state.is_finished() else None,
    }


def _without_reason(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a trial came to, without the words for it."""
    attributes = {k: v for k, v in facts["attributes"].items() if k != "reason"}
    return {**facts, "attributes": attributes}


def _differ(one: Any, other: Any) -> bool:
    """Whether two values are different JSON; nan equals nan."""
    return json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)
