"""Ascent steps: closed forms."""

import numpy as np

from spikeloop.coordinator.strategies.optimizers import Adam, Ascent, Sgd

GRADIENTS = np.random.default_rng(0).normal(size=(10, 3))


def last_step(optimizer: Adam | Sgd) -> np.ndarray:
    """The direction after all gradients."""
    found = Ascent(np.zeros(3), np.zeros(3), np.zeros(3))
    for t, gradient in enumerate(GRADIENTS, start=1):
        found = optimizer.ascend(gradient, found.first, found.second, t)
    return found.direction


def weights(decay: float) -> np.ndarray:
    """Of the gradients in an exponential moving average that begins at 0."""
    found: np.ndarray = (1 - decay) * decay ** np.arange(9, -1, -1)
    return found


def test_adam_divides_corrected_averages_of_gradients_and_their_squares() -> None:
    """Kingma and Ba 2015: with weights that sum to 1, so that the scale does not matter."""
    first, second = weights(0.7), weights(0.9)
    mean = first @ GRADIENTS / first.sum()
    square = second @ GRADIENTS**2 / second.sum()
    adam = Adam(beta1=0.7, beta2=0.9, epsilon=0.01)
    np.testing.assert_allclose(last_step(adam), mean / (np.sqrt(square) + 0.01), rtol=1e-12)


def test_sgd_momentum_weighs_past_gradients_geometrically() -> None:
    np.testing.assert_allclose(last_step(Sgd(momentum=0.8)), weights(0.8) @ GRADIENTS)
    np.testing.assert_array_equal(last_step(Sgd(momentum=0.0)), GRADIENTS[-1])
