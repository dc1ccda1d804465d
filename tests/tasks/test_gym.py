"""Families as Gymnasium environments: its own checker, and episodes that are episodes."""

import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from support.statistical_asserts import assert_mean

from spikeloop.tasks import FAMILIES, TaskFamily
from spikeloop.tasks.base import Interface
from spikeloop.tasks.gym import FamilyEnv, make
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.quadratic import Quadratic

ALPHA = 1e-4


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> TaskFamily:
    """A family with short episodes."""
    settings: Any = FAMILIES[request.param]
    short: TaskFamily = settings(n_steps=20)
    return short


def episode(env: FamilyEnv, seed: int | None = None) -> tuple[list[Any], float, dict[str, Any]]:
    """Everything seen and told, the return and the last info of random actions."""
    observation, _ = env.reset(seed=seed)
    info: dict[str, Any] = {}
    seen, total, ended = [np.asarray(observation).tolist()], 0.0, False
    while not ended:
        observation, reward, ended, truncated, info = env.step(env.action_space.sample())
        assert not truncated
        assert observation in env.observation_space
        seen.append((np.asarray(observation).tolist(), reward, info["feedback"]))
        total += reward
    return seen, total, info


@pytest.mark.parametrize("kind", FAMILIES)
def test_gymnasiums_own_checker_is_content(kind: str) -> None:
    """Its warnings are errors here."""
    check_env(make(kind))


def test_the_checker_sees_a_broken_environment() -> None:
    class Unseeded(FamilyEnv):
        def reset(
            self, *, seed: int | None = None, options: dict[str, Any] | None = None
        ) -> tuple[Any, dict[str, Any]]:
            return super().reset(seed=None)

    with pytest.raises(AssertionError):
        check_env(Unseeded(RandomMdp()))


def test_an_episode_is_a_episode_and_ends_with_the_references(family: TaskFamily) -> None:
    env = make(family)
    seen, _, info = episode(env, seed=3)
    assert len(seen) == 21
    tasks = family.sample(1, np.random.default_rng(3))
    references = tasks.references()
    assert info["random"] == references.random[0]
    assert info["optimal"] == references.optimal[0]
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(env.action_space.sample())
    _, info = env.reset()
    assert info == {}


def test_the_same_seed_is_the_same_episode_and_the_next_one_is_another(family: TaskFamily) -> None:
    def episodes(env: FamilyEnv, seed: int | None) -> list[Any]:
        env.action_space.seed(5)
        return [episode(env, seed), episode(env)]

    first = episodes(make(family), 1)
    assert first == episodes(make(family), 1)
    assert first == episodes(make(family, seed=1), None)
    assert first != episodes(make(family), 2)
    assert first[0] != first[1]


def test_copies_made_by_gymnasium_live_the_same_episodes(family: TaskFamily) -> None:
    """Copy k of a vectorised environment has the seed plus k."""
    spec = make(family).spec
    assert spec is not None
    copies = gymnasium.make_vec(spec, num_envs=2, vectorization_mode="sync")
    shown, _ = copies.reset(seed=8)
    for k in range(2):
        alone, _ = make(family).reset(seed=8 + k)
        np.testing.assert_array_equal(shown[k], alone)
    copies.close()


def return_over(family: TaskFamily, reference: str, n_episodes: int) -> list[float]:
    """By how much the returns of the policy without knowledge exceed a reference of their tasks.

    Uniformly random actions, but the middle one where a target is told: there the reference is the
    prior mean. Rounded, because summed errors of answers that no luck changes are all alike.
    """
    env = make(family, seed=11)
    env.action_space.seed(12)
    excess: list[float] = []
    info: dict[str, Any] = {}
    for _ in range(n_episodes):
        env.reset()
        total, ended = 0.0, False
        while not ended:
            middle = family.interface.feedback == "target"
            action = np.zeros(1) if middle else env.action_space.sample()
            _, reward, ended, _, info = env.step(action)
            total += reward
        excess.append(total - info[reference])
    return [round(value, 9) for value in excess]


def test_a_policy_without_knowledge_earns_the_random_reference(family: TaskFamily) -> None:
    """Sees a return that is 5.2 standard errors off; the control is the other reference."""
    assert_mean(return_over(family, "random", 300), 0.0, ALPHA)
    with pytest.raises(AssertionError):
        assert_mean(return_over(family, "optimal", 300), 0.0, ALPHA)


# Vectors and targets


def test_the_target_is_seen_one_step_late() -> None:
    env = make(Quadratic(n_steps=30, input_range=10.0))
    observation, _ = env.reset(seed=0)
    assert observation.dtype == np.float32
    feedback = 0.5
    for _ in range(30):
        assert observation[2] == np.float32(feedback)
        observation, _, _, _, info = env.step(np.zeros(1, dtype=np.float32))
        feedback = info["feedback"]
    tasks = Quadratic(n_steps=30, input_range=10.0).sample(1, np.random.default_rng(0))
    assert feedback == tasks.targets()[0, -1]
    np.testing.assert_array_equal(observation[:2], tasks.inputs[0, -1].astype(np.float32))


@pytest.mark.parametrize(
    ("action", "answer"), [(-1, 0.2), (0, 0.5), (0.5, 0.65), (1, 0.8), (-7, 0.2), (2.5, 0.8)]
)
def test_actions_are_stretched_to_the_familys_range(action: float, answer: float) -> None:
    env = make(Quadratic())
    env.reset(seed=0)
    _, reward, _, _, info = env.step(np.array([action]))
    np.testing.assert_allclose(reward, -(((answer - info["feedback"]) / 0.05) ** 2), rtol=1e-12)


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("quadratic", np.array([np.nan])),
        ("quadratic", np.zeros(2)),
        ("quadratic", 0.0),
        ("random_mdp", 8),
        ("random_mdp", -1),
        ("random_mdp", 0.5),
    ],
)
def test_impossible_actions_are_refused(kind: str, action: Any) -> None:
    env = make(kind)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action must be in"):
        env.step(action)


def test_targets_need_vectors_to_stand_in() -> None:
    class Told(RandomMdp):
        @property
        def interface(self) -> Interface:
            return Interface(6, 8, "discrete", 10, feedback="target")

    with pytest.raises(ValueError, match="observations must be vectors to carry targets"):
        FamilyEnv(Told())


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="family must be one of random_mdp, maze"):
        make("mazes")


def test_steps_before_the_first_reset_are_refused() -> None:
    with pytest.raises(gymnasium.error.ResetNeeded):
        make("maze").step(0)


# Gymnasium is optional


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_without_gymnasium_the_error_says_what_to_install() -> None:
    blocked = "import sys; sys.modules['gymnasium'] = None\n"
    failed = python(blocked + "from spikeloop.tasks.gym import make")
    assert failed.stderr.splitlines()[-1] == (
        "ImportError: spikeloop.tasks.gym needs Gymnasium: pip install 'spikeloop[gym]'"
    )
    assert python(blocked + "import spikeloop.tasks").returncode == 0


def test_the_families_themselves_do_not_load_gymnasium() -> None:
    code = "import sys, {}; sys.exit('gymnasium' in sys.modules)"
    assert python(code.format("spikeloop.tasks.quadratic")).returncode == 0
    assert python(code.format("spikeloop.tasks.gym")).returncode == 1
