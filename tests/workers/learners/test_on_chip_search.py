"""A whole search on the emulated chip follows the integer reference, episodes included."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from support.on_chip_reference import constants as written
from support.on_chip_reference import search as reference
from support.on_chip_reference import tasks as reference_tasks
from support.on_chip_reference.algorithms import Constants
from support.on_chip_reference.tasks import Task

from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import Interface, TaskFamily
from spikeloop.tasks.maze import Maze
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.reversal_bandit import ReversalBandit
from spikeloop.workers.chip.core import Core, clone
from spikeloop.workers.chip.environment import Environment
from spikeloop.workers.chip.ppu.search_settings import SearchSettings
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.learners.chip.coding import CODINGS
from spikeloop.workers.learners.chip.episode import decision_protocol, episode_kernel
from spikeloop.workers.learners.on_chip_search import OnChipSearch, search
from spikeloop.workers.plasticity import Incremental, PlasticityNetwork
from spikeloop.workers.plasticity.td_lambda import TdLambda, TdMemory
from spikeloop.workers.seeding import Purpose, TaskSet, seeds

NOISE_SEED = 7


def td_memory(agent: ChipAgent, interface: Interface, x: Sequence[int]) -> tuple[Any, int]:
    """The memory of SARSA(λ) and the inhibition, of integers of the reference alone."""
    made = written.td_lambda(x, interface.n_steps)
    memory = TdLambda().memory(dict.fromkeys(THETA, 0.0), interface)
    memory.table[:] = made["initial_u6"] << 7
    memory = memory._replace(
        td=memory.td._replace(
            gamma_q7=made["gamma_q7"],
            lambda_q7=made["lambda_q7"],
            eta_q7=made["eta_q7"],
            rescale_period=made["rescale_period"],
        ),
        scale_q7=made["scale_q7"],
        weight_lower=made["lower_u6"] << 7,
        weight_upper=made["upper_u6"] << 7,
    )
    return memory, made["inhibition_u6"]


THETA = ("gamma", "eta", "weight_lower", "weight_upper", "initial_weight", "rescale_period")


def bandit_memory(agent: ChipAgent, interface: Interface, x: Sequence[int]) -> tuple[Any, int]:
    """The same of rule (a)."""
    made = written.incremental(x)
    theta = dict.fromkeys(("learning_rate", "rate_decay", "initial_value", "code_low"), 0.0)
    memory = Incremental().memory(theta, interface)
    memory.values.value_u16[:], memory.rate_q15[:] = made["initial_u16"], made["rate_q15"]
    values = memory.values._replace(low_u6=made["low_u6"])
    return memory._replace(values=values, decay_q15=made["decay_q15"]), made["inhibition_u6"]


def network_memory(agent: ChipAgent, interface: Interface, x: Sequence[int]) -> tuple[Any, int]:
    """The same of the plasticity network."""
    made = written.plasticity_network(x)
    space = agent.space(interface)
    memory = PlasticityNetwork().memory(dict.fromkeys(space.columns, 0.0), interface)
    for name in ("hidden_q12", "bias_q12", "output_q12"):
        weights = getattr(memory.network, name)
        weights[:] = [made[f"{name}_{i}"] for i in range(weights.size)]
    memory.values.value_u16[:] = made["initial_u16"]
    return memory._replace(values=memory.values._replace(low_u6=made["low_u6"])), made[
        "inhibition_u6"
    ]


MakeMemory = Callable[[ChipAgent, Interface, Sequence[int]], tuple[Any, int]]
MDP, BANDIT = RandomMdp(n_states=4, n_actions=3, n_steps=40), Bandit(n_steps=30, counts="expected")
CASES: dict[str, tuple[ChipAgent, TaskFamily, MakeMemory]] = {
    "td_lambda": (ChipAgent(), MDP, td_memory),
    "incremental": (ChipAgent(program=Incremental(), coding="first"), BANDIT, bandit_memory),
    "plasticity_network": (
        ChipAgent(program=PlasticityNetwork(), coding="first"),
        BANDIT,
        network_memory,
    ),
}


def environment_of(task: Task, seed: int) -> Environment:
    """The reference's task in the processor's memory; its merits, in Q7, are the rewards."""
    cumulative = np.array(task.cumulative, dtype=np.uint32)
    return Environment(
        n_actions=cumulative.shape[0],
        n_states=cumulative.shape[1],
        n_observations=max(task.observation) + 1,
        observation_u8=np.array(task.observation, dtype=np.uint8),
        start_state=0,
        cumulative_u32=cumulative,
        signal_q7=np.array(task.signal_q7, dtype=np.int16),
        reward=np.array(task.merit_q7, dtype=np.float64),
        map_u8=np.zeros(0, dtype=np.uint8),
        width=0,
        bump_q7=0,
        goal_q7=0,
        n_restarts=0,
        chance_u16=np.zeros((0, 0), dtype=np.uint16),
        first_random=seed,
    )


def reference_search(
    kind: str, settings: SearchSettings, n_tasks: int, n_generations: int, run: int
) -> list[int]:
    """The reference's x; only the emulated network and the kernel of an episode are ours."""
    agent, family, make_memory = CASES[kind]
    interface, n_candidates = family.interface, settings.candidates
    n_observations, n_actions = interface.n_observations, interface.n_actions
    protocol = decision_protocol(agent.circuit, agent.program.cycles(n_actions))
    noise: list[int] = []
    prepared: dict[int, Core] = {}

    def make_task(word: int) -> Task:
        if isinstance(family, RandomMdp):
            return reference_tasks.mdp(word, family.n_states, family.n_actions)
        return reference_tasks.bandit(word, 2, counts="expected")

    def episode(x: list[int], task: Task, seed: int) -> int:
        memory, inhibition_u6 = make_memory(agent, interface, x)
        kind: Any = type(memory)
        if inhibition_u6 not in prepared:
            theta = {"inhibition": inhibition_u6}
            prepared[inhibition_u6] = agent.network(theta, n_observations, n_actions)
        core = clone(prepared[inhibition_u6])
        curve = np.zeros(1)
        episode_kernel(kind)(
            core,
            memory,
            environment_of(task, seed),
            protocol,
            CODINGS.index(agent.coding),
            np.uint64(noise.pop(0)),
            interface.n_steps,
            curve,
        )
        return int(curve[0])

    made = Constants(
        settings.algorithm,
        n_candidates // 2,
        settings.sigma_word,
        settings.rate,
        settings.halve_every,
        shift=7,
    )
    start = agent.space(interface).default_point()
    bounded = agent.space(interface).bounded()
    first = np.where(bounded, np.floor(start * 65536), 32768 + 8192 * start).astype(int).tolist()
    steps = reference.search(made, run, first, n_tasks, make_task, episode)
    for g in range(n_generations):
        drawn = seeds(NOISE_SEED, Purpose.EPISODES, TaskSet.SEARCH, g + 1, n=n_candidates * n_tasks)
        noise[:] = drawn.reshape(n_candidates, n_tasks).T.ravel().tolist()
        state, _ = next(steps)
    return list(state.x)


SETTINGS = SearchSettings(population_size=4, halve_every=2)


def assert_same(kind: str, settings: SearchSettings, n_generations: int, run: int) -> None:
    agent, family, _ = CASES[kind]
    found = search(agent, family, settings, 2, n_generations, run, NOISE_SEED)
    assert found.tolist() == reference_search(kind, settings, 2, n_generations, run)


@pytest.mark.parametrize("kind", CASES)
def test_every_bit_of_a_search_with_episodes_is_the_references(kind: str) -> None:
    assert_same(kind, SETTINGS, 3, run=123)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("algorithm", ["evolution", "one_plus_one", "spsa", "annealing"])
@pytest.mark.parametrize("run", range(20))
def test_every_bit_of_fifty_generations_is_the_references(
    kind: str, algorithm: str, run: int
) -> None:
    settings = SearchSettings.model_validate(
        {**SETTINGS.model_dump(), "algorithm": algorithm, "halve_every": 20}
    )
    assert_same(kind, settings, 50, run)


@pytest.mark.parametrize("family", [Maze(), ReversalBandit(), Bandit(rewards="gaussian")])
def test_tasks_that_the_processor_cannot_make_are_refused(family: TaskFamily) -> None:
    learner = OnChipSearch()
    with pytest.raises(ValueError, match=r"on_chip_search needs|chip needs"):
        learner.space(family.interface)
        learner.check_tasks(family.sample(1, np.random.default_rng(0)))


def test_a_search_whose_rewards_leave_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match="got tasks = 17"):
        OnChipSearch(tasks=17).space(RandomMdp().interface)


def test_a_rule_whose_constants_need_a_logarithm_is_refused() -> None:
    agent = ChipAgent.model_validate({"program": {"kind": "posterior_mean"}})
    with pytest.raises(ValueError, match="posterior_mean has alpha"):
        OnChipSearch(agent=agent).space(Bandit().interface)


def test_the_hyperparameters_of_a_search_change_what_it_deploys() -> None:
    learner = OnChipSearch(episodes=60, tasks=1, held_out=2)
    space = learner.space(MDP.interface)
    theta = space.decode(np.tile(space.default_point(), (2, 1)))
    theta.values[1, space.columns.index("sigma")] = 0.03
    tasks = MDP.sample(1, np.random.default_rng(0))
    returns = learner.run_episodes(theta, tasks, np.array([[1], [1]], dtype=np.uint64)).returns
    assert returns[0, 0] != returns[1, 0]


def test_memory_types_of_the_reference_are_those_of_the_programs() -> None:
    """So that kernels that are compiled for one serve the other."""
    memory, _ = td_memory(ChipAgent(), MDP.interface, [0] * 7)
    assert isinstance(memory, TdMemory)
