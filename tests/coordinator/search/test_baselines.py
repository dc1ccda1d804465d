"""Further policies on the held-out tasks: exact, seeded, and the same wherever they are shown."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from family_with_baselines import MDP
from rich.console import Console
from support.command_line import answer
from support.html_page import HtmlPage, column, table_of
from support.paths import EXAMPLES, OWN_CLASSES
from support.small_run import SilentReporter, change_part, small_tables

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.api.progress import print_transfer, stream
from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.report.write_report import write_report
from spikeloop.coordinator.search import baselines, run_session
from spikeloop.coordinator.search.transfer import Transfer, transfer_scores
from spikeloop.coordinator.search.transfer_design import THETAS
from spikeloop.coordinator.stats.regret import plus_minus
from spikeloop.coordinator.stats.scores import ends
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.seeding import Purpose, TaskSet
from spikeloop.workers.seeding import stream as generator

pytestmark = pytest.mark.usefixtures("without_figures")

SEED = 5


def ruled_config(broken: str = "none") -> RunConfig:
    tables = small_tables(run={"generations": 1})
    tables["family"] = {"kind": "family_with_baselines:HasBaselines", "broken": broken}
    return parse(tables, "ruled.toml", OWN_CLASSES)


def episodes(config: RunConfig, seed: int = SEED) -> pd.DataFrame:
    """One on each of eight held-out tasks, as far as baselines look at them.

    The learned Θ earns as much as the random policy.
    """
    rng = generator(config.run.seed, Purpose.TASKS, TaskSet.TRANSFER, seed)
    known = config.family.sample(8, rng).references()
    columns = {"task": range(8), "random": known.random, "optimal": known.optimal}
    rows = pd.DataFrame(columns).assign(transfer_seed=seed, theta="learned", status="ok")
    return rows.assign(**{"return": known.random})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunStore, Transfer]:
    folder = tmp_path_factory.mktemp("ruled") / "small"
    transfer = run_session.start(ruled_config(), folder, SilentReporter(), StopSignal())
    return RunStore(folder), transfer


def test_exact_policies_score_exactly() -> None:
    config = ruled_config()
    known = episodes(config)
    found = baselines.measure(config, known)
    assert list(found) == ["<optimum>", "half", "drawn"]
    for name, value in (("<optimum>", 1.0), ("half", 0.5)):
        score = found[name].score
        np.testing.assert_allclose([score.value, score.low, score.high], value, rtol=1e-12)
        assert score.n == 8
    assert found["<optimum>"].mean_return == known["optimal"].to_numpy().mean()
    assert vars(found["<optimum>"].regret).items() >= {"value": 0.0, "low": 0.0}.items()
    half = found["half"].regret
    assert half.value == pytest.approx((known["optimal"] - known["random"]).mean() / 2, rel=1e-12)
    assert half.low < half.value < half.high
    assert half.n == 8


def test_a_baseline_is_resampled_like_an_episode_with_the_same_return() -> None:
    config = ruled_config()
    known = episodes(config)
    rng = generator(config.run.seed, Purpose.BASELINES, TaskSet.TRANSFER, SEED)
    known["return"] = known["random"] + rng.random(8)  # what "drawn" earns
    of_each = [known.assign(theta=theta, point=0, status="ok") for theta in THETAS]
    learned = transfer_scores(pd.concat(of_each), config.run.seed).scores["learned"]
    drawn = baselines.measure(config, known)["drawn"].score
    for name in ("value", "low", "high"):
        np.testing.assert_allclose(getattr(drawn, name), getattr(learned, name), rtol=1e-9)
    assert drawn.low < drawn.value < drawn.high


def test_the_learned_theta_is_compared_on_the_tasks_on_which_its_episodes_count() -> None:
    config = ruled_config()
    known = episodes(config)
    half = baselines.measure(config, known)["half"].learned_minus
    np.testing.assert_allclose([half.value, half.low, half.high], -0.5, rtol=1e-12)
    earned = known.assign(**{"return": known["optimal"]})
    failed = earned.assign(status=["failed", "failed", *["ok"] * 6])
    half = baselines.measure(config, failed)["half"].learned_minus
    np.testing.assert_allclose([half.value, half.low, half.high], 0.5, rtol=1e-12)
    assert half.n == 6


def test_baselines_are_functions_of_both_seeds() -> None:
    config = ruled_config()
    assert baselines.measure(config, episodes(config)) == baselines.measure(
        config, episodes(config)
    )
    other_run = replace(config, run=config.run.model_copy(update={"seed": 8}))
    noise = set()
    for changed, seed in ((config, SEED), (config, SEED + 1), (other_run, SEED)):
        known = episodes(changed, seed)
        drawn = baselines.measure(changed, known)["drawn"]
        noise.add(round(drawn.mean_return - float(known["random"].mean()), 9))
    assert len(noise) == 3


def test_a_family_without_baselines_has_none() -> None:
    """One that says nothing of them, and one that cannot have them with these settings."""
    tables = small_tables()
    own = {"family": {"kind": "own_family:Recall"}, "learner": {"kind": "lsnn"}}
    config = parse({**tables, **own}, "own_family.toml", EXAMPLES)
    assert baselines.measure(config, episodes(config)) == {}
    config = parse({**tables, "family": {"kind": "maze", "goal": 0.0}}, "maze.toml", None)
    assert baselines.measure(config, episodes(config)) == {}


@pytest.mark.parametrize(("broken", "words"), [("shape", r"shape \(7,\)"), ("nan", "not finite")])
def test_baselines_that_are_no_returns_are_refused(broken: str, words: str) -> None:
    config = ruled_config(broken)
    with pytest.raises(ConfigError, match=words):
        baselines.measure(config, episodes(config))


def test_tasks_that_are_drawn_otherwise_by_now_are_noticed() -> None:
    config = ruled_config()
    known = episodes(config)
    for check in (baselines.measure, baselines.check_tasks):
        check(config, known)
        with pytest.raises(baselines.OtherTasks, match="draws other tasks"):
            check(config, known.assign(optimal=known["optimal"] * 1.001))


def test_a_run_ends_with_its_baselines(
    made: tuple[RunStore, Transfer], capsys: pytest.CaptureFixture[str]
) -> None:
    _, transfer = made
    print_transfer(transfer, ("random policy", "optimal policy"), stream())
    lines = capsys.readouterr().out.splitlines()
    shown = [line.split("│")[1:-1] for line in lines if line.startswith("│")]
    cells = [[cell.strip() for cell in row] for row in shown]
    optimal = transfer.episodes.drop_duplicates("task")["optimal"].mean()
    names = [row[0] for row in cells]
    assert names == ["default", "random, mean of 3", "learned", "<optimum>", "half", "drawn"]
    assert float(cells[3][3]) == pytest.approx(optimal, rel=5e-4)
    del cells[3][3]
    assert cells[3] == ["<optimum>", "1.000", "[1.000, 1.000]", "0.0 ± 0.0", "", ""]
    assert cells[2][4] == plus_minus(transfer.regret["learned"])
    assert "(0 random policy, 1 optimal policy)" in lines[0]
    assert max(map(len, lines)) <= 100
    assert [line.split(":")[0] for line in lines if line.startswith("learned - ")] == [
        f"learned - {name}" for name in ("default", "random", "<optimum>", "half", "drawn")
    ]


def test_a_terminal_of_80_columns_holds_the_table(made: tuple[RunStore, Transfer]) -> None:
    file = io.StringIO()
    print_transfer(made[1], ("random policy", "optimal policy"), Console(file=file, width=80))
    lines = file.getvalue().splitlines()
    assert sum(line.startswith("│") for line in lines) == 6  # a row is a line


def test_report_computes_the_baselines_of_the_run(made: tuple[RunStore, Transfer]) -> None:
    store, transfer = made
    page = HtmlPage(write_report(store.folder).read_text(encoding="utf-8"))
    assert page.faults == []
    table = table_of(page, "Score on 6 held-out tasks")
    assert column(table, "Θ")[3:] == ["<optimum>", "half", "drawn"]
    expected = [f"{baseline.score.value:.3f}" for baseline in transfer.baselines.values()]
    assert column(table, "score")[3:] == expected
    assert column(table, "episodes")[3:] == ["", "", ""]
    assert "Rows without episodes are other policies" in page.text
    assert page.text.count("learned - ") == 5


def test_json_and_report_know_baselines_of_further_transfers_and_other_tasks(
    made: tuple[RunStore, Transfer],
) -> None:
    store, _ = made
    arguments = ("transfer", store.folder, "--tasks", "5", "--seed", "3")
    found = answer(*arguments)["baselines"]
    assert found["half"]["n_tasks"] == 5
    estimate = {"value", "low", "high", "n_tasks", "n_points"}
    assert set(found["half"]) == {*estimate, "mean_return", "regret", "learned_minus"}
    assert set(found["half"]["regret"]) == set(found["half"]["learned_minus"]) == estimate
    assert found["<optimum>"]["value"] == pytest.approx(1.0, rel=1e-12)
    # A folder whose tasks are no longer those that the code draws is still shown.
    ((path, _),) = store.other_transfers()
    change_part(store, path, lambda rows: rows.assign(optimal=rows["optimal"] + 1.0))
    page = HtmlPage(write_report(store.folder).read_text(encoding="utf-8"))
    assert "Policies for comparison cannot be shown: the family draws other tasks" in page.text
    assert column(table_of(page, "Score on 5 held-out tasks"), "Θ") == [
        "default Θ",
        "random Θ, mean of 3",
        "learned Θ",
    ]
    assert len(column(table_of(page, "Score on 6 held-out tasks"), "Θ")) == 6


def test_ends_of_the_scale_are_named_by_the_feedback() -> None:
    assert ends(MDP.interface) == ("random policy", "optimal policy")
    assert ends(replace(MDP.interface, feedback="target")) == ("prior mean", "optimal answer")
