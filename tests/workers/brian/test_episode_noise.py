"""Random numbers of episodes: the published generator, the right laws, and independence."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from support.statistical_asserts import assert_law, assert_mean

from spikeloop.tasks.base import SeedArray
from spikeloop.workers.brian.blueprint import Blueprint, Population
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.brian.noise import functions, keys, per_episode
from spikeloop.workers.philox import philox, uniforms

ALPHA = 1e-4


def _words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(
    ("counter", "key", "block"),
    [
        ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (
            "ffffffff ffffffff ffffffff ffffffff",
            "ffffffff ffffffff",
            "408f276d 41c83b0e a20bc7c6 6d5451fd",
        ),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            "a4093822 299f31d0",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_blocks_are_those_published_with_the_generator(counter: str, key: str, block: str) -> None:
    """Random123's file kat_vectors."""
    arguments = [np.uint64(word) for word in _words(counter) + _words(key)]
    assert [int(word) for word in philox(*arguments)] == _words(block)


def _reference(seed: int, stream: int, step: int, element: int) -> tuple[float, float]:
    """The same generator in Python's whole numbers, written after the paper's section 4.2."""
    left, right = [step % 2**32, stream], [element, step >> 32]
    key = [seed % 2**32, seed >> 32]
    for _ in range(10):
        products = [0xD2511F53 * left[0], 0xCD9E8D57 * left[1]]
        left, right = (
            [(products[1] >> 32) ^ right[0] ^ key[0], (products[0] >> 32) ^ right[1] ^ key[1]],
            [products[1] % 2**32, products[0] % 2**32],
        )
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    w = [left[0], right[0], left[1], right[1]]
    u, v = ((w[i] // 2**5 * 2**26 + w[i + 1] // 2**6) / 2**53 for i in (0, 2))
    return u, math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)


coordinates = st.tuples(
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**63 - 1),
    st.integers(0, 300),
)


@given(coordinates)
def test_numbers_are_functions_of_seed_stream_step_and_element(
    at: tuple[int, int, int, int],
) -> None:
    seed, stream, step, element = at
    seeds = np.array([seed, 5], dtype=np.uint64)
    wide = uniforms(seeds, stream, step, element + 3)
    assert wide[0, element] == _reference(*at)[0]
    np.testing.assert_array_equal(uniforms(seeds[1:], stream, step, 2), wide[1:, :2])


@pytest.mark.brian
@given(coordinates)
def test_brians_functions_give_the_same_numbers(at: tuple[int, int, int, int]) -> None:
    seed, stream, step, element = at
    low, high = keys(np.array([seed], dtype=np.uint64))
    assert low.dtype == high.dtype == np.int32
    uniform, normal = (
        functions()[name](low, high, element, step, stream)[0]
        for name in ("episode_uniform", "episode_normal")
    )
    expected = _reference(*at)
    assert uniform == expected[0]
    assert normal == pytest.approx(expected[1], rel=1e-14, abs=1e-14)


def test_uniform_numbers_follow_their_law() -> None:
    seeds = np.arange(1000, dtype=np.uint64)
    assert_law(uniforms(seeds, 0, 0, 20), stats.uniform.cdf, ALPHA)
    with pytest.raises(AssertionError):
        assert_law(uniforms(seeds, 0, 0, 20) ** 1.1, stats.uniform.cdf, ALPHA)


@pytest.mark.brian
def test_normal_numbers_follow_their_law() -> None:
    low, high = keys(np.arange(20_000, dtype=np.uint64))
    numbers = functions()["episode_normal"](low, high, 0, 0, 0)
    assert_law(numbers, stats.norm.cdf, ALPHA / 2)
    assert_mean(numbers**4, 3.0, ALPHA / 2, control=3.0 / 1.1**4)


def test_neighbouring_coordinates_are_independent() -> None:
    """The mean product of centred numbers is 0, for a step of 1 along each coordinate."""
    seeds = np.arange(20_000, dtype=np.uint64)
    base = uniforms(seeds, 3, 7)
    neighbours = {
        "seed": uniforms(seeds + np.uint64(1), 3, 7),
        "high word": uniforms(seeds + np.uint64(2**32), 3, 7),
        "stream": uniforms(seeds, 4, 7),
        "step": uniforms(seeds, 3, 8),
        "late step": uniforms(seeds, 3, 7 + 2**32),
        "element": uniforms(seeds, 3, 7, 2)[:, 1:],
    }
    for other in neighbours.values():
        assert_mean((base - 0.5) * (other - 0.5), 0.0, ALPHA / len(neighbours))
    with pytest.raises(AssertionError):
        assert_mean((base - 0.5) * (0.1 * base + 0.9 * other - 0.5), 0.0, ALPHA)


def test_each_occurrence_in_statements_gets_a_stream_of_its_own() -> None:
    code = "x = rand() + randn( )  # not rand()\nrandom_rate = brand(rand())"
    start = "(episode_key_low, episode_key_high, k, t_in_timesteps"
    text, following = per_episode(code, 5, "k")
    assert text == (
        f"x = episode_uniform{start}, 5) + episode_normal{start}, 6)  # not rand()\n"
        f"random_rate = brand(episode_uniform{start}, 7))"
    )
    assert following == 8
    assert per_episode("xi = 3", 5, "k") == ("xi = 3", 5)


def test_noise_in_equations_becomes_one_subexpression_for_each_name() -> None:
    text, following = per_episode(
        "dv/dt = -v/tau + xi : 1\ndw/dt = xi + xi_2/maxi : 1", 0, "k", equations=True
    )
    normal = "episode_normal(episode_key_low, episode_key_high, k, t_in_timesteps"
    assert text.splitlines() == [
        "dv/dt = -v/tau + episode_xi : 1",
        "dw/dt = episode_xi + episode_xi_2/maxi : 1",
        f"episode_xi = dt**-0.5 * {normal}, 0) : second**-0.5 (constant over dt)",
        f"episode_xi_2 = dt**-0.5 * {normal}, 1) : second**-0.5 (constant over dt)",
    ]
    assert following == 2


@pytest.mark.parametrize("call", ["poisson(3*Hz*dt)", "binomial()", "rand(3)"])
def test_other_random_functions_are_refused(call: str) -> None:
    with pytest.raises(ValueError, match=rf"^{call.partition('(')[0]}\(\) .* got 'x = "):
        per_episode(f"x = {call}", 0, "k")


def simulate(
    seeds: SeedArray, n: int, equations: str, method: str, n_steps: int, names: str
) -> list[NDArray[Any]]:
    """Variables (n_episodes, n) after some steps of 1 ms."""
    equations += "\ntau : second (constant)"
    noisy = Population(n, equations, method=method, initial={"tau": "2*ms"})
    with network(Blueprint(1e-3, {"noisy": noisy}), seeds) as batch:
        batch.run(1, n_steps, lambda window: None)
        return [batch.array("noisy", name).copy() for name in names]


NOISY = "dv/dt = -v/tau + sqrt(2/tau)*xi : 1"


@pytest.mark.brian
@pytest.mark.parametrize("method", ["euler", "exponential_euler", "exact"])
def test_stationary_variance_is_that_of_the_scheme(method: str) -> None:
    """dv/dt = −v/τ + sqrt(2/τ) ξ with dt = τ/2 has, at the grid, the variance below.

    With v′ = a v + b N: b²/(1 − a²), for Euler's scheme 1/(1 − dt/2τ), for the exact solution with
    noise that is constant over a step (2τ/dt) tanh(dt/2τ).
    """
    variances = {"euler": 1 / (1 - 0.25), "exact": 4 * math.tanh(0.25)}
    variances["exponential_euler"] = variances["exact"]
    seeds = np.arange(500, dtype=np.uint64)
    (v,) = simulate(seeds, 8, NOISY, method, 60, "v")
    other = variances["exact" if method == "euler" else "euler"]
    assert_mean(v**2, variances[method], ALPHA, control=other)


@pytest.mark.brian
def test_each_name_of_noise_is_one_noise() -> None:
    equations = "\n".join(
        f"d{v}/dt = -{v}/tau + sqrt(2/tau)*{xi} : 1"
        for v, xi in (("a", "xi"), ("b", "xi"), ("c", "xi_c"))
    )
    a, b, c = simulate(np.array([3], dtype=np.uint64), 3000, equations, "euler", 30, "abc")
    np.testing.assert_array_equal(a, b)
    assert_mean(a * c, 0.0, ALPHA)
    with pytest.raises(AssertionError):
        assert_mean(a * b, 0.0, ALPHA)


@pytest.mark.brian
def test_numbers_in_a_model_are_those_drawn_by_python() -> None:
    seeds = np.array([11, 2**63], dtype=np.uint64)
    (u,) = simulate(seeds, 3, "u = rand() : 1 (constant over dt)", "euler", 9, "u")
    np.testing.assert_array_equal(u, uniforms(seeds, 0, 8, 3))
