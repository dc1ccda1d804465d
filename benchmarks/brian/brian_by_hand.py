"""Episodes as a user of Brian2 would write them: one network for each episode, built and run anew.

Models like those of the learners ``brian_td`` and ``brian_recurrent``: the same neurons, synapses,
windows and time steps, one environment each, and Brian2's own means: ``network_operation`` between
decisions and ``TimedArray`` for input that is known beforehand. Objects have names, which a user
who runs many episodes with "cython" soon gives them: with automatic ones each episode compiles
anew.
"""

from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.tabular import TabularTasks

CELLS = """
dv/dt = (drive - v) / (20*ms) : 1
da/dt = -a / tau_a : 1
dz/dt = -z / (20*ms) : 1
drive : 1
tau_a : second (constant)
beta : 1 (constant)
"""


def mdp_episode(tasks: TabularTasks, seed: int, window_ms: float, target: str) -> float:
    """SARSA(λ) in the first task, on one neuron per state and action; gives the return."""
    import brian2 as b2

    b2.prefs.codegen.target = target
    b2.start_scope()
    b2.defaultclock.dt = 0.1 * b2.ms
    rng = np.random.default_rng(seed)
    transition, reward = tasks.transition[0], tasks.reward[0]
    n_actions, n_states = transition.shape[:2]
    states = b2.NeuronGroup(
        n_states, "onset : second", threshold="abs(t - onset) < dt / 2", reset="", name="states"
    )
    actions = b2.NeuronGroup(
        n_actions,
        """dv/dt = (E_L - v) / tau_m + (i_exc - i_inh) / C_m : volt (unless refractory)
        di_exc/dt = -i_exc / tau_exc : amp
        di_inh/dt = -i_inh / tau_inh : amp
        first : second""",
        threshold="v > V_th",
        reset="v = E_L\nfirst = clip(first, 0*second, t)",
        refractory=2 * b2.ms,
        method="exact",
        namespace={
            "C_m": 30 * b2.pF,
            "tau_m": 30 * b2.ms,
            "E_L": -60 * b2.mV,
            "V_th": -55 * b2.mV,
            "tau_exc": 3 * b2.ms,
            "tau_inh": 2 * b2.ms,
        },
        name="actions",
    )
    actions.v = -60 * b2.mV
    plastic = b2.Synapses(states, actions, "w : amp", on_pre="i_exc_post += w", name="plastic")
    plastic.connect()
    value_pA = np.full((n_states, n_actions), 350.0)
    trace = np.zeros_like(value_pA)
    episode: dict[str, Any] = {"state": int(tasks.start_state[0]), "return": 0.0}

    @b2.network_operation(dt=window_ms * b2.ms, name="decide")  # type: ignore[untyped-decorator]
    def decide(t: Any) -> None:
        state = episode["state"]
        if t > 0 * b2.second:
            first = np.asarray(actions.first)
            action = int(rng.choice(np.flatnonzero(first == first.min())))
            if "last" in episode:
                pair, feedback = episode["last"]
                delta = 600 * feedback + 0.05 * value_pA[state, action] - value_pA[pair]
                value_pA[:] = np.clip(value_pA + 0.7 * delta * trace, 0, 500)
            trace[:] *= 0.005
            trace[state, action] += 1
            successor = int(rng.choice(n_states, p=transition[action, state]))
            episode["last"] = (state, action), reward[action, state, successor]
            episode["return"] += episode["last"][1]
            episode["state"] = state = successor
        onset = np.full(n_states, -1.0)
        onset[state] = float(t / b2.second) + 1e-3
        states.onset = onset * b2.second
        actions.first = 1e9 * b2.second
        plastic.w = value_pA.ravel() * b2.pA

    net = b2.Network(states, actions, plastic, decide)
    net.run(tasks.n_steps * window_ms * b2.ms)
    return float(episode["return"])


def _recurrent(
    rng: np.random.Generator, n: int, equations: str = CELLS, course: Any = None
) -> tuple[Any, Any]:
    import brian2 as b2

    cells = b2.NeuronGroup(
        n,
        equations,
        threshold="v > 1 + a",
        reset="v -= 1 + a\na += beta\nz += 1",
        refractory=2 * b2.ms,
        method="exact",
        namespace={} if course is None else {"course": course},
        name="cells",
    )
    cells.tau_a = np.exp(rng.uniform(np.log(0.2), np.log(2.0), n)) * b2.second
    cells.beta = 0.2 * (np.arange(n) % 2)
    within = b2.Synapses(cells, cells, "w : 1", on_pre="v_post += w", name="within")
    within.connect(condition="i != j", p=0.2)
    within.w = rng.normal(0, 0.5 / np.sqrt(n), len(within))
    within.delay = rng.integers(0, 5, len(within)) * b2.ms
    return cells, within


def bandit_episode(mean: FloatArray, n_steps: int, seed: int, n: int, target: str) -> float:
    """A recurrent network on one Bernoulli bandit, 20 ms a pull; gives the return."""
    import brian2 as b2

    b2.prefs.codegen.target = target
    b2.start_scope()
    b2.defaultclock.dt = 1 * b2.ms
    rng = np.random.default_rng(seed)
    cells, within = _recurrent(rng, n)
    n_channels = 1 + mean.size + 2
    feeding = rng.normal(0, 2 / np.sqrt(3), (n_channels, n))
    readout = rng.normal(0, n**-0.5, (n, mean.size))
    episode: dict[str, Any] = {"return": 0.0}

    @b2.network_operation(dt=20 * b2.ms, name="decide")  # type: ignore[untyped-decorator]
    def decide(t: Any) -> None:
        channels = np.zeros(n_channels)
        channels[0] = 1
        if t > 0 * b2.second:
            action = int(np.argmax(np.asarray(cells.z) @ readout))
            reward = int(rng.random() < mean[action])
            episode["return"] += reward
            channels[1 + action] = channels[1 + mean.size + reward] = 1
        cells.drive = channels @ feeding

    net = b2.Network(cells, within, decide)
    net.run(n_steps * 20 * b2.ms)
    return float(episode["return"])


def driven_episode(drives: FloatArray, seed: int, target: str) -> float:
    """A recurrent network under input that is known beforehand; gives the sum of what is read.

    Args:
        drives: (n_windows, n) input currents, 10 ms each.
        seed: of wiring and weights.
        target: of code generation.
    """
    import brian2 as b2

    b2.prefs.codegen.target = target
    b2.start_scope()
    b2.defaultclock.dt = 1 * b2.ms
    course = b2.TimedArray(drives, dt=10 * b2.ms, name="course")
    equations = CELLS.replace("drive : 1", "drive = course(t, i) : 1 (constant over dt)")
    cells, within = _recurrent(np.random.default_rng(seed), drives.shape[1], equations, course)
    read = b2.StateMonitor(cells, "z", record=True, dt=10 * b2.ms, name="read")
    b2.Network(cells, within, read).run(len(drives) * 10 * b2.ms)
    return float(np.asarray(read.z).sum())


def driven_episodes(drives: FloatArray, seed: int, target: str, rounds: int) -> list[float]:
    """Recurrent networks under input that is known beforehand, in rounds of the same network.

    All episodes are in one group whose input is a ``TimedArray``, and each round begins with
    ``restore()``: the way in which brian2modelfitting evaluates many parameters at once (there, of
    single neurons). Synapses have no delays, which ``restore()`` loses in Brian2 2.9.

    Args:
        drives: (n_windows, n_episodes, n) input currents, 10 ms each.
        seed: of weights.
        target: of code generation.
        rounds: how often.

    Returns:
        Wall time of each round, the first one with all that is built.
    """
    import time

    import brian2 as b2

    started = time.perf_counter()
    b2.prefs.codegen.target = target
    b2.start_scope()
    b2.defaultclock.dt = 1 * b2.ms
    n_windows, n_episodes, n = drives.shape
    rng = np.random.default_rng(seed)
    course = b2.TimedArray(drives.reshape(n_windows, -1), dt=10 * b2.ms, name="course")
    cells = b2.NeuronGroup(
        n_episodes * n,
        CELLS.replace("drive : 1", "drive = course(t, i) : 1 (constant over dt)"),
        threshold="v > 1 + a",
        reset="v -= 1 + a\na += beta\nz += 1",
        refractory=2 * b2.ms,
        method="exact",
        namespace={"course": course},
        name="cells",
    )
    within = b2.Synapses(cells, cells, "w : 1", on_pre="v_post += w", name="within")
    within.connect(condition="i != j and i // n == j // n", p=0.2, namespace={"n": n})
    read = b2.StateMonitor(cells, "z", record=True, dt=10 * b2.ms, name="read")
    net = b2.Network(cells, within, read)
    net.store()
    times = []
    for _ in range(rounds):
        net.restore()
        cells.tau_a = np.exp(rng.uniform(np.log(0.2), np.log(2.0), n_episodes * n)) * b2.second
        cells.beta = np.tile(0.2 * (np.arange(n) % 2), n_episodes)
        within.w = rng.normal(0, 0.5 / np.sqrt(n), len(within))
        net.run(n_windows * 10 * b2.ms)
        float(np.asarray(read.z).sum())
        times.append(time.perf_counter() - started)
        started = time.perf_counter()
    return times
