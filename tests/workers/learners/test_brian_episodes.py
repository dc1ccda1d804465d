"""Episodes of every learner in one Brian2 network are those of networks of their own."""

import pytest
from support.brian_spikes import recorded_spikes
from support.learner_cases import N_CANDIDATES, N_TASKS, case

from spikeloop.workers.learners import LEARNERS

pytestmark = pytest.mark.brian


@pytest.mark.parametrize("kind", [kind for kind in LEARNERS if kind.startswith("brian_")])
def test_an_episode_alone_has_every_spike_that_it_has_among_others(kind: str) -> None:
    """Every spike of every population, over the whole episode."""
    whole = case(kind)
    with recorded_spikes() as runs:
        whole.run_episodes()
        for candidate in range(N_CANDIDATES):
            for task in range(N_TASKS):
                whole.one(candidate, task).run_episodes()
    together, *alone = runs
    for population, episodes in together.items():
        assert len(episodes) == len(alone) == N_CANDIDATES * N_TASKS
        for spikes, of_one in zip(episodes, alone, strict=True):
            assert of_one[population] == [spikes], population
    # Episodes differ in their spikes; some networks of the initial law are silent.
    assert len({str(episode) for episode in zip(*together.values(), strict=True)}) > N_TASKS
    assert sum(len(spikes) for episodes in together.values() for spikes in episodes) > 200
