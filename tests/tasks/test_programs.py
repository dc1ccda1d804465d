"""NumPy and JAX play the programs of all families alike, step by step and as a scan."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

from spikeloop.tasks import FAMILIES, TaskBatch, TaskFamily
from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.tasks.program import Arrays, ProgrammedTasks, ProgramPlay, TaskProgram
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.tasks.tabular import TabularTasks

N_TASKS, N_EPISODES = 5, 12
MAX_STEPS = 200
"""Of an episode that is played here; families have settings below or episodes about as short."""
SMALL: dict[str, list[dict[str, Any]]] = {
    "random_mdp": [{"n_states": 4, "n_actions": 3, "n_steps": 80}],
    "maze": [{"n_rows": 2, "n_columns": 3, "n_steps": 80}],
    "bandit": [
        {"n_arms": 3},
        {"arms": "dependent_hard"},
        {"rewards": "gaussian", "noise": 0.5, "mean_spread": 2.0},
    ],
    "quadratic": [{"n_steps": 60, "input_range": 3.0}],
}
"""Settings by kind, one test each; other kinds are played with their default settings."""
EVERY = [(kind, settings) for kind in FAMILIES for settings in SMALL.get(kind, [{}])]
DOUBLE, SINGLE = 1e-12, 1e-5
"""How far JAX may be off, in units of an array's largest magnitude; indices never."""


@pytest.fixture(params=EVERY, ids=lambda case: "-".join(map(str, (case[0], *case[1].values()))))
def family(request: pytest.FixtureRequest) -> TaskFamily:
    kind, settings = request.param
    return FAMILIES[kind](**settings)


def sample(family: TaskFamily) -> Any:
    """A batch, of which the types say no more than that it is one."""
    tasks = family.sample(N_TASKS, np.random.default_rng(11))
    assert isinstance(tasks, ProgrammedTasks), f"{family.kind} has no program"
    return tasks


@dataclass(frozen=True)
class Course:
    """Episodes with random actions: task (n_episodes,), noise (n_steps, n_episodes, ...)."""

    task: IntArray
    actions: NDArray[Any]
    noise: FloatArray

    @classmethod
    def of(cls, tasks: TaskBatch) -> "Course":
        rng, interface = np.random.default_rng(13), tasks.interface
        shape = min(interface.n_steps, MAX_STEPS), N_EPISODES
        actions: NDArray[Any] = rng.integers(interface.n_actions, size=shape)
        if interface.actions == "continuous":
            actions = rng.uniform(*interface.action_range, (*shape, interface.n_actions))
        return cls(rng.integers(tasks.n_tasks, size=N_EPISODES), actions, rng.random(shape))


@dataclass(frozen=True)
class EpisodeResult:
    """Observations, rewards and feedback, step first, and the final state."""

    seen: NDArray[Any]
    rewards: NDArray[Any]
    feedback: NDArray[Any]
    state: Arrays


def episodes_done(play: ProgramPlay, course: Course) -> EpisodeResult:
    """In NumPy, step by step."""
    seen, rewards, feedback = [], [], []
    for actions, noise in zip(course.actions, course.noise, strict=True):
        seen.append(play.observe())
        reward, tell = play.step(actions, noise)
        rewards.append(reward)
        feedback.append(tell)
    return EpisodeResult(np.array(seen), np.array(rewards), np.array(feedback), play.state)


TRACED: list[TaskProgram] = []
"""Every time that a program was compiled."""


@partial(jax.jit, static_argnums=0)
def scanned(program: TaskProgram, arrays: Arrays, state: Arrays, actions: Any, noise: Any) -> Any:
    """In JAX, all steps in one compiled loop.

    It refuses a state that changes its keys, shapes or types.
    """
    TRACED.append(program)

    def step(state: Arrays, now: tuple[Any, Any]) -> tuple[Arrays, Any]:
        seen = program.observe(jnp, arrays, state)
        state, reward, feedback = program.step(jnp, arrays, state, *now)
        return state, (seen, reward, feedback)

    return jax.lax.scan(step, state, (actions, noise))


def run_in_jax(tasks: ProgrammedTasks, course: Course, **state: IntArray) -> EpisodeResult:
    """Run episodes in JAX, with further entries of the initial state if there are any."""
    program = tasks.program()
    on_device = {name: jnp.asarray(array) for name, array in tasks.arrays().items()}
    begun = program.start(jnp, on_device, jnp.asarray(course.task))
    begun = {**begun, **{name: jnp.asarray(array) for name, array in state.items()}}
    noise = jnp.asarray(program.to_noise(course.noise))
    end, steps = scanned(program, on_device, begun, jnp.asarray(course.actions), noise)
    seen, rewards, feedback = map(np.asarray, steps)
    return EpisodeResult(
        seen, rewards, feedback, {name: np.asarray(array) for name, array in end.items()}
    )


def assert_close(there: NDArray[Any], here: NDArray[Any], tolerance: float) -> None:
    assert there.shape == here.shape
    assert there.dtype.kind == here.dtype.kind
    allowed = tolerance * np.abs(here).max() if here.dtype.kind == "f" else 0.0
    np.testing.assert_allclose(there, here, rtol=0, atol=allowed)


def assert_same_episodes(there: EpisodeResult, here: EpisodeResult, tolerance: float) -> None:
    assert there.state.keys() == here.state.keys()
    for name, array in here.state.items():
        assert_close(there.state[name], array, tolerance)
    for part in ("seen", "rewards", "feedback"):
        assert_close(getattr(there, part), getattr(here, part), tolerance)


def test_jax_plays_like_numpy_in_double_precision(family: TaskFamily) -> None:
    """The control takes the actions of other steps."""
    tasks = sample(family)
    course = Course.of(tasks)
    here = episodes_done(tasks.play(course.task), course)
    with jax.enable_x64(True):
        assert_same_episodes(run_in_jax(tasks, course), here, DOUBLE)
        other = Course(course.task, course.actions[::-1], course.noise)
        with pytest.raises(AssertionError):
            assert_same_episodes(run_in_jax(tasks, other), here, DOUBLE)


def test_jax_plays_like_numpy_in_single_precision(family: TaskFamily) -> None:
    """One episode in some thousands goes another way at a border that is rounded; these do not."""
    tasks = sample(family)
    course = Course.of(tasks)
    there = run_in_jax(tasks, course)
    assert_same_episodes(there, episodes_done(tasks.play(course.task), course), SINGLE)
    for values in (there.seen, there.rewards, there.feedback):
        assert values.dtype.itemsize == 4


def test_a_quadratic_episode_in_an_order_of_its_own_is_the_same_in_jax() -> None:
    tasks = Quadratic(n_steps=20).sample(N_TASKS, np.random.default_rng(11))
    course = Course.of(tasks)
    order = np.random.default_rng(1).permuted(np.tile(np.arange(20), (N_EPISODES, 1)), axis=1)
    here = episodes_done(tasks.play(course.task, order), course)
    with jax.enable_x64(True):
        assert_same_episodes(run_in_jax(tasks, course, order=order), here, DOUBLE)
        with pytest.raises(AssertionError):
            assert_same_episodes(run_in_jax(tasks, course, order=order[:, ::-1]), here, DOUBLE)


def test_a_step_leaves_the_arrays_and_the_state_before_it_alone(family: TaskFamily) -> None:
    tasks = sample(family)
    course = Course.of(tasks)
    play = tasks.play(course.task)
    play.step(course.actions[0], course.noise[0])
    before, kept = play.state, {name: array.copy() for name, array in play.state.items()}
    drawn = {name: array.copy() for name, array in play.arrays.items()}
    play.step(course.actions[1], course.noise[1])
    for arrays, copies in ((before, kept), (play.arrays, drawn)):
        for name, copy in copies.items():
            np.testing.assert_array_equal(arrays[name], copy)


def test_an_episode_does_not_depend_on_its_neighbours(family: TaskFamily) -> None:
    tasks = sample(family)
    course = Course.of(tasks)
    together = episodes_done(tasks.play(course.task), course)
    for k in range(0, N_EPISODES, 5):
        one = slice(k, k + 1)
        alone = Course(course.task[one], course.actions[:, one], course.noise[:, one])
        lonely = episodes_done(tasks.play(alone.task), alone)
        for part in ("seen", "rewards", "feedback"):
            np.testing.assert_array_equal(getattr(lonely, part), getattr(together, part)[:, one])


def test_observations_and_feedback_are_what_the_interface_says(family: TaskFamily) -> None:
    tasks = sample(family)
    interface, here = (
        tasks.interface,
        episodes_done(tasks.play(Course.of(tasks).task), Course.of(tasks)),
    )
    if interface.observations == "discrete":
        assert here.seen.dtype == np.int64
        assert ((here.seen >= 0) & (here.seen < interface.n_observations)).all()
    else:
        assert here.seen.shape[2:] == (interface.n_observations,)
        low, high = interface.observation_range
        assert ((here.seen >= low) & (here.seen <= high)).all()
    values = interface.feedback_values
    assert list(values) == sorted(set(values))
    if values:
        assert set(np.unique(here.feedback)) <= set(values)
    if interface.feedback == "target":
        low, high = interface.feedback_range
        assert ((here.feedback >= low) & (here.feedback <= high)).all()
        assert interface.action_range == (low, high)


def test_batches_of_a_family_share_one_compiled_program(family: TaskFamily) -> None:
    first, second = sample(family), family.sample(N_TASKS, np.random.default_rng(12))
    assert isinstance(second, ProgrammedTasks)
    course = Course.of(first)
    run_in_jax(first, course)
    TRACED.clear()
    run_in_jax(second, course)
    assert not TRACED


def test_a_random_number_rounded_to_1_reaches_no_impossible_successor() -> None:
    tasks = TabularTasks(
        transition=np.array([[[[0.0, 1.0, 0.0], [0.25, 0.75, 0.0], [0.0, 0.0, 1.0]]]]),
        reward=np.zeros((1, 1, 3, 3)),
        start_state=np.array([1]),
        n_steps=6,
    )
    largest = np.full((6, 1), np.nextafter(1.0, 0.0))
    assert np.float32(largest[0, 0]) == 1.0
    course = Course(np.array([0]), np.zeros((6, 1), dtype=np.int64), largest)
    assert run_in_jax(tasks, course).seen.ravel().tolist() == [1] * 6
