"""Identifies the machine code of a process, which libraries choose by the processor they find.

NumPy, OpenBLAS, LLVM (for numba and JAX) and the C library carry several versions of the same
function and take the one for the instruction set at hand. Their results differ in the last bits, so
an episode may depend on which machine of a cluster ran it. What is built on ``tasks.portable`` does
not; it says so by an attribute ``portable``.
"""

import ctypes
import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

SYMBOLS = tuple(
    f"{prefix}openblas_get_corename{suffix}"
    for prefix in ("scipy_", "")
    for suffix in ("64_", "", "64")
)
"""Names of the function that returns OpenBLAS's kernels, in different builds."""


@cache
def kernels() -> dict[str, str]:
    """Return what determines the last bits in this process, by library.

    ``processor`` is the kind of processor that LLVM compiles for, ``numpy`` the newest instruction
    set that NumPy uses, ``blas`` the kernels of OpenBLAS, ``libc`` the C library.
    """
    import numpy as np

    shown: Any = np.show_config(mode="dicts")
    simd = shown.get("SIMD Extensions", {})
    sets = [*simd.get("baseline", ()), *simd.get("found", ())]
    return {
        "processor": _processor(),
        "numpy": sets[-1] if sets else "unknown",
        "blas": _openblas(),
        "libc": "".join(platform.libc_ver()) or "unknown",
    }


def label() -> str:
    """Return this process's kernels in a word, for example "haswell/AVX2/Haswell/glibc2.41"."""
    return "/".join(kernels().values())


def portable(*parts: object) -> bool:
    """Return whether all parts declare that processors do not change their numbers."""
    return all(getattr(part, "portable", False) for part in parts)


def _processor() -> str:
    """Return what numba compiles for, without importing numba, which not every learner needs."""
    from llvmlite.binding import get_host_cpu_name

    return os.environ.get("NUMBA_CPU_NAME") or str(get_host_cpu_name())


def _openblas() -> str:
    """Return the kernels of the OpenBLAS that NumPy has loaded; "unknown" for another library."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return "unknown"
    loaded = sorted({line.split(maxsplit=5)[-1] for line in lines if "openblas" in line})
    # SciPy may have brought one of its own.
    for path in sorted(loaded, key=lambda path: "numpy" not in path):
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for symbol in SYMBOLS:
            if (function := getattr(library, symbol, None)) is not None:
                function.restype = ctypes.c_char_p
                return (function() or b"unknown").decode()
    return "unknown"
