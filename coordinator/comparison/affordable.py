"""The settings of a strategy that a study may propose: those that the budget of a search allows.

The trial of a population of which not one generation fits into the budget can only fail. Therefore
options are left out, and ranges end earlier, before a study begins. The cost of a generation may
depend on several settings together, such as the size of a population and the number of points of a
grid. The space that is left is a box in which *every* combination of those settings is affordable.
The settings as given always lie in it. The cost is assumed to be monotone over a range of numbers.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from math import inf
from typing import Any

from spikeloop.coordinator.comparison import variant_search
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.comparison.tunable_space import around, defaults, settings_of
from spikeloop.coordinator.search.search_size import generation_episodes
from spikeloop.workers.parameter_types import Choice, Integer, Parameter, Real
from spikeloop.workers.space import ParameterSpace

Values = Mapping[str, Any]
"""Settings by their dotted keys."""

BISECTIONS = 50
"""Halvings of a range, after which the end of the affordable part is known to 15 digits."""


def tuned_space(config: ComparisonConfig, strategy: str) -> ParameterSpace:
    """Give what is tuned: what is tunable and affordable, with the given settings as defaults."""
    given = config.given[strategy].strategy
    space = around(type(given).tunable, given.model_dump(mode="json"))
    limit = variant_search.without_race(config.given[strategy], config.comparison.budget)
    return affordable(space, partial(_episodes, config, strategy), limit)


def affordable(
    space: ParameterSpace, episodes: Callable[[Values], float], limit: float
) -> ParameterSpace:
    """Restrict a space to settings of which one generation costs ``limit`` episodes at most.

    Args:
        space: its defaults are affordable.
        episodes: cost of one generation with these settings; inf if they contradict each other.
        limit: in episodes.
    """
    given = defaults(space)
    known: dict[tuple[Any, ...], float] = {}

    def cost(changes: Values) -> float:
        key = tuple(changes.get(name, value) for name, value in given.items())
        if key not in known:
            known[key] = episodes({**given, **changes})
        return known[key]

    def fits(box: list[dict[str, Any]], name: str, value: Any) -> bool:
        return all(cost({**changes, name: value}) <= limit for changes in box)

    # All combinations of the settings on which the cost was found to depend. A setting without
    # influence is tried again whenever another one is added.
    box: list[dict[str, Any]] = [{}]
    left = {p.name: p for p in space.parameters if isinstance(p, Choice | Integer | Real)}
    kept: dict[str, Parameter] = {}
    found = cost({}) <= limit
    while found:
        found = False
        for name, parameter in list(left.items()):
            values = _ends(parameter)
            if all(cost({**c, name: v}) == cost(c) for c, v in product(box, values)):
                continue

            kept[name] = _restricted(parameter, partial(fits, box, name))
            box = [{**c, name: v} for c, v in product(box, _ends(kept[name]))]
            del left[name]
            found = True
    return ParameterSpace(tuple(kept.get(p.name, p) for p in space.parameters))


def left_out(config: ComparisonConfig, strategy: str, space: ParameterSpace) -> list[str]:
    """Describe in one line each setting whose range the budget restricts."""
    given = config.given[strategy].strategy
    whole = around(type(given).tunable, given.model_dump(mode="json"))
    return [
        f"study of {strategy}: {after.name} is tuned within {_describe(after)} instead of "
        f"{_describe(before)}, so that a generation fits into {config.comparison.budget} episodes"
        for before, after in zip(whole.parameters, space.parameters, strict=True)
        if before != after
    ]


def _episodes(config: ComparisonConfig, strategy: str, values: Values) -> float:
    """Episodes of one generation; inf with settings that cannot search this space."""
    try:
        settings = variant_search.with_settings(config, strategy, settings_of(values))
        return generation_episodes(replace(config.given[strategy], strategy=settings))
    except (variant_search.Refused, ValueError):
        return inf


def _ends(parameter: Parameter) -> list[Any]:
    """List all options of a choice, or both ends of a range."""
    if isinstance(parameter, Choice):
        return list(parameter.options)
    return [parameter.low, parameter.high] if isinstance(parameter, Integer | Real) else []


def _restricted(parameter: Parameter, fits: Callable[[Any], bool]) -> Parameter:
    """Restrict a parameter to those of its values that fit; its default does."""
    if isinstance(parameter, Choice):
        return replace(parameter, options=tuple(filter(fits, parameter.options)))
    if isinstance(parameter, Integer | Real) and not isinstance(parameter.low, str):
        low, high = (_reach(parameter.default, e, fits) for e in (parameter.low, parameter.high))
        return replace(parameter, low=low, high=high)
    return parameter


def _reach(inside: Any, end: Any, fits: Callable[[Any], bool]) -> Any:
    """Find the value nearest to the end of a range that fits, starting from one that does."""
    if fits(end):
        return end
    for _ in range(BISECTIONS):
        middle = (inside + end) // 2 if isinstance(end, int) else (inside + end) / 2
        if middle in (inside, end):
            break
        inside, end = (middle, end) if fits(middle) else (inside, middle)
    return inside


def _describe(parameter: Parameter) -> str:
    """Format the values of a parameter, such as "12, 24" or "2 to 8"."""
    if isinstance(parameter, Choice):
        return ", ".join(parameter.options)
    low, high = _ends(parameter)
    return f"{low:.4g} to {high:.4g}"
