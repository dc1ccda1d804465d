"""Gradients of whole episodes: finite differences, hand calculation, checkpoints, truncation."""

from typing import Any

import numpy as np
import pytest
from support.learner_cases import case

from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.base import Episodes
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.space import Parameters

N_STEPS, N_TASKS = 7, 3
FAMILY = Quadratic(n_steps=N_STEPS)
TASKS = FAMILY.sample(N_TASKS, np.random.default_rng(5))
SEEDS = np.arange(N_TASKS, dtype=np.uint64)[None]
NO_RATES = {"rate_cost": 0.0}


def lsnn(**changes: Any) -> Lsnn:
    """Trained by rewards alone, if nothing else is said."""
    learner = case("lsnn", FAMILY, **{"objective": NO_RATES, **changes}).learner
    assert isinstance(learner, Lsnn)
    return learner


def point(learner: Lsnn) -> FloatArray:
    """One of the initial law."""
    return learner.space(FAMILY.interface).sample(1, np.random.default_rng(6))


def decode(learner: Lsnn, points: FloatArray) -> Parameters:
    return learner.space(FAMILY.interface).decode(points)


def differentiate(learner: Lsnn) -> tuple[FloatArray, Episodes]:
    """(n_dim,) gradient at the point, and the episodes."""
    episodes = learner.differentiate(decode(learner, point(learner)), TASKS, SEEDS, 0.0)
    assert episodes.gradient is not None
    return episodes.gradient[0], episodes


@pytest.mark.exhaustive
def test_gradients_of_smooth_networks_are_finite_differences() -> None:
    """Of mean reward, latents and rates, along random directions within each array of weights.

    Weak synapses, because strong ones make such a network so stiff that no step is small. A step
    is some hundred times the grid of weights, whose rounding leaves errors of a few thousandths.
    """
    objective = {"rate_cost": 2e-5, "latent_cost": 0.7}
    settings = {"precision": "float64", "recurrent_scale": 0.1, "centering_rate_hz": 20.0}
    settings["copies"] = 2
    learner = lsnn(smooth=0.6, objective=objective, **settings)
    at, rng, step = point(learner), np.random.default_rng(1), 0.01
    gradient, _ = differentiate(learner)

    def gained(points: FloatArray) -> float:
        episodes_done = tile.trace(learner, decode(learner, points), TASKS, SEEDS)
        rate_hz = episodes_done.counts[0].mean(axis=0) / 4 * 1000
        toll = 2e-5 * ((rate_hz - 20.0) ** 2).mean()
        toll += 0.7 * episodes_done.decisions.latent_error.mean()
        return float(episodes_done.decisions.reward.mean() - toll)

    space, seen = learner.space(FAMILY.interface), []
    for parameter, place in space.slices():
        direction = np.zeros_like(at)
        direction[:, place] = rng.standard_normal(parameter.size)
        difference = gained(at + step * direction) - gained(at - step * direction)
        slope = float(gradient @ direction[0])
        assert difference / (2 * step) == pytest.approx(slope, rel=0.01), parameter.name
        seen.append(abs(slope))
    assert min(seen) > 1e-3


@pytest.fixture(scope="module")
def plain() -> tuple[FloatArray, Episodes]:
    return differentiate(lsnn())


@pytest.mark.exhaustive
@pytest.mark.parametrize("checkpoint", [0, 3])
def test_checkpoints_change_no_gradient(
    checkpoint: int, plain: tuple[FloatArray, Episodes]
) -> None:
    gradient, episodes = differentiate(lsnn(checkpoint=checkpoint))
    np.testing.assert_allclose(gradient, plain[0], rtol=1e-5, atol=1e-5 * np.abs(plain[0]).max())
    np.testing.assert_array_equal(episodes.returns, plain[1].returns)


def test_differentiated_episodes_are_those_without_gradient(
    plain: tuple[FloatArray, Episodes],
) -> None:
    learner = lsnn()
    episodes = learner.run_episodes(decode(learner, point(learner)), TASKS, SEEDS)
    np.testing.assert_array_equal(plain[1].returns, episodes.returns)
    np.testing.assert_array_equal(plain[1].curve, episodes.curve)


@pytest.mark.exhaustive
@pytest.mark.parametrize("truncation", [2, pytest.param(7, marks=pytest.mark.exhaustive)])
def test_truncation_cuts_the_gradient(truncation: int, plain: tuple[FloatArray, Episodes]) -> None:
    """It changes nothing else; at the length of the episode it cuts nothing."""
    gradient, episodes = differentiate(lsnn(truncation=truncation))
    np.testing.assert_array_equal(episodes.returns, plain[1].returns)
    tolerance = 1e-5 * np.abs(plain[0]).max()
    whole = np.allclose(gradient, plain[0], rtol=1e-5, atol=tolerance)
    assert whole == (truncation == N_STEPS)


@pytest.mark.parametrize("truncation", [0, pytest.param(2, marks=pytest.mark.exhaustive)])
def test_gradients_of_readouts_by_hand(truncation: int) -> None:
    """The answer is 0.5 + 0.3 (b + Σ R F), F the spikes filtered since the last cut.

    So ∂J/∂R_j is the mean of −2 × 0.3 (answer − target) F_j over the scale of targets squared, and
    ∂/∂b the same with F = 1.
    """
    learner = lsnn(truncation=truncation)
    gradient, _ = differentiate(learner)
    episodes_done = tile.trace(learner, decode(learner, point(learner)), TASKS, SEEDS)
    slopes = -0.6 * (episodes_done.action[0, ..., 0] - TASKS.targets().T) / TASKS.scale**2
    kappa, filtered = np.exp(-1 / learner.tau_readout_ms), np.zeros((N_TASKS, 12))
    of_readout = np.zeros(12)
    for step in range(N_STEPS):
        if truncation and step % truncation == 0:
            filtered[:] = 0
        for z in episodes_done.spikes[0, step]:
            filtered = kappa * filtered + (1 - kappa) * z
        of_readout += slopes[step] @ filtered
    space = learner.space(FAMILY.interface)
    places = {parameter.name: (place, parameter) for parameter, place in space.slices()}
    place, parameter = places["readout_weights"]
    scale = learner.readout_scale / np.sqrt(12)
    expected = of_readout * scale / slopes.size
    np.testing.assert_allclose(gradient[place], expected, rtol=1e-3, atol=1e-5)
    assert np.abs(expected).max() > 0.01
    place, _ = places["readout_bias"]
    assert gradient[place] == pytest.approx(slopes.mean() * scale, rel=1e-4)
    assert parameter.size == 12


@pytest.mark.exhaustive
def test_rewards_train_policy_and_value() -> None:
    """With several candidates at once, each as alone; progress anneals the cost of entropy."""
    whole = case("lsnn", Bandit(n_steps=6))
    learner = whole.learner
    assert isinstance(learner, Lsnn)
    together = learner.differentiate(whole.parameters, whole.tasks, whole.seeds, 0.5)
    alone = learner.differentiate(
        whole.parameters.rows(slice(1, 2)), whole.tasks, whole.seeds[1:2], 0.5
    )
    assert together.gradient is not None
    assert alone.gradient is not None
    scale = np.abs(alone.gradient).max()
    assert scale > 1e-3
    np.testing.assert_array_equal(together.returns[1:2], alone.returns)
    np.testing.assert_allclose(together.gradient[1:2], alone.gradient, rtol=1e-3, atol=1e-5 * scale)
    earlier = learner.differentiate(
        whole.parameters.rows(slice(1, 2)), whole.tasks, whole.seeds[1:2], 0.0
    )
    np.testing.assert_array_equal(earlier.returns, alone.returns)
    assert earlier.gradient is not None
    assert (earlier.gradient != alone.gradient).any()
