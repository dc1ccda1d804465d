"""The chip agent: its hyperparameters, its refusals, and that it learns."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from support.child_processes import printed
from support.learner_cases import default_values
from support.program_hooks import family_for
from support.statistical_asserts import assert_better, assert_mean

from spikeloop.tasks.base import Interface, SeedArray
from spikeloop.tasks.maze import Maze
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.reversal_bandit import ReversalBandit
from spikeloop.workers.chip.circuit import HARDWARE_PARAMETERS, Circuit, circuit_field
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.learners.chip.searched_hardware import HardwareParameter
from spikeloop.workers.parameter_types import Integer, Real
from spikeloop.workers.plasticity import PROGRAMS, RewardStdp, TdAdvantage, TdLambda
from spikeloop.workers.space import Parameters

FAMILY = RandomMdp()
MAZE = {
    "gamma": 0.8,
    "eta": 0.2,
    "weight_upper": 63.0,
    "weight_lower": 30.0,
    "initial_weight": 50.0,
    "rescale_period": 60.0,
}
ADVANTAGES = {"gain": 600.0, "eta": 0.7, "kappa": 0.3, "best_weight": 60.0}
COLUMNS = (
    "gamma",
    "eta",
    "weight_lower",
    "weight_upper",
    "initial_weight",
    "rescale_period",
    "inhibition",
)


def seeds(n_candidates: int, n_tasks: int) -> SeedArray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 2**64, (n_candidates, n_tasks), dtype=np.uint64)


def test_the_hyperparameters_are_the_published_seven_with_their_bounds() -> None:
    space = ChipAgent().space(FAMILY.interface)
    assert space.columns == COLUMNS
    bounds = [(p.low, p.high) for p in space.parameters if isinstance(p, Real)]
    assert bounds == [
        (0, 1),
        (0, 1),
        (0, 63),
        ("weight_lower", 63),
        (0, 63),
        (pytest.approx(25.8), 2000),
        (pytest.approx(6.3), 63),
    ]
    searched = ChipAgent(program=TdLambda(search_trace_decay=True)).space(FAMILY.interface)
    assert searched.columns == (*COLUMNS[:-1], "trace_decay", "inhibition")


@pytest.mark.parametrize(
    ("interface", "message"),
    [
        (Interface(2, 2, "continuous", 10), "needs discrete actions, got continuous"),
        (Interface(20, 13, "discrete", 10), "has 32, got 20 observations and 13 actions"),
    ],
)
def test_families_without_enough_neurons_are_refused(interface: Interface, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ChipAgent().space(interface)


def test_what_the_processors_memory_cannot_hold_is_refused() -> None:
    interface = RandomMdp(n_states=10, n_actions=7).interface
    with pytest.raises(ValueError, match=r"memory is \d+ bytes too small for .* take fewer states"):
        ChipAgent().space(interface)
    ChipAgent(check_memory=False).space(interface)


@pytest.mark.parametrize("size", [2, 3])
def test_mazes_as_maps_give_the_same_episodes_as_tables(size: int) -> None:
    """To the last bit; of 3 × 3 cells, no chip could hold the tables."""
    family = Maze(n_rows=size, n_columns=size, n_steps=400)
    learner = ChipAgent(check_memory=False)
    tasks = family.sample(2, np.random.default_rng(4))
    values = default_values(learner, family.interface, 1, **{k: [v] for k, v in MAZE.items()})
    maps, tables = (
        learner.run_episodes(values, batch, seeds(1, 2))
        for batch in (tasks, replace(tasks, map_u8=None))
    )
    assert maps.returns.min() > 0
    for name in ("returns", "curve", "action_values"):
        np.testing.assert_array_equal(getattr(maps, name), getattr(tables, name))


def test_opened_hardware_joins_the_space_from_the_circuits_codes() -> None:
    space = ChipAgent(opened=["gm_exc", "v_leak"]).space(FAMILY.interface)
    assert space.columns == (*COLUMNS, "v_leak", "gm_exc")
    everything = ChipAgent(opened="all").space(FAMILY.interface)
    assert everything.columns == (*COLUMNS, *(p.name for p in HARDWARE_PARAMETERS))
    assert set(get_args(HardwareParameter)) == {p.name for p in HARDWARE_PARAMETERS}
    assert all(isinstance(p, Integer) for p in everything.parameters[len(COLUMNS) :])
    own = ChipAgent(opened=["pulse"], circuit=Circuit(pulse_u5=3)).space(FAMILY.interface)
    assert own.decode(own.default_point()[None])["pulse"] == 3
    with pytest.raises(ValueError, match=r"pulse is searched in \[1, 3\] .* got 9"):
        ChipAgent(opened=["pulse"], circuit=Circuit(pulse_u5=9)).space(FAMILY.interface)


@pytest.mark.parametrize("name", [p.name for p in HARDWARE_PARAMETERS])
def test_every_opened_hyperparameter_is_that_setting_of_the_circuit(
    name: HardwareParameter,
) -> None:
    """An episode with the value in Θ is that with the value in the circuit, and another one.

    States are strong and inhibition is weak, so that actions fire more than once.
    """
    tasks = RandomMdp(n_steps=60).sample(2, np.random.default_rng(0))
    parameter = next(p for p in HARDWARE_PARAMETERS if p.name == name)
    lively = {"noise_V": 0.0, "state_gm_exc_u10": 1022, "gm_inh_u10": 400}
    default = lively.get(circuit_field(name), parameter.default)
    value = parameter.low if default > parameter.low else parameter.high
    opened, fixed = (
        ChipAgent(opened=[name], circuit=Circuit.model_validate(lively), coding="count"),
        ChipAgent(
            circuit=Circuit.model_validate({**lively, circuit_field(name): value}), coding="count"
        ),
    )
    theta = [0.6, 0.5, 20.0, 63.0, 63.0, 30.0, 7.0]
    episodes = [
        learner.run_episodes(
            Parameters(learner.space(FAMILY.interface), np.array([row])), tasks, seeds(1, 2)
        ).returns.tolist()
        for learner, row in (
            (opened, [*theta, value]),
            (fixed, theta),
            (opened, [*theta, default]),
        )
    ]
    assert episodes[0] == episodes[1] != episodes[2]


IN_OTHER_TESTS = {
    *("fictive", "formula", "plasticity_network_published", "posterior_mean", "td_network"),
    "reward_stdp",
}
"""Programs whose hooks other tests compile; in an episode they run on demand."""


@pytest.mark.parametrize(
    "kind",
    [pytest.param(k, marks=[pytest.mark.exhaustive] * (k in IN_OTHER_TESTS)) for k in PROGRAMS],
)
def test_every_program_runs_and_gives_action_values(kind: str) -> None:
    learner = ChipAgent.model_validate({"program": {"kind": kind}})
    assert learner.program.kind == kind
    family = family_for(kind)
    space, rng = learner.space(family.interface), np.random.default_rng(1)
    parameters = space.decode(space.sample(1, rng))
    episodes = learner.run_episodes(parameters, family.sample(2, rng), seeds(1, 2))
    assert episodes.action_values is not None
    shape = family.interface.n_observations, family.interface.n_actions
    assert episodes.action_values.shape == (1, 2, *shape)
    assert (episodes.action_values >= 0).all()
    assert np.ptp(episodes.action_values) > 0


def test_a_good_theta_learns_and_one_that_cannot_learn_does_not() -> None:
    """60 MDPs. Rewards are symmetric about 0.5, so an agent that does not learn earns chance.

    A learner that is no better passes each sign test at 1e-3: 43 wins of 60 are needed, which
    something that wins 5 pairs in 6 reaches with probability 0.98. The two means give false alarms
    at 1e-4 each, and see 0.11 of the score and 0.05 more reward per step at the end of an episode.
    """
    n_tasks = 60
    learner = ChipAgent()
    tasks = FAMILY.sample(n_tasks, np.random.default_rng(5))
    good = [0.03, 0.5, 20.0, 60.0, 55.0, 2000.0, 50.0]
    frozen = [0.03, 0.0, 55.0, 55.0, 55.0, 2000.0, 50.0]
    parameters = Parameters(learner.space(FAMILY.interface), np.array([good, frozen]))
    episodes = learner.run_episodes(
        parameters, tasks, np.broadcast_to(seeds(1, n_tasks), (2, n_tasks))
    )

    assert_better(episodes.returns[0], episodes.returns[1], alpha=1e-3)
    gain = episodes.returns - tasks.references().random
    assert_mean(gain[1], 0.0, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_mean(gain[0], 0.0, alpha=1e-4)

    first, last = episodes.curve[..., 0], episodes.curve[..., -1]
    assert_better(last[0], first[0], alpha=1e-3)
    with pytest.raises(AssertionError):
        assert_better(last[1], first[1], alpha=1e-3)
    assert_mean(last[1] - first[1], 0.0, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_mean(last[0] - first[0], 0.0, alpha=1e-4)


def test_the_published_optimum_learns_in_squeeze_mode_more_than_with_a_delay_line() -> None:
    """80 MDPs. The gain is not 0 at 1e-3, which sees one of .16 of the score 9 times in 10.

    The values are those at the end of Neuromorphic_Hardware_learns_to_learn's
    hardware/mdp/NetworkMDP.py; what they are worth is measured in docs/results/spike_router.md.
    """
    tasks = FAMILY.sample(80, np.random.default_rng(5))
    published = np.array([[0.0771, 0.7202, 13.0, 63.0, 17.0, 1364.0, 32.0]])
    squeeze, delay_line = (
        learner.run_episodes(
            Parameters(learner.space(FAMILY.interface), published), tasks, seeds(1, 80)
        ).returns[0]
        for learner in (ChipAgent(), ChipAgent(circuit=Circuit(router="delay_line")))
    )
    references = tasks.references()
    span = (references.optimal - references.random).mean()
    gain = (squeeze - delay_line) / span
    assert gain.mean() > 0.05
    with pytest.raises(AssertionError):
        assert_mean(gain, 0.0, alpha=1e-3)
    assert (squeeze - references.random).mean() > 0.65 * span


@pytest.mark.parametrize(
    ("family", "program", "n_tasks", "good", "frozen"),
    [
        pytest.param(
            *(RandomMdp(), RewardStdp(), 30, {"learning_rate": 4.0}, {"learning_rate": 0.0}),
            marks=pytest.mark.exhaustive,  # as long as the two others together
        ),
        (Maze(), TdLambda(trace_decay=0.5), 12, MAZE, {**MAZE, "eta": 0.0}),
        (RandomMdp(), TdAdvantage(), 12, ADVANTAGES, {**ADVANTAGES, "eta": 0.0}),
    ],
    ids=["reward_stdp in random MDPs", "traces in mazes", "advantages in random MDPs"],
)
def test_other_programs_and_families_learn(
    family: RandomMdp | Maze,
    program: RewardStdp | TdAdvantage | TdLambda,
    n_tasks: int,
    good: dict[str, float],
    frozen: dict[str, float],
) -> None:
    """Sign tests on the same tasks and seeds, at 1e-3; who does not learn is about at chance."""
    learner = ChipAgent(program=program)
    both = {name: [good.get(name, value), value] for name, value in frozen.items()}
    parameters = default_values(learner, family.interface, 2, **both)
    tasks = family.sample(n_tasks, np.random.default_rng(5))
    same = np.broadcast_to(seeds(1, n_tasks), (2, n_tasks))
    returns = learner.run_episodes(parameters, tasks, same).returns
    assert_better(returns[0], returns[1], alpha=1e-3)
    baseline = tasks.references()
    share = (returns - baseline.random).mean(axis=1) / (baseline.optimal - baseline.random).mean()
    assert share[0] > 0.2 > 0.1 > share[1]


OWN_PROGRAM = """
from typing import NamedTuple
from spikeloop.workers.plasticity.hooks import register

class Mine(NamedTuple):
    place: int

def begin(core, memory):
    core.weight_u6[memory.place] = 10

def decided(core, memory, step, state, action):
    pass

def rewarded(core, memory, state, action, signal_q7):
    core.weight_u6[memory.place] += 1

register(Mine, begin=begin, decided=decided, rewarded=rewarded)
"""

EPISODE = """
import sys
import numpy as np
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.reversal_bandit import ReversalBandit
from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import new_core
from spikeloop.workers.chip.task_message import environments
from spikeloop.workers.learners.chip.episode import decision_protocol, episode_kernel
from spikeloop.workers.chip.network import connect
from spikeloop.workers.plasticity import TdPublished

family = RandomMdp(n_states=2, n_actions=2, n_steps=5)
task = environments(family.sample(1, np.random.default_rng(0)))[0]
for kind in sys.argv[1:]:
    if kind == "own":
        from own_program import Mine
        memory = Mine(1000)
    else:
        program = TdPublished()
        theta = {p.name: p.default for p in program.parameters(family.interface)}
        memory = program.memory(theta, family.interface)
    core = new_core(ideal_constants(neuron_codes(Circuit(), 2)))
    connect(core, 2, 2, 45)
    curve = np.zeros(5)
    kernel = episode_kernel(type(memory))
    kernel(core, memory, task, decision_protocol(Circuit()), 0, np.uint64(1), 5, curve)
    stats = kernel.stats
    hits, misses = (sum(found.values()) for found in (stats.cache_hits, stats.cache_misses))
    print(core.weight_u6[1000], hits, misses)
"""


@pytest.mark.exhaustive
def test_a_users_own_program_does_not_spoil_the_cache_of_others(tmp_path: Path) -> None:
    """Two kernels share one cache; the process that runs the built-in one alone knows no other.

    The first process runs both, because it then compiles only once what they have in common.
    """
    (tmp_path / "own_program.py").write_text(OWN_PROGRAM)

    def weight_hits_and_misses(*programs: str) -> list[list[int]]:
        """Return a weight at the end of each episode, and the hits and misses of its kernel."""
        folder = tmp_path if "own" in programs else None
        lines = printed(EPISODE, *programs, cwd=folder, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
        return [[int(number) for number in line.split()] for line in lines.splitlines()]

    assert weight_hits_and_misses("built-in", "own") == [[0, 0, 1], [15, 0, 1]]
    assert weight_hits_and_misses("built-in") == [[0, 1, 0]]


@pytest.mark.parametrize("family", [RandomMdp(n_steps=60), ReversalBandit(n_steps=60)])
def test_recorded_choices_are_those_of_the_episodes(family: RandomMdp | ReversalBandit) -> None:
    """Their feedback sums to the return, and each reward is one that its action may give."""
    learner, tasks = ChipAgent(), family.sample(3, np.random.default_rng(1))
    parameters = default_values(learner, family.interface)
    episodes = learner.run_episodes(parameters, tasks, seeds(1, 3))
    actions, feedback = learner.choices(parameters, tasks, seeds(1, 3))
    assert actions.shape == feedback.shape == (1, 3, 60)
    np.testing.assert_allclose(feedback.sum(axis=2), episodes.returns)
    assert set(np.unique(actions)) <= set(range(family.interface.n_actions))
    for task in range(3):
        for action, value in zip(actions[0, task], feedback[0, task], strict=True):
            assert value in tasks.feedback[task, action]
