"""The hyperparameters Θ of one candidate as plain Python values."""

from collections.abc import Iterator, Mapping
from typing import Any

from spikeloop.workers.parameter_types import Choice, Integer, Parameter, Weights
from spikeloop.workers.space import Parameters


class Theta(Mapping[str, Any]):
    """The physical values of one candidate, by name: ``theta.tau`` or ``theta["tau"]``.

    A real parameter is a float and an integer an int, both in the parameter's unit, a choice is the
    name of its option, weights are an array of their shape. Names that are no Python identifiers,
    or that every dictionary has (``items``, ``keys``), are reached by ``theta["..."]`` alone.

    >>> from spikeloop.workers.space import ParameterSpace, Real
    >>> space = ParameterSpace.of({"tau": Real(1, 100, 20, unit="ms")})
    >>> Theta(space.decode(space.default_point()[None]))
    Theta(tau=20 ms)
    """

    def __init__(self, parameters: Parameters, candidate: int = 0) -> None:
        """Take the values of one candidate, arrays as copies."""
        row, listed = parameters.rows(slice(candidate, candidate + 1)), parameters.space.parameters
        self._values = {p.name: _plain(p, row[p.name][0]) for p in listed}
        self._units = {p.name: p.unit for p in listed}

    @property
    def units(self) -> dict[str, str]:
        """The unit of each hyperparameter; "1" if it has none."""
        return self._units

    def __getitem__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise KeyError(self._missing(name)) from None

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in self._values:
            return self._values[name]
        raise AttributeError(self._missing(name) if "_values" in vars(self) else name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Theta({', '.join(map(self._with_unit, self))})"

    def _with_unit(self, name: str) -> str:
        value, unit = self[name], self._units[name]
        text = f"{value:.6g}" if isinstance(value, float) else repr(value)
        return f"{name}={text}" if unit == "1" else f"{name}={text} {unit}"

    def _missing(self, name: str) -> str:
        return f"no hyperparameter {name!r}; there are {', '.join(self._values)}"


def _plain(parameter: Parameter, value: Any) -> Any:
    """Return a physical value as Python has it."""
    if isinstance(parameter, Weights):
        return value.copy()
    if isinstance(parameter, Choice):
        return parameter.options[int(value)]
    return int(value) if isinstance(parameter, Integer) else float(value)
