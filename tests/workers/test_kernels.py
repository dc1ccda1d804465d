"""Kernels allocate nothing, and their cache depends on all their sources."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from spikeloop.workers.chip import router
from spikeloop.workers.kernels import emulator_kernel, kernel, part, routine
from spikeloop.workers.learners.chip import episode
from spikeloop.workers.plasticity import hooks
from spikeloop.workers.plasticity.td_lambda import TdMemory


def allocates(n: int) -> int:
    return int(np.zeros(n).size)


@pytest.mark.parametrize("compiled", [part, routine, kernel])
def test_a_function_that_allocates_does_not_compile(compiled: Callable[..., Any]) -> None:
    with pytest.raises(TypingError, match="No implementation of function"):
        compiled(allocates)(3)
    plain: Any = njit(allocates)
    assert plain(3) == 3  # the negative control


@pytest.mark.parametrize("compiled", [part, routine])
def test_kernels_compile_their_parts_without_an_entry_for_python(
    compiled: Callable[..., Any],
) -> None:
    """Python gets another compilation, which has one, and so may call them all the same."""

    def twice(n: int) -> int:
        return 2 * n

    inner = compiled(twice)
    whole: Any = njit(lambda n: inner(n) + 1)
    assert whole(3) == inner(3) + 1 == 7
    for dispatcher, has_entry in ((inner._for_kernels, False), (inner._for_python, True)):
        (found,) = dispatcher.overloads.values()
        names = {function.name for function in found.library.get_defined_functions()}
        assert (found.fndesc.llvm_cpython_wrapper_name in names) == has_entry
        assert found.fndesc.llvm_cfunc_wrapper_name not in names  # nothing calls them from C


def test_the_episode_and_all_programs_are_compiled_without_reference_counting() -> None:
    compiled: Any
    for compiled in (episode.episode_kernel(TdMemory), router.advance):
        assert compiled.targetoptions["_nrt"] is False
    assert hooks.OPTIONS["_nrt"] is False


def test_a_kernel_is_cached_under_another_name_when_one_of_its_sources_changes(
    tmp_path: Path,
) -> None:
    own, names = tmp_path / "own.py", set()
    for text in ("x = 1\n", "x = 2\n", "x = 2\n"):
        own.write_text(text)
        names.add(emulator_kernel(lambda n: n, own).__qualname__)
    names.add(emulator_kernel(lambda n: n).__qualname__)
    assert len(names) == 3
