"""The network of ``lsnn_speed.py`` in plain JAX, and as libraries on PyTorch express it.

200 neurons, each of which hears all of them, 100 of them with adapting thresholds where a library
has such neurons, under an input current that is constant for each episode, with one linear readout.
They do less than Spikeloop, whose time includes environment, population codes, the product with
input weights, the filter of readouts, refractoriness and sums that are exact:

- plain JAX: the same network in one ``lax.scan`` (``plain_jax.py``), with input weights, filter and
  refractoriness.
- Norse: ``LSNNRecurrentCell``, with β = 0 for the neurons that do not adapt. Synaptic currents
  decay, potentials are reset to 0, one input channel carries the current.
- snnTorch: ``RLeaky``, since it has no adapting thresholds. Subtractive reset.
- SpikingJelly: ``LIFNode`` in an ``ElementWiseRecurrentContainer`` with a ``Linear`` layer, since
  it has no adapting thresholds either. Subtractive reset.

Time steps of those on PyTorch are a loop in Python, as their documentation has it, and surrogate
derivatives their own; the readout is one product over all time steps, and its mean square the loss.
Libraries are imported when they are made.
"""

from collections.abc import Callable, Iterable
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

from plain_jax import PlainNetwork

from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.learners.lsnn.learner import Lsnn

N_NEURONS, N_ADAPTIVE = 200, 100
BETA = 1.8
TAU_ADAPTATION_S = 0.2
ALPHA = 0.95
"""What is left of a potential after a step of 1 ms."""


class Passes(NamedTuple):
    """What is timed.

    Attributes:
        forward: all time steps, without keeping anything for a gradient.
        both: the same, and the gradient of the loss with respect to all weights.
    """

    forward: Callable[[], object]
    both: Callable[[], object]


Spikes = Callable[[], Any]
"""Lets all time steps happen: (n_steps, n_episodes, N_NEURONS) spikes."""


def norse(n_episodes: int, n_steps: int) -> tuple[Spikes, Iterable[Any]]:
    """Its network, and the weights of it."""
    import torch
    from norse.torch import LSNNParameters, LSNNRecurrentCell

    beta = torch.where(torch.arange(N_NEURONS) < N_ADAPTIVE, BETA, 0.0)
    tau_adapt_inv = torch.as_tensor(1 / TAU_ADAPTATION_S)
    cell = LSNNRecurrentCell(1, N_NEURONS, LSNNParameters(tau_adapt_inv=tau_adapt_inv, beta=beta))
    current = 2 + 4 * torch.rand(n_episodes, 1)

    def spikes() -> Any:
        state, sent = None, []
        for _ in range(n_steps):
            z, state = cell(current, state)
            sent.append(z)
        return torch.stack(sent)

    return spikes, cell.parameters()


def snntorch(n_episodes: int, n_steps: int) -> tuple[Spikes, Iterable[Any]]:
    """Its network, and the weights of it."""
    import torch
    from snntorch import RLeaky

    cell = RLeaky(beta=ALPHA, linear_features=N_NEURONS)
    current = torch.rand(n_episodes, N_NEURONS) * 0.2

    def spikes() -> Any:
        z, potential = cell.init_rleaky()
        sent = []
        for _ in range(n_steps):
            z, potential = cell(current, z, potential)
            sent.append(z)
        return torch.stack(sent)

    return spikes, cell.parameters()


def spikingjelly(n_episodes: int, n_steps: int) -> tuple[Spikes, Iterable[Any]]:
    """Its network, and the weights of it."""
    import torch
    from spikingjelly.activation_based import functional, layer, neuron

    recurrent = torch.nn.Linear(N_NEURONS, N_NEURONS)
    cells = neuron.LIFNode(tau=1 / (1 - ALPHA), decay_input=False, v_reset=None)
    net = layer.ElementWiseRecurrentContainer(cells, lambda z, x: recurrent(z) + x)
    current = torch.rand(n_episodes, N_NEURONS) * 0.2

    def spikes() -> Any:
        functional.reset_net(net)
        return torch.stack([net(current) for _ in range(n_steps)])

    return spikes, recurrent.parameters()


def on_torch(
    make: Callable[[int, int], tuple[Spikes, Iterable[Any]]], n_episodes: int, n_steps: int
) -> Passes:
    """What is timed of a library on PyTorch, with weights and currents of its own seed.

    Args:
        make: its network, and the weights of it.
        n_episodes: episodes side by side.
        n_steps: time steps.
    """
    import torch

    torch.manual_seed(1)
    spikes, of_network = make(n_episodes, n_steps)
    readout = torch.nn.Linear(N_NEURONS, 1)
    weights = [*of_network, *readout.parameters()]

    def loss() -> Any:
        return (readout(spikes()) ** 2).mean()

    def forward() -> object:
        with torch.no_grad():
            return loss()

    def both() -> object:
        # Not every library has a use for each of its weights.
        return torch.autograd.grad(loss(), weights, allow_unused=True)

    return Passes(forward, both)


def in_plain_jax(n_episodes: int, n_steps: int) -> Passes:
    """What is timed of a network without a library; arguments as of ``on_torch``."""
    learner = Lsnn(n_neurons=N_NEURONS)
    family = Quadratic(n_steps=n_steps // learner.window_steps)
    return Passes(*PlainNetwork(learner, family.interface).calls(n_episodes))


class Rival(NamedTuple):
    """Another way to compute the network.

    Attributes:
        package: that it needs.
        make: what is timed, for so many episodes and time steps.
        on_torch: whether PyTorch computes it, with as many threads as it is given.
    """

    package: str
    make: Callable[[int, int], Passes]
    on_torch: bool = True

    @property
    def installed(self) -> bool:
        return find_spec(self.package) is not None


RIVALS = {
    "plain JAX": Rival("jax", in_plain_jax, on_torch=False),
    "Norse": Rival("norse", partial(on_torch, norse)),
    "snnTorch": Rival("snntorch", partial(on_torch, snntorch)),
    "SpikingJelly": Rival("spikingjelly", partial(on_torch, spikingjelly)),
}
