"""Read text as Brian2's quantities: "-60*mV", "2.5 nS", "1/(4*Mohm)".

Settings come from files, so nothing is evaluated: the text is read as arithmetic of numbers and of
Brian2's unit names, and anything else is an error that says so.
"""

import ast
import difflib
import math
import operator
import re
from typing import Any

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.brian.simulator import brian2

NUMBER_UNIT = re.compile(r"(?<![\w.])((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s+(?=[A-Za-z])")
"""A number, blanks, and a letter: "2.5 nS"."""

QUANTITY_CHARACTERS = re.compile(
    r"(?:\s|[-+*/()]|(?:[0-9]+\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?(?![\w.])|[^\W\d]\w*+)*+"
)
"""Blanks, operators, numbers and names. Python reads more than these, and warns of "80and.5"."""

MAX_LENGTH = 200
"""Of a text; deeper nesting than fits would exhaust Python's stack."""

MAX_UNIT_EXPONENT = 12
"""Of a power; more is a mistake."""


def quantity(text: str) -> Any:
    """Return the ``Quantity`` of a text, or a float if there are no units or all of them cancel.

    The text has numbers, unit names, ``+ - * / **`` and parentheses; a blank between a number and a
    unit is a multiplication like any other, so "1/2 ms" is 0.5 ms.

    Raises:
        ValueError: one line with the requirement and the text.
    """
    value, dimension = _parsed(text)
    if dimension.is_dimensionless:
        return value
    return brian2().Quantity.with_dimensions(value, dimension)


def unit(text: str) -> Any:
    """Return the unit of a text, such as "ms" or "nS/cm**2"; "1" is none."""
    value = quantity(text)
    if float(value) <= 0:
        raise ValueError(f"a unit must be positive, got {text!r}")
    return value


def in_unit(values: FloatArray, name: str) -> FloatArray:
    """Convert values in the unit ``name`` to SI base units, without dimension."""
    return values * float(unit(name))


def _parsed(text: str) -> tuple[float, Any]:
    """Return value in SI base units and dimension of a text."""
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise ValueError(
            f"a quantity must have at most {MAX_LENGTH} characters, got {text[:20]!r}..."
        )
    if not QUANTITY_CHARACTERS.fullmatch(text):
        raise _not_arithmetic(text)
    try:
        tree = ast.parse(NUMBER_UNIT.sub(r"\1*", text), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _not_arithmetic(text) from None
    try:
        value, dimension = _value(tree.body, text)
    except (ZeroDivisionError, OverflowError):
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"a quantity must be finite, got {text!r}")
    return value, dimension


def _value(node: ast.expr, text: str) -> tuple[float, Any]:
    """Return value and dimension of a part of the text's syntax tree."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number), brian2().get_dimensions(1)
        case ast.Name(id=name):
            return _named(name, text)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value, dimension = _value(operand, text)
            return -value, dimension
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, text)
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(_value(left, text), op, _value(right, text), text)
    raise _not_arithmetic(text)


def _combined(
    left: tuple[float, Any], op: ast.operator, right: tuple[float, Any], text: str
) -> tuple[float, Any]:
    """Return left and right joined by an operator."""
    (a, a_dimension), (b, b_dimension) = left, right
    match op:
        case ast.Mult():
            return a * b, a_dimension * b_dimension
        case ast.Div():
            return a / b, a_dimension / b_dimension
        case ast.Add() | ast.Sub():
            if a_dimension != b_dimension:
                raise ValueError(f"terms of a sum must have the same dimension, got {text!r}")
            return a + b if isinstance(op, ast.Add) else a - b, a_dimension
        case ast.Pow():
            if not b_dimension.is_dimensionless or abs(b) > MAX_UNIT_EXPONENT:
                raise ValueError(
                    f"an exponent must be a number in [-{MAX_UNIT_EXPONENT}, {MAX_UNIT_EXPONENT}], "
                    f"got {text!r}"
                )
            if a < 0 and b != round(b):
                raise ValueError(f"a root must be of a positive quantity, got {text!r}")
            return float(a**b), a_dimension**b
    raise _not_arithmetic(text)


def _named(name: str, text: str) -> tuple[float, Any]:
    """Return value and dimension of the unit of that name."""
    units = brian2().DEFAULT_UNITS
    if name in units:
        return float(units[name]), units[name].dim
    # "mv" is nearer to "mV" than to any other name of two letters.
    same = [other for other in units if other.lower() == name.lower()]
    near = sorted(same, key=lambda other: sum(map(operator.ne, other, name)))
    near = near or difflib.get_close_matches(name, units, n=1)
    hint = f", did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"a unit must be one of Brian2's, got {name!r} in {text!r}{hint}")


def _not_arithmetic(text: str) -> ValueError:
    return ValueError(
        "a quantity must be numbers and units joined by + - * / ** and parentheses, such as -60*mV "
        f"or 2.5 nS, got {text!r}"
    )
