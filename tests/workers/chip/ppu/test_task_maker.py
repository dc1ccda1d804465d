"""Tasks from words: the host knows them bit for bit; they have the law of its families."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from support.on_chip_reference import tasks as reference
from support.on_chip_reference.words import (
    EPISODE,
    HELD_OUT_EPISODE,
    HELD_OUT_TASK,
    TASK,
    word,
)

from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import TaskFamily
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.reversal_bandit import ReversalBandit
from spikeloop.tasks.tabular import TabularTasks, tables_of
from spikeloop.workers.chip.ppu.task_maker import makes, task_words, tasks_from_words
from spikeloop.workers.chip.task_message import environments

Make = Callable[[int], reference.Task]
CASES: list[tuple[TaskFamily, Make]] = [
    (RandomMdp(), lambda w: reference.mdp(w, 6, 8)),
    (RandomMdp(n_states=8, n_actions=3), lambda w: reference.mdp(w, 8, 3)),
    (RandomMdp(n_states=2, n_actions=2), lambda w: reference.mdp(w, 2, 2)),
    (RandomMdp(n_states=17, n_actions=2), lambda w: reference.mdp(w, 17, 2)),
    (Bandit(n_arms=5), lambda w: reference.bandit(w, 5)),
    (Bandit(counts="expected"), lambda w: reference.bandit(w, 2, counts="expected")),
    (Bandit(arms="dependent"), lambda w: reference.bandit(w, 2, "dependent")),
    (Bandit(arms="dependent_easy"), lambda w: reference.bandit(w, 2, "dependent_easy")),
    (Bandit(arms="dependent_medium"), lambda w: reference.bandit(w, 2, "dependent_medium")),
    (
        Bandit(arms="dependent_hard", counts="expected"),
        lambda w: reference.bandit(w, 2, "dependent_hard", "expected"),
    ),
]
NAMES = [str(family) for family, _ in CASES]


def made(family: TaskFamily, n_tasks: int, run: int = 1) -> TabularTasks:
    return tasks_from_words(family, *task_words(run, 0, n_tasks))


def assert_known(family: TaskFamily, make: Make, n_tasks: int) -> None:
    """What the host would write for the tables that it makes of a word is what the chip makes."""
    words, first_random = task_words(2, 3, n_tasks)
    tasks = tasks_from_words(family, words, first_random)
    assert tasks.interface == tables_of(family.sample(1, np.random.default_rng(0)), "").interface
    for k, environment in enumerate(environments(tasks, None)):
        expected = make(int(words[k]))
        assert environment.cumulative_u32.tolist() == expected.cumulative
        assert environment.signal_q7.tolist() == expected.signal_q7
        assert np.array_equal(environment.reward * 127, np.array(expected.merit_q7))
        assert environment.observation_u8.tolist() == expected.observation
        assert environment.first_random == first_random[k]


@pytest.mark.parametrize(("family", "make"), CASES, ids=NAMES)
def test_the_host_knows_every_bit_of_a_task(family: TaskFamily, make: Make) -> None:
    assert_known(family, make, 10)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("family", "make"), CASES, ids=NAMES)
def test_the_host_knows_every_bit_of_many_tasks(family: TaskFamily, make: Make) -> None:
    assert_known(family, make, 1000)


def test_words_are_the_references_and_held_out_ones_others() -> None:
    expected = [[word(7, what, 5, k) for k in range(4)] for what in (TASK, EPISODE)]
    assert task_words(7, 5, 4).tolist() == expected
    held_out = [
        [word(7, what, 0, k) for k in range(4)] for what in (HELD_OUT_TASK, HELD_OUT_EPISODE)
    ]
    assert task_words(7, 0, 4, held_out=True).tolist() == held_out


def test_what_the_processor_cannot_make_is_refused() -> None:
    for family in (Bandit(rewards="gaussian"), RandomMdp(feedback="unrelated"), ReversalBandit()):
        assert not makes(family)
        with pytest.raises(TypeError, match=family.kind):
            made(family, 1)


N_TASKS = 300
ALPHA = 1e-4
"""Of each of the comparisons below, of which there are 22."""


def numbers_of(tasks: TabularTasks) -> dict[str, Any]:
    """Numbers of each task whose laws tell families apart; of rows, the first one."""
    allowed = tasks.transition > 0
    references = tasks.references()
    return {
        "branching of rows": allowed[:, :, 0].sum(axis=-1)[:, 0],
        "branching of tasks": allowed.mean(axis=(1, 2, 3)),
        "largest probability": tasks.transition[:, 0, 0].max(axis=-1),
        "a transition": tasks.transition[:, -1, -1, -1],
        "mean reward": np.nanmean(np.where(allowed, tasks.reward, np.nan), axis=(1, 2, 3)),
        "a reward": tasks.reward[:, 0, 0][
            np.arange(len(allowed)), allowed[:, 0, 0].argmax(axis=-1)
        ],
        "random return": references.random,
        "optimal return": references.optimal,
    }


def assert_same_law(family: TaskFamily, tasks: TabularTasks, n_tasks: int, alpha: float) -> None:
    """Kolmogorov and Smirnov's test of each number, against tasks that the host has drawn."""
    host = tables_of(family.sample(n_tasks, np.random.default_rng(11)), "")
    ours, theirs = numbers_of(tasks), numbers_of(host)
    for name, values in ours.items():
        assert stats.ks_2samp(values, theirs[name]).pvalue > alpha, name


@pytest.mark.parametrize("family", [RandomMdp(n_steps=100), Bandit(n_steps=100)], ids=str)
def test_tasks_have_the_law_of_the_hosts_family(family: TaskFamily) -> None:
    assert_same_law(family, made(family, N_TASKS), N_TASKS, ALPHA)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "family", [RandomMdp(), RandomMdp(n_states=3, n_actions=4), Bandit(n_arms=4)], ids=str
)
def test_many_tasks_have_the_law_of_the_hosts_family(family: TaskFamily) -> None:
    assert_same_law(family, made(family, 5000), 5000, ALPHA)


def test_another_law_is_noticed() -> None:
    """The negative control: rewards of half the range, and sparser successors."""
    family = RandomMdp(n_steps=100)
    tasks = made(family, N_TASKS)
    other: list[Any] = [
        tasks.transition,
        np.where(tasks.transition < 0.1, 0, tasks.transition),
    ]
    sparse = other[1] + (other[1].sum(axis=-1, keepdims=True) == 0)
    for changed in (
        TabularTasks(tasks.transition, tasks.reward / 2, tasks.start_state, 100),
        TabularTasks(
            sparse / sparse.sum(axis=-1, keepdims=True), tasks.reward, tasks.start_state, 100
        ),
    ):
        with pytest.raises(AssertionError):
            assert_same_law(family, changed, N_TASKS, ALPHA)


def test_tasks_of_neighbouring_seeds_generations_and_indices_are_independent() -> None:
    """Chances of bandits: no correlation between neighbours beyond 4 standard errors."""
    family = Bandit(n_arms=2)
    rows = [made(family, 2000, run).transition[:, :, 0, 1] for run in (1, 2)]
    later = tasks_from_words(family, *task_words(1, 1, 2000)).transition[:, :, 0, 1]
    pairs = [
        (rows[0][:, 0], rows[1][:, 0]),
        (rows[0][:, 0], later[:, 0]),
        (rows[0][:-1, 0], rows[0][1:, 0]),
        (rows[0][:, 0], rows[0][:, 1]),
    ]
    for one, other in pairs:
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(len(one))
