"""A spiking network of PyTorch as a learner, where PyTorch and snnTorch are installed."""

from typing import Any

import numpy as np
import pytest
from support.learner_cases import default_episodes
from support.paths import EXAMPLES

from spikeloop.tasks.bandit import Bandit

pytest.importorskip("snntorch")

FAMILY = Bandit(n_steps=30)


@pytest.fixture
def spiking_policy(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from own_torch import spiking_policy  # type: ignore[import-not-found]

    return spiking_policy


def test_the_network_learns_and_gives_the_same_bits_twice(spiking_policy: Any) -> None:
    learner = spiking_policy(n_neurons=8, window=5)
    one, other = (default_episodes(learner, FAMILY, 12) for _ in range(2))
    assert one.curve.tobytes() == other.curve.tobytes()
    tasks = FAMILY.sample(12, np.random.default_rng(0))
    random = tasks.references().random.sum()
    still = default_episodes(learner, FAMILY, 12, learning_rate=0.0)
    assert one.returns.sum() > max(random, still.returns.sum())
