"""How kernels are compiled: numba without the GIL, strict IEEE arithmetic, cached on disk.

Reference counting is off: counting the arrays of a ``Core`` each time it is passed on would take
several times as long as all the rest of the emulator. Without counting, a kernel cannot allocate
memory.

Floating-point contraction and reordering stay off, so an episode gives the same bits whatever the
width of the machine's vector unit.
"""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit
from numba.extending import typeof_impl

from spikeloop.tasks import portable
from spikeloop.workers import simd

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}

# What makes a compiled function callable from Python, and from C, which nothing here does. It takes
# the arguments apart, the thirty arrays of a ``Core`` too, and so is more code than most parts of a
# kernel themselves.
FOR_PYTHON: dict[str, Any] = {"no_cfunc_wrapper": True}
WITHOUT_ENTRIES: dict[str, Any] = {**FOR_PYTHON, "no_cpython_wrapper": True}


class Inner:
    """A function of kernels, compiled into them without an entry for Python.

    numba would give each one such an entry, which takes two fifths of the time that an episode
    takes to compile. Python may call it all the same, as tests do: it is then compiled again, with
    one, and not merged into its caller.

    Attributes:
        py_func: the function itself, under numba's name for it.
        targetoptions: how kernels have it compiled.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self._for_kernels = njit(**OPTIONS, **WITHOUT_ENTRIES, **options)(function)
        self._for_python = njit(**OPTIONS, **FOR_PYTHON)(function)
        self.targetoptions: dict[str, Any] = self._for_kernels.targetoptions

    def __call__(self, *arguments: Any) -> Any:
        """Calls it from Python."""
        return self._for_python(*arguments)


@typeof_impl.register(Inner)
def _inner_type(inner: Inner, context: Any) -> Any:
    """What a kernel's compiler takes it for: the function without an entry."""
    return typeof_impl(inner._for_kernels, context)


def part(function: Function) -> Function:
    """Compiles a function that is merged into the kernels that call it."""
    return cast(Function, Inner(function, forceinline=True))


def routine(function: Function) -> Function:
    """Compiles a function that kernels call often and that is better not merged into each place."""
    return cast(Function, Inner(function))


def kernel(function: Function) -> Function:
    """Compile a function that Python calls, and keep its machine code on disk."""
    return cast(Function, njit(**OPTIONS, **FOR_PYTHON, cache=True)(function))


def emulator_kernel(function: Function, *others: Path) -> Function:
    """Compile a kernel that merges functions of other files, such as those of the emulator.

    numba's cache notices changes of a kernel's own file only. This kernel's files on disk are named
    by the digest of all its sources, so that no stale version is run, and that an index which names
    types of an earlier version is never read. ``others`` are further sources, such as a user's own
    plasticity program.
    """
    function.__qualname__ += f".{source_digest(*others):x}"
    return kernel(function)


def source_digest(*others: Path) -> int:
    """Return a 62-bit digest of all sources of the emulator and of other files."""
    digest = hashlib.blake2b(digest_size=8)
    workers = Path(__file__).parent
    folders = ("chip", "plasticity", "learners")
    own = [source for folder in folders for source in sorted((workers / folder).rglob("*.py"))]
    shared = [Path(__file__), Path(portable.__file__), Path(simd.__file__)]
    for source in (*shared, *own, *others):
        inside = source.is_relative_to(workers)
        name = source.relative_to(workers).as_posix() if inside else source.name
        digest.update(name.encode() + b"\0" + source.read_bytes())
    return int.from_bytes(digest.digest(), "little") >> 2
