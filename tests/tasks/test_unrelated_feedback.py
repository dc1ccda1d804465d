"""Feedback that says nothing of what an action earns: a negative control for every learner."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import assert_law, assert_mean

from spikeloop.tasks.bandit import Bandit, BanditTasks
from spikeloop.tasks.base import Feedback, FloatArray, IntArray
from spikeloop.tasks.mdp import RandomMdp, RandomMdpTasks
from spikeloop.tasks.restless_bandit import RestlessBandit
from spikeloop.tasks.reversal_bandit import ReversalBandit
from spikeloop.tasks.tabular import tables_of
from spikeloop.workers.learners.tabular.learner import TabularTd

ALPHA = 1e-4
N_TASKS, N_STEPS = 400, 60
FAMILIES: dict[str, Any] = {
    "bandit": (Bandit, {}),
    "five_arms": (Bandit, {"n_arms": 5}),
    "gaussian": (Bandit, {"rewards": "gaussian"}),
    "reversal": (ReversalBandit, {}),
    "restless": (RestlessBandit, {}),
    "restless_independent": (RestlessBandit, {"arms": "independent", "n_arms": 3}),
}


def sample(name: str, feedback: str, n_tasks: int = N_TASKS) -> Any:
    settings, arguments = FAMILIES[name]
    family = settings(n_steps=N_STEPS, counts="expected", feedback=feedback, **arguments)
    return family.sample(n_tasks, np.random.default_rng(0))


def played(tasks: Any, arms: IntArray, seed: int = 1) -> tuple[FloatArray, FloatArray]:
    """(n_tasks, n_steps) rewards and feedback where given arms, (n_tasks, n_steps), are pulled."""
    rng, play = np.random.default_rng(seed), tasks.play(np.arange(tasks.n_tasks))
    steps = [play.step(arms[:, step], rng.random(tasks.n_tasks)) for step in range(N_STEPS)]
    reward, feedback = np.array(steps).transpose(1, 2, 0)
    return reward, feedback


@pytest.mark.parametrize("name", FAMILIES)
def test_a_policy_without_memory_earns_what_it_earns_with_its_own_feedback(name: str) -> None:
    """Bit for bit, on families whose tasks do not move by the feedback."""
    own, unrelated = sample(name, "own"), sample(name, "unrelated")
    arms = np.random.default_rng(2).integers(own.interface.n_actions, size=(N_TASKS, N_STEPS))
    earned = played(unrelated, arms)[0]
    if name == "reversal":  # swaps and rewards share a random number
        difference = earned.sum(axis=1) - own.references().random
        assert_mean(difference, 0.0, ALPHA)
    else:
        np.testing.assert_array_equal(earned, played(own, arms)[0])
    for policy in ("random", "optimal"):
        np.testing.assert_allclose(
            getattr(unrelated.references(), policy), getattr(own.references(), policy), rtol=1e-12
        )


@pytest.mark.parametrize("name", FAMILIES)
def test_the_feedback_is_the_same_whichever_arm_is_pulled(name: str) -> None:
    """The control is the feedback of the arm itself."""
    first = np.zeros((N_TASKS, N_STEPS), dtype=np.int64)
    seen = {
        feedback: [played(sample(name, feedback), first + arm)[1] for arm in (0, 1)]
        for feedback in ("own", "unrelated")
    }
    np.testing.assert_array_equal(seen["unrelated"][0], seen["unrelated"][1])
    assert (seen["own"][0] != seen["own"][1]).any()


def test_a_reward_is_seen_below_the_mean_chance() -> None:
    family = Bandit(n_arms=2, n_steps=1, counts="expected", feedback="unrelated")
    tasks = BanditTasks(family, np.array([[0.25, 0.75]]))
    play = tasks.play(np.zeros(3, dtype=np.int64))
    reward, feedback = play.step(np.array([0, 1, 1]), np.array([np.nextafter(0.5, 0), 0.49, 0.5]))
    np.testing.assert_array_equal(reward, [0.25, 0.75, 0.75])
    np.testing.assert_array_equal(feedback, [1.0, 1.0, 0.0])


@pytest.mark.parametrize("name", ["bandit", "five_arms", "reversal"])
def test_tables_have_the_mean_chance_in_every_row(name: str) -> None:
    tasks = sample(name, "unrelated", 5)
    tables = tables_of(tasks, "a test")
    pays = (tables.transition * tables.feedback).sum(axis=-1)
    chance = 0.5 if name == "reversal" else tasks.mean.mean(axis=1)[:, None, None]
    np.testing.assert_allclose(pays, np.broadcast_to(chance, pays.shape), rtol=1e-12)
    own = tables_of(sample(name, "own", 5), "a test")
    np.testing.assert_array_equal(tables.reward, own.reward)


@pytest.mark.parametrize("name", FAMILIES)
def test_no_baseline_earns_more_than_uniform_pulls(name: str) -> None:
    tasks = sample(name, "unrelated", 3)
    baselines = tasks.baselines(np.random.default_rng(0))
    assert list(baselines) == ["Bayes optimum"]
    np.testing.assert_array_equal(baselines["Bayes optimum"], tasks.references().random)


@pytest.mark.parametrize("name", ["bandit", "reversal"])
def test_an_agent_that_learns_falls_to_the_value_of_uniform_pulls(name: str) -> None:
    """The control is the same agent with its own feedback."""
    learner, ahead = TabularTd(), {}
    for feedback in ("own", "unrelated"):
        tasks = sample(name, feedback)
        space = learner.space(tasks.interface)
        point = space.decode(space.default_point()[None])
        seeds = np.random.default_rng(3).integers(0, 2**64, (1, N_TASKS), dtype=np.uint64)
        returns = learner.run_episodes(point, tasks, seeds).returns[0]
        ahead[feedback] = returns - tasks.references().random
    assert_mean(ahead["unrelated"], 0.0, ALPHA)
    with pytest.raises(AssertionError):
        assert_mean(ahead["own"], 0.0, ALPHA)


@pytest.mark.parametrize("family", [Bandit, ReversalBandit, RestlessBandit])
def test_unrelated_feedback_needs_expected_returns(family: Any) -> None:
    with pytest.raises(ValueError, match="counts"):
        family(feedback="unrelated")


def mdps(feedback: Feedback) -> RandomMdpTasks:
    """400 MDPs with few states and actions; the feedback changes nothing else in them."""
    family = RandomMdp(n_states=3, n_actions=4, n_steps=200, feedback=feedback)
    return family.sample(N_TASKS, np.random.default_rng(0))


def test_unrelated_mdps_have_the_rewards_of_others_with_their_transitions() -> None:
    own, unrelated = mdps("own"), mdps("unrelated")
    for name in ("transition", "reward"):
        np.testing.assert_array_equal(getattr(unrelated, name), getattr(own, name))
    allowed = own.transition > 0
    assert unrelated.signal is not None and own.signal is None
    np.testing.assert_array_equal(unrelated.feedback[~allowed], 0.5)
    assert_law(unrelated.feedback[allowed], stats.uniform.cdf, ALPHA)
    assert stats.pearsonr(unrelated.feedback[allowed], own.reward[allowed]).pvalue > ALPHA


def test_an_agent_earns_what_uniform_actions_do_in_unrelated_mdps() -> None:
    """The baselines that learn do, too; the control is each with the feedback of its own MDP."""
    learner = TabularTd()
    feedbacks: tuple[Feedback, ...] = ("own", "unrelated")
    ahead = {}
    for feedback in feedbacks:
        tasks = mdps(feedback)
        space = learner.space(tasks.interface)
        point = space.decode(space.default_point()[None])
        seeds = np.random.default_rng(3).integers(0, 2**64, (1, N_TASKS), dtype=np.uint64)
        returns = dict(tasks.baselines(np.random.default_rng(4)))
        returns["agent"] = learner.run_episodes(point, tasks, seeds).returns[0]
        del returns["myopic, knows task"]
        ahead[feedback] = {name: got - tasks.references().random for name, got in returns.items()}
    assert list(ahead["own"]) == ["bandit per state", "model with bonus", "agent"]
    for name, difference in ahead["unrelated"].items():
        assert_mean(difference, 0.0, ALPHA)
        with pytest.raises(AssertionError):
            assert_mean(ahead["own"][name], 0.0, ALPHA)
