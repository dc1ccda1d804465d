"""Sparse least squares: which few terms explain a change, by an L1 path and BIC.

The path is that of the adaptive lasso (Zou 2006, J. Am. Stat. Assoc. 101:1418), whose penalty of a
term is divided by its size in ordinary least squares, so that it finds the right terms where they
are correlated, as those of visited states are. For each number of terms the support with the
smallest error is refitted without penalty.

States of an episode depend on one another, so episodes count as the observations of

    BIC(k) = n_episodes log(RSS / n_rows) + k log(n_episodes)

and are what a bootstrap draws. All of it works on the products of each episode's columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.interpretation.packages import required
from spikeloop.tasks.base import FloatArray

LEAST_SHARE = 1e-12
"""A target whose variance is below this share of its squares does not vary."""
LEAST_SQUARE = 2.0**-32 / 12
"""Mean square of what rounding to 2⁻¹⁶, that of a value, leaves: nothing below it is explained."""


@dataclass(frozen=True)
class Products:
    """Sums of products of columns.

    Attributes:
        gram: (..., n, n) of columns with each other.
        cross: (..., n) of columns with the target.
        square: (...,) of the target with itself.
        total: (...,) of the target.
        n_rows: (...,) rows.
    """

    gram: FloatArray
    cross: FloatArray
    square: FloatArray
    total: FloatArray
    n_rows: FloatArray

    def summed(self, counts: FloatArray | None = None) -> "Products":
        """Add episodes up, each as often as ``counts`` says, by default once."""
        weights = np.ones(len(self.square)) if counts is None else counts

        def summed(products: FloatArray) -> FloatArray:
            return np.asarray(np.tensordot(weights, products, 1), dtype=np.float64)

        return Products(
            summed(self.gram),
            summed(self.cross),
            summed(self.square),
            summed(self.total),
            summed(self.n_rows),
        )


@dataclass(frozen=True)
class Fit:
    """Least squares on some of the columns.

    Attributes:
        support: the columns, ascending.
        coefficients: (n,) of all columns, 0 beside the support.
        residual: sum of squared residuals.
    """

    support: tuple[int, ...]
    coefficients: FloatArray
    residual: float


def products_of(design: FloatArray, target: FloatArray) -> Products:
    """Compute the products of each episode.

    ``design`` is (n_episodes, n_rows, n), ``target`` (n_episodes, n_rows).
    """
    transposed = design.swapaxes(1, 2)
    return Products(
        transposed @ design,
        (transposed @ target[..., None])[..., 0],
        (target**2).sum(axis=1),
        target.sum(axis=1),
        np.full(len(target), target.shape[1], dtype=np.float64),
    )


def least_squares(whole: Products, support: Sequence[int]) -> Fit:
    """Fit the target by some of the columns."""
    kept = sorted(support)
    coefficients = np.zeros(len(whole.cross))
    if kept:
        gram, cross = whole.gram[np.ix_(kept, kept)], whole.cross[kept]
        coefficients[kept] = np.linalg.lstsq(gram, cross, rcond=None)[0]
    explained = 2 * coefficients @ whole.cross - coefficients @ whole.gram @ coefficients
    return Fit(tuple(kept), coefficients, max(float(whole.square - explained), 0.0))


def path(whole: Products) -> list[Fit]:
    """Fit ever more terms, from none on: for each number of terms on the L1 path the best support.

    Raises:
        Unavailable: scikit-learn is not installed.
    """
    linear_model = required("sklearn.linear_model", "rule")
    used = np.flatnonzero(np.diag(whole.gram) > 0)
    scale = np.abs(least_squares(whole, used.tolist()).coefficients)
    used = used[scale[used] > 0]
    if used.size == 0:
        return [least_squares(whole, ())]
    scale = scale[used]
    _, _, found = linear_model.lars_path_gram(
        whole.cross[used] * scale,
        whole.gram[np.ix_(used, used)] * np.outer(scale, scale),
        n_samples=int(whole.n_rows),
        method="lasso",
    )
    best = {0: least_squares(whole, ())}
    for knot in found.T:
        fit = least_squares(whole, used[knot != 0].tolist())
        k = len(fit.support)
        if k not in best or fit.residual < best[k].residual:
            best[k] = fit
    return [best[k] for k in sorted(best)]


def bic(fit: Fit, whole: Products, n_episodes: int) -> float:
    """Compute BIC with episodes as observations; smaller is better."""
    k = len(fit.support)
    mean_square = max(fit.residual / float(whole.n_rows), LEAST_SQUARE)
    return float(n_episodes * np.log(mean_square) + k * np.log(n_episodes))


def choose(fits: Sequence[Fit], whole: Products, n_episodes: int) -> int:
    """Give the place of the fit with the smallest BIC."""
    return int(np.argmin([bic(fit, whole, n_episodes) for fit in fits]))


def chosen(whole: Products, n_episodes: int) -> Fit:
    """Give the fit on the path that has the smallest BIC."""
    fits = path(whole)
    return fits[choose(fits, whole, n_episodes)]


def explained_share(fit: Fit, whole: Products) -> float:
    """Compute R² of a fit on the rows of ``whole``, which need not be those that it was fitted to.

    The share of the variance about the target's mean; 0 if the target does not vary.
    """
    coefficients = fit.coefficients
    fitted = 2 * coefficients @ whole.cross - coefficients @ whole.gram @ coefficients
    variation = float(whole.square - whole.total**2 / whole.n_rows)
    if variation <= LEAST_SHARE * float(whole.square):
        return 0.0
    return float(1 - (whole.square - fitted) / variation)


def resampled_coefficients(
    episodes: Products, support: Sequence[int], counts: NDArray[np.uint8]
) -> FloatArray:
    """Refit some columns to resampled episodes, (n_resamples, n)."""
    return np.array(
        [least_squares(episodes.summed(row), support).coefficients for row in counts.astype(float)]
    )


def selection_shares(episodes: Products, counts: NDArray[np.uint8]) -> FloatArray:
    """Give the share of resamples in which path and BIC choose each column, (n,)."""
    n_columns, n_episodes = episodes.cross.shape[1], len(episodes.square)
    shares = np.zeros(n_columns)
    for row in counts.astype(float):
        whole = episodes.summed(row)
        shares[list(chosen(whole, n_episodes).support)] += 1
    return shares / len(counts)
