import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from support.paths import OWN_CLASSES
from support.small_run import TABLES, small_config, small_tables, small_toml

from spikeloop.coordinator.cli.main import main
from spikeloop.coordinator.config.load import load, override, parse
from spikeloop.coordinator.config.settings_builder import allowed
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.report.page import toml
from spikeloop.tasks.settings import Settings

SIZED = "gradient_learner:Sized"
DELAY = "synapses.s.delay_ms must be >= 0, <= 1000, got -1.0"


def refusal(tables: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        parse(tables, "small.toml", OWN_CLASSES)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("small.toml: ")
    return message


def test_resolved_tables_lead_back_to_the_same_configuration() -> None:
    config = small_config()
    assert parse(config.tables(), "again", Path()) == config


def test_file_and_overrides_become_settings(tmp_path: Path) -> None:
    path = small_toml(tmp_path / "my run.toml", run={"name": ""})
    config = load(path, dict([override("strategy.sigma=0.25"), override("run.seed=9")]))
    assert (config.run.seed, config.strategy.sigma) == (9, 0.25)  # type: ignore[attr-defined]
    assert config.run.name == "my_run"
    assert load(small_toml(tmp_path / "größe.toml", run={"name": ""})).run.name == "gr__e"


def test_nested_override(tmp_path: Path) -> None:
    path = small_toml(tmp_path / "small.toml")
    config = load(path, {"strategy.optimizer": {"kind": "adam"}, "strategy.optimizer.beta1": 0.5})
    assert config.strategy.optimizer.beta1 == 0.5  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("table", "keys", "expected"),
    [
        ("strategy", {"sigmma": 0.1}, "[strategy] unknown key 'sigmma'; did you mean 'sigma'?"),
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
            "unknown key 'program.x'",
        ),
        (
            "learner",
            {"kind": "chip", "coding": "last"},
            "coding must be 'fired', 'first' or 'count', got 'last'",
        ),
        (
            "learner",
            {"kind": "chip", "opened": "some"},
            "opened must be all | list of v_leak | v_thresh | ",
        ),
        ("target", {"kind": "local", "cores_per_worker": 0}, "must be > 0 | node, got 0"),
        ("family", {"n_states": 40}, "[learner] "),
        ("run", {"name": "../up"}, "[run] name must hold the letters a-z and A-Z, digits, "),
        ("run", {"name": "a b"}, "_, - and . only, no . first, got 'a b'"),
        ("run", {"name": ".."}, "[run] name must hold"),
        ("run", {"name": "a\n"}, "[run] name must hold"),
        ("run", {"name": "größe"}, "[run] name must hold"),
        ("run", {"name": 3}, "[run] name must be a valid string, got 3"),
    ],
)
def test_bad_key_gives_one_clear_line(table: str, keys: dict[str, Any], expected: str) -> None:
    changes = {"learner": {"kind": "chip"}, table: keys}
    assert expected in refusal(small_tables(**changes))


@pytest.mark.parametrize("missing", ["run", "family", "learner", "strategy"])
def test_missing_table_is_named(missing: str) -> None:
    tables = {name: table for name, table in TABLES.items() if name != missing}
    assert f"table [{missing}] is missing" in refusal(tables)


def test_missing_kind_lists_the_kinds() -> None:
    assert "kind is missing; there are random_mdp" in refusal({**TABLES, "family": {}})


def test_unknown_table_suggests_the_nearest() -> None:
    assert "did you mean 'transfer'?" in refusal({**TABLES, "transfr": {}})


@pytest.mark.parametrize(
    "command",
    [["run"], ["plan"], ["submit"], ["slurm", "--nodes", "2", "--time", "1:00:00"], ["kubernetes"]],
)
def test_comparison_is_told_from_a_run(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "my contest.toml"
    path.write_text("[tuning]\nlives = 0\n[comparison]\nbudget = 100\n")
    with pytest.raises(SystemExit) as exit_:
        main([*command, str(path)])
    assert exit_.value.code == 2
    assert capsys.readouterr().err == (
        f"spikeloop: {path}: is a comparison, not a run; hold it with: spikeloop compare "
        f"'{path}' (on a Ray cluster with --address)\n"
    )


def test_table_that_is_no_table() -> None:
    assert "run must be a table" in refusal({**TABLES, "run": 3})


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


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"synapses": {"s": {"source": "a", "target": "b", "delay_ms": -1.0}}}, DELAY),
        ({"hyperparameters": {"x": {"low": "0"}}}, "hyperparameters.x.low must be a valid number"),
        ({"weights": {"w": 3}}, "weights.w must be a table, got 3"),
        ({"synapses": 3}, "synapses must be a table, got 3"),
    ],
)
def test_keys_of_named_tables_are_told_like_others(keys: dict[str, Any], line: str) -> None:
    learner = {"kind": "brian_model", **keys}
    assert line in refusal({**TABLES, "learner": learner})


@pytest.mark.parametrize("kind", ["tabular_td", "chip"])
def test_learners_of_tables_refuse_bandits_when_the_file_is_read(kind: str) -> None:
    message = refusal({**TABLES, "family": {"kind": "bandit"}, "learner": {"kind": kind}})
    line = f"[learner] {kind} needs tasks given as tables, as random_mdp and maze are"
    assert message.endswith(line)


def test_ranges_of_elements_are_told() -> None:
    positive, share = Annotated[int, Field(gt=0)], Annotated[float, Field(ge=0, le=1)]

    class Elements(Settings):
        pair: tuple[positive, share]  # type: ignore[valid-type]
        same: tuple[share, ...] | None  # type: ignore[valid-type]
        words: list[Literal["a", "b"] | Literal["c"]]
        names: list[str]

    told = {name: allowed(field) for name, field in Elements.model_fields.items()}
    assert told == {
        "pair": "each > 0, each >= 0, <= 1",
        "same": "each >= 0, <= 1",
        "words": "list of a | b | c",
        "names": "",
    }


OWN_FAMILY = '''
from typing import Literal
from pydantic import Field
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.settings import Settings


class Halved(Settings):
    """The random MDPs, half as long."""

    n_steps: int = Field(default=10, ge=2)

    @property
    def kind(self):
        return "halved"

    @property
    def interface(self):
        return RandomMdp(n_steps=self.n_steps // 2).interface

    def sample(self, n_tasks, rng):
        return RandomMdp(n_steps=self.n_steps // 2).sample(n_tasks, rng)
'''


NO_PROGRAM = """
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.settings import Settings


class MyTasks:
    pass


class Mine(Settings):
    programmed: bool = False

    @property
    def kind(self):
        return "mine"

    @property
    def interface(self):
        return RandomMdp().interface

    def sample(self, n_tasks, rng):
        return RandomMdp().sample(n_tasks, rng) if self.programmed else MyTasks()
"""


@pytest.mark.parametrize(("file", "module"), [("own.py", "own"), ("pkg/own.py", "pkg.own")])
def test_own_class_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, module: str
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(OWN_FAMILY)
    kind = f"{module}:Halved"
    tables = small_tables()
    tables["family"] = {"kind": kind, "n_steps": 30}
    config = parse(tables, "small.toml", tmp_path)
    assert config.family.interface.n_steps == 15
    assert config.working_dir == tmp_path
    assert config.tables()["family"] == {"kind": kind, "n_steps": 30}
    assert parse(config.tables(), "again", tmp_path) == config
    tables["family"] = {"kind": kind, "n_steps": 1}
    with pytest.raises(ConfigError, match="n_steps must be >= 2, got 1"):
        parse(tables, "small.toml", tmp_path)
    for name in ("own", "pkg", "pkg.own"):
        sys.modules.pop(name, None)


def test_own_module_shadows_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    tables = small_tables()
    tables["family"] = {"kind": "colorsys:Halved"}
    (tmp_path / "colorsys.py").write_text(OWN_FAMILY)
    with pytest.raises(ConfigError, match="must name a settings class"):
        parse(tables, "small.toml", tmp_path)


def test_installed_class_needs_no_folder(tmp_path: Path) -> None:
    tables = small_tables()
    tables["family"] = {"kind": "spikeloop.tasks.mdp:RandomMdp", "n_steps": 10}
    assert parse(tables, "small.toml", tmp_path).working_dir is None


def test_a_strategy_that_goes_by_gradients_needs_a_learner_that_gives_them() -> None:
    ascent = {"kind": "gradient_learner:Ascent"}
    slope = {"kind": "gradient_learner:Slope"}
    tables = {**small_tables(), "strategy": ascent}
    assert parse({**tables, "learner": slope}, "small.toml", OWN_CLASSES).strategy.kind == "ascent"
    message = refusal(tables)
    assert "[strategy] ascent needs a learner that gives gradients" in message
    assert message.endswith(", got tabular_td")
    raced = {**small_tables(run={"racing": 0.5}), "strategy": ascent, "learner": slope}
    assert "[run] racing must be 1 with [strategy] ascent" in refusal(raced)


def test_a_learner_that_needs_programs_refuses_other_tasks_when_the_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "unprogrammed.py").write_text(NO_PROGRAM)
    tables = {**small_tables(), "family": {"kind": "unprogrammed:Mine"}}
    assert parse(tables, "small.toml", tmp_path).family.kind == "mine"
    with pytest.raises(ConfigError) as error:
        parse({**tables, "learner": {"kind": "lsnn"}}, "small.toml", tmp_path)
    assert str(error.value) == (
        "small.toml: [learner] lsnn needs tasks whose rules are a program (methods program and "
        "arrays, docs/lsnn.md), got MyTasks"
    )
    programmed = {**tables, "family": {"kind": "unprogrammed:Mine", "programmed": True}}
    parse({**programmed, "learner": {"kind": "lsnn"}}, "small.toml", tmp_path)
    sys.modules.pop("unprogrammed", None)


@pytest.mark.parametrize("deploy", [{"average": 4}, {"finalists": 4}])
def test_points_of_generations_that_are_not_written_cannot_be_chosen_among(
    deploy: dict[str, int],
) -> None:
    ((key, n),) = deploy.items()
    message = refusal(small_tables(run={"commit_every": 10}, deploy=deploy))
    assert f"[deploy] {key} = {n} needs the states of all generations" in message
    assert message.endswith("run.commit_every must be 1, got 10")
    assert small_config(deploy=deploy).run.commit_every == 1


# Stages


def staged(*stages: dict[str, Any], **changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    tables = small_tables(run={"generations": 10}, **changes)
    return {**tables, "run": {**tables["run"], "curriculum": list(stages)}}


def test_stages_change_the_family_of_search_tasks_until_their_share() -> None:
    tables = staged(
        {"until": 0.3, "family": {"n_steps": 10}},
        {"until": 0.55, "family": {"n_steps": 20, "n_states": 2}},
    )
    config = parse(tables, "small.toml", OWN_CLASSES)
    steps = [config.family_at(generation).interface.n_steps for generation in range(1, 11)]
    assert steps == 3 * [10] + 3 * [20] + 4 * [60]
    assert config.family_at(5).interface.n_observations == 2
    assert config.family_at(10) is config.family
    assert [stage.last(10) for stage in config.run.curriculum] == [3, 6]
    again = parse(config.tables(), "again", OWN_CLASSES)
    assert again == config
    assert again.stages == config.stages
    assert parse(tomllib.loads(toml(config.tables())), "toml", OWN_CLASSES) == config


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (
            [{"until": 0.5, "family": {"n_step": 10}}],
            "[run.curriculum, stage 1] unknown key 'n_step'; did you mean 'n_steps'?",
        ),
        (
            [{"until": 0.2, "family": {}}, {"until": 0.5, "family": {"n_steps": 0}}],
            "[run.curriculum, stage 2] n_steps must be >= 1",
        ),
        (
            [{"until": 0.5, "family": {"kind": "maze"}}],
            "[run.curriculum, stage 1] kind must be that of [family], leave it out",
        ),
        ([{"until": 0.5, "family": {}}, {"until": 0.5, "family": {}}], "got [0.5, 0.5]"),
        ([{"until": 1.0, "family": {}}], "[run] curriculum.0.until must be > 0, < 1, got 1.0"),
        ([{"until": 0.5}], "[run] curriculum.0.family is missing"),
    ],
)
def test_bad_stage_is_named(stages: list[dict[str, Any]], expected: str) -> None:
    assert expected in refusal(staged(*stages))


def test_a_learner_must_have_the_same_parameters_in_every_stage() -> None:
    stage = {"until": 0.5, "family": {"n_states": 200}}
    message = refusal(staged(stage, learner={"kind": "chip"}))
    assert "[run.curriculum, stage 1] chip needs a neuron per state" in message
    tables = {**staged({"until": 0.5, "family": {"n_steps": 10}}), "learner": {"kind": SIZED}}
    message = refusal(tables)
    assert "[run.curriculum, stage 1] slope must have the same hyperparameters" in message
