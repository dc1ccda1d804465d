"""Spiking networks and neuromorphic chips that learn to learn.

    import spikeloop as sl

``__all__`` is the public interface; everything else may change. The code is in four folders, one
question each: ``tasks`` (what is to be learned), ``workers`` (who learns it), ``cluster`` (where it
runs), ``coordinator`` (what to try next). Names are imported from there when they are first used,
so that the import itself takes no time.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:  # the same names as in _HOMES, for mypy and editors
    from collections.abc import Sequence

    from spikeloop.cluster.pool import PoolError as PoolError
    from spikeloop.cluster.signals import Interrupted as Interrupted
    from spikeloop.cluster.targets.inline import Inline as Inline
    from spikeloop.cluster.targets.local import Local as Local
    from spikeloop.cluster.targets.ray_cluster import RayCluster as RayCluster
    from spikeloop.coordinator.api.check import check as check
    from spikeloop.coordinator.api.compare import compare as compare
    from spikeloop.coordinator.api.comparison_view import Comparison as Comparison
    from spikeloop.coordinator.api.held_out import HeldOut as HeldOut
    from spikeloop.coordinator.api.held_out import Score as Score
    from spikeloop.coordinator.api.listing import list as list
    from spikeloop.coordinator.api.minimize import minimize as minimize
    from spikeloop.coordinator.api.open import open as open
    from spikeloop.coordinator.api.optimum import Optimum as Optimum
    from spikeloop.coordinator.api.run import run as run
    from spikeloop.coordinator.api.run_view import Run as Run
    from spikeloop.coordinator.api.sweep import sweep as sweep
    from spikeloop.coordinator.api.sweep_view import Sweep as Sweep
    from spikeloop.coordinator.api.theta import LearnedTheta as LearnedTheta
    from spikeloop.coordinator.api.weights_view import WeightsFile as WeightsFile
    from spikeloop.coordinator.errors import ConfigError as ConfigError
    from spikeloop.coordinator.errors import RunFailed as RunFailed
    from spikeloop.coordinator.strategies.annealing import Annealing as Annealing
    from spikeloop.coordinator.strategies.base import Evaluation as Evaluation
    from spikeloop.coordinator.strategies.bptt import Bptt as Bptt
    from spikeloop.coordinator.strategies.cma_es import CmaEs as CmaEs
    from spikeloop.coordinator.strategies.cross_entropy import CrossEntropy as CrossEntropy
    from spikeloop.coordinator.strategies.evolution import Evolution as Evolution
    from spikeloop.coordinator.strategies.finite_differences import (
        FiniteDifferences as FiniteDifferences,
    )
    from spikeloop.coordinator.strategies.genetic import Genetic as Genetic
    from spikeloop.coordinator.strategies.grid import GridSearch as GridSearch
    from spikeloop.coordinator.strategies.natural_evolution import (
        NaturalEvolution as NaturalEvolution,
    )
    from spikeloop.coordinator.strategies.on_chip import OnChip as OnChip
    from spikeloop.coordinator.strategies.parallel_tempering import (
        ParallelTempering as ParallelTempering,
    )
    from spikeloop.coordinator.strategies.published.annealing import (
        AnnealingPublished as AnnealingPublished,
    )
    from spikeloop.coordinator.strategies.published.cross_entropy import (
        CrossEntropyPublished as CrossEntropyPublished,
    )
    from spikeloop.coordinator.strategies.published.evolution import (
        EvolutionPublished as EvolutionPublished,
    )
    from spikeloop.coordinator.strategies.random_search import RandomSearch as RandomSearch
    from spikeloop.tasks.bandit import Bandit as Bandit
    from spikeloop.tasks.base import Interface as Interface
    from spikeloop.tasks.informative_bandit import InformativeBandit as InformativeBandit
    from spikeloop.tasks.maze import Maze as Maze
    from spikeloop.tasks.mdp import RandomMdp as RandomMdp
    from spikeloop.tasks.quadratic import Quadratic as Quadratic
    from spikeloop.tasks.restless_bandit import RestlessBandit as RestlessBandit
    from spikeloop.tasks.reversal_bandit import ReversalBandit as ReversalBandit
    from spikeloop.tasks.settings import Settings as Settings
    from spikeloop.tasks.tabular import TabularTasks as TabularTasks
    from spikeloop.tasks.two_step import TwoStep as TwoStep
    from spikeloop.workers.base import Unavailable as Unavailable
    from spikeloop.workers.learners.brian_model.learner import BrianModel as BrianModel
    from spikeloop.workers.learners.brian_rstdp.learner import BrianRstdp as BrianRstdp
    from spikeloop.workers.learners.brian_td import BrianTd as BrianTd
    from spikeloop.workers.learners.chip.agent import ChipAgent as ChipAgent
    from spikeloop.workers.learners.lsnn.learner import Lsnn as Lsnn
    from spikeloop.workers.learners.on_chip_search import OnChipSearch as OnChipSearch
    from spikeloop.workers.learners.reservoir.brian_liquid import BrianLiquid as BrianLiquid
    from spikeloop.workers.learners.reservoir.brian_recurrent import (
        BrianRecurrent as BrianRecurrent,
    )
    from spikeloop.workers.learners.tabular.learner import TabularTd as TabularTd
    from spikeloop.workers.own_learner.episode import Episode as Episode
    from spikeloop.workers.own_learner.function_learner import learner as learner
    from spikeloop.workers.own_learner.step_learner import StepLearner as StepLearner
    from spikeloop.workers.own_learner.task import Task as Task
    from spikeloop.workers.own_learner.theta import Theta as Theta
    from spikeloop.workers.parameter_types import Choice as Choice
    from spikeloop.workers.parameter_types import Integer as Integer
    from spikeloop.workers.space import ParameterSpace as ParameterSpace
    from spikeloop.workers.parameter_types import Real as Real
    from spikeloop.workers.parameter_types import Weights as Weights

_HOMES = {
    "Annealing": "coordinator.strategies.annealing",
    "AnnealingPublished": "coordinator.strategies.published.annealing",
    "Bandit": "tasks.bandit",
    "Bptt": "coordinator.strategies.bptt",
    "BrianLiquid": "workers.learners.reservoir.brian_liquid",
    "BrianModel": "workers.learners.brian_model.learner",
    "BrianRecurrent": "workers.learners.reservoir.brian_recurrent",
    "BrianRstdp": "workers.learners.brian_rstdp.learner",
    "BrianTd": "workers.learners.brian_td",
    "check": "coordinator.api.check",
    "ChipAgent": "workers.learners.chip.agent",
    "Choice": "workers.parameter_types",
    "CmaEs": "coordinator.strategies.cma_es",
    "compare": "coordinator.api.compare",
    "Comparison": "coordinator.api.comparison_view",
    "ConfigError": "coordinator.errors",
    "CrossEntropy": "coordinator.strategies.cross_entropy",
    "CrossEntropyPublished": "coordinator.strategies.published.cross_entropy",
    "Episode": "workers.own_learner.episode",
    "Evaluation": "coordinator.strategies.base",
    "Evolution": "coordinator.strategies.evolution",
    "EvolutionPublished": "coordinator.strategies.published.evolution",
    "FiniteDifferences": "coordinator.strategies.finite_differences",
    "Genetic": "coordinator.strategies.genetic",
    "GridSearch": "coordinator.strategies.grid",
    "HeldOut": "coordinator.api.held_out",
    "InformativeBandit": "tasks.informative_bandit",
    "Inline": "cluster.targets.inline",
    "Integer": "workers.parameter_types",
    "Interface": "tasks.base",
    "Interrupted": "cluster.signals",
    "LearnedTheta": "coordinator.api.theta",
    "learner": "workers.own_learner.function_learner",
    "list": "coordinator.api.listing",
    "Local": "cluster.targets.local",
    "Lsnn": "workers.learners.lsnn.learner",
    "Maze": "tasks.maze",
    "minimize": "coordinator.api.minimize",
    "NaturalEvolution": "coordinator.strategies.natural_evolution",
    "OnChip": "coordinator.strategies.on_chip",
    "OnChipSearch": "workers.learners.on_chip_search",
    "open": "coordinator.api.open",
    "Optimum": "coordinator.api.optimum",
    "ParallelTempering": "coordinator.strategies.parallel_tempering",
    "ParameterSpace": "workers.space",
    "PoolError": "cluster.pool",
    "Quadratic": "tasks.quadratic",
    "RandomMdp": "tasks.mdp",
    "RandomSearch": "coordinator.strategies.random_search",
    "RayCluster": "cluster.targets.ray_cluster",
    "Real": "workers.parameter_types",
    "RestlessBandit": "tasks.restless_bandit",
    "ReversalBandit": "tasks.reversal_bandit",
    "Run": "coordinator.api.run_view",
    "run": "coordinator.api.run",
    "sweep": "coordinator.api.sweep",
    "RunFailed": "coordinator.errors",
    "Sweep": "coordinator.api.sweep_view",
    "Score": "coordinator.api.held_out",
    "Settings": "tasks.settings",
    "StepLearner": "workers.own_learner.step_learner",
    "TabularTasks": "tasks.tabular",
    "TabularTd": "workers.learners.tabular.learner",
    "Task": "workers.own_learner.task",
    "Theta": "workers.own_learner.theta",
    "TwoStep": "tasks.two_step",
    "Unavailable": "workers.base",
    "Weights": "workers.parameter_types",
    "WeightsFile": "coordinator.api.weights_view",
}
"""Where each public name is defined, below this package."""

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first used."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'spikeloop' has no attribute {name!r}")
    value = getattr(import_module(f"spikeloop.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> "Sequence[str]":
    """List the public names."""
    return sorted(__all__)
