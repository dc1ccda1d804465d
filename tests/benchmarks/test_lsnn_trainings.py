"""The table of several trainings: rows of a network, and what is computed of known errors."""

import sys
from pathlib import Path

import lsnn_trainings
import numpy as np
import pandas as pd
import pytest
from support.random_networks import random_network_file

import spikeloop as sl


def known_errors(training: str, seed: int, squared_error: float) -> pd.DataFrame:
    """The same errors on every function; those of the prior mean are 2."""
    n = lsnn_trainings.N_FUNCTIONS
    frame = pd.DataFrame({"function": np.arange(n), "squared_error": squared_error})
    frame = frame.assign(prior_mean=2.0, linear_regression=1.5, bayes_regression=0.2)
    frame = frame.assign(**{f"after_{n}": squared_error for n in lsnn_trainings.SAMPLES})
    return frame.assign(training=training, run_seed=seed, episodes=1000)


def test_scores_and_means_of_known_errors() -> None:
    """Errors of 1 and .8 are scores of .5 and .6; their t-interval is .55 ± 12.706 × .05."""
    frames = [known_errors("a", 1, 1.0), known_errors("a", 2, 0.8), known_errors("b", 1, 2.0)]
    lines = [*lsnn_trainings.summary(pd.concat(frames))][2:]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert [row[:2] for row in cells] == [["a", "1"], ["a", "2"], ["a", "mean of 2"], ["b", "1"]]
    assert [row[3] for row in cells] == [
        "0.500 [0.500, 0.500]",
        "0.600 [0.600, 0.600]",
        "0.550 [-0.085, 1.185]",
        "0.000 [0.000, 0.000]",
    ]
    assert cells[0][4:6] == ["0.250 [0.250, 0.250]", "0.900"]
    assert cells[1][6:] == ["0.8"] * 4


def test_a_training_that_is_put_in_again_replaces_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its errors are those of a transfer, function by function."""
    monkeypatch.setattr(lsnn_trainings, "N_FUNCTIONS", 50)
    network = random_network_file(tmp_path / "weights.npz", {"kind": "quadratic", "n_steps": 40})
    table = tmp_path / "table.parquet"
    for label in ("a", "b", "a"):
        given = ["", f"{label}={network}", "--table", str(table)]
        monkeypatch.setattr(sys, "argv", given)
        lsnn_trainings.main()
    rows = pd.read_parquet(table)
    assert rows["training"].tolist() == ["b"] * 50 + ["a"] * 50
    opened = sl.open(network)
    assert isinstance(opened, sl.WeightsFile)
    episodes = opened.evaluate(tasks=50, inline=True, progress=False).episodes
    played = episodes.query("theta == 'learned'").sort_values("task")
    np.testing.assert_allclose(rows["squared_error"][50:], -played["return"] / 40, rtol=1e-6)
    np.testing.assert_allclose(rows["prior_mean"][:50], -played["random"] / 40, rtol=1e-6)
