"""What compiling promises: kernels allocate nothing, and their cache knows all their sources."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from spikeloop.workers.chip import router
from spikeloop.workers.kernels import kernel, part, routine, source_digest
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


def test_the_episode_and_all_programs_are_compiled_so() -> None:
    compiled: Any
    for compiled in (episode._compiled(TdMemory), router.advance):
        assert compiled.targetoptions["_nrt"] is False
    assert hooks.OPTIONS["_nrt"] is False


def test_the_digest_knows_every_source(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text("x = 1\n")
    first = source_digest(own)
    assert first != source_digest()
    own.write_text("x = 2\n")
    assert source_digest(own) != first
