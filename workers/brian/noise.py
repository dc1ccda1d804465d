"""Random numbers that belong to an episode, whatever else is simulated beside it.

Brian2's own ``rand()`` hands numbers out in the order of the neurons of a whole group, so the noise
of an episode would depend on its neighbours in the tile. Here a number is a function of the
episode's 64-bit seed, the element (neuron or synapse *of the episode*), the time step, and the
stream (which occurrence of a random function in the model). The numbers are those of ``philox``.
"""

import re
from functools import cache
from typing import Any

import numpy as np
from numba import vectorize
from numpy.typing import NDArray

from spikeloop.tasks.base import SeedArray
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.philox import normal, uniform


def keys(seeds: SeedArray) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return low and high words of seeds, as Brian2's integer variables hold them."""
    words = np.ascontiguousarray(seeds, dtype="<u8").view("<i4").reshape(*seeds.shape, 2)
    return words[..., 0].astype(np.int32), words[..., 1].astype(np.int32)


CPP = """
#ifndef SPIKELOOP_EPISODE_NOISE
#define SPIKELOOP_EPISODE_NOISE
#include <math.h>
#include <stdint.h>
static inline void _episode_philox(
    int64_t key_low, int64_t key_high, int64_t element, int64_t step, int64_t stream, uint32_t *c)
{
    uint32_t k0 = (uint32_t)key_low, k1 = (uint32_t)key_high;
    c[0] = (uint32_t)step; c[1] = (uint32_t)element;
    c[2] = (uint32_t)stream; c[3] = (uint32_t)((uint64_t)step >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ k0; c[1] = (uint32_t)p1;
        c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ k1; c[3] = (uint32_t)p0;
        k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
    }
}
static inline double _episode_fraction(uint32_t high, uint32_t low)
{
    return (double)(((uint64_t)(high >> 5) << 26) | (low >> 6)) * (1.0 / 9007199254740992.0);
}
static inline double _episode_uniform(
    int64_t key_low, int64_t key_high, int64_t element, int64_t step, int64_t stream)
{
    uint32_t c[4];
    _episode_philox(key_low, key_high, element, step, stream, c);
    return _episode_fraction(c[0], c[1]);
}
static inline double _episode_normal(
    int64_t key_low, int64_t key_high, int64_t element, int64_t step, int64_t stream)
{
    uint32_t c[4];
    _episode_philox(key_low, key_high, element, step, stream, c);
    return sqrt(-2.0 * log(1.0 - _episode_fraction(c[0], c[1])))
        * cos(6.283185307179586 * _episode_fraction(c[2], c[3]));
}
#endif
"""

CYTHON = '''
cdef extern from *:
    """{cpp}"""
    double {name}(int64_t, int64_t, int64_t, int64_t, int64_t) noexcept nogil
'''


@cache
def functions() -> dict[str, Any]:
    """Return Brian2's ``episode_uniform`` and ``episode_normal``, for the namespace of a group.

    Both take (key_low, key_high, element, step, stream), integers without units, and give a number
    without unit; with the targets numpy, cython and cpp (standalone).

    Raises:
        MissingBrian: Brian2 is not there.
    """
    function = brian2().Function
    signature = "float64(int64, int64, int64, int64, int64)"
    table = {}
    for name, scalar in (("episode_uniform", uniform), ("episode_normal", normal)):
        compile_ufunc: Any = vectorize([signature], nopython=True, cache=True)  # type: ignore[no-untyped-call]
        compiled = compile_ufunc(scalar.py_func)  # type: ignore[attr-defined]
        # Pure functions of their arguments, so whatever Brian2 rearranges is right.
        made = function(
            compiled,
            arg_units=[1] * 5,
            return_unit=1,
            arg_types=["integer"] * 5,
            return_type="float",
            stateless=True,
        )
        add = made.implementations.add_implementation
        add("numpy", compiled)
        add("cython", CYTHON.format(cpp=CPP, name=f"_{name}"), name=f"_{name}")
        add("cpp", {"support_code": CPP}, name=f"_{name}")
        table[name] = made
    return table


RANDOM = re.compile(r"\b(rand|randn|poisson|binomial)\s*\((\s*\))?")
XI = re.compile(r"\bxi(?:_\w+)?\b")


def per_episode(
    code: str, first_stream: int, element: str, equations: bool = False
) -> tuple[str, int]:
    """Rewrite a model's random numbers into the episodes' own.

    Every occurrence of ``rand()`` and ``randn()`` becomes a call of ``episode_uniform`` or
    ``episode_normal`` with a stream of its own. They refer to the integer variables
    ``episode_key_low`` and ``episode_key_high`` (see ``keys``), and to ``t_in_timesteps``, which
    Brian2 provides.

    In equations, white noise ``xi`` or ``xi_name`` becomes a subexpression that is constant over a
    time step and has the same variance, ``dt**-0.5 * randn()``: one stream for each name, as in
    Brian2. The state updater then sees a plain number. "euler" is the scheme of Euler and Maruyama,
    as Brian2's own (Itô's integral); "exact" and "exponential_euler", which refuse ``xi``, work for
    additive noise, with the stationary variance of dx/dt = −x/τ + σ sqrt(2/τ) ξ too small by the
    factor (2τ/dt) tanh(dt/2τ), by 0.08 % for dt = τ/10.

    ``code`` is statements or an expression, or ``equations``; ``element`` is the integer variable
    that numbers neurons or synapses within their episode. Returned are the new code and the first
    stream that is still free.

    Raises:
        ValueError: ``poisson(...)`` or ``binomial(...)``, or a random function with arguments.
    """
    stream = first_stream

    def call(function: str) -> str:
        nonlocal stream
        stream += 1
        keys = "episode_key_low, episode_key_high"
        return f"{function}({keys}, {element}, t_in_timesteps, {stream - 1})"

    def rewritten(match: re.Match[str]) -> str:
        name, closing = match.groups()
        if name not in ("rand", "randn"):
            raise ValueError(
                f"{name}() is not available within an episode, use rand() < rate*dt, got {code!r}"
            )
        if closing is None:
            raise ValueError(f"{name}() must be called without arguments, got {code!r}")
        return call("episode_uniform" if name == "rand" else "episode_normal")

    lines, noises = [], dict[str, None]()
    for line in code.split("\n"):
        text, mark, comment = line.partition("#")
        text = RANDOM.sub(rewritten, text)
        if equations:
            noises.update(dict.fromkeys(XI.findall(text)))
            text = XI.sub(lambda match: f"episode_{match[0]}", text)
        lines.append(text + mark + comment)
    lines += [
        f"episode_{xi} = dt**-0.5 * {call('episode_normal')} : second**-0.5 (constant over dt)"
        for xi in noises
    ]
    return "\n".join(lines), stream
