"""Ascent steps: closed forms."""

import numpy as np
import pytest

from spikeloop.coordinator.strategies.optimizers import Adam, Ascent, Sgd

ZEROS = np.zeros(3)
GRADIENT = np.array([2.0, -0.5, 0.0])


def test_adam_first_step_is_the_sign_of_the_gradient() -> None:
    direction, _, _ = Adam().ascend(GRADIENT, ZEROS, ZEROS, 1)
    np.testing.assert_allclose(direction, np.sign(GRADIENT), atol=1e-7)


def test_adam_keeps_unit_steps_under_a_constant_gradient() -> None:
    first, second = ZEROS, ZEROS
    for t in range(1, 50):
        direction, first, second = Adam(beta1=0.7, beta2=0.9).ascend(GRADIENT, first, second, t)
        np.testing.assert_allclose(direction, np.sign(GRADIENT), atol=1e-6)


def test_adam_without_memory_of_the_mean_divides_by_the_root_mean_square() -> None:
    adam = Adam(beta1=0.0, beta2=0.5)
    _, first, second = adam.ascend(np.array([3.0]), np.zeros(1), np.zeros(1), 1)
    direction, _, _ = adam.ascend(np.array([1.0]), first, second, 2)
    mean_square = (0.25 * 9 + 0.5 * 1) / 0.75
    np.testing.assert_allclose(direction, 1 / np.sqrt(mean_square), rtol=1e-6)


def test_adam_ignores_the_scale_of_the_gradient() -> None:
    rng = np.random.default_rng(0)
    small = large = Ascent(ZEROS, ZEROS, ZEROS)
    for t in range(1, 20):
        gradient = rng.normal(size=3)
        small = Adam().ascend(gradient, small.first, small.second, t)
        large = Adam().ascend(1000 * gradient, large.first, large.second, t)
        np.testing.assert_allclose(small.direction, large.direction, rtol=1e-5)


def test_sgd_without_momentum_is_the_gradient() -> None:
    direction, _, _ = Sgd(momentum=0.0).ascend(GRADIENT, np.ones(3), ZEROS, 5)
    np.testing.assert_array_equal(direction, GRADIENT)


def test_sgd_momentum_weighs_past_gradients_geometrically() -> None:
    gradients = np.random.default_rng(0).normal(size=(10, 3))
    first = ZEROS
    for t, gradient in enumerate(gradients, start=1):
        direction, first, _ = Sgd(momentum=0.8).ascend(gradient, first, ZEROS, t)
    weights = 0.2 * 0.8 ** np.arange(9, -1, -1)
    np.testing.assert_allclose(direction, weights @ gradients)


@pytest.mark.parametrize("optimizer", [Adam(), Sgd()])
def test_arguments_are_not_changed(optimizer: Adam | Sgd) -> None:
    gradient, first, second = GRADIENT.copy(), np.ones(3), np.ones(3)
    for array in (gradient, first, second):
        array.flags.writeable = False
    optimizer.ascend(gradient, first, second, 3)
