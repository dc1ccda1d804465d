"""A file, a dictionary and objects make the same configuration, or are refused in one line."""

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from failing_learner import Echo
from support.paths import OWN_CLASSES
from support.small_run import TABLES, small_config, small_tables, small_toml

import spikeloop as sl
from spikeloop.coordinator.api.configure import configure

OBJECTS: dict[str, Any] = {
    "family": sl.RandomMdp(n_states=3, n_actions=2, n_steps=60),
    "learner": sl.TabularTd(),
    "strategy": sl.Evolution(population_size=6),
    "target": sl.Inline(),
    **TABLES["run"],
    "transfer": TABLES["transfer"],
}


def refusal(*given: Any, **keywords: Any) -> str:
    with pytest.raises(sl.ConfigError) as error:
        configure(*given, **keywords)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_file_dictionaries_and_objects_make_equal_configurations(tmp_path: Path) -> None:
    path = small_toml(tmp_path / "small.toml")
    for config in (
        configure(path),
        configure(str(path)),
        configure(tomllib.loads(path.read_text())),
        configure(json.loads(json.dumps(TABLES))),
        configure(**OBJECTS),
        configure(configure(path)),
    ):
        assert config == small_config()


def test_a_dictionary_changes_keys_and_one_with_a_kind_is_a_new_table(tmp_path: Path) -> None:
    path = small_toml(tmp_path / "small.toml")
    changed = configure(path, strategy={"sigma": 0.2}, generations=np.int64(9)).tables()
    assert changed["strategy"] == {**small_config().tables()["strategy"], "sigma": 0.2}
    assert changed["run"]["generations"] == 9
    assert configure(path, strategy={"kind": "cma_es"}).strategy == sl.CmaEs()
    assert configure(path, strategy=sl.RandomSearch()).strategy == sl.RandomSearch()


def test_a_dictionary_within_a_dictionary_changes_keys_too() -> None:
    program = {"kind": "td_lambda", "trace_decay": 0.25, "search_reward_scale": True}
    tables = small_tables(learner={"kind": "chip", "program": program})
    changed = configure(tables, learner={"program": {"trace_decay": 0.75}}).tables()["learner"]
    assert changed["program"] == {**program, "trace_decay": 0.75, "search_trace_decay": False}


def test_evolution_searches_if_nothing_else_is_said() -> None:
    given = {name: part for name, part in OBJECTS.items() if name != "strategy"}
    assert configure(**given).strategy == sl.Evolution()
    assert configure(**given, strategy={"sigma": 0.3}).strategy == sl.Evolution(sigma=0.3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"worker": 2}, "there is no keyword 'worker'; did you mean 'workers'?"),
        ({"generatoins": 2}, "there is no keyword 'generatoins'; did you mean 'generations'?"),
        ({"generations": 0}, "[run] generations must be >= 1, <= 1000000, got 0"),
        ({"strategy": {"sigm": 1.0}}, "[strategy] unknown key 'sigm' of kind 'evolution'"),
        ({"strategy": sl.Evolution}, "[strategy] Evolution is a class; give an object"),
        ({"transfer": {"taks": 3}}, "[transfer] unknown key 'taks'; did you mean 'tasks'?"),
        ({"inline": True, "workers": 2}, "inline and workers or address exclude each other"),
        ({"workers": 0}, "[target] workers must be >= 1, <= 4096, got 0"),
        ({"family": None}, "table [family] is missing"),
        ({"learner": small_toml}, "[learner] small_toml is a function; to be a learner it needs"),
        ({"learner": sl.learner(small_toml)}, "is a function; to be a learner it needs"),  # type: ignore[arg-type]
        ({"family": 3}, "family must be a table [family], got 3"),
        ({"config": {"run": 3}}, "run must be a table [run], got 3"),
        ({"config": sl.RandomMdp()}, "must begin with a path, a dictionary or a configuration"),
        ({"config": {"familly": {}}}, "unknown table [familly]; did you mean 'family'?"),
    ],
)
def test_a_wrong_keyword_is_named_with_what_is_allowed(changes: dict[str, Any], words: str) -> None:
    message = refusal(**{**OBJECTS, **changes})
    assert message.startswith("sl.run(...): ")
    assert words in message


def test_trackers_are_named_one_or_several_and_must_exist() -> None:
    assert configure(**OBJECTS, track="mlflow").tracking.kinds == ("mlflow",)
    assert configure(**OBJECTS, track=["wandb", "mlflow"]).tracking.kinds == ("wandb", "mlflow")
    words = "[tracking] kinds.0 must be one of tensorboard, wandb, mlflow, got 'mlfow'"
    assert refusal(**OBJECTS, track=["mlfow"]).endswith(words)


def test_a_run_is_called_by_its_name_its_file_its_folder_or_its_settings(tmp_path: Path) -> None:
    path = small_toml(tmp_path / "my run.toml", run={"name": ""})
    unnamed = {name: value for name, value in OBJECTS.items() if name != "name"}
    assert configure(path).run.name == "my_run"
    assert configure(path, name="mine", out="elsewhere").run.name == "mine"
    assert configure(**unnamed, out=tmp_path / "first try").run.name == "first_try"
    name = configure(**unnamed).run.name
    assert name.startswith("tabular_td_random_mdp_evolution_")
    assert configure(**{**unnamed, "target": sl.Local(workers=7)}).run.name == name
    assert configure(**{**unnamed, "seed": 8}).run.name != name
    named = configure(**OBJECTS)
    assert configure(named, family=None).run.name == "small"
    assert configure(named, seed=8).run.name not in ("small", name)


def test_own_classes_bring_the_folder_that_workers_import_them_from(tmp_path: Path) -> None:
    own = configure(**{**OBJECTS, "learner": Echo()})
    assert own.working_dir == OWN_CLASSES
    assert own.tables()["learner"]["kind"] == "failing_learner:Echo"
    path = small_toml(tmp_path / "small.toml")
    assert configure(path, learner=Echo()).working_dir == OWN_CLASSES
    assert configure(path, learner={"kind": "failing_learner:Echo"}).working_dir == OWN_CLASSES
    assert configure(own, seed=3).working_dir == OWN_CLASSES


def test_a_class_within_a_function_is_refused() -> None:
    class Hidden(sl.RandomMdp):
        pass

    message = refusal(**{**OBJECTS, "family": Hidden()})
    assert "[family] Hidden is defined within a function" in message
