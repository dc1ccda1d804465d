"""The names in the code of one population or group of synapses, with their meaning and units."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from spikeloop.workers.brian.equations import (
    did_you_mean,
    fail,
    names_in,
    one_line_reason,
    statements,
    unit_name,
)
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.learners.brian_model.names import SIGNALS

DIFFERENTIAL = "differential equation"


@cache
def specimen(kind: str) -> type[Any]:
    """Return Brian2's class of that name, for objects that are inspected and never run."""

    class Specimen(getattr(brian2(), kind)):  # type: ignore[misc]
        add_to_magic_network = False

        def __del__(self) -> None:
            """Brian2's own warns of objects that no network has run."""

    return Specimen


class Namespace:
    """The names that the code of one population or group of synapses can use.

    Args:
        group: Brian2's group, with its constants.
        forbidden: name that code cannot set -> what it is.
        units: name -> unit of hyperparameters, which a message about units quotes.
    """

    def __init__(self, group: Any, forbidden: Mapping[str, str], units: Mapping[str, str]) -> None:
        self._group, self._forbidden, self._units = group, forbidden, units

    def equations(self, equations: Any, where: str) -> None:
        """Check names and units of every equation."""
        second = brian2().second.dim
        for equation in equations.values():
            if equation.expr is None:
                continue
            line = _line(equation)
            code = equation.expr.code
            expected = equation.dim / second if equation.type == DIFFERENTIAL else equation.dim
            if equation.var_type == "boolean":
                self.boolean(code, where)
            else:
                self._same(self.dimensions(code, where, line), expected, where, line)

    def boolean(self, code: str, where: str) -> None:
        """Check a condition."""
        if not self._is_boolean(code, where):
            fail(where, 'must be a condition, such as "v > v_th"', code)

    def refractory(self, code: str, where: str) -> None:
        """Check a time or condition."""
        if not self._is_boolean(code, where):
            found = self.dimensions(code, where, code)
            if found is not brian2().second.dim:
                what = f"must be a time or a condition, got an expression in {unit_name(found)}"
                fail(where, what, code)

    def expression(self, code: str, unit: Any, where: str) -> None:
        """Check an expression that must have a unit."""
        found, expected = self.dimensions(code, where, code), brian2().get_dimensions(unit)
        if found is not expected:
            what = f"must be in {unit_name(expected)}, got an expression in {unit_name(found)}"
            fail(where, what.replace("must be in no unit", "must be without unit"), code)

    def statements(self, code: str, where: str) -> None:
        """Check names and units of statements, and that each sets something that is used."""
        from brian2.core.variables import Variable
        from brian2.parsing.statements import parse_statement

        lines = statements(code)
        if not lines:
            return
        own: dict[str, Any] = {}
        for number, line in enumerate(lines):
            try:
                name, operator, expression, _ = parse_statement(line)
            except Exception as error:  # of pyparsing or of Brian2
                fail(where, one_line_reason(error), line)
            if name in self._forbidden:
                fail(where, f"{name} is {self._forbidden[name]} and cannot be set", line)
            if operator != "=":
                expression = f"{name} {operator[:-1]} ({expression})"
            found = self.dimensions(expression, where, line, own)
            known = self._group.variables.get(name, own.get(name))
            if known is not None:
                self._same(found, known.dim, where, line)
                continue
            rest = "\n".join(lines[number + 1 :])
            if name not in names_in(rest):
                hint = did_you_mean(name, self._names())
                fail(where, f"{name!r} is no variable and is not used after it is set{hint}", line)
            own[name] = Variable(name=name, dimensions=found, scalar=False)

    def variable(self, name: str, where: str) -> Any:
        """Return Brian2's variable of that name; fail if the group has none that can be set."""
        from brian2.core.variables import ArrayVariable

        variable = self._group.variables.get(name)
        if name in self._forbidden:
            fail(where, f"{name} is {self._forbidden[name]} and cannot be set")
        if not isinstance(variable, ArrayVariable) or variable.read_only:
            hint = did_you_mean(name, self._names())
            fail(where, f"{name!r} is no variable that can be set{hint}")
        return variable

    def dimensions(
        self, code: str, where: str, line: str, own: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the dimension of an expression; fail on unknown names and units that disagree."""
        from brian2.parsing.expressions import parse_expression_dimensions

        variables = self._resolved(code, where, line, own or {})
        try:
            return parse_expression_dimensions(code, variables)
        except Exception as error:  # of units, syntax, or arguments of functions
            what = one_line_reason(error)
            if isinstance(error, brian2().DimensionMismatchError):
                what = f"the units do not agree: {what}{self._quoted(line)}"
            fail(where, what, line)

    def _is_boolean(self, code: str, where: str) -> bool:
        from brian2.parsing.expressions import is_boolean_expression

        variables = self._resolved(code, where, code, {})
        try:
            boolean = bool(is_boolean_expression(code, variables))
        except Exception as error:  # of syntax or types
            fail(where, one_line_reason(error), code)
        if boolean:
            self.dimensions(code, where, code)
        return boolean

    def _same(self, found: Any, expected: Any, where: str, line: str) -> None:
        if found is not expected:
            what = (
                f"the units do not agree: right-hand side is {unit_name(found)}, expected "
                f"{unit_name(expected)}{self._quoted(line)}"
            )
            fail(where, what, line)

    def _quoted(self, line: str) -> str:
        """Return the units of the hyperparameters in a line, which may be its mistake."""
        used = [name for name in sorted(names_in(line)) if name in self._units]
        text = ", ".join(f"{name} in {self._units[name]}" for name in used)
        return f" (hyperparameters: {text})" if used else ""

    def _resolved(self, code: str, where: str, line: str, own: Mapping[str, Any]) -> dict[str, Any]:
        from brian2.core.variables import Constant
        from brian2.utils.stringtools import get_identifiers

        xi = Constant("xi", dimensions=brian2().second.dim ** -0.5, value=0.0)
        found: dict[str, Any] = {}
        for name in sorted(get_identifiers(code)):
            if name in own:
                found[name] = own[name]
            elif re.fullmatch(r"xi(_\w+)?", name):
                found[name] = xi
            else:
                try:
                    found.update(self._group.resolve_all([name], {}, user_identifiers=set()))
                except KeyError:
                    hint = did_you_mean(name, self._names()) or self._if_empty()
                    fail(where, f"unknown symbol {name!r}{hint}", line)
        return found

    def _names(self) -> set[str]:
        variables = {name for name in self._group.variables if not name.startswith("_")}
        return variables | set(self._group.namespace) | set(self._units) | set(SIGNALS)

    def _if_empty(self) -> str:
        return "" if self._group.equations else "; the equations are empty"


def _line(equation: Any) -> str:
    left = f"d{equation.varname}/dt" if equation.type == DIFFERENTIAL else equation.varname
    return f"{left} = {equation.expr.code} : {equation.unit!r}"
