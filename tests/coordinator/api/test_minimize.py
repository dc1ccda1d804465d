"""The search over a plain function: what it finds, that it repeats, and how it fails."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from plain_functions import brittle, loss, noisy

import spikeloop as sl
from spikeloop.coordinator.strategies import STRATEGIES
from spikeloop.workers.parameter_types import Parameter

SPACE: dict[str, Parameter] = {
    "tau": sl.Real(1, 100, unit="ms", scale="log"),
    "n": sl.Integer(0, 9),
    "rule": sl.Choice(("bad", "good")),
}
FOUND: dict[str, Any] = {"inline": True, "progress": False}


def test_the_minimum_is_found_in_its_units() -> None:
    episodes: Any = np.int64(600)
    found = sl.minimize(loss, SPACE, sl.CmaEs(population_size=16), episodes=episodes, **FOUND)
    assert found.best_theta.tau == pytest.approx(30, rel=0.3)
    assert (found.best_theta.n, found.best_theta.rule) == (3, "good")
    assert found.best_value == loss(found.best_theta, np.random.default_rng()) < 0.1
    assert found.theta.units["tau"] == "ms"
    assert found.value.value == pytest.approx(loss(found.theta, np.random.default_rng()))
    assert found.value.n == 10
    assert found.n_episodes == 16 * (590 // 16) + 10 <= 600
    history = found.history
    assert list(history) == ["generation", "candidate", "value", "n_failed", "tau", "n", "rule"]
    assert history["value"].min() == found.best_value
    assert set(history["rule"]) <= {"bad", "good"}


def test_searching_the_largest_of_the_negative_is_the_same_search() -> None:
    least = sl.minimize(noisy, SPACE, episodes=200, **FOUND)
    most = sl.minimize(lambda t, rng: -noisy(t, rng), SPACE, episodes=200, maximize=True, **FOUND)
    assert dict(most.theta) == dict(least.theta)
    np.testing.assert_array_equal(most.history["value"], -least.history["value"])
    assert (most.value.value, most.value.low) == (-least.value.value, -least.value.high)
    other = sl.minimize(noisy, SPACE, episodes=200, seed=2, **FOUND)
    assert dict(other.theta) != dict(least.theta)


def test_repeats_are_averaged_and_share_their_noise_within_a_generation() -> None:
    def only_noise(theta: sl.Theta, rng: np.random.Generator) -> float:
        return float(rng.normal())

    found = sl.minimize(only_noise, SPACE, episodes=1000, repeats=4, held_out=40, **FOUND)
    by_generation = found.history.groupby("generation")["value"]
    assert (by_generation.nunique() == 1).all()
    assert by_generation.first().std() == pytest.approx(0.5, abs=0.4)
    assert found.value.low < 0 < found.value.high or abs(found.value.value) < 0.5


def test_whatever_can_be_called_with_theta_and_rng_is_a_function() -> None:
    class Shifted:
        def __call__(self, theta: sl.Theta, rng: np.random.Generator, by: float = 1.0) -> float:
            return loss(theta, rng) + by

    plain = sl.minimize(loss, SPACE, episodes=100, **FOUND)
    for other in (partial(Shifted(), by=2.0), Shifted()):
        shifted = sl.minimize(other, SPACE, episodes=100, **FOUND)
        assert dict(shifted.theta) == dict(plain.theta)


@pytest.mark.parametrize("kind", sorted(set(STRATEGIES) - {"bptt", "grid", "on_chip"}))
def test_every_strategy_searches_a_function(kind: str) -> None:
    found = sl.minimize(loss, SPACE, STRATEGIES[kind](), episodes=120, held_out=2, **FOUND)
    assert np.isfinite(found.value.value)
    assert found.best_value <= found.history["value"].iloc[0]


def test_failed_evaluations_are_counted_and_carry_no_weight() -> None:
    space = {"share": sl.Real(0, 0.2)}
    found = sl.minimize(brittle, space, episodes=300, max_failed_share=0.3, **FOUND)
    assert found.failures == {"raised": int(found.history["n_failed"].sum())}
    assert found.failures["raised"] > 0
    assert np.isnan(found.history["value"]).sum() == found.failures["raised"]


def test_too_many_failures_end_the_search_and_quote_the_first() -> None:
    with pytest.raises(sl.RunFailed, match=r"generation 1: .*ArithmeticError: did not converge"):
        sl.minimize(brittle, {"share": sl.Real(0.9, 1)}, episodes=100, **FOUND)
    nothing: Any = lambda theta, rng: None  # noqa: E731
    with pytest.raises(sl.RunFailed, match="must return a number, got None"):
        sl.minimize(nothing, SPACE, episodes=100, **FOUND)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"episodes": 57}, "episodes must be at least 58, one generation of evolution and 10"),
        ({"episodes": 500, "repeats": 0}, "repeats must be a whole number of at least 1, got 0"),
        ({"episodes": 500, "held_out": 1}, "held_out must be a whole number of at least 2, got 1"),
        ({"strategy": sl.Bptt()}, "needs a learner that gives gradients"),
        ({"strategy": sl.OnChip()}, "on_chip needs learner.kind"),
        ({"episodes": 1e3}, "episodes must be a whole number"),
        ({"seed": -1}, r"\[run\] seed"),
        ({"workers": 2}, "exclude each other"),
        ({"strategy": "evolution"}, r"strategy must be an object .*, got 'evolution'"),
        ({"strategy": sl.Evolution}, "strategy must be an object"),
        ({"space": {}}, "space must have a hyperparameter"),
        ({"space": {"tau": 3}}, "tau must be a Real, an Integer, a Choice or Weights, got 3"),
        ({"space": ["tau"]}, "space must be a dictionary"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(sl.ConfigError, match=words) as error:
        sl.minimize(loss, **{"space": SPACE, **arguments}, **FOUND)
    assert "\n" not in str(error.value)


@pytest.mark.ray
@pytest.mark.exhaustive
def test_workers_change_no_number() -> None:
    here = sl.minimize(noisy, SPACE, episodes=200, **FOUND)
    there = sl.minimize(noisy, SPACE, episodes=200, workers=2, progress=False)
    pd.testing.assert_frame_equal(here.history, there.history)
    assert here.value == there.value
