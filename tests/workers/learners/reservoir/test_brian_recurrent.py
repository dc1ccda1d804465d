"""Networks whose state learns: weights that act, answers, and targets."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from support.learner_cases import default_values

from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import FloatArray, Interface, TaskFamily
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.base import Episodes
from spikeloop.workers.brian.open_loop import open_loop
from spikeloop.workers.learners.reservoir import batch
from spikeloop.workers.learners.reservoir.brian_recurrent import (
    ARRAYS,
    BrianRecurrent,
    RecurrentAgents,
)
from spikeloop.workers.learners.reservoir.network import PHYSICAL, Reservoir
from spikeloop.workers.rollout import Rollout

SMALL = Reservoir(n_neurons=8, connectivity=1.0)
BANDIT = Bandit(n_steps=12)
QUADRATIC = Quadratic(n_steps=12)


def episodes_done(
    learner: BrianRecurrent, family: TaskFamily, points: FloatArray, n_tasks: int = 5
) -> Episodes:
    tasks = family.sample(n_tasks, np.random.default_rng(1))
    seeds = np.random.default_rng(2).integers(0, 2**64, n_tasks, dtype=np.uint64)
    space = learner.space(family.interface)
    return learner.run_episodes(space.decode(points), tasks, np.tile(seeds, (len(points), 1)))


def points_of(learner: BrianRecurrent, family: TaskFamily, n: int = 3) -> FloatArray:
    return learner.space(family.interface).sample(n, np.random.default_rng(0))


def test_theta_are_deviations_from_the_drawn_network() -> None:
    learner = BrianRecurrent(reservoir=SMALL)
    task = BANDIT.interface
    space, circuit = learner.space(task), SMALL.circuit()
    assert [parameter.name for parameter in space.parameters] == list(ARRAYS)
    assert space.n_dim == 5 * 8 + 8 * 7 + 8 * 2
    points = np.stack([space.default_point(), points_of(learner, BANDIT)[0]])
    weights = learner.weights(space.decode(points), task, circuit)
    np.testing.assert_array_equal(weights["recurrent_weights"][0], circuit.weights)
    # One unit of a coordinate is the standard deviation of the initial weights.
    scales = {"input_weights": 2 / np.sqrt(3), "recurrent_weights": 0.5 / np.sqrt(7)}
    for name, scale in (scales | {"readout_weights": 1 / np.sqrt(8)}).items():
        moved = weights[name][1] - weights[name][0]
        columns = [column for column in space.columns if column.startswith(name)]
        at = [space.columns.index(column) for column in columns]
        np.testing.assert_allclose(moved.ravel(), scale * points[1, at], atol=1e-12)
        assert 0.5 * scale < weights[name][0].std() < 1.5 * scale


def test_weights_that_are_not_searched_stay_as_drawn() -> None:
    readout = BrianRecurrent(reservoir=SMALL, searched=["readout_weights", "beta"])
    space = readout.space(BANDIT.interface)
    assert space.columns[-1] == "beta_factor"
    assert space.n_dim == 17
    everything = BrianRecurrent(reservoir=SMALL)
    zero = everything.space(BANDIT.interface).default_point()[None]
    np.testing.assert_array_equal(
        episodes_done(readout, BANDIT, space.default_point()[None]).returns,
        episodes_done(everything, BANDIT, zero).returns,
    )


def test_factors_are_changes_of_the_settings() -> None:
    """Of all neurons of their candidate; Θ of [1/8, 8] on a logarithmic scale."""
    plain: dict[str, Any] = {"n_neurons": 8, "connectivity": 1.0, "tau_synapse_ms": 4.0}
    names: list[Any] = ["input_weights", *PHYSICAL]
    learner = BrianRecurrent(reservoir=Reservoir(**plain), searched=names)
    factors = dict(zip(PHYSICAL, (2.0, 0.5, 3.0, 1.5, 3.0), strict=True))
    points = np.tile(learner.space(QUADRATIC.interface).default_point(), (2, 1))
    points[1, -len(factors) :] = (np.log([*factors.values()]) / np.log(8.0) + 1) / 2
    values: dict[str, Any] = {**Reservoir(**plain).model_dump()}
    for name, factor in factors.items():
        key = "beta" if name == "beta" else f"{name}_ms"
        values[key] = (np.array(values[key]) * factor).tolist()
    changed = BrianRecurrent(reservoir=Reservoir(**values), searched=["input_weights"])
    found = episodes_done(learner, QUADRATIC, points).returns
    alone = episodes_done(changed, QUADRATIC, points[:1, : -len(factors)]).returns
    np.testing.assert_allclose(found[1:], alone, rtol=1e-9)
    assert (found[0] != found[1]).all()


def test_without_readout_weights_answers_are_random_or_the_middle() -> None:
    """Ties are broken at random, and a continuous answer is the middle of the range."""
    learner = BrianRecurrent(reservoir=SMALL, searched=["readout_weights"])
    drawn = SMALL.initial("readout_weights", (8, 1), 1.0)
    episodes = episodes_done(learner, QUADRATIC, -drawn.reshape(1, -1))
    tasks = QUADRATIC.sample(5, np.random.default_rng(1))
    np.testing.assert_allclose(episodes.returns[0], tasks.references().random, rtol=1e-12)

    drawn = SMALL.initial("readout_weights", (8, 2), 1.0)
    family = Bandit(n_steps=50)
    tied = episodes_done(learner, family, -drawn.reshape(1, -1), n_tasks=400)
    of_chance = family.sample(400, np.random.default_rng(1)).references().random
    # The mean of 400 episodes whose return has a deviation of about 5: within five standard errors.
    error = (tied.returns[0] - of_chance).std() / np.sqrt(400)
    assert abs((tied.returns[0] - of_chance).mean()) < 5 * error
    assert error < 0.5


@pytest.mark.parametrize(("choice", "share"), [("softmax", 0.75), ("largest", 1.0)])
def test_softmax_draws_by_the_readout(choice: str, share: float) -> None:
    """Of actions with readouts 0 and ln 3, the second is drawn three times as often."""
    n = 20_000
    learner = BrianRecurrent.model_validate({"reservoir": SMALL, "choice": choice})
    tasks, seeds = BANDIT.sample(n, np.random.default_rng(0)), np.arange(n, dtype=np.uint64)[None]
    channels, rollout = learner.channels(BANDIT.interface), Rollout("x", tasks, seeds)
    theta = default_values(learner, BANDIT.interface)
    agents = RecurrentAgents(learner, SMALL.circuit(), channels, theta, rollout)
    found = np.mean(agents.answer(np.tile([0.0, np.log(3.0)], (n, 1))))
    assert abs(found - share) <= 5 * np.sqrt(share * (1 - share) / n)


def test_continuous_answers_are_clipped_to_the_range() -> None:
    learner = BrianRecurrent(reservoir=SMALL, readout_gain=1000.0)
    episodes = episodes_done(learner, QUADRATIC, points_of(learner, QUADRATIC))
    tasks = QUADRATIC.sample(5, np.random.default_rng(1))
    worst = np.maximum(tasks.targets() - 0.2, 0.8 - tasks.targets()) / tasks.scale
    assert (episodes.returns >= -(worst**2).sum(axis=1)).all()


def test_feed_action_says_which_last_actions_are_inputs() -> None:
    discrete, continuous = BANDIT.interface, QUADRATIC.interface
    feeds = {"discrete": [True, False], "always": [True, True], "never": [False, False]}
    for feed, expected in feeds.items():
        learner = BrianRecurrent.model_validate({"reservoir": SMALL, "feed_action": feed})
        fed = ["action" in learner.channels(task).parts for task in (discrete, continuous)]
        assert fed == expected


def test_open_and_closed_loop_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its actions, the input of an episode that is told targets is known beforehand."""
    closed = BrianRecurrent(reservoir=SMALL)
    points = points_of(closed, QUADRATIC)
    expected = episodes_done(closed, QUADRATIC, points)
    through: Any = open_loop

    def without_compiler(*arguments: Any) -> Any:
        return through(*arguments[:-1], "numpy")

    monkeypatch.setattr(batch, "open_loop", without_compiler)
    opened = BrianRecurrent(reservoir=SMALL, target="cpp_standalone")
    found = episodes_done(opened, QUADRATIC, points)
    assert found.returns.tobytes() == expected.returns.tobytes()
    assert found.curve.tobytes() == expected.curve.tobytes()


@pytest.mark.parametrize("feed", ["discrete", "always"])
def test_a_closed_loop_has_no_standalone_program(feed: str) -> None:
    family = BANDIT if feed == "discrete" else QUADRATIC
    learner = BrianRecurrent.model_validate(
        {"reservoir": SMALL, "target": "cpp_standalone", "feed_action": feed}
    )
    with pytest.raises(ValueError, match=r"brian_recurrent needs target .*cpp_standalone"):
        learner.space(family.interface)


def test_a_lone_neuron_has_no_recurrent_weights() -> None:
    learner = BrianRecurrent(reservoir=Reservoir(n_neurons=1))
    space = learner.space(Interface(1, 2, "discrete", 10))
    names = [parameter.name for parameter in space.parameters]
    assert names == ["input_weights", "readout_weights"]
    assert np.isfinite(episodes_done(learner, BANDIT, points_of(learner, BANDIT)).returns).all()


@pytest.mark.parametrize(
    ("searched", "reservoir", "message"),
    [
        (["tau_synapse"], {}, "tau_synapse_ms > 0"),
        (["beta"], {"adaptive_share": 0.0}, "adaptive neurons"),
        (["recurrent_weights"], {"connectivity": 0.0}, "got none"),
    ],
)
def test_settings_without_effect_cannot_be_searched(
    searched: list[str], reservoir: dict[str, float], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        BrianRecurrent.model_validate({"searched": searched, "reservoir": reservoir})
