"""Our searches and other people's behind one joint: ask for points of the unit box, tell losses.

Peers keep their own defaults, except the population size where it is a plain argument, and the
first standard deviation, 0.15 as ours, where they cannot do without one. All begin at the middle
of the box. Each comes from the extra ``spikeloop[benchmark]`` and is imported when it is made.

The box: ``cma``, ``nevergrad`` and Optuna keep it by their own means; ``evosax`` knows no bounds,
so its points are folded by reflection as ours are, by the evaluation. What a peer
recommends is what it documents: ``cma`` its best point without noise, as ``fmin2`` returns it, and
its ``xfavorite`` under noise; ``evosax`` the mean where it has a distribution, the best point for
annealing and genetic search; ``nevergrad`` its ``provide_recommendation``; Optuna its best trial.
"""

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np

from spikeloop.coordinator.strategies import STRATEGIES, Evaluation, Strategy
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Real
from spikeloop.workers.space import ParameterSpace

SIGMA = 0.15
"""First standard deviation in box units, for methods that demand one."""

REACH = 0.5
"""How far Adam at its full rate would carry the second Open_ES within the budget, in box units.

Of rates from 0.01 to 0.2 it needs one near 0.02 in 7 dimensions and one near 0.006 in 100: its
steps do not get shorter, so those that just suffice are best.
"""


@dataclass(frozen=True)
class Task:
    """What a search is made for.

    Attributes:
        n_dim: dimensions of the box.
        population_size: candidates of a generation.
        budget: evaluations in all.
        noisy: whether losses are noisy.
        seed: of the search's own randomness.
    """

    n_dim: int
    population_size: int
    budget: int
    noisy: bool
    seed: int


class Search(Protocol):
    """A search under way, which minimises."""

    def ask(self) -> FloatArray:
        """(n, n_dim) the next points; n is the search's own choice."""
        ...

    def tell(self, loss: FloatArray) -> None:
        """Takes the (n,) losses of the points that were asked last."""
        ...

    def recommend(self) -> FloatArray:
        """(n_dim,) the point to use."""
        ...


@cache
def box(n_dim: int) -> ParameterSpace:
    """The unit box as a space of bounded parameters."""
    return ParameterSpace(tuple(Real(0.0, 1.0, 0.5, name=f"x{i}") for i in range(n_dim)))


class Ours:
    """One of our strategies."""

    def __init__(self, strategy: Strategy[Any], task: Task):
        space = box(task.n_dim)
        self.strategy = strategy
        self.rng = np.random.default_rng(task.seed)
        self.state = strategy.init(space, self.rng)
        self.population: Population | None = None

    def ask(self) -> FloatArray:
        self.population = self.strategy.ask(self.state, self.rng)
        return self.population.rows()

    def tell(self, loss: FloatArray) -> None:
        assert self.population is not None
        self.state = self.strategy.tell(self.state, self.population, Evaluation(-loss), self.rng)

    def recommend(self) -> FloatArray:
        return self.strategy.recommend(self.state)


class Pycma:
    """CMA-ES of the package ``cma``, without its handling of noise."""

    def __init__(self, task: Task, **options: Any):
        import cma

        own = {
            "bounds": [0, 1],
            "popsize": task.population_size,
            "seed": task.seed + 1,  # 0 would stand for the time
            "verbose": -9,
        }
        start = np.full(task.n_dim, 0.5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.search = cma.CMAEvolutionStrategy(start, SIGMA, own | options)
        self.noisy = task.noisy
        self.points: list[FloatArray] = []

    def ask(self) -> FloatArray:
        self.points = self.search.ask()
        return np.array(self.points)

    def tell(self, loss: FloatArray) -> None:
        """Goes on however close it is to convergence."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.search.tell(self.points, loss.tolist())

    def recommend(self) -> FloatArray:
        """The best point, or under noise the mean."""
        result = self.search.result
        return np.asarray(result.xfavorite if self.noisy else result.xbest)


@cache
def _evosax(name: str, n_dim: int, population_size: int, generations: int) -> Any:
    """An algorithm of evosax; kept, as each object is compiled anew."""
    import evosax.algorithms as algorithms
    import jax.numpy as jnp
    import optax

    options: dict[str, Any] = {}
    if name in ("Open_ES", "SimulatedAnnealing", "SimpleGA"):
        options["std_schedule"] = optax.constant_schedule(SIGMA)
    if name == "Open_ES, Adam":
        name = "Open_ES"
        options["std_schedule"] = optax.constant_schedule(SIGMA)
        options["optimizer"] = optax.adam(REACH / generations)
    make = getattr(algorithms, name)
    return make(population_size=population_size, solution=jnp.zeros(n_dim), **options)


class Evosax:
    """An algorithm of ``evosax``, in single precision as JAX has it."""

    def __init__(self, task: Task, name: str):
        import jax

        self.jax: Any = jax
        generations = task.budget // task.population_size
        self.algorithm = _evosax(name, task.n_dim, task.population_size, generations)
        self.params = self.algorithm.default_params
        if hasattr(self.params, "std_init"):
            self.params = self.params.replace(std_init=SIGMA)
        self.recommends_best = name in ("SimulatedAnnealing", "SimpleGA")
        self.key = jax.random.key(task.seed)
        self.population: Any = None
        self.state: Any = None
        if name == "SimpleGA":  # begins with a population that the caller draws and evaluates
            shape = (task.population_size, task.n_dim)
            self.population = jax.random.uniform(self._next_key(), shape)
        else:
            start = jax.numpy.full(task.n_dim, 0.5)
            self.state = self.algorithm.init(self._next_key(), start, self.params)

    def ask(self) -> FloatArray:
        if self.state is not None:
            self.population, self.state = self.algorithm.ask(
                self._next_key(), self.state, self.params
            )
        return np.asarray(self.population)

    def tell(self, loss: FloatArray) -> None:
        told = self._next_key(), self.population, self.jax.numpy.asarray(loss, dtype="float32")
        if self.state is None:
            self.state = self.algorithm.init(*told, self.params)
        else:
            self.state, _ = self.algorithm.tell(*told, self.state, self.params)
        self.state = self.jax.block_until_ready(self.state)

    def recommend(self) -> FloatArray:
        """The best point, or the mean of a distribution."""
        point = self.state.best_solution if self.recommends_best else self.state.mean
        return np.asarray(point, dtype=np.float64)

    def _next_key(self) -> Any:
        self.key, key = self.jax.random.split(self.key)
        return key


class Nevergrad:
    """An optimizer of ``nevergrad``; ``batch`` candidates are asked before they are told."""

    def __init__(self, task: Task, make: Callable[[Any], Any], batch: int):
        import nevergrad

        where = nevergrad.p.Array(shape=(task.n_dim,), lower=0.0, upper=1.0)
        where.random_state.seed(task.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.search = make(nevergrad)(where, budget=task.budget, num_workers=1)
        self.batch = batch
        self.asked: list[Any] = []

    def ask(self) -> FloatArray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.asked = [self.search.ask() for _ in range(self.batch)]
        return np.array([candidate.value for candidate in self.asked])

    def tell(self, loss: FloatArray) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for candidate, value in zip(self.asked, loss, strict=True):
                self.search.tell(candidate, float(value))

    def recommend(self) -> FloatArray:
        return np.asarray(self.search.provide_recommendation().value)


class Optuna:
    """A sampler of ``optuna`` with its study in memory, one trial at a time."""

    def __init__(self, task: Task, make: Callable[[Any], Any]):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.study = optuna.create_study(sampler=make(optuna.samplers))
        self.names = [f"x{i}" for i in range(task.n_dim)]
        self.space: dict[str, Any] = {
            name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in self.names
        }
        self.trial: Any = None

    def ask(self) -> FloatArray:
        self.trial = self.study.ask(self.space)
        return np.array([[self.trial.params[name] for name in self.names]])

    def tell(self, loss: FloatArray) -> None:
        self.study.tell(self.trial, float(loss[0]))

    def recommend(self) -> FloatArray:
        return np.array([self.study.best_params[name] for name in self.names])


@dataclass(frozen=True)
class Method:
    """How a search is made.

    Attributes:
        make: the search, for a task.
        package: that it needs.
        max_dim: dimensions up to which it is fast enough to be run.
        max_seeds: instances of a function that it is given at most.
    """

    make: Callable[[Task], Search]
    package: str = "spikeloop"
    max_dim: int = 1_000_000
    max_seeds: int = 1_000_000

    def installed(self) -> bool:
        return importlib.util.find_spec(self.package) is not None


def _ours(kind: str) -> Method:
    def make(task: Task) -> Search:
        settings: Any = STRATEGIES[kind]
        return Ours(settings(population_size=task.population_size), task)

    return Method(make)


def _nevergrad(name: str, of_size: bool = False, **limits: int) -> Method:
    """One of nevergrad's optimizers; ``of_size``: one that takes a population size."""

    def make(task: Task) -> Search:
        def optimizer(nevergrad: Any) -> Any:
            found = getattr(nevergrad.optimizers, name)
            return found(popsize=task.population_size) if of_size else found

        return Nevergrad(task, optimizer, task.population_size if of_size else 1)

    return Method(make, "nevergrad", **limits)


OURS = (
    "evolution",
    "cross_entropy",
    "annealing",
    "cma_es",
    "natural_evolution",
    "genetic",
    "parallel_tempering",
    "finite_differences",
    "random_search",
)

METHODS: dict[str, Method] = {kind: _ours(kind) for kind in OURS} | {
    "pycma": Method(Pycma, "cma"),
    "pycma_diagonal": Method(lambda task: Pycma(task, CMA_diagonal=True), "cma"),
    "evosax_open_es": Method(lambda task: Evosax(task, "Open_ES"), "evosax"),
    "evosax_open_es_adam": Method(lambda task: Evosax(task, "Open_ES, Adam"), "evosax"),
    "evosax_annealing": Method(lambda task: Evosax(task, "SimulatedAnnealing"), "evosax"),
    "evosax_snes": Method(lambda task: Evosax(task, "SNES"), "evosax"),
    "evosax_genetic": Method(lambda task: Evosax(task, "SimpleGA"), "evosax"),
    "nevergrad_cma": _nevergrad("ParametrizedCMA", of_size=True),
    "nevergrad_de": _nevergrad("DifferentialEvolution", of_size=True),
    "nevergrad_tbpsa": _nevergrad("TBPSA"),
    "nevergrad_eda": _nevergrad("EDA"),
    "nevergrad_ngopt": _nevergrad("NGOpt", max_dim=7, max_seeds=8),
    "optuna_tpe": Method(
        lambda task: Optuna(task, lambda samplers: samplers.TPESampler(seed=task.seed)),
        "optuna",
        max_dim=7,
    ),
    "optuna_cma": Method(
        lambda task: Optuna(
            task,
            lambda samplers: samplers.CmaEsSampler(seed=task.seed, popsize=task.population_size),
        ),
        "optuna",
        max_dim=20,
    ),
}
"""Every search by its name."""

SAME_KIND: dict[str, tuple[str, ...]] = {
    "evolution": ("evosax_open_es", "evosax_open_es_adam"),
    "cross_entropy": ("nevergrad_eda", "nevergrad_tbpsa"),
    "annealing": ("evosax_annealing",),
    "cma_es": ("pycma", "pycma_diagonal", "optuna_cma", "nevergrad_cma"),
    "natural_evolution": ("evosax_snes",),
    "genetic": ("evosax_genetic", "nevergrad_de"),
    "parallel_tempering": ("evosax_annealing",),
}
"""The peers with which each of ours is compared."""
