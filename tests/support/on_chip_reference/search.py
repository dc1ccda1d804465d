"""A whole search: in each generation all candidates meet the same tasks, made from words.

Generation g has the tasks of ``word(run, TASK, g, k)`` for k below ``n_tasks``; the episode of
every candidate on task k has a generator that begins at ``word(run, EPISODE, g, k)``. A candidate's
fitness is the sum of merits of its episodes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from support.on_chip_reference.algorithms import Constants, State, ask, first_state, tell
from support.on_chip_reference.words import EPISODE, TASK, word

Episode = Callable[[list[int], Any, int], int]
"""The fitness of a candidate in an episode on a task, whose generator begins at a word."""


def search(
    constants: Constants,
    run: int,
    x: Sequence[int],
    n_tasks: int,
    make_task: Callable[[int], Any],
    episode: Episode,
) -> Iterator[tuple[State, list[int]]]:
    """Yield the state and the fitness of the candidates after each generation, without end.

    Args:
        constants: what the host writes.
        run: the search's seed, a word.
        x: the first point.
        n_tasks: tasks of a generation.
        make_task: the task of a word.
        episode: the learner.
    """
    state = first_state(constants, x)
    while True:
        candidates = ask(constants, run, state)
        fitness = [0] * len(candidates)
        for k in range(n_tasks):
            task = make_task(word(run, TASK, state.g, k))
            seed = word(run, EPISODE, state.g, k)
            for c, candidate in enumerate(candidates):
                fitness[c] += episode(candidate, task, seed)
        state = tell(constants, run, state, fitness)
        yield state, fitness
