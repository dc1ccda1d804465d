"""The objective: advantages by hand, its gradients, and an unbiased policy gradient."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.statistical_asserts import assert_mean

from spikeloop.tasks.base import FloatArray
from spikeloop.workers import xla
from spikeloop.workers.learners.lsnn.objective import Decisions, Objective

REWARD = np.array([1.0, 0.0, 2.0, 4.0])
VALUE = np.array([0.5, 1.0, -1.0, 2.0])
# With γ = ½ the surprises r + γ V′ − V are 1, −3/2, 4 and 2.


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    with xla.precision("float64"):
        yield


def decisions(**changed: FloatArray) -> Decisions:
    given = {"reward": REWARD, "log_chance": np.full(4, -1.0), "entropy": np.full(4, 0.5)}
    arrays = {**given, "value": VALUE, **changed}
    return Decisions(**{name: array[:, None] for name, array in arrays.items()})


def slopes(objective: Objective, progress: float = 0.0, truncation: int = 0) -> Decisions:
    """∂J/∂ of each array of ``decisions``, (n_steps,) each."""

    def gained(given: Decisions) -> Any:
        return objective.of_rewards(given, progress, truncation)

    found = xla.jax().grad(gained)(decisions())
    return Decisions(*(np.asarray(array)[:, 0] for array in found if array is not None))


ADVANTAGES: list[tuple[float, int, list[float]]] = [
    (0.0, 0, [1.0, -1.5, 4.0, 2.0]),
    (1.0, 0, [1.0 + 0.5 * 1.0, -1.5 + 0.5 * 5.0, 4.0 + 0.5 * 2.0, 2.0]),
    (0.5, 0, [1.0 - 0.25 * 0.375, -1.5 + 0.25 * 4.5, 4.0 + 0.25 * 2.0, 2.0]),
    (1.0, 2, [1.0 + 0.5 * -1.5, -1.5, 4.0 + 0.5 * 2.0, 2.0]),
    (1.0, 3, [1.0 + 0.5 * 0.5, -1.5 + 0.5 * 4.0, 4.0, 2.0]),
    (1.0, 1, [1.0, -1.5, 4.0, 2.0]),
    (1.0, 4, [1.5, 1.0, 5.0, 2.0]),
]


@pytest.mark.parametrize(("trace", "truncation", "advantages"), ADVANTAGES)
def test_advantages_by_hand(trace: float, truncation: int, advantages: list[float]) -> None:
    """∂J/∂ log π(a_t) is A_t / 4, and ∂J/∂V_t is c_v A_t / 4: a pull towards the target."""
    objective = Objective(discount=0.5, trace=trace, value_cost=0.3, entropy_cost=0.02)
    found = slopes(objective, truncation=truncation)
    np.testing.assert_allclose(found.log_chance, np.array(advantages) / 4, rtol=1e-14)
    np.testing.assert_allclose(found.value, 0.3 * np.array(advantages) / 4, rtol=1e-14)
    np.testing.assert_allclose(found.entropy, 0.02 / 4, rtol=1e-14)


def test_the_objective_by_hand() -> None:
    """λ = 0: −ΣA − ½ c_v ΣA² + c_e ΣH, over 4."""
    objective = Objective(discount=0.5, trace=0.0, value_cost=0.3, entropy_cost=0.02)
    squares = 1.0 + 2.25 + 16.0 + 4.0
    expected = (-5.5 - 0.15 * squares + 0.02 * 4 * 0.5) / 4
    assert float(objective.of_rewards(decisions(), 0.0, 0)) == pytest.approx(expected, rel=1e-14)


def test_rewards_are_scaled() -> None:
    plain = Objective(discount=0.5).of_rewards(decisions(reward=3 * REWARD), 0.0, 0)
    scaled = Objective(discount=0.5, reward_scale=3.0).of_rewards(decisions(), 0.0, 0)
    assert float(scaled) == pytest.approx(float(plain), rel=1e-14)
    assert float(scaled) != pytest.approx(float(Objective().of_rewards(decisions(), 0.0, 0)))


@pytest.mark.parametrize(("progress", "cost"), [(0.0, 0.8), (0.25, 0.65), (0.5, 0.5), (1.0, 0.2)])
def test_the_entropy_cost_is_annealed(progress: float, cost: float) -> None:
    objective = Objective(entropy_cost=0.8, last_entropy_cost=0.2)
    np.testing.assert_allclose(slopes(objective, progress).entropy, cost / 4, rtol=1e-14)


def test_episodes_are_averaged() -> None:
    """Two episodes side by side give the mean of what they give alone."""
    rng = np.random.default_rng(1)
    both = Decisions(*rng.standard_normal((4, 4, 2)))
    alone = [Decisions(*(array[:, k : k + 1] for array in both[:4])) for k in range(2)]
    objective = Objective()
    expected = np.mean([float(objective.of_rewards(one, 0.3, 0)) for one in alone])
    assert float(objective.of_rewards(both, 0.3, 0)) == pytest.approx(expected, rel=1e-13)


def test_targets_are_trained_by_the_mean_reward() -> None:
    assert float(Objective().of_targets(decisions())) == 7 / 4
    assert float(Objective(reward_scale=0.25).of_targets(decisions())) == 7 / 16


def test_latents_by_hand() -> None:
    """Mean squared errors 1, 0, 2 and 4 cost c_l = 3 times their mean; without them nothing."""
    objective = Objective(latent_cost=3.0)
    assert float(objective.of_latents(decisions(latent_error=REWARD))) == -3 * 7 / 4
    assert objective.of_latents(decisions()) == 0.0


def test_rates_by_hand() -> None:
    """Half a spike in a step of 2 ms are 250 Hz, none are 0 Hz; the wanted rate is 20 Hz."""
    objective = Objective(rate_hz=20.0, rate_cost=0.01)
    found = float(objective.of_rates(np.array([0.5, 0.0]), 2.0))
    assert found == pytest.approx(-0.01 * (230.0**2 + 20.0**2) / 2, rel=1e-14)


CHANCE = np.array([0.2, 0.7])
"""Of a reward from each of two arms; 1 more if an arm is pulled twice."""
LOGITS = np.array([0.3, -0.4])
N_SAMPLES = 20_000


def policy_gradients(objective: Objective) -> FloatArray:
    """(n_samples,) ∂J/∂θ of single episodes of two pulls; θ is the second arm's logit.

    Values are wrong on purpose: for the whole return that follows they only change the variance.
    """
    rng = np.random.default_rng(6)
    policy = np.exp(LOGITS) / np.exp(LOGITS).sum()
    actions = (rng.random((N_SAMPLES, 2)) < policy[1]).astype(int)
    rewards = (rng.random((N_SAMPLES, 2)) < CHANCE[actions]).astype(float)
    rewards[:, 1] += actions[:, 0] == actions[:, 1]

    module = xla.jax()

    def gained(theta: Any, action: Any, reward: Any) -> Any:
        log_policy = module.nn.log_softmax(module.numpy.stack([LOGITS[0] + 0 * theta, theta]))
        entropy = -(module.numpy.exp(log_policy) * log_policy).sum()
        episodes_done = Decisions(
            reward[:, None],
            log_policy[action][:, None],
            module.numpy.full((2, 1), 1.0) * entropy,
            module.numpy.array([[0.9], [-0.7]]),
        )
        return objective.of_rewards(episodes_done, 0.0, 0)

    each = module.jit(module.vmap(module.grad(gained), in_axes=(None, 0, 0)))
    return np.asarray(each(LOGITS[1], actions, rewards))


def true_gradient(entropy_cost: float) -> float:
    """∂/∂θ of (expected return + c_e × entropies) / 2, by hand."""
    q = np.exp(LOGITS[1]) / np.exp(LOGITS).sum()
    slope = q * (1 - q)  # of q
    of_return = 2 * (CHANCE[1] - CHANCE[0]) + (4 * q - 2)  # 1 more with chance q² + (1 − q)²
    of_entropy = 2 * np.log((1 - q) / q)
    return float(slope * (of_return + entropy_cost * of_entropy) / 2)


def test_the_policy_gradient_is_unbiased() -> None:
    """False alarms 1e-4. Controls: what follows forgotten, and entropy left out."""
    settings = {"discount": 1.0, "entropy_cost": 0.5, "value_cost": 0.0}
    found = policy_gradients(Objective(**settings, trace=1.0))
    assert_mean(found, true_gradient(0.5), alpha=1e-4, control=true_gradient(0.0))
    myopic = policy_gradients(Objective(**{**settings, "discount": 0.0}, trace=1.0))
    with pytest.raises(AssertionError):
        assert_mean(myopic, true_gradient(0.5), alpha=1e-4)
