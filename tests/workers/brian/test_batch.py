"""Many episodes in one Brian2 network are those of networks of their own."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.brian_spikes import recorded_spikes

from spikeloop.tasks.base import SeedArray
from spikeloop.workers.brian import network_cache
from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.blueprint import Blueprint, Connections, Population, SynapseGroup
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.brian.open_loop import open_loop
from spikeloop.workers.brian.targets import OpenLoopTarget, own_preferences

pytestmark = pytest.mark.brian

N, N_EPISODES, N_STEPS = 12, 5, 400
EQUATIONS = """
dv/dt = (drive + g - v) / tau : 1 (unless refractory)
dg/dt = -g / (5*ms) : 1
dz/dt = -z / (20*ms) : 1
drive : 1
tau : second (constant)
feedback : 1
"""
RNG = np.random.default_rng(3)
PRE, POST = np.nonzero(RNG.random((N, N)) < 0.4)
DELAYS = RNG.integers(0, 6, PRE.size)
SYNAPSES = SynapseGroup(
    "cells",
    "cells",
    Connections(PRE, POST, DELAYS),
    equations="w : 1\ndpaired/dt = -paired / (10*ms) : 1 (event-driven)\nlate : 1",
    on_pre="g_post += w\npaired += 1",
    on_post="late += paired",
    on_feedback="w = clip(w + 0.01 * feedback * paired, -1, 1)",
)
CELLS = Population(
    N, EQUATIONS, threshold="v > 1", reset="v = 0\nz += 1", refractory="2*ms", method="exact"
)
PLAIN = Blueprint(1e-3, {"cells": CELLS}, {"within": SYNAPSES})
NOISY = replace(
    PLAIN,
    neurons={
        "cells": replace(
            CELLS,
            equations=EQUATIONS.replace("- v) / tau", "- v) / tau + 0.2 * xi * tau**-0.5"),
            threshold="v > 1 or rand() < 0.01",
            reset="v = 0.1 * rand() - 0.1 * rand()\nz += 1",
            method="euler",
        )
    },
    synapses={"within": replace(SYNAPSES, on_pre="g_post += w * (rand() < 0.7)\npaired += 1")},
)
DRAWN = replace(
    PLAIN,
    synapses={
        "within": replace(
            SYNAPSES,
            equations="dw/dt = -w / (50*ms) + 0.1 * xi / (50*ms)**0.5 : 1 (clock-driven)\n"
            "dpaired/dt = -paired / (10*ms) : 1 (event-driven)\nlate : 1\n"
            "share = rand() : 1 (constant over dt)",
            on_pre="g_post += w * share\npaired += 1",
            on_feedback="",
            method="euler",
        )
    },
)
"""A subexpression that is drawn anew each step, and white noise."""
WEIGHTS = RNG.normal(0, 0.4, (N_EPISODES, PRE.size))
TAUS_S = RNG.uniform(0.01, 0.03, (N_EPISODES, N))
DRIVE = RNG.uniform(0.5, 2.5, (N_STEPS // 20, N_EPISODES, N))
SEEDS: SeedArray = RNG.integers(0, 2**64, N_EPISODES, dtype=np.uint64)


@pytest.fixture(autouse=True)
def runs() -> Iterator[list[Any]]:
    """Spikes of every run; networks of other tests are not used."""
    with recorded_spikes() as runs:
        yield runs


def simulate(batch: BatchedNetwork, episodes: slice = slice(None)) -> None:
    batch.reset(SEEDS[episodes])
    batch.array("within", "w")[:] = WEIGHTS[episodes]
    batch.array("cells", "tau")[:] = TAUS_S[episodes]
    drive, feedback = batch.array("cells", "drive"), batch.array("cells", "feedback")

    def between_windows(window: int) -> None:
        if window < len(DRIVE):
            drive[:] = DRIVE[window, episodes]
            feedback[:] = drive - 1
            batch.run_feedback()

    batch.run(len(DRIVE), 20, between_windows)


def written_by_hand(episode: int) -> list[tuple[int, int]]:
    """The network of one episode, as a user of Brian2 would write it, without learning."""
    import brian2 as b2

    with own_preferences():
        clock = b2.Clock(1 * b2.ms)
        drive = b2.TimedArray(DRIVE[:, episode], dt=20 * b2.ms)
        equations = EQUATIONS.replace("drive : 1", "drive = courses(t, i) : 1 (constant over dt)")
        cells = b2.NeuronGroup(
            N,
            equations,
            threshold="v > 1",
            reset="v = 0",
            refractory=2 * b2.ms,
            method="exact",
            namespace={"courses": drive},
            clock=clock,
        )
        within = b2.Synapses(cells, cells, "w : 1", on_pre="g_post += w", clock=clock)
        within.connect(i=PRE, j=POST)
        within.delay = DELAYS * b2.ms
        cells.tau, within.w = TAUS_S[episode] * b2.second, WEIGHTS[episode]
        spikes = b2.SpikeMonitor(cells)
        b2.Network(cells, within, spikes).run(N_STEPS * b2.ms)
        steps = np.rint(spikes.t / b2.ms).astype(int)
    return sorted(zip(steps.tolist(), np.asarray(spikes.i).tolist(), strict=True))


def test_episodes_are_those_of_networks_written_by_hand(runs: list[Any]) -> None:
    still = replace(PLAIN, synapses={"within": replace(SYNAPSES, on_feedback="")})
    with network(still, SEEDS) as batch:
        simulate(batch)
    together = runs[0]["cells"]
    assert [together[0], together[4]] == [written_by_hand(0), written_by_hand(4)]
    assert min(map(len, together)) > 50
    assert together[0] != together[1]


@pytest.mark.parametrize(
    "blueprint",
    [
        pytest.param(NOISY, id="statements"),
        pytest.param(DRAWN, id="equations", marks=pytest.mark.exhaustive),
    ],
)
def test_an_episode_alone_has_the_spikes_that_it_has_among_others(
    blueprint: Blueprint, runs: list[Any]
) -> None:
    """With random numbers in conditions and statements, or in the equations of synapses."""
    with network(blueprint, SEEDS) as batch:
        simulate(batch)
        weights, traces = batch.array("within", "w").copy(), batch.array("within", "late").copy()
    assert np.ptp(weights, axis=0).min() > 1e-6
    assert not np.array_equal(weights, WEIGHTS)
    for episode in range(N_EPISODES):
        one = slice(episode, episode + 1)
        with network(blueprint, SEEDS[one]) as batch:
            simulate(batch, one)
            assert runs[-1]["cells"] == [runs[0]["cells"][episode]]
            np.testing.assert_array_equal(batch.array("within", "w")[0], weights[episode])
            np.testing.assert_array_equal(batch.array("within", "late")[0], traces[episode])


def test_a_network_that_is_used_again_begins_anew(runs: list[Any]) -> None:
    """Spikes that are on their way when a run ends must not arrive in the next one."""
    with network(NOISY, SEEDS) as batch:
        simulate(batch)
        simulate(batch)
    network_cache._built.clear()
    with network(NOISY, SEEDS) as another:
        assert another is not batch
        simulate(another)
    assert runs[0] == runs[1] == runs[2]


def test_a_network_left_by_an_exception_is_not_used_again() -> None:
    with network(PLAIN, SEEDS) as kept:
        pass
    with pytest.raises(KeyError), network(PLAIN, SEEDS) as batch:
        assert batch is kept
        raise KeyError
    with network(PLAIN, SEEDS) as another:
        assert another is not kept


@pytest.mark.parametrize("flag", ["", " (constant over dt)"])
def test_values_written_between_decisions_act_from_the_first_step_on(flag: str) -> None:
    equations = f"dsum/dt = twice / (2*ms) : 1\ntwice = 2 * written : 1{flag}\nwritten : 1"
    cells = Population(1, equations, method="euler")
    with network(Blueprint(1e-3, {"cells": cells}), SEEDS[:1]) as batch:
        sums = []

        def between_windows(window: int) -> None:
            sums.append(float(batch.array("cells", "sum")[0, 0]))
            batch.array("cells", "written")[:] = window + 1

        batch.run(3, 5, between_windows)
    np.testing.assert_allclose(sums, [0, 5, 15, 30], rtol=1e-12)


def test_the_digest_depends_on_every_part_of_a_blueprint() -> None:
    wired = replace(SYNAPSES, connections=Connections(PRE, POST, DELAYS + 1))
    others = [
        replace(PLAIN, dt_s=2e-3),
        replace(PLAIN, constants={"a": "1*ms"}),
        replace(PLAIN, neurons={"cells": replace(CELLS, initial={"v": "0.5"})}),
        replace(PLAIN, synapses={"within": wired}),
        replace(PLAIN, synapses={}),
        NOISY,
    ]
    digests = {blueprint.digest() for blueprint in (PLAIN, *others)}
    assert len(digests) == 1 + len(others)
    assert replace(PLAIN).digest() == PLAIN.digest()


@pytest.mark.exhaustive
@pytest.mark.parametrize("target", ["cython", "cpp_standalone"])
def test_compiled_targets_give_the_spikes_of_numpy(target: OpenLoopTarget) -> None:
    """Episode by episode, random numbers and delays included.

    The first one is left out of a network, so that all others have another place there. A program
    is compiled for each network, which takes ten seconds, so there is only that one.

    Spikes are counted in z, so they are equal where z agrees to rounding: another spike would
    change it by more than 1e-9 for 400 ms. Membranes differ by the rounding of exp, log and cos.
    """
    values = {("within", "w"): WEIGHTS, ("cells", "tau"): TAUS_S}
    read = [("cells", "z"), ("cells", "v")]
    expected = open_loop(NOISY, SEEDS, values, {("cells", "drive"): DRIVE}, 20, read)
    networks = [slice(1, None)] if target == "cpp_standalone" else [slice(None), slice(1, 3)]
    for episodes in networks:
        some = {variable: value[episodes] for variable, value in values.items()}
        drive = {("cells", "drive"): DRIVE[:, episodes]}
        found = open_loop(NOISY, SEEDS[episodes], some, drive, 20, read, target)
        for variable, value in found.items():
            np.testing.assert_allclose(value, expected[variable][:, episodes], atol=1e-11, rtol=0)
    assert np.ptp(expected["cells", "z"]) > 1
