"""Tiles of episodes, candidates × tasks in one compiled program, with or without the gradient."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray, Interface, SeedArray, TaskBatch
from spikeloop.tasks.program import ProgrammedTasks, TaskProgram
from spikeloop.workers import xla
from spikeloop.workers.base import Episodes
from spikeloop.workers.learners.lsnn.episode import ActingWeights, Episode, RandomNumbers, Recorded
from spikeloop.workers.learners.lsnn.policy import entropy_nat
from spikeloop.workers.learners.lsnn.settings import LsnnSettings
from spikeloop.workers.learners.lsnn.wiring import exact_product, round_to_spacing
from spikeloop.workers.learning_curve import bin_lengths
from spikeloop.workers.philox import Stream, uniforms
from spikeloop.workers.space import Parameters

MAX_COMPILED = 32
"""Compiled programs that a process keeps."""

Kept = Literal["actions", "policy", "everything"]
KEEP: Mapping[Kept, Callable[[Recorded], Any]] = {
    "actions": lambda done: done.action,
    "policy": lambda done: (done.action, done.preferences),
    "everything": lambda done: done,
}
"""What of a tile's episodes leaves the compiled program."""


def run_episodes(
    learner: LsnnSettings, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray
) -> Episodes:
    """Run the episodes of a tile, whose returns contain the bonus for a policy's entropy."""
    if not learner.entropy_bonus:
        acted = actions(learner, parameters, tasks, seeds)
        return played(learner, parameters, tasks, seeds, acted)
    acted, preferences = _run(learner, parameters, tasks, seeds, "policy")
    bonus = learner.entropy_bonus * entropy_nat(preferences).swapaxes(1, 2)
    return played(learner, parameters, tasks, seeds, acted, bonus=bonus)


def actions(
    learner: LsnnSettings, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray
) -> FloatArray | IntArray:
    """Return the actions (n_candidates, n_steps, n_tasks) of a tile's episodes.

    Continuous ones have a last axis n_actions.
    """
    acted: FloatArray | IntArray = _run(learner, parameters, tasks, seeds, "actions")
    return acted


def differentiate(
    learner: LsnnSettings,
    parameters: Parameters,
    tasks: TaskBatch,
    seeds: SeedArray,
    progress: float,
) -> Episodes:
    """Run the episodes of a tile, with the gradient of the objective with respect to each point.

    Actions are drawn from the policy even if ``explores`` is off: the objective of rewards is about
    a policy.
    """
    learner = type(learner).model_validate({**learner.model_dump(), "explores": True})
    program, given = _given(learner, parameters, tasks, seeds)
    with xla.precision(learner.precision):
        compiled = _backward(learner, tasks.interface, program)
        gradient, acted = map(np.asarray, compiled(*given, float(progress)))
    weights = learner.weights(tasks.interface)
    scale = np.concatenate([np.full(part.size, part.scale) for part in weights])
    return played(learner, parameters, tasks, seeds, acted, gradient.astype(np.float64) * scale)


def trace(
    learner: LsnnSettings, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray
) -> Recorded:
    """Run the episodes of a tile and record everything, in NumPy; the first axis is candidates."""
    recorded: Recorded = _run(learner, parameters, tasks, seeds, "everything")
    return recorded


def acting(learner: LsnnSettings, interface: Interface, xp: Any) -> Callable[[Any], ActingWeights]:
    """Return the function from one candidate's weights (n_dim,) to the weights that act.

    With centring at m = ``centering_rate_hz`` × time step, channels of mean s̄ and filtered spikes
    z̃,

        I_j = Σ_c U_cj (s_c − s̄_c) + Σ_i W_ij (z_i(t − d_i) − m)      y = Σ_i R_i (z̃_i − m) + b,

    of which all constant parts are computed here. It is the same family of networks in other
    coordinates, in which gradients are better conditioned: activity is never negative, so without
    centring a step of Adam moves all weights onto a neuron alike, and its mean current most of all
    (Schraudolph 1998, "Centering neural network gradient factors"). ``xp`` is the array library,
    NumPy's or that of JAX.
    """
    wiring, parts = learner.wiring(), learner.weights(interface)
    inputs, recurrent, readout, _ = parts
    mean_inputs, mean_rate = learner.mean_activity(interface)
    edges = np.cumsum([0, *(part.size for part in parts)])

    def act(weights: Any) -> ActingWeights:
        w_in, w_rec, w_out, b = (
            weights[start : start + part.size].reshape(part.shape)
            for start, part in zip(edges, parts, strict=False)
        )
        between = wiring.acting(w_rec, recurrent.scale, xp)
        out = round_to_spacing(w_out, readout.scale, learner.n_neurons, xp)
        if not learner.centering_rate_hz:
            return ActingWeights(
                lambda shown: exact_product(shown, w_in, inputs.scale, xp), between, out, b
            )
        # An exact sum and one product, before there are any episodes: the same bits in any tile.
        constant = mean_rate * between.sum(axis=0)
        return ActingWeights(
            lambda shown: (
                exact_product(shown - mean_inputs.astype(shown.dtype), w_in, inputs.scale, xp)
                - constant
            ),
            between,
            out,
            b - mean_rate * out.sum(axis=0),
        )

    return act


def _run(
    learner: LsnnSettings, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray, kept: Kept
) -> Any:
    """Run the episodes of a tile, and return what is kept of them as NumPy's arrays."""
    program, given = _given(learner, parameters, tasks, seeds)
    with xla.precision(learner.precision):
        done = _running(learner, tasks.interface, program, kept)(*given)
        return xla.jax().tree.map(np.asarray, done)


@lru_cache(MAX_COMPILED)
def _running(learner: LsnnSettings, interface: Interface, program: TaskProgram, kept: Kept) -> Any:
    """Compile the episodes of a tile; what is not kept is not computed."""
    run, keep = _candidate(learner, interface, program, kept == "everything"), KEEP[kept]
    return xla.jax().jit(_each(lambda *given: keep(run(*given))))


@lru_cache(MAX_COMPILED)
def _backward(learner: LsnnSettings, interface: Interface, program: TaskProgram) -> Any:
    module, run = xla.jax(), _candidate(learner, interface, program)
    n_steps = learner.circuit(interface).n_steps

    def value(*given: Any) -> tuple[Any, Any]:
        *episodes_done, progress = given
        kept, objective = run(*episodes_done), learner.objective
        gained = (
            objective.of_targets(kept.decisions)
            if interface.feedback == "target"
            else objective.of_rewards(kept.decisions, progress, learner.truncation)
        )
        rates = objective.of_rates(kept.counts.mean(axis=0) / n_steps, learner.step_ms)
        return gained + objective.of_latents(kept.decisions) + rates, kept.action

    return module.jit(_each(module.grad(value, has_aux=True)))


def _candidate(
    learner: LsnnSettings, interface: Interface, program: TaskProgram, traced: bool = False
) -> Callable[..., Recorded]:
    """Return a candidate's episodes as a function of weights, random numbers and tasks."""
    episode = Episode(learner, interface, program)
    act = acting(learner, interface, xla.jax().numpy)

    def run(weights: Any, chance: RandomNumbers, arrays: Any, task: Any) -> Recorded:
        return episode.run_episodes(act(weights), arrays, task, chance, traced)

    return run


def _each(function: Callable[..., Any]) -> Callable[..., Any]:
    """Map a function over candidates, whose weights and random numbers differ."""

    def every(weights: Any, chance: Any, *shared: Any) -> Any:
        if weights.shape[0] == 1:  # the same numbers without a batch of matrix products
            alone = function(*xla.jax().tree.map(lambda a: a[0], (weights, chance)), *shared)
            return xla.jax().tree.map(lambda a: a[None], alone)
        axes = (0, 0, *(None for _ in shared))
        return xla.jax().vmap(function, in_axes=axes)(weights, chance, *shared)

    return every


def _given(
    learner: LsnnSettings, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray
) -> tuple[TaskProgram, tuple[Any, ...]]:
    """Return the rules of the tasks, and the arguments of a compiled program."""
    if not isinstance(tasks, ProgrammedTasks):
        raise ValueError(f"lsnn needs tasks whose rules are a program, got {type(tasks).__name__}")
    program, n_steps = tasks.program(), tasks.interface.n_steps
    discrete = tasks.interface.actions == "discrete"
    nothing = np.zeros((seeds.shape[0], n_steps, seeds.shape[1]))
    chance = RandomNumbers(
        program.to_noise(_uniform(seeds, Stream.ENVIRONMENT, n_steps)),
        _uniform(seeds, Stream.EXPLORATION, n_steps) if discrete and learner.explores else nothing,
        np.ascontiguousarray(seeds).view(np.uint32).reshape(*seeds.shape, 2),
    )
    wanted = np.dtype(learner.precision)
    exact = {k: a.astype(wanted) if a.dtype.kind == "f" else a for k, a in tasks.arrays().items()}
    chance = RandomNumbers(*(a.astype(wanted) if a.dtype.kind == "f" else a for a in chance))
    task = np.arange(seeds.shape[1])
    return program, (parameters.values.astype(wanted), chance, exact, task)


def _uniform(seeds: SeedArray, stream: Stream, n_steps: int) -> FloatArray:
    """Return uniform random numbers (n_candidates, n_steps, n_tasks) of episodes."""
    flat = np.ascontiguousarray(seeds).ravel()
    numbers = np.stack([uniforms(flat, stream, step)[:, 0] for step in range(n_steps)])
    return numbers.reshape(n_steps, *seeds.shape).swapaxes(0, 1)


def paid(
    tasks: TaskBatch, seeds: SeedArray, acted: FloatArray | IntArray
) -> tuple[FloatArray, FloatArray]:
    """Play the actions of a tile's episodes, and return rewards and feedback.

    ``acted`` is as of ``actions``; both results are (n_candidates, n_tasks, n_steps).
    """
    n_candidates, n_steps, n_tasks = acted.shape[:3]
    noise = _uniform(seeds, Stream.ENVIRONMENT, n_steps).swapaxes(0, 1).reshape(n_steps, -1)
    acted = acted.swapaxes(0, 1).reshape(n_steps, n_candidates * n_tasks, *acted.shape[3:])
    if acted.dtype.kind == "f":
        acted = acted.astype(np.float64)
    play = tasks.play(np.tile(np.arange(n_tasks), n_candidates))
    steps = np.array([play.step(*now) for now in zip(acted, noise, strict=True)])
    rewards, feedback = (
        steps[:, k].reshape(n_steps, n_candidates, n_tasks).transpose(1, 2, 0).copy()
        for k in range(2)
    )
    return rewards, feedback


def played(
    learner: LsnnSettings,
    parameters: Parameters,
    tasks: TaskBatch,
    seeds: SeedArray,
    acted: FloatArray | IntArray,
    gradient: FloatArray | None = None,
    bonus: FloatArray | float = 0.0,
) -> Episodes:
    """Return the results of the actions of a tile's episodes.

    To rewards is added a ``bonus``, (n_candidates, n_tasks, n_steps).

    They are played once more in NumPy, whose rewards are in double precision and the same to the
    bit for any number of episodes, while a compiled program may round differently for each.
    """
    n_candidates, n_steps, n_tasks = acted.shape[:3]
    rewards, _ = paid(tasks, seeds, acted)
    rewards += bonus
    # A potential that is no number never spikes, so its episode would look like a silent one.
    rewards[~np.isfinite(parameters.values.astype(learner.precision)).all(axis=1)] = np.nan
    lengths = bin_lengths(n_steps)
    edges = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    sums = np.add.reduceat(rewards, edges, axis=2)
    return Episodes(
        returns=sums.sum(axis=2),
        curve=sums / lengths,
        n_simulated_steps=n_candidates * n_steps * n_tasks,
        gradient=gradient,
    )
