"""The spiking network of one episode: Brian2 code, sizes and connections, without Brian2 itself.

A blueprint does not say how many episodes there are; ``batch`` builds one network out of as many
copies as a tile has episodes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from spikeloop.tasks.base import IntArray

NEVER_FIRED = 2**31 - 1
"""The time step of a spike that did not happen: the largest of Brian2's integers."""

Variable = tuple[str, str]
"""Name of a population or group of synapses, and of one of its variables."""


@dataclass(frozen=True)
class Population:
    """One population of neurons, in Brian2's own words.

    What differs between episodes or is written between decisions is a parameter of the equations,
    for example ``tau : second (constant)``.

    Attributes:
        n: neurons of one episode.
        equations: differential equations, subexpressions and parameters, with units.
        threshold: condition of a spike; "" for none.
        reset: statements after a spike.
        refractory: condition or expression of a time; "" for none.
        method: state updater, such as "exact", "exponential_euler", "euler".
        on_feedback: statements for every neuron, once a decision, after the feedback is set.
        initial: value of a variable at the start of an episode, as Brian2 code; 0 without one.
        on_call: further statements for every neuron, by the name of ``BatchedNetwork.call``.
    """

    n: int
    equations: str
    threshold: str = ""
    reset: str = ""
    refractory: str = ""
    method: str = "exact"
    on_feedback: str = ""
    initial: Mapping[str, str] = field(default_factory=dict)
    on_call: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Connections:
    """Which neuron reaches which, as indices within one episode.

    Attributes:
        pre: (n_synapses,) index of the source.
        post: (n_synapses,) index of the target.
        delay_steps: (n_synapses,) time steps from a spike to its effect; None: all 0.
    """

    pre: IntArray
    post: IntArray
    delay_steps: IntArray | None = None


def all_to_all(n_pre: int, n_post: int) -> Connections:
    """Connect every source to every target, in C order of (source, target)."""
    pre, post = np.divmod(np.arange(n_pre * n_post), n_post)
    return Connections(pre, post)


def all_to_others(n: int) -> Connections:
    """Connect every neuron of a population to all others of it."""
    pre, post = np.divmod(np.arange(n * n), n)
    return Connections(pre[pre != post], post[pre != post])


@dataclass(frozen=True)
class SynapseGroup:
    """Synapses between two populations of the same episode, in Brian2's own words.

    Names without a suffix that the synapses do not define are the target neuron's.

    Attributes:
        source: name of a population.
        target: name of a population.
        connections: which neuron reaches which.
        equations: variables of a synapse, with units.
        on_pre: statements at a spike of the source.
        on_post: statements at a spike of the target.
        on_feedback: statements for every synapse, once a decision, after the feedback is set.
        method: state updater of differential equations.
        initial: as for ``Population``.
        on_call: as for ``Population``.
        up_to_date: whether ``on_feedback`` and ``on_call`` see event-driven variables as they are
            now, and not as they were at the last event.
    """

    source: str
    target: str
    connections: Connections
    equations: str = ""
    on_pre: str = ""
    on_post: str = ""
    on_feedback: str = ""
    method: str = "exact"
    initial: Mapping[str, str] = field(default_factory=dict)
    on_call: Mapping[str, str] = field(default_factory=dict)
    up_to_date: bool = False


@dataclass(frozen=True)
class Blueprint:
    """The network of one episode.

    Attributes:
        dt_s: time step, in seconds.
        neurons: populations by name.
        synapses: groups of synapses by name; names differ from those of populations.
        constants: symbols that are the same for all episodes, as text with units such as "-60*mV".
    """

    dt_s: float
    neurons: Mapping[str, Population]
    synapses: Mapping[str, SynapseGroup] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)

    def digest(self) -> str:
        """Return a hash of all its parts: networks of the same digest are the same."""
        digest = hashlib.blake2b(digest_size=16)
        _update(digest, self)
        return digest.hexdigest()


def _update(digest: "hashlib.blake2b", value: object) -> None:
    if isinstance(value, np.ndarray):
        digest.update(str((value.dtype, value.shape)).encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, Mapping):
        for key, item in value.items():  # the order of populations is theirs in the network
            digest.update(repr(key).encode())
            _update(digest, item)
    elif isinstance(value, Blueprint | Population | SynapseGroup | Connections):
        digest.update(type(value).__name__.encode())
        _update(digest, vars(value))
    else:
        digest.update(repr(value).encode())
    digest.update(b"\0")
