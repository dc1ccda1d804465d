"""Families are made by their ids, with their settings as keyword arguments."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from spikeloop.tasks import FAMILIES
from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.gym import FamilyEnv, make


@pytest.mark.parametrize("kind", FAMILIES)
def test_gymnasium_makes_every_family_by_its_id_and_its_checker_accepts_it(kind: str) -> None:
    env = gymnasium.make(f"spikeloop/{kind}", n_steps=20)
    check_env(env.unwrapped)
    inner = env.unwrapped
    assert isinstance(inner, FamilyEnv)
    assert inner.family == FAMILIES[kind](n_steps=20)  # type: ignore[call-arg]
    assert env.spec is not None and env.spec.id == f"spikeloop/{kind}"
    first, again = env.reset(seed=4), env.reset(seed=4)
    np.testing.assert_equal(first, again)


def test_an_id_that_names_the_module_needs_no_import() -> None:
    use = (
        "import gymnasium;"
        "env = gymnasium.make('spikeloop.tasks.gym:spikeloop/bandit', n_steps=3);"
        "print(env.spec.id, env.reset(seed=1)[0])"
    )
    done = subprocess.run([sys.executable, "-c", use], capture_output=True, text=True, check=True)
    assert done.stdout == "spikeloop/bandit 0\n"


def test_vectorised_copies_by_id_are_the_environments_of_consecutive_seeds() -> None:
    copies = gymnasium.make_vec(
        "spikeloop/quadratic", num_envs=3, vectorization_mode="sync", n_steps=5
    )
    shown, info = copies.reset(seed=6)
    for k in range(3):
        alone, known = make("quadratic", n_steps=5).reset(seed=6 + k)
        np.testing.assert_array_equal(shown[k], alone)
        assert info["optimal"][k] == known["optimal"]
    copies.close()


def test_a_setting_out_of_its_range_or_unknown_is_named_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"^spikeloop/bandit: n_steps: .*, got 0$"):
        gymnasium.make("spikeloop/bandit", n_steps=0)
    with pytest.raises(ValueError, match=r"^spikeloop/bandit: arms: .*, got 3$"):
        make("bandit", arms=3)
    with pytest.raises(ValueError, match="family must be one of"):
        make("bandits")


def test_settings_of_a_family_that_is_given_whole_are_refused() -> None:
    with pytest.raises(TypeError, match="n_steps"):
        make(Bandit(), n_steps=3)
