"""Chances of each step in the processor's memory: the very walk that the host drew."""

from typing import Any

import numpy as np
import pytest

from spikeloop.tasks.restless_bandit import RestlessBandit, RestlessTasks
from spikeloop.workers.chip.environment import pull, transition
from spikeloop.workers.chip.limits import FULL
from spikeloop.workers.chip.ppu.scalar_unit import draw_by_word
from spikeloop.workers.chip.task_message import environment_bytes, environments, message

LAWS: list[dict[str, Any]] = [
    {"arms": "dependent"},
    {"arms": "independent"},
    {"arms": "independent", "n_arms": 5},
]


def sample(n_tasks: int, **settings: Any) -> RestlessTasks:
    return RestlessBandit(**settings).sample(n_tasks, np.random.default_rng(0))


@pytest.mark.parametrize("law", LAWS)
def test_the_processor_has_the_hosts_walk_to_the_nearest_65535th(law: dict[str, Any]) -> None:
    """So its law is the family's, whose tests are in tests/tasks/test_restless_bandit.py."""
    tasks = sample(3, **law)
    n_listed = tasks.family.n_walks
    for task, environment in enumerate(environments(tasks.listed_chances())):
        assert environment.chance_u16.shape == (100, n_listed)
        error = environment.chance_u16 / FULL - tasks.mean[task, :, :n_listed]
        assert np.abs(error).max() <= 0.5 / FULL + 1e-12


def test_a_step_takes_two_bytes_a_walk_and_nothing_comes_during_the_episode() -> None:
    tasks = sample(2)
    listed = tasks.listed_chances()
    assert len(message(listed, 1)) == environment_bytes(tasks.interface) == 200
    assert environment_bytes(RestlessBandit(arms="independent", n_arms=3).interface) == 600
    high, low = message(listed, 0)[:2]
    assert 256 * high + low == round(tasks.mean[0, 0, 0] * FULL)


@pytest.mark.parametrize("chance", [0.0, 0.25, 1 / FULL, 0.5, 1.0])
def test_arms_pay_for_as_many_random_numbers_as_their_chances_are(chance: float) -> None:
    """Numbers are uniform in [0, FULL); a pull pays from FULL − chance · FULL on."""
    mean = np.array([[[0.5, 0.5], [chance, 1 - chance]]])
    tasks = RestlessTasks(RestlessBandit(n_steps=2), mean)
    environment = environments(tasks.listed_chances())[0]
    for action, first in ((0, FULL - round(chance * FULL)), (1, round(chance * FULL))):
        for number in {0, first - 1, first, first + 1, FULL - 1} & set(range(FULL)):
            paid = number >= first
            found = pull(environment, number, 1, action)
            assert found == (0, 127 * paid, float(paid)), (action, number)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("feedback", ["own", "unrelated"])
def test_pulls_are_those_of_the_host_with_the_same_random_numbers(
    law: dict[str, Any], feedback: str
) -> None:
    """Numbers u of the host pay below a chance, those of the processor from 1 minus it on."""
    tasks = sample(4, counts="expected", feedback=feedback, **law)
    n_arms, rng, compared = tasks.family.n_arms, np.random.default_rng(1), 0
    for task, environment in enumerate(environments(tasks.listed_chances())):
        random, play = np.array([task + 1]), tasks.play(np.array([task]))
        for step in range(100):
            arm, ahead = int(rng.integers(n_arms)), random.copy()
            uniform = 1.0 - (draw_by_word(ahead, FULL) + 0.5) / FULL
            state, signal_q7, reward = transition(environment, random, step, 0, arm)
            expected, seen = play.step(np.array([arm]), np.array([uniform]))
            assert (state, reward) == (0, expected[0])
            seen_chance = tasks.listed_chances().chance_of_arms[task, arm, step]
            if abs(seen_chance - uniform) > 1 / FULL:
                assert signal_q7 == 127 * seen[0]
                compared += 1
    assert compared > 390
