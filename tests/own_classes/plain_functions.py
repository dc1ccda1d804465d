"""Functions to be searched by ``sl.minimize``. Ray workers import this file."""

import numpy as np

import spikeloop as sl


def loss(theta: sl.Theta, rng: np.random.Generator) -> float:
    """Smallest, 0, at 30 ms, 3 and "good"."""
    off = np.log(theta.tau / 30) ** 2 + ((theta.n - 3) / 3) ** 2 + (theta.rule == "bad")
    return float(off)


def noisy(theta: sl.Theta, rng: np.random.Generator) -> float:
    """The same with noise."""
    return loss(theta, rng) + float(rng.normal(scale=0.5))


def brittle(theta: sl.Theta, rng: np.random.Generator) -> float:
    """1 + share, but it fails in that share of its evaluations."""
    if rng.random() < theta.share:
        raise ArithmeticError("did not converge")
    return 1.0 + float(theta.share)
