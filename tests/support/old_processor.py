"""Environment in which libraries take the processor for an old one."""

import os
import platform

import numpy as np
import pytest

LIBC = "AVX,AVX2,FMA,FMA4,AVX512F,AVX512VL,AVX512BW,AVX512DQ"
"""Features by which the C library chooses among its exponentials and logarithms."""

x86_only = pytest.mark.skipif(platform.machine() != "x86_64", reason="emulates old x86 processors")


def old_processor_environment() -> dict[str, str]:
    """Return the environment of a process that computes as on a processor of 2008.

    Without AVX and FMA, NumPy, OpenBLAS, numba and the C library give the same bits as on a whole
    emulated processor (QEMU's Nehalem).
    """
    sets = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    newer = [name for name in sets if name.startswith(("AVX", "FMA", "F16C", "X86_V3", "X86_V4"))]
    return {
        **os.environ,
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": " ".join(newer),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=" + ",".join(f"-{name}" for name in LIBC.split(",")),
        "NUMBA_CPU_NAME": "nehalem",
        "NUMBA_CPU_FEATURES": "",
    }
