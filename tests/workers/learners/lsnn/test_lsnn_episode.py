"""Episodes as one program: neighbours, precision, random numbers, and records."""

from typing import Any

import numpy as np
import pytest
from support.learner_cases import case
from support.statistical_asserts import assert_frequencies, assert_rate

from spikeloop.coordinator.check.learners import LearnerCase
from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import FloatArray, TaskFamily
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.program import ProgrammedTasks
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.episode import Recorded
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.space import Parameters

N_STEPS = 12
BANDIT = Bandit(n_steps=N_STEPS)
GAUSSIAN = Bandit(n_arms=3, n_steps=N_STEPS, rewards="gaussian")
MDP = RandomMdp(n_states=4, n_actions=3, n_steps=N_STEPS)
QUADRATIC = Quadratic(n_steps=N_STEPS)


def lsnn(one: LearnerCase) -> Lsnn:
    assert isinstance(one.learner, Lsnn)
    return one.learner


def trace(one: LearnerCase) -> Recorded:
    return tile.trace(lsnn(one), one.parameters, one.tasks, one.seeds)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        (
            GAUSSIAN,
            {"trial_channels": 3, "centering_rate_hz": 20.0, "entropy_bonus": 0.3, "copies": 3},
        ),
        pytest.param(
            BANDIT,
            {"input": "spikes", "excitatory_share": 0.5, "copies": 2},
            marks=pytest.mark.exhaustive,
        ),
        pytest.param(MDP, {"input": "spikes"}, marks=pytest.mark.exhaustive),
    ],
    ids=["gaussian", "bandit", "mdp"],
)
def test_episodes_do_not_depend_on_their_neighbours(
    family: TaskFamily, changes: dict[str, Any]
) -> None:
    """To the bit, as those of the contract tests, whose family is another."""
    whole = case("lsnn", family, **changes)
    episodes = whole.run_episodes()
    assert len(np.unique(episodes.returns)) > 3
    rows, some = slice(1, 3), slice(0, 3)
    found = whole.part(rows, some).run_episodes()
    np.testing.assert_array_equal(found.returns, episodes.returns[rows, some])
    np.testing.assert_array_equal(found.curve, episodes.curve[rows, some])


N_TASKS = 100


def both_precisions(family: TaskFamily, **changes: Any) -> tuple[Recorded, Recorded]:
    """The same episodes twice: parameters that single precision holds."""
    whole = case("lsnn", family, **changes)
    rng = np.random.default_rng(7)
    single = whole.parameters.values.astype(np.float32).astype(np.float64)[:1]
    tasks = family.sample(N_TASKS, rng)
    seeds = rng.integers(0, 2**64, (1, N_TASKS), dtype=np.uint64)
    recorded = []
    for precision in ("float32", "float64"):
        learner = Lsnn.model_validate({**lsnn(whole).model_dump(), "precision": precision})
        space = learner.space(family.interface)
        recorded.append(tile.trace(learner, Parameters(space, single), tasks, seeds))
    assert recorded[0].drive.dtype == np.float32
    assert recorded[1].drive.dtype == np.float64
    return recorded[0], recorded[1]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("family", "changes"),
    [
        (BANDIT, {"input": "spikes"}),
        pytest.param(QUADRATIC, {}, marks=pytest.mark.exhaustive),
    ],
    ids=["bandit", "quadratic"],
)
def test_episodes_are_nearly_the_same_in_both_precisions(
    family: TaskFamily, changes: dict[str, Any]
) -> None:
    """They have the same tasks, noise and input spikes; a potential can be a rounding from θ.

    Among about 576 potentials of an episode, each a millionth away from the other precision's, few
    lie on the other side of the threshold: all spikes must be equal in 95 of 100 episodes.
    """
    single, double = both_precisions(family, **changes)
    same = (single.spikes == double.spikes).all(axis=(1, 2, 4))[0]
    assert same.mean() >= 0.95
    assert 0.02 < single.spikes.mean() < 0.4
    if changes:  # the first decision does not depend on those before
        np.testing.assert_array_equal(single.seen[:, 0], double.seen[:, 0])
    for one, other in ((single.action, double.action), (single.feedback, double.feedback)):
        np.testing.assert_allclose(one[0][:, same], other[0][:, same], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        single.drive[0][..., same, :], double.drive[0][..., same, :], rtol=1e-4, atol=1e-6
    )


N_EPISODES = 4000
BIAS = np.array([0.8, 0.0, -0.6, 0.0])


def first_choices(**changes: Any) -> tuple[FloatArray, Recorded]:
    """(3,) the policy of the first decision, at which all episodes are equal, and 4000 episodes."""
    family = Bandit(n_arms=3, n_steps=2)
    one = case("lsnn", family, window_ms=8.0, input_scale=20.0, **changes)
    learner = lsnn(one)
    parameters = one.parameters.rows(slice(0, 1))
    parameters.values[:, -4:] = BIAS
    seeds = np.random.default_rng(1).integers(0, 2**64, (1, N_EPISODES), dtype=np.uint64)
    episodes_done = tile.trace(
        learner, parameters, family.sample(N_EPISODES, np.random.default_rng(2)), seeds
    )
    answer = BIAS[:3] + readouts(learner, parameters, episodes_done)
    policy = np.exp(answer) / np.exp(answer).sum()
    return policy, episodes_done


def readouts(learner: Lsnn, parameters: Parameters, episodes_done: Recorded) -> FloatArray:
    """(3,) filtered spikes of the first decision through the readout weights, without bias."""
    kappa = np.exp(-learner.step_ms / learner.tau_readout_ms)
    y = np.zeros(4)
    for z in episodes_done.spikes[0, 0, :, 0]:
        y = kappa * y + (1 - kappa) * z @ parameters["readout_weights"][0]
    return y[:3]


def test_actions_are_drawn_from_the_policy() -> None:
    """False alarms 1e-4; the control is a flatter policy."""
    policy, episodes_done = first_choices()
    assert episodes_done.spikes[0, 0].sum(axis=(0, 2)).min() > 0
    actions = episodes_done.action[0, 0]
    chances = np.exp(episodes_done.decisions.log_chance[0, 0])
    np.testing.assert_allclose(chances, policy[actions], rtol=1e-4)
    entropy = -(policy * np.log(policy)).sum()
    np.testing.assert_allclose(episodes_done.decisions.entropy[0, 0], entropy, rtol=1e-4)
    counts = np.bincount(actions, minlength=3)
    flatter = policy**0.8 / (policy**0.8).sum()
    assert_frequencies(counts, policy, alpha=1e-4, control=flatter)


def test_without_exploration_the_most_likely_action_is_taken() -> None:
    policy, episodes_done = first_choices(explores=False)
    assert (episodes_done.action[0, 0] == policy.argmax()).all()
    assert (episodes_done.decisions.log_chance[0] >= np.log(1 / 3)).all()


def test_input_spikes_are_poissonian() -> None:
    """At 400 Hz and steps of 1 ms, the constant channel spikes with chance 0.4; false alarms 1e-4.

    The others in proportion, here 0 before the first decision.
    """
    one = case("lsnn", BANDIT, input="spikes", input_rate_hz=400.0)
    seeds = np.random.default_rng(3).integers(0, 2**64, (1, 100), dtype=np.uint64)
    tasks = BANDIT.sample(100, np.random.default_rng(4))
    episodes_done = tile.trace(lsnn(one), one.parameters.rows(slice(0, 1)), tasks, seeds)
    bias = episodes_done.seen[0, ..., -1]
    assert set(np.unique(bias)) == {0.0, 1.0}
    assert_rate(int(bias.sum()), bias.size, 0.4, alpha=1e-4, control=0.45)
    assert not episodes_done.seen[0, 0, ..., :-1].any()
    for step in range(1, N_STEPS):
        arms = episodes_done.seen[0, step, :, :, :2].any(axis=0)
        other = 1 - episodes_done.action[0, step - 1]
        assert not arms[np.arange(100), other].any()
    per_episode = bias.reshape(-1, 100).T  # independent episodes: no two the same
    assert len(np.unique(per_episode, axis=0)) == 100


def test_records_are_consistent() -> None:
    """Counts and adaptation follow from spikes; drives from what is seen."""
    one = case("lsnn", MDP)
    episodes_done, learner = trace(one), lsnn(one)
    assert isinstance(one.tasks, ProgrammedTasks)
    np.testing.assert_allclose(
        episodes_done.counts, episodes_done.spikes.sum(axis=2).mean(axis=2), rtol=1e-6
    )
    rho, b = learner.neurons().rho, np.zeros((3, 4, 12))
    last = np.zeros_like(b)
    for step in range(N_STEPS):
        for t in range(4):
            b = rho * b + (1 - rho) * last
            last = episodes_done.spikes[:, step, t]
        np.testing.assert_allclose(episodes_done.adaptation[:, step], b, rtol=1e-4, atol=1e-7)
    seen = np.round(episodes_done.seen.astype(np.float64) * 256) / 256
    for candidate in range(3):
        drive = seen[candidate] @ one.parameters["input_weights"][candidate]
        np.testing.assert_allclose(episodes_done.drive[candidate], drive, rtol=1e-4, atol=1e-6)
