"""Families as Gymnasium environments: episodes, spaces, references and refusals."""

import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from support.child_processes import ended, printed

from spikeloop.tasks import FAMILIES, TaskFamily
from spikeloop.tasks.base import Interface
from spikeloop.tasks.gym import FamilyEnv, make
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.quadratic import Quadratic


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> TaskFamily:
    """A family with short episodes."""
    settings: Any = FAMILIES[request.param]
    short: TaskFamily = settings(n_steps=20)
    return short


def episode(env: FamilyEnv, seed: int | None = None) -> tuple[list[Any], float, dict[str, Any]]:
    """Play random actions; return all observations and feedback, the return, and the last info."""
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
def test_gymnasiums_own_checker_accepts_every_family(kind: str) -> None:
    """Its warnings are errors here."""
    check_env(make(kind))


def test_an_episode_has_the_familys_steps_and_ends_with_the_references(family: TaskFamily) -> None:
    env = make(family)
    _, at_reset = env.reset(seed=3)
    seen, _, info = episode(env, seed=3)
    assert len(seen) == 21
    tasks = family.sample(1, np.random.default_rng(3))
    references = tasks.references()
    assert info["random"] == references.random[0]
    assert info["optimal"] == references.optimal[0]
    assert {**at_reset, "feedback": info["feedback"]} == info
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(env.action_space.sample())


def test_the_same_seed_is_the_same_episode_and_the_next_one_is_another(family: TaskFamily) -> None:
    def episodes(env: FamilyEnv, seed: int | None) -> list[Any]:
        env.action_space.seed(5)
        return [episode(env, seed), episode(env)]

    first = episodes(make(family), 1)
    assert first == episodes(make(family), 1)
    assert first == episodes(make(family, seed=1), None)
    assert first != episodes(make(family), 2)
    assert first[0] != first[1]


def test_copies_made_by_gymnasium_have_the_same_episodes(family: TaskFamily) -> None:
    """Copy k of a vectorised environment has the seed plus k."""
    spec = make(family).spec
    assert spec is not None
    copies = gymnasium.make_vec(spec, num_envs=2, vectorization_mode="sync")
    shown, _ = copies.reset(seed=8)
    for k in range(2):
        alone, _ = make(family).reset(seed=8 + k)
        np.testing.assert_array_equal(shown[k], alone)
    copies.close()


@pytest.mark.parametrize("kind", ["quadratic", "informative_bandit", "maze"])
def test_baselines_of_the_task_are_in_info_if_asked_for_and_change_no_episode(kind: str) -> None:
    """Mazes have none."""
    with_them, without = make(kind, baselines=True), make(kind)
    for env in (with_them, without):
        env.action_space.seed(2)
    _, info = with_them.reset(seed=5)
    tasks = with_them.family.sample(1, np.random.default_rng(5))
    names = set(tasks.baselines(np.random.default_rng(0))) if hasattr(tasks, "baselines") else set()
    assert set(info["baselines"]) == names
    for earned in info["baselines"].values():
        assert info["random"] - 1e-9 < earned < info["optimal"] + 1e-9
    assert episode(with_them, 5)[:2] == episode(without, 5)[:2]
    assert "baselines" not in without.reset()[1]


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


def test_targets_need_observation_vectors() -> None:
    class WithTargets(RandomMdp):
        @property
        def interface(self) -> Interface:
            return Interface(6, 8, "discrete", 10, feedback="target")

    with pytest.raises(ValueError, match="observations must be vectors to carry targets"):
        FamilyEnv(WithTargets())


# Gymnasium is optional


def test_without_gymnasium_the_error_says_what_to_install() -> None:
    blocked = "import sys; sys.modules['gymnasium'] = None\n"
    use = "from spikeloop.tasks.gym import make"
    *_, errors = ended([sys.executable, "-c", blocked + use])
    assert errors.splitlines()[-1] == (
        "ImportError: spikeloop.tasks.gym needs Gymnasium: pip install 'spikeloop[gym]'"
    )
    assert printed(blocked + "import spikeloop.tasks") == ""
