"""Own classes are found beside the configuration, and what the tables ask of each other holds."""

import sys
from pathlib import Path

import pytest
from support.paths import OWN_CLASSES
from support.refused_configuration import refusal
from support.small_run import small_config, small_tables

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.errors import ConfigError

OWN_FAMILY = """
from pydantic import Field
from spikeloop.tasks.mdp import RandomMdp

class Own(RandomMdp):
    n_steps: int = Field(default=10, ge=2)
"""
NO_PROGRAM = """
from spikeloop.tasks.mdp import RandomMdp

class MyTasks:
    pass

class Mine(RandomMdp):
    programmed: bool = False

    def sample(self, n_tasks, rng):
        return super().sample(n_tasks, rng) if self.programmed else MyTasks()
"""


@pytest.mark.parametrize(("file", "module"), [("own.py", "own"), ("pkg/own.py", "pkg.own")])
def test_own_class_is_found_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, module: str
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(OWN_FAMILY)
    kind = f"{module}:Own"
    tables = small_tables()
    tables["family"] = {"kind": kind, "n_steps": 30}
    config = parse(tables, "small.toml", tmp_path)
    assert config.family.interface.n_steps == 30
    assert config.working_dir == tmp_path
    assert config.tables()["family"]["kind"] == kind
    assert parse(config.tables(), "again", tmp_path) == config
    tables["family"] = {"kind": kind, "n_steps": 1}
    with pytest.raises(ConfigError, match="n_steps must be >= 2, got 1"):
        parse(tables, "small.toml", tmp_path)
    for name in ("own", "pkg", "pkg.own"):
        sys.modules.pop(name, None)


def test_own_module_shadows_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    tables = small_tables()
    tables["family"] = {"kind": "colorsys:Own"}
    (tmp_path / "colorsys.py").write_text(OWN_FAMILY)
    with pytest.raises(ConfigError, match="must name a settings class"):
        parse(tables, "small.toml", tmp_path)


def test_installed_class_needs_no_folder(tmp_path: Path) -> None:
    tables = small_tables()
    tables["family"] = {"kind": "spikeloop.tasks.mdp:RandomMdp", "n_steps": 10}
    assert parse(tables, "small.toml", tmp_path).working_dir is None


def test_strategy_that_needs_gradients_is_refused_without_them() -> None:
    ascent = {"kind": "gradient_learner:Ascent"}
    slope = {"kind": "gradient_learner:Slope"}
    tables = {**small_tables(), "strategy": ascent}
    assert parse({**tables, "learner": slope}, "small.toml", OWN_CLASSES).strategy.kind == "ascent"
    message = refusal(tables)
    assert "[strategy] ascent needs a learner that gives gradients" in message
    assert message.endswith(", got tabular_td")
    raced = {**small_tables(run={"racing": 0.5}), "strategy": ascent, "learner": slope}
    assert "[run] racing must be 1 with [strategy] ascent" in refusal(raced)


def test_learner_that_needs_programs_refuses_other_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "unprogrammed.py").write_text(NO_PROGRAM)
    tables = {**small_tables(), "family": {"kind": "unprogrammed:Mine"}}
    assert parse(tables, "small.toml", tmp_path).working_dir == tmp_path
    with pytest.raises(ConfigError, match=r"\[learner\] lsnn needs tasks .* got MyTasks"):
        parse({**tables, "learner": {"kind": "lsnn"}}, "small.toml", tmp_path)
    programmed = {**tables, "family": {"kind": "unprogrammed:Mine", "programmed": True}}
    parse({**programmed, "learner": {"kind": "lsnn"}}, "small.toml", tmp_path)
    sys.modules.pop("unprogrammed", None)


@pytest.mark.parametrize("deploy", [{"average": 4}, {"finalists": 4}])
def test_deployment_among_generations_that_are_not_written_is_refused(
    deploy: dict[str, int],
) -> None:
    ((key, n),) = deploy.items()
    message = refusal(small_tables(run={"commit_every": 10}, deploy=deploy))
    assert f"[deploy] {key} = {n} needs the states of all generations" in message
    assert message.endswith("run.commit_every must be 1, got 10")
    assert small_config(deploy=deploy).run.commit_every == 1
