import numpy as np
import pytest

from spikeloop.coordinator.interpretation.behaviour import pulls
from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.informative_bandit import InformativeBandit, InformativeTasks
from spikeloop.tasks.restless_bandit import RestlessBandit

TARGET = 3


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def informative(actions: list[int], target: int = TARGET) -> tuple[InformativeTasks, np.ndarray]:
    family = InformativeBandit(n_steps=len(actions))
    return InformativeTasks(family, np.array([target])), np.array([actions])


def test_expected_rewards_of_an_informative_bandit() -> None:
    tasks, _ = informative([0, 0])
    expected = [[1, 1, 1, 5, 1, 1, 1, 1, 1, 1, 0.4]] * 2
    np.testing.assert_allclose(pulls.expected_rewards(tasks), [expected])
    np.testing.assert_array_equal(pulls.best_arms(tasks), [[TARGET, TARGET]])


def test_regret_of_known_pulls() -> None:
    tasks, actions = informative([10, TARGET, 0, TARGET])
    np.testing.assert_allclose(pulls.cumulative_regret(tasks, actions), [[4.6, 4.6, 8.6, 8.6]])


@pytest.mark.parametrize(
    "family",
    [
        Bandit(n_arms=3, n_steps=20),
        Bandit(n_arms=2, n_steps=20, rewards="gaussian"),
        RestlessBandit(n_steps=20),
        InformativeBandit(n_steps=20),
    ],
    ids=lambda family: family.kind,
)
def test_regret_agrees_with_the_references(
    family: Bandit | RestlessBandit | InformativeBandit,
) -> None:
    tasks = family.sample(30, rng())
    optimal, random = tasks.references().optimal, tasks.references().random
    best = pulls.best_arms(tasks)
    np.testing.assert_array_equal(pulls.cumulative_regret(tasks, best), 0)
    n_arms = tasks.interface.n_actions
    every = [pulls.cumulative_regret(tasks, np.full((30, 20), arm)) for arm in range(n_arms)]
    np.testing.assert_allclose(np.mean(every, axis=0)[:, -1], optimal - random, atol=1e-9)
    assert (np.diff(every[0], axis=1) >= 0).all()


def test_roles_exclude_each_other_and_leave_nothing_out() -> None:
    for family in (InformativeBandit(n_steps=6), Bandit(n_arms=4, n_steps=6)):
        tasks = family.sample(50, rng())
        actions = rng().integers(0, tasks.interface.n_actions, (50, 6))
        of_role = pulls.roles(tasks, actions)
        np.testing.assert_array_equal(np.sum(list(of_role.values()), axis=0), 1)
    assert set(of_role) == {pulls.BEST, pulls.OTHER}


def test_episodes_that_follow_the_program_are_counted() -> None:
    tasks = InformativeBandit(n_steps=3).sample(4, rng())
    hit = tasks.target
    miss = (hit + 1) % 10
    actions = np.array(
        [
            [10, hit[0], hit[0]],  # the program
            [10, hit[1], miss[1]],  # all but its end
            [10, miss[2], hit[2]],
            [hit[3], hit[3], hit[3]],  # a lucky first pull is not the program
        ]
    )
    found = pulls.program(pulls.roles(tasks, actions))
    assert [(s.value, s.n) for s in found.values()] == [(3 / 4, 4), (2 / 3, 3), (1 / 4, 4)]
    assert pulls.program({pulls.BEST: np.ones((4, 3), dtype=np.bool_)}) == {}


def test_following_the_program_earns_what_the_baseline_earns() -> None:
    tasks = InformativeBandit().sample(200, rng())
    actions = np.repeat(tasks.target[:, None], 5, axis=1)
    actions[:, 0] = 10
    known = pulls.summarise(tasks, actions, tasks.baselines(rng()), rng())
    for name in ("informative arm first", "Bayes optimum"):
        ahead = known.totals[name].ahead
        assert ahead is not None
        np.testing.assert_allclose((ahead.value, ahead.low, ahead.high), 0, atol=1e-9)
    network = known.totals[pulls.NETWORK]
    assert network.ahead is None
    last = known.regret.at(4)
    assert vars(network.total) == pytest.approx(vars(last))
    assert last.value == pytest.approx(5 - tasks.clue.mean())
    assert known.roles[pulls.INFORMATIVE][1].value == known.roles[pulls.TARGET][2].value == 1
    shares = [known.roles[role][3].value for role in known.roles]
    assert sum(shares) == pytest.approx(1)
