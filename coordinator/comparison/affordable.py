"""Which settings of a strategy a study may propose: those that a search's budget can hold.

A population of which not even one generation fits into the budget is no hyperparameter to be tried:
its trial can only fail. So options are left out, and ranges end earlier, before a study begins.
What a generation costs may depend on several settings together, such as the size of a population
and how many points a grid has for it. The space that is left is a box in which *every* combination
of those settings is affordable. The settings as given always lie in it.

Where numbers are concerned, the cost is taken to grow or to fall from one end of a range to the
other.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from math import inf
from typing import Any

from spikeloop.coordinator.comparison import variant_search as searches
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.comparison.tunable_space import around, defaults, settings_of
from spikeloop.coordinator.search.loop import generation_episodes
from spikeloop.workers.space import Choice, Integer, Parameter, ParameterSpace, Real

Values = Mapping[str, Any]
"""Settings by their dotted keys, as a study has them."""

BISECTIONS = 50
"""Halvings of a range, after which the end of what is affordable is known to 15 digits."""


def tuned_space(config: ComparisonConfig, strategy: str) -> ParameterSpace:
    """What is tuned of a strategy: all that is tunable and affordable, its defaults as given."""
    given = config.given[strategy].strategy
    space = around(type(given).tunable, given.model_dump(mode="json"))
    limit = searches.without_race(config.given[strategy], config.comparison.budget)
    return affordable(space, partial(_episodes, config, strategy), limit)


def affordable(
    space: ParameterSpace, episodes: Callable[[Values], float], limit: float
) -> ParameterSpace:
    """The space without the settings of which one generation costs too much.

    Args:
        space: its defaults are affordable.
        episodes: what one generation costs with these settings; inf if they contradict each other.
        limit: episodes that the search may cost.
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

    # All combinations of the settings on which the cost was found to depend. One that seems to have
    # no influence is looked at again whenever there is a new one.
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
    """One line for each setting of which the budget does not hold all that could be tuned."""
    given = config.given[strategy].strategy
    whole = around(type(given).tunable, given.model_dump(mode="json"))
    return [
        f"study of {strategy}: {after.name} is tuned within {_words(after)} instead of "
        f"{_words(before)}, so that a generation fits into {config.comparison.budget} episodes"
        for before, after in zip(whole.parameters, space.parameters, strict=True)
        if before != after
    ]


def _episodes(config: ComparisonConfig, strategy: str, values: Values) -> float:
    """Episodes of one generation; inf with settings that cannot search this space."""
    try:
        settings = searches.with_settings(config, strategy, settings_of(values))
        return generation_episodes(replace(config.given[strategy], strategy=settings))
    except (searches.Refused, ValueError):
        return inf


def _ends(parameter: Parameter) -> list[Any]:
    """All options of a choice, both ends of a range."""
    if isinstance(parameter, Choice):
        return list(parameter.options)
    return [parameter.low, parameter.high] if isinstance(parameter, Integer | Real) else []


def _restricted(parameter: Parameter, fits: Callable[[Any], bool]) -> Parameter:
    """A parameter with those of its values that fit; its default does."""
    if isinstance(parameter, Choice):
        return replace(parameter, options=tuple(filter(fits, parameter.options)))
    if isinstance(parameter, Integer):
        low, high = (_reach(parameter.default, e, fits) for e in (parameter.low, parameter.high))
        return replace(parameter, low=low, high=high)
    if isinstance(parameter, Real) and not isinstance(parameter.low, str):
        low_, high_ = (_reach(parameter.default, e, fits) for e in (parameter.low, parameter.high))
        return replace(parameter, low=low_, high=high_)
    return parameter


def _reach(inside: Any, end: Any, fits: Callable[[Any], bool]) -> Any:
    """The value nearest to the end of a range that fits, between one that does and that end."""
    if fits(end):
        return end
    for _ in range(BISECTIONS):
        middle = (inside + end) // 2 if isinstance(end, int) else (inside + end) / 2
        if middle in (inside, end):
            break
        inside, end = (middle, end) if fits(middle) else (inside, middle)
    return inside


def _words(parameter: Parameter) -> str:
    """The values of a parameter, such as "12, 24" or "2 to 8"."""
    if isinstance(parameter, Choice):
        return ", ".join(parameter.options)
    low, high = _ends(parameter)
    return f"{low:.4g} to {high:.4g}"
