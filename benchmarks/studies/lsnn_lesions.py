"""Where a trained network keeps what it has learned of a task: lesions of its state.

    python benchmarks/studies/lsnn_lesions.py examples/trained/lsnn_quadratic.npz

Before each decision a part of the state is exchanged between the episodes (each goes on with that
of another task, so its statistics stay what they were) or put to rest. What is kept in that part
and is needed is then lost. The network is simulated in NumPy, in double precision, by the equations
of ``workers/learners/lsnn/neurons.py`` alone, on new tasks.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.coordinator.export import frozen_network
from spikeloop.coordinator.export import weights as learned
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.seeding import Purpose, TaskSet, stream

LESIONS = {
    "intact": (),
    "adaptation b of other episodes": ("b",),
    "adaptation b at rest": ("b at rest",),
    "no adaptation at all (beta = 0)": ("beta",),
    "potentials, spikes and readouts of other episodes": ("v", "z", "waiting", "way", "y"),
    "potentials, spikes and readouts at rest": ("fast at rest",),
    "everything of other episodes": ("b", "v", "z", "waiting", "way", "y"),
}


def run_episodes(point: learned.Learned, n_tasks: int, lesion: tuple[str, ...]) -> FloatArray:
    """(n_tasks,) returns of new tasks with a lesion."""
    net = frozen_network.freeze(point, "NumPy")
    neurons, circuit = net.circuit.neurons, net.circuit
    beta = neurons.beta * ("beta" not in lesion)
    inputs = net.learner.inputs(net.interface)
    rng = stream(0, Purpose.TASKS, TaskSet.PLAN, 1)
    tasks = point.config.family.sample(n_tasks, rng)
    play, n = tasks.play(np.arange(n_tasks)), neurons.n
    state: dict[str, Any] = {name: np.zeros((n_tasks, n)) for name in ("v", "b", "z", "waiting")}
    state["y"] = np.zeros((n_tasks, circuit.n_readouts))
    state["way"] = np.zeros((n_tasks, int(net.delay.max()), n))
    discrete = net.interface.actions == "discrete"
    action = np.zeros(n_tasks, int) if discrete else np.zeros((n_tasks, net.interface.n_actions))
    feedback, returns = np.zeros(n_tasks), np.zeros(n_tasks)
    for step in range(net.interface.n_steps):
        other = rng.permutation(n_tasks)
        if step:
            for name in set(lesion) & set(state):
                state[name] = state[name][other]
            resting = {"b at rest": ("b",), "fast at rest": ("v", "z", "waiting", "way", "y")}
            for name in (part for key in set(lesion) & set(resting) for part in resting[key]):
                state[name] = np.zeros_like(state[name])
        shown = np.round(256 * inputs.encode(np, play.observe(), action, feedback, step)) / 256
        drive = shown @ net.inputs
        for _ in range(circuit.n_steps):
            arrived = state["way"][:, net.delay - 1, np.arange(n)]
            b = neurons.rho * state["b"] + (1 - neurons.rho) * state["z"]
            theta = neurons.threshold + beta * b
            current = drive + arrived @ net.recurrent
            v = neurons.alpha * state["v"] + (1 - neurons.alpha) * current - theta * state["z"]
            z = ((v > theta) & (state["waiting"] <= 0)).astype(float)
            waiting = np.where(z > 0, neurons.refractory, np.maximum(state["waiting"] - 1, 0))
            way = np.concatenate([z[:, None], state["way"][:, :-1]], axis=1)
            y = circuit.kappa * state["y"] + (1 - circuit.kappa) * z @ net.readout
            state = {"v": v, "b": b, "z": z, "waiting": waiting, "way": way, "y": y}
        readout = state["y"] + net.bias
        if discrete:
            preference = readout[:, : net.interface.n_actions]
            chance = np.exp(preference - preference.max(axis=1, keepdims=True))
            passed = chance.cumsum(axis=1) <= chance.sum(axis=1, keepdims=True) * rng.random(
                (n_tasks, 1)
            )
            action = np.minimum(passed.sum(axis=1), net.interface.n_actions - 1)
        else:
            low, high = net.interface.action_range
            action = (low + high) / 2 + (high - low) / 2 * readout
        reward, feedback = play.step(action, rng.random(n_tasks))
        returns += reward
    return returns


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="run folder or weights file")
    parser.add_argument("--tasks", type=int, default=500)
    given = parser.parse_args()
    point = learned.open_learned(given.source, trust=False)
    print(f"{given.source}: mean return of {given.tasks} new tasks, ± half of its 95 % interval\n")
    print("| state before each decision | mean return |\n| --- | --- |")
    for name, lesion in LESIONS.items():
        returns = run_episodes(point, given.tasks, lesion)
        error = 1.96 * returns.std(ddof=1) / np.sqrt(len(returns))
        print(f"| {name} | {returns.mean():.2f} ± {error:.2f} |", flush=True)


if __name__ == "__main__":
    main()
