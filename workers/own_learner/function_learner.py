"""A Python function as a learner: ``@learner(space=...)`` turns it into a settings class.

So a function is configured, run, sent to workers and reported like any other learner, and its
keyword parameters are settings that a configuration file may change.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, get_origin

from pydantic import Field, create_model

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Episodes
from spikeloop.workers.own_learner.episode import Result, run_each
from spikeloop.workers.parameter_types import Parameter
from spikeloop.workers.space import Parameters, ParameterSpace

GivenSpace: TypeAlias = ParameterSpace | Mapping[str, Parameter]
SpaceRule: TypeAlias = GivenSpace | Callable[..., GivenSpace]
"""A space, or a function from the family's interface, and from the settings by keyword, to one."""

N_POSITIONAL = 3
"""Θ, the task, and random numbers."""


class FunctionLearner(Settings):
    """Base of the classes that ``learner`` makes; their fields are the function's settings.

    Attributes:
        function: the function as it was written.
        hyperparameters: the space, or the function that gives it.
    """

    function: ClassVar[Callable[..., Result]]
    hyperparameters: ClassVar[SpaceRule]

    if TYPE_CHECKING:  # each class has its own fields, which type checkers cannot know

        def __init__(self, **settings: Any) -> None: ...

    @property
    def kind(self) -> str:
        """The function's name."""
        return type(self).__name__

    def space(self, interface: Interface) -> ParameterSpace:
        """Return the hyperparameters that the decorator was given."""
        rule = type(self).hyperparameters
        return as_space(rule(interface, **dict(self)) if callable(rule) else rule)

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """Call the function once for each candidate and task."""
        settings, function = dict(self), type(self).function
        return run_each(
            self.kind,
            lambda theta, task, rng: function(theta, task, rng, **settings),
            parameters,
            tasks,
            seeds,
        )


def learner(space: SpaceRule) -> Callable[[Callable[..., Result]], type[FunctionLearner]]:
    """Make a learner of a function that runs one episode.

    The function is called as ``run(theta, task, rng)``, once for each episode:

    - ``theta`` has the hyperparameters in their units, as ``theta.tau`` or ``theta["tau"]``
      (``Theta``);
    - ``task`` is played step by step: ``task.observe()``, ``task.step(action)``, or a loop over it
      (``Task``);
    - ``rng`` is a ``numpy.random.Generator`` of the episode's seed. An episode whose random numbers
      all come from it has the same result wherever and however often it runs. It must keep nothing
      for the next one.

    It gives None for the sum of the task's rewards once all steps are taken, the return as a
    number, or an ``Episode``. What it raises is the reason for which this episode failed. Keyword
    parameters after ``rng`` are settings: a table ``[learner]`` may set them, and so does calling
    the learner.

    >>> from spikeloop.workers.space import Real
    >>> @learner(space={"epsilon": Real(0, 1, 0.1)})
    ... def explorer(theta, task, rng, *, n_forced: int = 10):
    ...     sums, counts = [0.0] * task.interface.n_actions, [1e-9] * task.interface.n_actions
    ...     for observation in task:
    ...         best = max(range(len(sums)), key=lambda a: sums[a] / counts[a])
    ...         forced = task.n_taken < n_forced or rng.random() < theta.epsilon
    ...         action = int(rng.integers(len(sums))) if forced else best
    ...         sums[action] += task.step(action)
    ...         counts[action] += 1
    >>> explorer(n_forced=3)
    explorer(n_forced=3)

    Args:
        space: the hyperparameters by name; or a function of the family's ``Interface``, and of the
            settings by keyword if there are any, that gives them, for arrays of weights whose shape
            depends on the family.

    Returns:
        A decorator that gives a class of settings with the function's name. ``spikeloop.run`` takes
        it or an object of it, configuration files name it by ``kind = "my_module:my_function"``.

    Raises:
        ValueError: the space is wrong in itself.
        TypeError: the function cannot be called with Θ, a task and a generator.
    """
    rule = space if callable(space) else as_space(space)

    def decorate(function: Callable[..., Result]) -> type[FunctionLearner]:
        made = create_model(
            function.__name__,
            __base__=FunctionLearner,
            __module__=function.__module__,
            __doc__=function.__doc__,
            **_settings(function),
        )
        made.__qualname__ = function.__qualname__
        made.function = staticmethod(function)
        made.hyperparameters = staticmethod(rule) if callable(rule) else rule
        return made

    return decorate


def as_space(given: GivenSpace) -> ParameterSpace:
    """Return a space as it is, or made of a dictionary; ValueError if it is neither."""
    if not isinstance(given, ParameterSpace | Mapping):
        raise ValueError(f"space must be a dictionary of parameters by name, got {given!r}")
    return given if isinstance(given, ParameterSpace) else ParameterSpace.of(given)


def _type_of(default: Any) -> Any:
    """Return the type of values that may stand in the place of a default."""
    return Any if default is None else type(default)


def _settings(function: Callable[..., Any]) -> dict[str, Any]:
    """Return type and default of each keyword parameter, by name.

    Raises:
        TypeError: there are other parameters than Θ, task, generator and keywords with a default.
    """
    name, signature, found = function.__name__, inspect.signature(function), {}
    parameters = list(signature.parameters.values())
    keywords = [p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if [p.kind in by_place for p in parameters] != [True] * N_POSITIONAL + [False] * len(keywords):
        raise TypeError(
            f"{name} must take theta, task and rng, and settings by keyword after *, got "
            f"{name}{signature}"
        )
    for parameter in keywords:
        if parameter.default is inspect.Parameter.empty:
            raise TypeError(f"{name}: setting {parameter.name} must have a default")
        if hasattr(FunctionLearner, parameter.name):
            raise TypeError(f"{name}: a setting cannot be called {parameter.name}")
        annotated = parameter.annotation is not inspect.Parameter.empty
        kind = parameter.annotation if annotated else _type_of(parameter.default)
        # A table of a configuration has lists where Python has tuples.
        strict = None if get_origin(kind) is not tuple and kind is not tuple else False
        found[parameter.name] = (kind, Field(default=parameter.default, strict=strict))
    return found
