"""Episodes of every learner in one Brian2 network are those of networks of their own."""

from typing import Any

import numpy as np
import pytest
from support.brian_spikes import recorded_spikes
from support.learner_cases import case

from spikeloop.coordinator.check.learners import N_CANDIDATES, N_TASKS
from spikeloop.workers.learners import LEARNERS

pytestmark = pytest.mark.brian


SAMPLE = (0, 0), (1, N_TASKS - 1), (N_CANDIDATES - 1, 1)
POISSON = {"reservoir": {"n_neurons": 12, "input": "poisson", "tau_synapse_ms": 5.0}}


@pytest.mark.parametrize(
    ("kind", "changes"),
    [*((kind, {}) for kind in LEARNERS if "brian_" in kind), ("brian_recurrent", POISSON)],
)
def test_an_episode_alone_has_every_spike_that_it_has_among_others(
    kind: str, changes: dict[str, Any]
) -> None:
    """Every spike of every population, over the whole episode."""
    whole = case(kind, **changes)
    with recorded_spikes() as runs:
        whole.run_episodes()
        for candidate, task in SAMPLE:
            whole.part(np.s_[candidate : candidate + 1], np.s_[task : task + 1]).run_episodes()
    together, *alone = runs
    for population, episodes in together.items():
        assert len(episodes) == N_CANDIDATES * N_TASKS
        for (candidate, task), of_one in zip(SAMPLE, alone, strict=True):
            assert of_one[population] == [episodes[candidate * N_TASKS + task]], population
    # Episodes differ in their spikes; some networks of the initial law are silent.
    assert len({str(episode) for episode in zip(*together.values(), strict=True)}) > N_TASKS
    assert sum(len(spikes) for episodes in together.values() for spikes in episodes) > 200
