"""A whole search on the chip as one episode: what is searched then is how the chip searches.

The plasticity processor proposes candidates, makes their tasks, and learns which is better
(``chip.ppu.search``), until its episodes are used up. What it deploys then meets tasks that no
search has: their words have a purpose of their own. The mean score there is the result, and the
hyperparameters are those of the search itself. So any strategy tunes the outer loop on the chip,
and a cluster runs a hundred chips side by side.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from spikeloop.tasks.bandit import BanditTasks
from spikeloop.tasks.base import IntArray, Interface, SeedArray, TaskBatch, TaskFamily
from spikeloop.tasks.mdp import RandomMdp, RandomMdpTasks
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Episodes
from spikeloop.workers.chip.limits import REWARD_ONE_Q7
from spikeloop.workers.chip.ppu.coordinates import coordinates_of, points_of, unwritable
from spikeloop.workers.chip.ppu.search import after, candidates
from spikeloop.workers.chip.ppu.search_memory import ALGORITHMS, MAX_FITNESS
from spikeloop.workers.chip.ppu.search_settings import SearchSettings
from spikeloop.workers.chip.ppu.task_maker import MADE, makes, task_words, tasks_from_words
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.learning_curve import bin_lengths
from spikeloop.workers.parameter_types import Choice, Integer, Real
from spikeloop.workers.seeding import Purpose, TaskSet
from spikeloop.workers.seeding import seeds as episode_seeds
from spikeloop.workers.space import Parameters, ParameterSpace

POPULATION_SIZES = ("8", "16", "32", "64")
Count = Annotated[int, Field(ge=1)]


class OnChipSearch(Settings):
    """A search by the chip's plasticity processor; its hyperparameters are those of the search.

    An episode's return is random + score · (optimal − random), in terms of its task's references,
    with the score of what the search deploys, on held-out tasks of the same family. The task
    itself is not played: it stands for one more search.
    """

    kind: Literal["on_chip_search"] = "on_chip_search"
    agent: ChipAgent = Field(
        default=ChipAgent(), description="the agent whose hyperparameters the chip searches"
    )
    episodes: Count = Field(default=5184, description="episodes of a search on the chip")
    tasks: Count = Field(default=3, description="tasks of a generation on the chip")
    held_out: Count = Field(default=30, description="held-out tasks of what it deploys")
    gain: float = Field(default=0.002, gt=0, le=0.01, description="step of spsa, see on_chip")
    temperature: float = Field(
        default=10.0, gt=0, le=516, description="temperature of annealing, see on_chip"
    )

    @property
    def interaction_s(self) -> float:
        """Return seconds of chip time that one decision takes."""
        return self.agent.interaction_s

    @property
    def portable(self) -> bool:
        """Tell whether episodes have the same bits everywhere."""
        return self.agent.portable

    def space(self, interface: Interface) -> ParameterSpace:
        """Return Θ: the algorithm and its numbers."""
        if interface.actions != "discrete" or interface.tables is False or interface.grid:
            raise ValueError(
                f"{self.kind} needs tasks that the processor can make, which are {MADE}"
            )
        if name := unwritable(self.agent.space(interface)):
            raise ValueError(
                f"{self.kind} needs a program whose constants the processor can compute, as "
                f"td_lambda is; {self.agent.program.kind} has {name}, which it cannot"
            )
        if REWARD_ONE_Q7 * interface.n_steps * self.tasks >= MAX_FITNESS:
            raise ValueError(
                f"{self.kind} adds rewards up in words that hold {MAX_FITNESS // REWARD_ONE_Q7} "
                f"rewards, got tasks = {self.tasks} with {interface.n_steps} steps each"
            )
        return ParameterSpace.of(
            {
                "algorithm": Choice(ALGORITHMS, description="how x moves"),
                "population_size": Choice(
                    POPULATION_SIZES, "32", description="candidates of evolution"
                ),
                "sigma": Real(
                    0.03, 0.28, 0.15, scale="log", description="first width, in coordinates"
                ),
                "learning_rate": Real(
                    0.05, 0.8, 0.2, scale="log", description="factor on evolution's gradient"
                ),
                "halvings": Integer(
                    0, 4, 2, description="how often width and step are halved in a search"
                ),
            }
        )

    def check_tasks(self, tasks: TaskBatch) -> None:
        """Raise ValueError for tasks that the processor cannot make."""
        family_of(tasks, self.kind)

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """Run a whole search for each episode, one after the other.

        The curve is flat, since all that counts is the end.
        """
        family = family_of(tasks, self.kind)
        scores, n_steps = np.empty(seeds.shape), 0
        for candidate in range(parameters.n_candidates):
            settings, n_generations = self._search(parameters.rows(slice(candidate, candidate + 1)))
            n_steps += (
                tasks.n_tasks
                * family.interface.n_steps
                * (n_generations * settings.candidates * self.tasks + self.held_out)
            )
            for task in range(tasks.n_tasks):
                found = self._deployed_score(
                    family, settings, n_generations, int(seeds[candidate, task])
                )
                scores[candidate, task] = found
        references = tasks.references()
        returns = references.random + scores * (references.optimal - references.random)
        lengths = bin_lengths(family.interface.n_steps)
        curve = np.repeat(returns[..., None] / lengths.sum(), lengths.size, axis=2)
        return Episodes(returns, curve, n_simulated_steps=n_steps)

    def _search(self, theta: Parameters) -> tuple[SearchSettings, int]:
        """Return the settings of a search of one candidate, and its number of generations."""
        chosen = dict(zip(theta.space.columns, theta.values[0], strict=True))
        settings = SearchSettings(
            algorithm=ALGORITHMS[int(chosen["algorithm"])],
            population_size=int(POPULATION_SIZES[int(chosen["population_size"])]),
            sigma=float(chosen["sigma"]),
            learning_rate=float(chosen["learning_rate"]),
            gain=self.gain,
            temperature=self.temperature,
        )
        n_generations = max(self.episodes // (settings.candidates * self.tasks), 1)
        every = -(-n_generations // (int(chosen["halvings"]) + 1))
        return settings.model_copy(update={"halve_every": every}), n_generations

    def _deployed_score(
        self, family: TaskFamily, settings: SearchSettings, n_generations: int, seed: int
    ) -> float:
        """Search on one chip, and score what it deploys on tasks of held-out words."""
        agent = self.agent.model_copy(
            update={"chip": self.agent.chips[seed % len(self.agent.chips)]}
        )
        run = seed & 0xFFFFFFFF
        x = search(agent, family, settings, self.tasks, n_generations, run, seed)
        words = task_words(run, 0, self.held_out, held_out=True)
        tasks = tasks_from_words(family, *words)
        space = agent.space(family.interface)
        noise = episode_seeds(seed, Purpose.EPISODES, TaskSet.TRANSFER, n=self.held_out)
        theta = space.decode(points_of(x[None], space.bounded()))
        returns = agent.run_episodes(theta, tasks, noise[None]).returns[0]
        references = tasks.references()
        span = (references.optimal - references.random).sum()
        return float((returns - references.random).sum() / span)


def search(
    agent: ChipAgent,
    family: TaskFamily,
    settings: SearchSettings,
    n_tasks: int,
    n_generations: int,
    run: int,
    noise_seed: int,
) -> IntArray:
    """Search on a chip from the default Θ, and return (n_dim,) coordinates of what it deploys.

    Args:
        agent: with one chip.
        family: whose tasks the processor makes.
        settings: of the search.
        n_tasks: tasks of a generation.
        n_generations: how many.
        run: seed of the search, a word.
        noise_seed: of the chip's analog noise, which is the emulator's and not the processor's.
    """
    space = agent.space(family.interface)
    constants, bounded = settings.constants(), space.bounded()
    memory = settings.memory(coordinates_of(space.default_point(), bounded))
    for g in range(n_generations):
        theta = space.decode(points_of(candidates(constants, run, g, memory), bounded))
        tasks = tasks_from_words(family, *task_words(run, g, n_tasks))
        n_episodes = theta.n_candidates * n_tasks
        noise = episode_seeds(noise_seed, Purpose.EPISODES, TaskSet.SEARCH, g + 1, n=n_episodes)
        returns = agent.run_episodes(theta, tasks, noise.reshape(-1, n_tasks)).returns
        fitness = np.rint(returns.sum(axis=1) * REWARD_ONE_Q7).astype(np.int64)
        memory = after(constants, run, g, memory, fitness)
    return memory.x_u16


def family_of(tasks: TaskBatch, learner: str) -> TaskFamily:
    """Return the family of tasks, for the learner of that name; ValueError if chips make none."""
    family: TaskFamily | None = None
    if isinstance(tasks, RandomMdpTasks):
        family = RandomMdp(
            n_states=tasks.n_states,
            n_actions=tasks.n_actions,
            n_steps=tasks.n_steps,
            feedback="own" if tasks.signal is None else "unrelated",
        )
    elif isinstance(tasks, BanditTasks):
        family = tasks.family
    if family is None or not makes(family):
        raise ValueError(
            f"{learner} needs tasks that the processor can make, which are {MADE}, got "
            f"{type(tasks).__name__}"
        )
    return family
