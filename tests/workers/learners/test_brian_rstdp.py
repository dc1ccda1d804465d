"""Reward-modulated STDP: exact changes of weights by hand, then whole episodes."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pytest
from support.learner_cases import default_episodes, default_values
from support.statistical_asserts import assert_better

from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import FloatArray, IntArray, Interface
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.base import Episodes
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.learners.brian_rstdp.learner import BrianRstdp, RstdpAgents
from spikeloop.workers.philox import Stream
from spikeloop.workers.rollout import Rollout

MS, MV = 1e-3, 1e-3
STEP_MS = 1.0
ALWAYS, NEVER = 1.0, -1.0
"""Membranes, in V, from which a neuron is sure to fire and sure not to."""

Steps = Sequence[int]


def play(
    learner: BrianRstdp,
    pre: Mapping[int, Steps],
    post: Mapping[int, Steps],
    feedback: Mapping[int, float],
    n_steps: int = 30,
    **values: float,
) -> tuple[FloatArray, FloatArray]:
    """Two states and two actions whose neurons fire in the given steps, and nothing else.

    Args:
        learner: its settings.
        pre: by input neuron, the time steps in which it fires.
        post: by action neuron.
        feedback: reward by the step before which the outcome comes.
        n_steps: of the whole.
        values: parameters of the action neurons, or ``w`` at first, in SI units.

    Returns:
        (2, 2) weights and eligibility of input neuron and action neuron at the end.
    """
    with network(learner.blueprint(2, 2), np.array([7], dtype=np.uint64)) as batch:
        constants = {
            "noise": MV,
            "A_plus": 1.0,
            "A_minus": 0.7,
            "tau_plus": 20 * MS,
            "tau_minus": 30 * MS,
            "tau_eligibility": 50 * MS,
            "eta": 0.1 * MV,
            "inhibition": 3 * MV,
            "w": 5 * MV,
        }
        for name, value in (constants | values).items():
            batch.array("plastic" if name == "w" else "actions", name)[:] = value

        def between_windows(step: int) -> None:
            if step in feedback:
                batch.array("actions", "feedback")[:] = feedback[step]
                batch.run_feedback()
            for neuron in range(2):
                fires = step in pre.get(neuron, ())
                batch.array("states", "rate")[0, neuron] = 1 / (STEP_MS * MS) if fires else 0.0
                fires = step in post.get(neuron, ())
                batch.array("actions", "v")[0, neuron] = ALWAYS if fires else NEVER

        batch.run(n_steps, 1, between_windows)
        # Up to the last step, as for outcomes: a spike does not yet decay in its own step.
        age = (n_steps - 1) * STEP_MS * MS - batch.array("plastic", "lastupdate")
        tau = (constants | values)["tau_eligibility"]
        eligibility = batch.array("plastic", "c") * np.exp(-age / tau)
        return batch.array("plastic", "w").reshape(2, 2).copy(), eligibility.reshape(2, 2)


def pairs(pre: Steps, post: Steps, until: int, a_minus: float = 0.7, tau_c: float = 50.0) -> float:
    """The eligibility before a step, as a sum over all pairs of spikes; time constants in ms.

    A spike's trace and eligibility begin to decay in the step after it.
    """
    total = 0.0
    for i, j in product(pre, post):
        if max(i, j) < until:
            made = np.exp(-(j - i) / 20.0) if i <= j else -a_minus * np.exp(-(i - j) / 30.0)
            total += made * np.exp(-(until - 1 - max(i, j)) / tau_c)
    return total


def test_all_pairs_of_two_trains_count_at_each_of_several_outcomes() -> None:
    """With rewards counted from a baseline of 0.25 that goes half-way to each of them.

    The surprises are 0.75, then 0, then −1.125. A synapse without pairs stays as it is.
    """
    rng = np.random.default_rng(0)
    pre = {k: np.flatnonzero(rng.random(60) < 0.3).tolist() for k in range(2)}
    post = {0: np.flatnonzero(rng.random(60) < 0.3).tolist(), 1: []}
    feedback, surprise = {15: 1.0, 30: 0.625, 59: -0.5}, {15: 0.75, 30: 0.0, 59: -1.125}
    following = {"baseline": 0.25, "baseline_rate": 0.5}
    w, c = play(BrianRstdp(), pre, post, feedback, n_steps=60, **following)
    for i, j in product(range(2), range(2)):
        change = sum(r * pairs(pre[i], post[j], step) for step, r in surprise.items())
        np.testing.assert_allclose(w[i, j], 5 * MV + 0.1 * MV * change, rtol=1e-12)
        np.testing.assert_allclose(c[i, j], pairs(pre[i], post[j], 60), rtol=1e-11)
    assert (w[:, 1] == 5 * MV).all()
    # A negative control: without depression the same sums differ.
    other = pairs(pre[0], post[0], 60, a_minus=0.0)
    assert abs(other - c[0, 0]) > 0.1


def test_lasting_dopamine_acts_at_the_next_outcome() -> None:
    left = np.exp(-5 / 10)
    w, _ = play(BrianRstdp(), {0: [2]}, {0: [3]}, {5: 1.0, 10: 0.0}, dopamine_left=left)
    pair = np.exp(-1 / 20)
    change = pair * (np.exp(-1 / 50) + left * np.exp(-6 / 50))
    np.testing.assert_allclose(w[0, 0], 5 * MV + 0.1 * MV * change, rtol=1e-12)


@pytest.mark.parametrize(("feedback", "bound", "part"), [(1.0, 10 * MV, 0.7), (-1.0, 0.0, 0.3)])
def test_hard_bounds_stop_weights_and_soft_ones_slow_them(
    feedback: float, bound: float, part: float
) -> None:
    w, _ = play(BrianRstdp(), {0: [2]}, {0: [3]}, {5: feedback}, eta=50 * MV)
    assert w[0, 0] == bound
    w, _ = play(BrianRstdp(bounds="soft"), {0: [2]}, {0: [3]}, {5: feedback}, w=3 * MV)
    change = 0.1 * MV * feedback * np.exp(-1 / 20) * np.exp(-1 / 50)
    np.testing.assert_allclose(w[0, 0], 3 * MV + part * change, rtol=1e-12)


EASY = Bandit(arms="dependent_easy", n_steps=60)
N_TASKS = 40


def episodes_done(learner: BrianRstdp, n_tasks: int = N_TASKS, **values: float) -> Episodes:
    return default_episodes(learner, EASY, n_tasks, task_seed=3, **values)


def test_rewards_improve_returns_and_shuffled_rewards_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Against episodes without plasticity, with false alarms of 1e-4."""
    taught = episodes_done(BrianRstdp()).returns[0]
    untaught = episodes_done(BrianRstdp(), eta=0.0).returns[0]
    step = Rollout.step

    def coin(rollout: Rollout, actions: IntArray | FloatArray) -> FloatArray:
        """Rewards are earned, but fair coins are the feedback."""
        fair = rollout.uniform(Stream.EXPLORATION)[:, 0] < 0.5
        step(rollout, actions)
        return fair.astype(np.float64)

    monkeypatch.setattr(Rollout, "step", coin)
    fooled = episodes_done(BrianRstdp()).returns[0]
    assert_better(taught, untaught, alpha=1e-4, control=fooled)
    assert_better(taught, fooled, alpha=1e-4)


def test_fixed_parameters_leave_the_space_and_act() -> None:
    free, fixed = BrianRstdp(), BrianRstdp(fixed={"tau_eligibility": 50.0, "eta": 0.1})
    names = fixed.space(EASY.interface).columns
    assert set(free.space(EASY.interface).columns) - set(names) == {"tau_eligibility", "eta"}
    episodes = episodes_done(fixed, 3)
    same = episodes_done(free, 3, tau_eligibility=50.0, eta=0.1)
    np.testing.assert_array_equal(episodes.curve, same.curve)
    assert (episodes.returns != episodes_done(free, 3).returns).any()


def test_unknown_impossible_and_too_many_fixed_values_are_refused() -> None:
    with pytest.raises(ValueError, match=r"fixed .* 'tau'"):
        BrianRstdp(fixed={"tau": 1.0})
    with pytest.raises(ValueError, match=r"fixed eta .* -1\.0"):
        BrianRstdp(fixed={"eta": -1.0}).space(EASY.interface)
    everything = dict.fromkeys(BrianRstdp().space(EASY.interface).columns, 0.5)
    with pytest.raises(ValueError, match=r"fixed .* got all"):
        BrianRstdp(fixed=everything)
    del everything["noise"]
    BrianRstdp(fixed=everything)


def test_the_learning_rate_decays_from_the_second_outcome_on() -> None:
    """η_t = η / (1 + t)^decay with t = 0, 1, ... at the outcomes of decisions 0, 1, ..."""
    learner, tasks = BrianRstdp(), EASY.sample(2, np.random.default_rng(0))
    rollout = Rollout("a", tasks, np.arange(2, dtype=np.uint64)[None])
    with network(learner.blueprint(1, 2), rollout.seeds) as batch:
        theta = default_values(learner, EASY.interface, eta=0.2, eta_decay=0.5)
        agents = RstdpAgents(learner, theta, rollout, batch)
        for t in range(3):
            agents.between_windows(t)
            if t:
                eta = batch.array("actions", "eta")
                np.testing.assert_allclose(eta, 0.2 * MV / np.sqrt(t), rtol=1e-12)


def test_families_with_targets_as_feedback_are_refused() -> None:
    with pytest.raises(ValueError, match=r"brian_rstdp needs rewards .* targets"):
        BrianRstdp().space(Interface(2, 2, "discrete", 10, feedback="target"))


@pytest.mark.parametrize(("baseline", "input_"), [("none", "poisson"), ("mean", "regular")])
def test_every_variant_runs(baseline: str, input_: str) -> None:
    learner = BrianRstdp.model_validate({"baseline": baseline, "input": input_, "bounds": "soft"})
    family = RandomMdp(n_states=3, n_actions=2, n_steps=10)
    assert ("expected" in learner.space(family.interface).columns) == (baseline != "none")
    episodes = default_episodes(learner, family, 2)
    assert episodes.action_values is not None
    assert (episodes.action_values != 0.5).any()
    assert ((episodes.action_values >= 0) & (episodes.action_values <= 1)).all()
