"""Episodes of one candidate side by side, as one program: environment, network, decisions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from spikeloop.tasks.base import Interface
from spikeloop.tasks.program import Arrays, Program
from spikeloop.workers.learners.lsnn.inputs import Inputs
from spikeloop.workers.learners.lsnn.network import Network
from spikeloop.workers.learners.lsnn.objective import Decisions
from spikeloop.workers.xla import jax


class Acting(NamedTuple):
    """Weights as they act.

    Attributes:
        inputs: current of each neuron for given channels: (n_episodes, n_channels) to (n_episodes,
            n).
        recurrent: (n, n) from neuron to neuron.
        readout: (n, n_readouts) from neuron to readout.
        bias: (n_readouts,) of the readouts.
    """

    inputs: Callable[[Any], Any]
    recurrent: Any
    readout: Any
    bias: Any


class Chance(NamedTuple):
    """Everything random in episodes side by side, drawn beforehand.

    Attributes:
        noise: (n_steps, n_episodes) the environment's.
        choice: (n_steps, n_episodes) uniform in [0, 1): which action is taken.
        keys: (n_episodes, 2) uint32 of the spikes of inputs.
    """

    noise: Any
    choice: Any
    keys: Any


class Recorded(NamedTuple):
    """What is kept of each decision, first axis n_steps.

    Attributes:
        decisions: rewards, and what the objective needs.
        action: (n_steps, n_episodes) or (n_steps, n_episodes, n_actions).
        feedback: (n_steps, n_episodes) what the learner was told.
        counts: (n_steps, n_neurons) spikes per episode of each neuron.
        drive: (n_steps, ..., n_episodes, n_neurons) input currents, for traces; else None.
        spikes: (n_steps, n_time_steps, n_episodes, n_neurons), for traces; else None.
        adaptation: (n_steps, n_episodes, n_neurons) b after each decision, for traces; else None.
        seen: what reached the network, for traces: (n_steps, n_episodes, n_channels), or (n_steps,
            n_time_steps, n_episodes, n_channels) spikes where inputs are spikes; else None.
    """

    decisions: Decisions
    action: Any
    feedback: Any
    counts: Any
    drive: Any = None
    spikes: Any = None
    adaptation: Any = None
    seen: Any = None


@dataclass(frozen=True)
class Episode:
    """How episodes happen.

    Attributes:
        interface: of the family.
        program: rules of the tasks.
        inputs: what the network is shown.
        network: constants of the network.
        explores: whether actions are drawn from the policy; otherwise the likeliest is taken.
        spiking_input: spikes for each unit of an input channel in a time step; 0 for currents.
        stretch: decisions after which the gradient is cut; 0 for never.
        checkpoint: decisions of which only the beginning is kept for the gradient; 0 keeps all.
        n_latents: the last readouts, which are asked for the task's latents; 0 for none.
        latent_gain: what a readout of 1 says of them.
    """

    interface: Interface
    program: Program
    inputs: Inputs
    network: Network
    explores: bool
    spiking_input: float
    stretch: int
    checkpoint: int
    n_latents: int = 0
    latent_gain: float = 1.0

    def run_episodes(
        self, acting: Acting, arrays: Arrays, task: Any, chance: Chance, traced: bool = False
    ) -> Recorded:
        """Lets all decisions of the episodes happen.

        Args:
            acting: weights.
            arrays: of the batch of tasks.
            task: (n_episodes,) which task each episode is for.
            chance: everything random.
            traced: whether spikes and currents are kept.
        """
        module, interface = jax(), self.interface
        xp, n_episodes, n_steps = module.numpy, task.shape[0], interface.n_steps
        shape = (
            (n_episodes,) if interface.actions == "discrete" else (n_episodes, interface.n_actions)
        )
        begin = (
            self.program.start(xp, arrays, task),
            self.network.at_rest(n_episodes),
            xp.zeros(shape, int if interface.actions == "discrete" else float),
            xp.zeros(n_episodes),
        )

        def decide(before: Any, given: Any) -> Any:
            environment, network, action, feedback = before
            step, noise, choice = given
            observation = self.program.observe(xp, arrays, environment)
            shown = self.inputs.encode(xp, observation, action, feedback, step)
            seen = self._seen(shown, chance.keys, step)
            drive = self._drive(acting, seen)
            network, spikes = self.network.decide(acting.recurrent, acting.readout, network, drive)
            readout = network.y + acting.bias
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
                *((drive, spikes, network.neurons.b, seen) if traced else ()),
            )
            return (environment, network, action, feedback), kept

        given = xp.arange(n_steps), chance.noise, chance.choice
        recorded: Recorded = self._in_stretches(decide, begin, given)
        return recorded

    def _seen(self, shown: Any, keys: Any, step: Any) -> Any:
        """The channels as they are, or (n_time_steps, n_episodes, n_channels) spikes of theirs."""
        if not self.spiking_input:
            return shown
        module = jax()

        def noise(key: Any) -> Any:
            here = module.random.fold_in(
                module.random.wrap_key_data(key, impl="threefry2x32"), step
            )
            # As many bits in either precision, so that both see the same spikes.
            shape = (self.network.n_steps, shown.shape[1])
            return module.random.uniform(here, shape, module.numpy.float32)

        uniform = module.vmap(noise, out_axes=1)(keys)
        return (uniform < self.spiking_input * shown).astype(shown.dtype)

    def _drive(self, acting: Acting, seen: Any) -> Any:
        """Input current of each neuron: constant, or by time steps where inputs are spikes."""
        if not self.spiking_input:
            return acting.inputs(seen)
        flat = acting.inputs(seen.reshape(-1, seen.shape[2]))
        return flat.reshape(*seen.shape[:2], -1)

    def _act(self, readout: Any, choice: Any) -> tuple[Any, Any, Any, Any]:
        """Actions, log π of them, entropies and values."""
        xp, n_actions = jax().numpy, self.interface.n_actions
        nothing = xp.zeros(readout.shape[0], readout.dtype)
        if self.interface.actions == "continuous":
            low, high = self.interface.action_range
            answer = (low + high) / 2 + (high - low) / 2 * readout[:, :n_actions]
            return answer, nothing, nothing, nothing
        log_policy = jax().nn.log_softmax(readout[:, :n_actions])
        policy = xp.exp(log_policy)
        action = log_policy.argmax(axis=1)
        if self.explores:  # by the inverse of the distribution function
            passed = xp.cumsum(policy, axis=1) <= choice[:, None]
            action = xp.minimum(passed.sum(axis=1), n_actions - 1)
        log_chance = xp.take_along_axis(log_policy, action[:, None], axis=1)[:, 0]
        return action, log_chance, -(policy * log_policy).sum(axis=1), readout[:, n_actions]

    def _missed(self, readout: Any, arrays: Arrays, task: Any) -> Any:
        """(n_episodes,) mean squared error of the answers for the latents; None without them."""
        if not self.n_latents:
            return None
        said = self.latent_gain * readout[:, -self.n_latents :]
        return ((said - arrays["latents"][task]) ** 2).mean(axis=1)

    def _in_stretches(self, decide: Callable[[Any, Any], Any], begin: Any, given: Any) -> Any:
        """Scans the decisions; cuts the gradient after each stretch, saves memory in checkpoints.

        Of a stretch, as of a checkpoint, only the beginning is kept until the gradient is due.
        """
        module = jax()

        def inside(before: Any, part: Any) -> Any:
            return _in_pieces(decide, before, part, self.checkpoint)

        def stretch(before: Any, part: Any) -> Any:
            environment, network, action, feedback = before
            network, feedback = module.lax.stop_gradient((network, feedback))
            return inside((environment, network, action, feedback), part)

        if not self.stretch:
            return inside(begin, given)[1]
        return _in_pieces(decide, begin, given, self.stretch, stretch)[1]


def _in_pieces(
    decide: Callable[[Any, Any], Any],
    begin: Any,
    given: Any,
    piece: int,
    whole: Callable[[Any, Any], Any] | None = None,
) -> tuple[Any, Any]:
    """Scans decisions in pieces of which only the beginning is kept for the gradient.

    Args:
        decide: one decision.
        begin: state before.
        given: what decisions are given, first axis n_steps.
        piece: decisions of a piece; 0 scans all of them in one, of which everything is kept.
        whole: scans one piece, if it is not just ``decide`` after ``decide``.

    Returns:
        The state after all decisions, and what is recorded of each.
    """
    module = jax()
    scan, tree = module.lax.scan, module.tree
    n_steps = tree.leaves(given)[0].shape[0]
    if not piece:
        return tuple(scan(decide, begin, given))
    each = module.checkpoint(whole or (lambda before, part: scan(decide, before, part)))
    n_pieces, rest = divmod(n_steps, piece)
    full = n_pieces * piece
    cut = tree.map(lambda a: a[:full].reshape(n_pieces, piece, *a.shape[1:]), given)
    state, kept = scan(each, begin, cut)
    kept = tree.map(lambda a: a.reshape(full, *a.shape[2:]), kept)
    if rest:
        state, more = each(state, tree.map(lambda a: a[full:], given))
        kept = tree.map(lambda a, b: module.numpy.concatenate([a, b]), kept, more)
    return state, kept
