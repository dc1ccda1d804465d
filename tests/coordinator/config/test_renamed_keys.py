"""A configuration with a key's old name is refused in one line that names the new one."""

from pathlib import Path
from typing import Any

import pytest
from support.command_line import refused
from support.refused_configuration import refusal
from support.small_comparison import comparison_toml
from support.small_run import small_tables

from spikeloop.coordinator.comparison.comparison_config import TuningSettings
from spikeloop.coordinator.config.renamed_keys import RENAMED_KEYS, new_name
from spikeloop.coordinator.config.run_config import RunSettings
from spikeloop.coordinator.config.stopping import StopSettings
from spikeloop.workers.learners import LEARNERS
from spikeloop.workers.learners.brian_model.settings import NeuronTable, SynapseTable


@pytest.mark.parametrize(
    ("table", "keys", "expected"),
    [
        ("stop", {"lives": 100}, "[stop] lives is called episodes now"),
        (
            "learner",
            {"kind": "brian_model", "neurons": {"a": {"on_told": ""}}},
            "[learner] neurons.a.on_told is called neurons.a.on_feedback now",
        ),
    ],
)
def test_old_key_is_refused_with_the_new_one(
    table: str, keys: dict[str, Any], expected: str
) -> None:
    assert expected in refusal({**small_tables(), table: {**small_tables()[table], **keys}})


def test_old_keys_of_overrides_of_comparisons_exit_with_2(tmp_path: Path) -> None:
    comparison = comparison_toml(tmp_path / "comparison.toml")
    error = refused("compare", comparison, "--set", "tuning.lives=100", "--out", tmp_path)
    assert f"{comparison}: [tuning] lives is called episodes now" in error


def test_every_new_key_is_one_and_no_old_one_is() -> None:
    tables: dict[str, Any] = {
        "run": [RunSettings],
        "stop": [StopSettings],
        "tuning": [TuningSettings],
    }
    for old, new in RENAMED_KEYS.items():
        table, *keys = old.split(".")
        classes: Any = [NeuronTable, SynapseTable] if "*" in keys else LEARNERS.values()
        fields = {name for cls in tables.get(table, classes) for name in cls.model_fields}
        assert new in fields
        assert keys[-1] not in fields
        assert new_name(table, keys) == new
        assert new_name(table, [*keys[:-1], new]) == ""
