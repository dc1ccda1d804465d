"""Asserts about random numbers, each with a stated rate of false alarms.

``alpha`` is the probability that a *right* implementation fails the assert on a fresh seed. Tests
fix the seed, so a green test stays green; divide alpha by the number of asserts of one test. Every
function also states the size of an effect that it sees nine times in ten, and a test that uses one
contains a negative control: something wrong that the same assert rejects. Where that is another
expectation of the same samples, it is the argument ``control``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from scipy import stats


def rng(seed: int) -> np.random.Generator:
    """A generator whose numbers do not depend on those of any other seed."""
    return np.random.Generator(np.random.Philox(seed))


def _rejects(check: Callable[..., None], *arguments: Any) -> None:
    with pytest.raises(AssertionError):
        check(*arguments)


def assert_mean(
    samples: ArrayLike, expected: float, alpha: float, control: float | None = None
) -> None:
    """Student's t-test, two-sided: independent samples have the mean ``expected``.

    Exact for normal samples, good for some tens of samples of any law without heavy tails. Sees a
    mean that is off by about (z(alpha / 2) + 1.3) standard errors, for alpha = 1e-4 by 5.2.
    """
    x = np.asarray(samples, dtype=np.float64).ravel()
    standard_error = x.std(ddof=1) / np.sqrt(x.size)
    difference = x.mean() - expected
    p = (
        2 * stats.t.sf(np.abs(difference) / standard_error, x.size - 1)
        if standard_error
        else (float(difference == 0))
    )
    assert p >= alpha, (
        f"mean {x.mean():.6g} ± {standard_error:.2g} of {x.size} samples is not {expected:.6g} "
        f"(p = {p:.2g} < {alpha:.2g})"
    )
    if control is not None:
        _rejects(assert_mean, samples, control, alpha)


def assert_rate(
    successes: int, n: int, expected: float, alpha: float, control: float | None = None
) -> None:
    """Exact binomial test, two-sided: ``successes`` of ``n`` trials happen at rate ``expected``.

    Sees a rate that is off by about (z(alpha / 2) + 1.3) · sqrt(expected (1 − expected) / n).
    """
    p = stats.binomtest(int(successes), n, expected).pvalue
    assert p >= alpha, (
        f"rate {successes}/{n} = {successes / n:.4g} is not {expected:.4g} "
        f"(p = {p:.2g} < {alpha:.2g})"
    )
    if control is not None:
        _rejects(assert_rate, successes, n, control, alpha)


Cdf = Callable[[NDArray[np.float64]], Any]


def assert_law(samples: ArrayLike, cdf: Cdf, alpha: float, control: Cdf | None = None) -> None:
    """Kolmogorov–Smirnov test: independent samples follow a continuous law.

    Sees a distribution function that is off somewhere by about
    (sqrt(−ln(alpha / 2) / 2) + 0.7) / sqrt(n); it is weak in the tails, so test moments too.

    Args:
        samples: any shape.
        cdf: the distribution function.
        alpha: rate of false alarms.
        control: a distribution function that is rejected.
    """
    x = np.asarray(samples, dtype=np.float64).ravel()
    test = stats.kstest(x, cdf)
    assert test.pvalue >= alpha, (
        f"{x.size} samples leave the law by {test.statistic:.3g} at "
        f"{test.statistic_location:.3g} (p = {test.pvalue:.2g} < {alpha:.2g})"
    )
    if control is not None:
        _rejects(assert_law, samples, control, alpha)


def assert_frequencies(
    counts: ArrayLike, probabilities: ArrayLike, alpha: float, control: ArrayLike | None = None
) -> None:
    """Pearson's chi-square test: counts of independent draws follow a discrete law.

    Every expected count must be 5 or more. Sees, for up to ten classes and alpha = 1e-4, laws with
    Σ (q − p)² / p of about 42 / n or more.

    Args:
        counts: (n_classes,) how often each class was drawn.
        probabilities: (n_classes,) sums to 1.
        alpha: rate of false alarms.
        control: probabilities that are rejected.
    """
    observed = np.asarray(counts, dtype=np.float64)
    law = np.asarray(probabilities, dtype=np.float64)
    expected = law * observed.sum()
    if not np.isclose(law.sum(), 1.0) or expected.min() < 5:
        raise ValueError("probabilities must sum to 1 and expect 5 or more draws of every class")
    test = stats.chisquare(observed, expected)
    assert test.pvalue >= alpha, (
        f"frequencies {np.round(observed / observed.sum(), 4)} are not {np.round(law, 4)} "
        f"(p = {test.pvalue:.2g} < {alpha:.2g})"
    )
    if control is not None:
        _rejects(assert_frequencies, counts, control, alpha)


def assert_better(
    first: ArrayLike, second: ArrayLike, alpha: float, control: ArrayLike | None = None
) -> None:
    """Sign test, one-sided: the first of each pair is larger more often than not.

    Here the burden of proof is reversed: ``alpha`` is the probability that something that is *not*
    better passes. With 20 pairs and alpha = 0.01, 16 wins are needed, which something that wins 9
    pairs in 10 reaches with probability 0.96. Ties count for neither. ``control`` is no better than
    the second.
    """
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
    p = stats.binomtest(wins, wins + losses, 0.5, alternative="greater").pvalue if wins else 1.0
    assert p <= alpha, f"only {wins} wins and {losses} losses (p = {p:.2g} > {alpha:.2g})"
    if control is not None:
        _rejects(assert_better, control, second, alpha)
