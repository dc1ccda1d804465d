"""Own classes are found beside the configuration, and what the tables ask of each other holds."""

import sys
from collections.abc import Iterator
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
    n_tasks = 1
    interface = RandomMdp().interface

    def __getitem__(self, tasks):
        return self

    def references(self):
        raise NotImplementedError

    def play(self, task):
        raise NotImplementedError

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


@pytest.fixture
def own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for modules of a user's own, which are forgotten afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_a_learner_refuses_tasks_of_ones_own_before_anything_runs(own_modules: Path) -> None:
    (own_modules / "unprogrammed.py").write_text(NO_PROGRAM)
    tables = {**small_tables(), "family": {"kind": "unprogrammed:Mine"}}
    for learner, needed in (
        ("tabular_td", "tasks given as tables"),
        ("chip", "tasks given as tables"),
        ("lsnn", "tasks whose rules are a program"),
    ):
        asked = {**tables, "learner": {"kind": learner}}
        message = rf"\[learner\] {learner} needs {needed}.*, got MyTasks"
        with pytest.raises(ConfigError, match=message):
            parse(asked, "small.toml", own_modules)
        programmed = {"kind": "unprogrammed:Mine", "programmed": True}
        assert parse({**asked, "family": programmed}, "small.toml", own_modules).stages == ()
        later = {"until": 0.5, "family": {"programmed": False}}
        staged = {**asked, "family": programmed, "run": {**tables["run"], "curriculum": [later]}}
        with pytest.raises(ConfigError, match=message):
            parse(staged, "small.toml", own_modules)


INCOMPLETE = """
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.settings import Settings

class Nothing(Settings):
    kind: str = "nothing"

class Half(Settings):
    kind: str = "half"

    def space(self, interface):
        raise NotImplementedError

class Empty(Settings):
    kind: str = "empty"
    interface: object = None

    def sample(self, n_tasks, rng):
        return object()

class Raising(RandomMdp):
    def sample(self, n_tasks, rng):
        return {}["tasks"]

class Plain:
    pass

number = 3

from spikeloop.workers.learners.tabular.learner import TabularTd
from spikeloop.workers.own_learner.step_learner import StepLearner

class Steps(StepLearner):
    def act(self, observation):
        return 0

class Table(TabularTd):
    def space(self, interface):
        return {}

class Lost(TabularTd):
    def space(self, interface):
        return {}["eta"]
"""


@pytest.mark.parametrize(
    ("table", "name", "line"),
    [
        ("family", "Nothing", "incomplete.py:5) lacks interface, sample, which every family needs"),
        ("learner", "Half", "incomplete.py:8) lacks run_episodes, which every learner needs"),
        (
            "strategy",
            "Nothing",
            "incomplete.py:5) lacks State, init, ask, tell, recommend, summary, which every",
        ),
        ("target", "Nothing", "incomplete.py:5) lacks open, which every target needs"),
        ("family", "Raising", "sample raised KeyError: 'tasks' (FOLDER/incomplete.py:23)"),
        ("family", "Plain", "Plain (FOLDER/incomplete.py:25), which is not derived from Settings"),
        ("family", "Rasing", "got no Rasing in incomplete; did you mean 'Raising'?"),
        ("learner", "Steps", "incomplete.py:33) lacks space, begin, observe, which every learner"),
        ("learner", "Table", "[learner] space must give a ParameterSpace, got a dict"),
        ("learner", "Lost", "space raised KeyError: 'eta' (FOLDER/incomplete.py:43)"),
        ("family", "number", "must name a settings class with kind, interface, sample, got a int"),
    ],
)
def test_what_a_class_lacks_is_named_in_one_line_with_its_file_and_line(
    own_modules: Path, table: str, name: str, line: str
) -> None:
    (own_modules / "incomplete.py").write_text(INCOMPLETE)
    tables = {**small_tables(), table: {"kind": f"incomplete:{name}"}}
    with pytest.raises(ConfigError) as error:
        parse(tables, "small.toml", own_modules)
    assert line.replace("FOLDER", str(own_modules)) in str(error.value)
    assert str(error.value).startswith(f"small.toml: [{table}] ")


def test_an_incomplete_batch_is_refused_with_all_that_it_lacks(own_modules: Path) -> None:
    (own_modules / "incomplete.py").write_text(
        INCOMPLETE.replace("interface: object = None", "interface: object = RandomMdp().interface")
    )
    tables = {**small_tables(), "family": {"kind": "incomplete:Empty"}}
    tables["learner"] = {"kind": "known_score_learner:Ramp"}
    with pytest.raises(ConfigError, match=r"object .* lacks n_tasks, interface, __getitem__, ref"):
        parse(tables, "small.toml", own_modules)


@pytest.mark.parametrize("deploy", [{"average": 4}, {"finalists": 4}])
def test_deployment_among_generations_that_are_not_written_is_refused(
    deploy: dict[str, int],
) -> None:
    ((key, n),) = deploy.items()
    message = refusal(small_tables(run={"commit_every": 10}, deploy=deploy))
    assert f"[deploy] {key} = {n} needs the states of all generations" in message
    assert message.endswith("run.commit_every must be 1, got 10")
    assert small_config(deploy=deploy).run.commit_every == 1


OTHER_SHAPE = """
import numpy as np
import spikeloop as sl

class Swapped(sl.Settings):
    \"\"\"Tables with the axes of states and actions exchanged.\"\"\"

    @property
    def kind(self):
        return "swapped"

    @property
    def interface(self):
        return sl.Interface(4, 2, "discrete", 50)

    def sample(self, n_tasks, rng):
        tables = np.full((n_tasks, 4, 2, 4), 0.25)
        return sl.TabularTasks(tables, tables, np.zeros(n_tasks, dtype=np.int64), 50)
"""


def test_tables_of_another_shape_than_the_interface_says_are_refused(own_modules: Path) -> None:
    (own_modules / "other_shape.py").write_text(OTHER_SHAPE)
    tables = {**small_tables(), "family": {"kind": "other_shape:Swapped"}}
    with pytest.raises(ConfigError, match=r"n_observations is 4 of the family and 2 of its batch"):
        parse(tables, "small.toml", own_modules)
