"""Targets are named, never guessed; compiled code is cached, and rounds like IEEE 754."""

import importlib.util
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikeloop.tasks.base import SeedArray
from spikeloop.workers.brian import targets
from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.blueprint import Blueprint, Population
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.brian.targets import (
    BrianTarget,
    MissingCompiler,
    cache_folder,
    codeobject_class,
    own_preferences,
    require_target,
)
from spikeloop.workers.philox import uniforms


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Caches of what this process knows about the machine are cleared before and after."""
    kept = (
        targets._missing,
        targets._missing_for_programs,
        cache_folder,
        targets._strict_cython,
    )
    for function in kept:
        function.cache_clear()
    yield
    for function in kept:
        function.cache_clear()


@pytest.mark.brian
@pytest.mark.parametrize("compiler", ["/nowhere/g++", "no-such-compiler -O2", "false"])
def test_a_missing_or_failing_compiler_is_an_error_and_never_becomes_numpy(
    compiler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("Cython")
    monkeypatch.setenv("CXX", compiler)
    with pytest.raises(MissingCompiler, match=r'"cython" needs .* install g\+\+ or set learner'):
        codeobject_class("cython")


def test_a_missing_cython_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingCompiler, match="pip install cython"):
        require_target("cython")


@pytest.mark.parametrize("missing", ["g++", "make"])
def test_programs_need_a_compiler_and_make(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == missing else f"/bin/{name}")
    with pytest.raises(MissingCompiler) as caught:
        require_target("cpp_standalone")
    assert f"install {missing} or" in str(caught.value)


@pytest.mark.brian
def test_modules_are_kept_in_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = cache_folder()
    assert folder.is_dir() and folder.parent == tmp_path / "cache" / "spikeloop" / "cython"
    assert stat.S_IMODE((tmp_path / "cache" / "spikeloop").stat().st_mode) == 0o700


@pytest.mark.parametrize("n_spoiled", [1, 2])
@pytest.mark.parametrize("spoiled", ["a file", "open to others"])
def test_an_unsafe_or_unusable_cache_is_not_used(
    spoiled: str, n_spoiled: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    bases = tmp_path / "spikeloop", tmp_path / f"spikeloop-{os.getuid()}"
    for base in bases[:n_spoiled]:
        if spoiled == "a file":
            base.write_text("")
        else:
            base.mkdir()
            base.chmod(0o777)
    folder = cache_folder()
    if n_spoiled == 1:
        assert folder.is_relative_to(bases[1])
    else:
        assert folder.name.startswith("spikeloop-cython-")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.brian
def test_preferences_are_put_back_after_an_error() -> None:
    b2 = brian2()
    before = dict(b2.prefs)
    with pytest.raises(KeyError), own_preferences():
        assert b2.prefs["codegen.target"] == "numpy"
        assert not b2.prefs["core.stop_on_keyboard_interrupt"]
        raise KeyError
    assert dict(b2.prefs) == before


MODEL = """
dv/dt = (1.5*exp(-v) - v)/tau : 1
u = rand() : 1 (constant over dt)
z = randn() : 1 (constant over dt)
tau : second (constant)
"""


def simulate(target: BrianTarget, seeds: SeedArray, n: int, tau_s: float) -> dict[str, Any]:
    cells = Population(n, MODEL, method="euler", initial={"v": f"i % {n}"})
    with own_preferences():
        batch = BatchedNetwork(Blueprint(1e-3, {"compiled": cells}), seeds.size, target)
        batch.reset(seeds)
        batch.array("compiled", "tau")[:] = tau_s
        batch.run(1, 7, lambda window: None)
        return {name: batch.array("compiled", name).copy() for name in "vuz"}


@pytest.mark.brian
@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore")
def test_cython_draws_the_same_numbers_and_compiles_once_for_all_sizes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = dict(brian2().prefs)
    seeds = np.arange(50, dtype=np.uint64) * np.uint64(2**63 + 2**40 + 1)
    alone = simulate("cython", seeds[49:], 3, 0.01)
    compiled = sorted(cache_folder().glob("*.so"))
    together = simulate("cython", seeds, 3, 0.02)
    simulate("cython", seeds, 4, 0.01)
    assert compiled == sorted(cache_folder().glob("*.so"))
    assert len(compiled) == 2  # subexpressions and state update
    assert dict(brian2().prefs) == before

    np.testing.assert_array_equal(together["u"], uniforms(seeds, 0, 6, 3))
    for name in "uz":
        np.testing.assert_array_equal(together[name][49:], alone[name])
    numpy = simulate("numpy", seeds, 3, 0.02)
    np.testing.assert_array_equal(together["u"], numpy["u"])
    for name in "vz":
        np.testing.assert_allclose(together[name], numpy[name], rtol=1e-14, atol=1e-14)
    # Elements at the end of an array are rounded like the others.
    tail = simulate("cython", seeds[:5], 3, 0.02)
    np.testing.assert_array_equal(tail["v"], together["v"][:5])


@pytest.mark.brian
@pytest.mark.filterwarnings("ignore")
def test_code_that_cython_cannot_translate_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Brian2 takes such code for code with nothing to do."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    b2 = brian2()
    odd = b2.Function(np.abs, arg_units=[1], return_unit=1)
    odd.implementations.add_implementation("cython", "cdef double odd(double x): return nothing(x")
    with own_preferences():
        group = b2.NeuronGroup(
            1,
            "dv/dt = odd(v)/second : 1",
            method="euler",
            namespace={"odd": odd},
            codeobj_class=codeobject_class("cython"),
        )
        with pytest.raises(b2.BrianObjectException) as caught:
            b2.Network(group).run(b2.ms, namespace={})
    assert "Cython cannot translate" in str(caught.value.__cause__)
