"""Points of a random search that all met the same tasks: the only ones that tell importance.

Points of a search that has converged lie where it went, and tell what matters there at most.
"""

from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.strategies.random_search import RandomSearch
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Weights
from spikeloop.workers.space import ParameterSpace, fold

N_POINTS = 2000
"""Points at least."""
MOST_PARAMETERS = 40
"""Beyond so many, 2,000 points say little of each."""


@dataclass(frozen=True)
class RandomPoints:
    """Random points and their fitness.

    Attributes:
        space: what the coordinates mean.
        points: (n_points, n_dim) coordinates, all uniform in [0, 1].
        fitness: (n_points,) scores on the same tasks.
        n_tasks: that each of them met.
    """

    space: ParameterSpace
    points: FloatArray
    fitness: FloatArray
    n_tasks: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return self.space.columns


def why_no_points(learned: Learned) -> str | None:
    """Say why a run tells no importance; None if it does. It reads no candidates."""
    config = learned.config
    if not learned.source.is_dir():
        return "it needs the candidates of a run folder, not a weights file"
    if not isinstance(config.strategy, RandomSearch):
        return (
            "it needs random points, [strategy] kind = random_search; those of a search that "
            f"converges, such as {config.strategy.kind}, lie where it went"
        )
    if config.run.generations != 1:
        return (
            "all points must meet the same tasks, run.generations = 1 with a larger "
            f"strategy.population_size, got {config.run.generations} generations"
        )
    if config.strategy.population_size <= N_POINTS:
        return (
            f"it needs {N_POINTS} random points beside the first one, strategy.population_size = "
            f"{N_POINTS + 1} or more, got {config.strategy.population_size}"
        )
    return _why_no_space(config)


def _why_no_space(config: RunConfig) -> str | None:
    space = config.space
    weights = [p.name for p in space.parameters if isinstance(p, Weights)]
    if weights:
        return f"it is for hyperparameters with bounds, got the weights {weights[0]}"
    if not 2 <= space.n_dim <= MOST_PARAMETERS:
        return f"it takes 2 to {MOST_PARAMETERS} hyperparameters, got {space.n_dim}"
    return None


def random_points(learned: Learned) -> RandomPoints:
    """Read the points of a run to which ``why_no_points`` has no objection.

    The first candidate is the default, which is no random point; points whose episodes failed have
    no fitness. Both are left out.

    Raises:
        ConfigError: the search is not over, or too few points have a fitness.
    """
    store, config = RunStore.open(learned.source), learned.config
    table = store.table("candidates")
    if table is None:
        raise ConfigError(f"{learned.source}: nothing is committed yet; resume the run first")
    frame = table.to_pandas()
    frame = frame[(frame["candidate"] > 0) & np.isfinite(frame["fitness"])]
    if len(frame) < N_POINTS:
        raise ConfigError(
            f"{learned.source}: importance needs {N_POINTS} points with a fitness, got {len(frame)}"
        )
    points = fold(np.stack(frame["point"].to_list()), config.space.bounded())
    return RandomPoints(
        config.space, points, frame["fitness"].to_numpy(dtype=np.float64), config.run.tasks
    )
