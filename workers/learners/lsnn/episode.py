"""Episodes of one candidate, side by side, as one program: environment, inputs and network."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from spikeloop.tasks.base import Interface
from spikeloop.tasks.program import Arrays, TaskProgram
from spikeloop.workers.input_channels import InputChannels
from spikeloop.workers.learners.lsnn.network import Network, NetworkState
from spikeloop.workers.learners.lsnn.objective import Decisions
from spikeloop.workers.learners.lsnn.settings import LsnnSettings
from spikeloop.workers.xla import jax


class ActingWeights(NamedTuple):
    """Weights as they act.

    Attributes:
        inputs: from channels (n_episodes, n_channels) to the neurons' currents (n_episodes, n).
        recurrent: (n, n) from neuron to neuron.
        readout: (n, n_readouts) from neuron to readout.
        bias: (n_readouts,) of the readouts.
    """

    inputs: Callable[[Any], Any]
    recurrent: Any
    readout: Any
    bias: Any


class RandomNumbers(NamedTuple):
    """All random numbers of episodes side by side, drawn beforehand.

    Attributes:
        noise: (n_steps, n_episodes) the environment's.
        choice: (n_steps, n_episodes) uniform in [0, 1): which action is taken.
        keys: (n_episodes, 2) uint32 of the spikes of inputs.
    """

    noise: Any
    choice: Any
    keys: Any


class Recorded(NamedTuple):
    """The record of each decision, first axis n_steps.

    Attributes:
        decisions: rewards, and what the objective needs.
        action: (n_steps, n_episodes) or (n_steps, n_episodes, n_actions).
        feedback: (n_steps, n_episodes) feedback.
        counts: (n_steps, n_neurons) spikes per episode of each neuron.
        preferences: (n_steps, n_episodes, n_actions) of the policy; None where actions are numbers.
        drive: (n_steps, ..., n_episodes, n_neurons) input currents, for traces; else None.
        spikes: (n_steps, n_time_steps, n_episodes, n_neurons), for traces; else None.
        adaptation: (n_steps, n_episodes, n_neurons) b after each decision, for traces; else None.
        seen: input channels, for traces: (n_steps, n_episodes, n_channels), or (n_steps,
            n_time_steps, n_episodes, n_channels) where inputs are spikes; else None.
    """

    decisions: Decisions
    action: Any
    feedback: Any
    counts: Any
    preferences: Any = None
    drive: Any = None
    spikes: Any = None
    adaptation: Any = None
    seen: Any = None


@dataclass(frozen=True)
class Episode:
    """Runs a learner's episodes in tasks that have the same rules."""

    settings: LsnnSettings
    interface: Interface
    program: TaskProgram

    @cached_property
    def inputs(self) -> InputChannels:
        """Input channels of the network."""
        return self.settings.inputs(self.interface)

    @cached_property
    def network(self) -> Network:
        """Constants of the network."""
        return self.settings.circuit(self.interface)

    def run_episodes(
        self,
        acting: ActingWeights,
        arrays: Arrays,
        task: Any,
        chance: RandomNumbers,
        traced: bool = False,
    ) -> Recorded:
        """Run all decisions of the episodes; ``task`` (n_episodes,) has the index of their tasks.

        Spikes and currents are kept if ``traced``.
        """
        module, interface, copies = jax(), self.interface, self.settings.copies
        xp, n_episodes, n_steps = module.numpy, task.shape[0], interface.n_steps
        shape = (
            (n_episodes,) if interface.actions == "discrete" else (n_episodes, interface.n_actions)
        )
        begin = (
            self.program.start(xp, arrays, task),
            self._at_first(n_episodes),
            xp.zeros(shape, int if interface.actions == "discrete" else float),
            xp.zeros(n_episodes),
        )

        def decide(before: Any, given: Any) -> Any:
            environment, network, action, feedback = before
            step, noise, choice = given
            observation = self.program.observe(xp, arrays, environment)
            shown = self.inputs.encode(observation, action, feedback, step, xp)
            seen = self._seen(shown, chance.keys, step)
            drive = self._drive(acting, seen)
            network, spikes = self.network.decide(
                acting.recurrent, acting.readout, network, xp.concatenate([drive] * copies, axis=-2)
            )
            readout = sum(xp.split(network.y, copies)) / copies + acting.bias
            action, log_chance, entropy, value = self._act(readout, choice)
            missed = self._missed(readout, arrays, task)
            environment, reward, feedback = self.program.step(
                xp, arrays, environment, action, noise
            )
            feedback = feedback.astype(before[3].dtype)
            kept = Recorded(
                Decisions(reward, log_chance, entropy, value, missed),
                action,
                feedback,
                spikes.sum(axis=0).mean(axis=0),
                readout[:, : interface.n_actions] if interface.actions == "discrete" else None,
                *(
                    (drive, spikes[:, :n_episodes], network.neurons.b[:n_episodes], seen)
                    if traced
                    else ()
                ),
            )
            return (environment, network, action, feedback), kept

        given = xp.arange(n_steps), chance.noise, chance.choice
        recorded: Recorded = self._in_truncations(decide, begin, given)
        return recorded

    def _at_first(self, n_episodes: int) -> NetworkState:
        """Return the state at the start of all episodes, of one copy after another."""
        copies, xp = self.settings.copies, jax().numpy
        state = self.network.at_rest(n_episodes * copies)
        if copies == 1:
            return state
        v = xp.repeat(xp.asarray(self.settings.first_potentials(), state.y.dtype), n_episodes, 0)
        return state._replace(neurons=state.neurons._replace(v=v))

    def _seen(self, shown: Any, keys: Any, step: Any) -> Any:
        """Return the channels as they are, or as spikes (n_time_steps, n_episodes, n_channels)."""
        if not self.settings.spiking_input:
            return shown
        return input_spikes(shown, keys, step, self.network.n_steps, self.settings.spiking_input)

    def _drive(self, acting: ActingWeights, seen: Any) -> Any:
        """Return each neuron's input current: constant, or by time steps if inputs are spikes."""
        if not self.settings.spiking_input:
            return acting.inputs(seen)
        flat = acting.inputs(seen.reshape(-1, seen.shape[2]))
        return flat.reshape(*seen.shape[:2], -1)

    def _act(self, readout: Any, choice: Any) -> tuple[Any, Any, Any, Any]:
        """Return actions, log π of them, entropies and values."""
        xp, n_actions = jax().numpy, self.interface.n_actions
        nothing = xp.zeros(readout.shape[0], readout.dtype)
        if self.interface.actions == "continuous":
            low, high = self.interface.action_range
            answer = (low + high) / 2 + (high - low) / 2 * readout[:, :n_actions]
            return answer, nothing, nothing, nothing
        log_policy = jax().nn.log_softmax(readout[:, :n_actions])
        policy = xp.exp(log_policy)
        action = log_policy.argmax(axis=1)
        if self.settings.explores:  # by the inverse of the distribution function
            passed = xp.cumsum(policy, axis=1) <= choice[:, None]
            action = xp.minimum(passed.sum(axis=1), n_actions - 1)
        log_chance = xp.take_along_axis(log_policy, action[:, None], axis=1)[:, 0]
        return action, log_chance, -(policy * log_policy).sum(axis=1), readout[:, n_actions]

    def _missed(self, readout: Any, arrays: Arrays, task: Any) -> Any:
        """Return the mean squared error (n_episodes,) of answers for latents, if they are used."""
        if not (n := self.settings.n_latents(self.interface)):
            return None
        said = self.settings.objective.latent_gain * readout[:, -n:]
        return ((said - arrays["latents"][task]) ** 2).mean(axis=1)

    def _in_truncations(self, decide: Callable[[Any, Any], Any], begin: Any, given: Any) -> Any:
        """Scan the decisions, with truncated gradients and checkpoints.

        Of the decisions between two cuts, as of a checkpoint, only the first state is kept for the
        gradient.
        """
        module = jax()

        def checkpointed(before: Any, part: Any) -> Any:
            return _in_segments(decide, before, part, self.settings.checkpoint)

        def truncated(before: Any, part: Any) -> Any:
            environment, network, action, feedback = before
            network, feedback = module.lax.stop_gradient((network, feedback))
            return checkpointed((environment, network, action, feedback), part)

        if not self.settings.truncation:
            return checkpointed(begin, given)[1]
        return _in_segments(decide, begin, given, self.settings.truncation, truncated)[1]


def input_spikes(shown: Any, keys: Any, step: Any, n_time_steps: int, chance: float) -> Any:
    """Draw the spikes of input channels in one decision, (n_time_steps, n_episodes, n_channels).

    Args:
        shown: (n_episodes, n_channels) in [0, 1].
        keys: (n_episodes, 2) uint32.
        step: number of the decision.
        n_time_steps: of a decision.
        chance: of a spike of a channel at its height in a time step.
    """
    module = jax()

    def noise(key: Any) -> Any:
        here = module.random.fold_in(module.random.wrap_key_data(key, impl="threefry2x32"), step)
        # As many bits in either precision, so that both see the same spikes.
        shape = (n_time_steps, shown.shape[1])
        return module.random.uniform(here, shape, module.numpy.float32)

    uniform = module.vmap(noise, out_axes=1)(keys)
    return (uniform < chance * shown).astype(shown.dtype)


def _in_segments(
    decide: Callable[[Any, Any], Any],
    begin: Any,
    given: Any,
    length: int,
    whole: Callable[[Any, Any], Any] | None = None,
) -> tuple[Any, Any]:
    """Scan decisions in segments of which only the first state is kept for the gradient.

    Args:
        decide: one decision.
        begin: state before.
        given: arguments of the decisions, first axis n_steps.
        length: decisions of a segment; 0 scans all of them in one, of which everything is kept.
        whole: scans one segment, if it is not just ``decide`` after ``decide``.
    """
    module = jax()
    scan, tree = module.lax.scan, module.tree
    n_steps = tree.leaves(given)[0].shape[0]
    if not length:
        return tuple(scan(decide, begin, given))
    each = module.checkpoint(whole or (lambda before, part: scan(decide, before, part)))
    n_segments, rest = divmod(n_steps, length)
    full = n_segments * length
    cut = tree.map(lambda a: a[:full].reshape(n_segments, length, *a.shape[1:]), given)
    state, kept = scan(each, begin, cut)
    kept = tree.map(lambda a: a.reshape(full, *a.shape[2:]), kept)
    if rest:
        state, more = each(state, tree.map(lambda a: a[full:], given))
        kept = tree.map(lambda a, b: module.numpy.concatenate([a, b]), kept, more)
    return state, kept
