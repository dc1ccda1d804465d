"""The targets that Brian2 generates code for: NumPy calls, or C++ by way of Cython.

Brian2 chooses by global preferences, compiles with ``-ffast-math``, and falls back to NumPy where
compiling fails. Here the target is named, a missing compiler is an error, and numbers follow IEEE
754 whatever the compiler: with ``-ffast-math``, or with a multiplication and an addition contracted
into one instruction, the elements that fill a vector register are rounded differently from the rest
at the end of an array, so an episode would depend on where in the tile it lies.
"""

import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import stat
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from spikeloop.workers.base import Unavailable
from spikeloop.workers.brian.simulator import LOCK, brian2

BrianTarget = Literal["numpy", "cython"]
OpenLoopTarget = Literal["numpy", "cython", "cpp_standalone"]
"""Of episodes in which nothing has to be decided, see ``open_loop``."""

FLAGS = ("-w", "-g0", "-O2", "-march=native", "-fno-fast-math", "-ffp-contract=off", "-std=c++17")
"""How C++ is compiled. The machine's own instructions are wider, but round the same.

Compiling takes a good half of the time that ``-g -O3`` takes, Python's and Brian2's choice.
"""

CHECK = ("-fsyntax-only", "-x", "c++", "-")

MODULE_MARK = "# compiled by spikeloop: IEEE 754\n"
"""Tells these modules from those of other programs, since Brian2's cache knows only their code."""


class MissingCompiler(Unavailable):
    """A compiled target cannot be used on this machine."""


def require_target(target: OpenLoopTarget) -> None:
    """Raise MissingCompiler unless code of this target can be made; Brian2 is not needed for that.

    The answer is kept for the process.
    """
    if target == "numpy":
        return
    if missing := _missing() if target == "cython" else _missing_for_programs():
        raise MissingCompiler(
            f'brian target "{target}" needs {missing} or set learner.target = "numpy"'
        )


def codeobject_class(target: BrianTarget) -> Any:
    """Return the class for ``codeobj_class`` of groups, synapses and monitors.

    Raises:
        MissingBrian: Brian2 is not there.
        MissingCompiler: see ``require``.
    """
    b2 = brian2()
    require_target(target)
    return b2.NumpyCodeObject if target == "numpy" else _strict_cython()


def own_preferences() -> AbstractContextManager[None]:
    """Hold ``LOCK`` and set the preferences that results depend on; put them back afterwards.

    Enclose building and running: some code of synapses takes no ``codeobj_class`` and would ask
    the preference, which by default tries out the compiler. That code is not worth compiling.
    """
    return preferences(
        {
            "codegen.target": "numpy",
            "codegen.string_expression_target": "numpy",
            "codegen.loop_invariant_optimisations": True,
            "core.default_float_dtype": np.float64,
            # Otherwise Ctrl+C ends a run early, and its numbers look like those of a whole one.
            "core.stop_on_keyboard_interrupt": False,
        }
    )


@contextmanager
def preferences(values: Mapping[str, Any]) -> Iterator[None]:
    """Hold ``LOCK`` and set some of Brian2's preferences; put them back afterwards."""
    with LOCK:
        brians = brian2().prefs
        before = {name: brians[name] for name in values}
        try:
            for name, value in values.items():
                brians[name] = value
            yield
        finally:
            for name, value in before.items():
                brians[name] = value


@cache
def _strict_cython() -> type[Any]:
    """Return Brian2's Cython target with ``FLAGS``, its own cache, and no silent failure."""
    compiling = {
        "codegen.cpp.extra_compile_args": list(FLAGS),
        "codegen.runtime.cython.cache_dir": str(cache_folder()),
        "codegen.runtime.cython.multiprocess_safe": True,
    }

    class StrictCython(brian2().CythonCodeObject):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            with preferences(compiling):
                super().__init__(*args, **options)
            for block, code in self.code.items():
                if code.strip():
                    setattr(self.code, block, MODULE_MARK + code)

        def compile_block(self, block: str) -> Any:
            with preferences(compiling):
                module = super().compile_block(block)
            code = getattr(self.code, block, "").strip()
            # Brian2 then goes on as if there were nothing to run.
            if module is None and code and "EMPTY_CODE_BLOCK" not in code:
                raise RuntimeError(f"Cython cannot translate the code of {self.name}:\n{code}")
            return module

    return StrictCython


@cache
def cache_folder() -> Path:
    """Return the folder of compiled modules, made for this user alone.

    ``$XDG_CACHE_HOME/spikeloop/cython``, or ``~/.cache/...``, then a folder for the kind of
    processor, because home folders are shared between machines and modules are made for one. Where
    nothing can be written there it is in the temporary folder, and if that is unsafe too, in a
    folder of this process alone. A folder on a network file system makes locks slow: point
    ``XDG_CACHE_HOME`` to a local disk.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    user = os.getuid()
    for base in (Path(home) / "spikeloop", Path(tempfile.gettempdir()) / f"spikeloop-{user}"):
        folder = base / "cython" / _machine()
        try:
            base.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Another user who can write into it decides what this process runs.
            found = base.lstat()
            writable_by_others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if stat.S_ISDIR(found.st_mode) and found.st_uid == user and not writable_by_others:
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    return folder
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix="spikeloop-cython-"))


def _machine() -> str:
    """Return a digest of what compiled modules depend on and Brian2's cache does not know."""
    parts = [platform.machine(), platform.libc_ver()[1], version("brian2"), *FLAGS]
    try:
        # The first processor's model and instruction sets.
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        parts += [line for line in lines if line.startswith(("model name", "flags", "Features"))]
    except OSError:
        parts.append(platform.processor())
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


@cache
def _missing() -> str:
    """Return what has to be installed for "cython", "" if nothing."""
    if importlib.util.find_spec("Cython") is None:
        return "Cython: pip install cython"
    # Depending on its version, setuptools compiles C++ with the one or the other.
    for name, usual in (("CC", "gcc"), ("CXX", "g++")):
        command = shlex.split(os.environ.get(name) or sysconfig.get_config_var(name) or usual)
        if shutil.which(command[0]) is None:
            return "a C++ compiler: install g++"
        found = subprocess.run(
            [*command, *FLAGS, f"-I{sysconfig.get_path('include')}", *CHECK],
            input="#include <Python.h>\n#include <set>\n",
            capture_output=True,
            text=True,
            check=False,
        )
        if "Python.h" in found.stderr:
            return "Python's headers: install python3-dev"
        if found.returncode != 0:
            return f"a C++ compiler that works ({command[0]} does not): install g++"
    return ""


@cache
def _missing_for_programs() -> str:
    """Return what has to be installed for "cpp_standalone", "" if nothing."""
    for command, name in (("g++", "a C++ compiler: install g++"), ("make", "make: install make")):
        if shutil.which(command) is None:
            return name
    return ""
