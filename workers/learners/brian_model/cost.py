"""Bounds on the cost of a model's code, found from its syntax before Brian2 sees it.

Brian2 hands equations to sympy, which evaluates constants exactly and multiplies powers of sums
out: ``9**9**9`` has 370 million digits, and ``(a + b + c)**400`` becomes 80,000 terms. A
configuration may be a stranger's, so all of this is bounded before any of it is evaluated.
"""

import ast
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from spikeloop.workers.brian.equations import fail, statements
from spikeloop.workers.learners.brian_model.settings import Model, code_of

MAX_CODE = 20_000
"""Characters of all code of a model; a column of Hodgkin and Huxley's neurons needs a fifth."""
MAX_DEPTH = 50
"""Levels of an expression; each takes several of Python's stack in Brian2 and in sympy."""
MAX_EXPONENT = 1000
"""Of a power; and the largest number in an exponent that depends on variables."""
MAX_BITS = 1 << 16
"""Of a constant that is evaluated exactly."""
MAX_TERMS = 1000
"""Of an expression that is multiplied out."""
MAX_NODES = 10_000
"""Names, numbers and operators of an expression, with subexpressions put in."""

TOO_LARGE = "has a constant that is too large"
FUNCTIONS = {
    **{name: getattr(math, name) for name in ("exp", "expm1", "sinh", "cosh", "log", "log10")},
    "exprel": lambda x: math.expm1(x) / x if x else 1.0,
    "sqrt": math.sqrt,
    "log1p": math.log1p,
}
"""Functions of which a constant may become far larger or smaller than it was."""

NAMED_CONSTANTS = {"pi": math.pi, "e": math.e}
UNIT_POWERS = re.compile(r"\*\*[-\s]*[\w.]*\s*\*\*|\b\d{5}")
"""A power of a power, or a large number, in a unit: Brian2 evaluates it as Python does."""


@dataclass(frozen=True)
class Cost:
    """The cost of an expression.

    Attributes:
        value: of a constant; None for what depends on variables.
        largest: the greatest absolute value of a constant in it.
        bits: of its constants, evaluated exactly.
        terms: after it is multiplied out.
        nodes: of its syntax tree, with subexpressions put in.
        depth: of its syntax tree.
    """

    value: float | None = None
    largest: float = 0.0
    bits: int = 0
    terms: int = 1
    nodes: int = 1
    depth: int = 1


class TooMuch(ValueError):
    """An expression that costs more than is allowed."""


def check_cost(model: Model) -> None:
    """Refuse code that would take Brian2 too long to evaluate.

    Raises:
        ValueError: one line that names table and key.
    """
    texts = {f"{t}.{key}": text for t, code in code_of(model).items() for key, text in code.items()}
    if (n := sum(map(len, texts.values()))) > MAX_CODE:
        raise ValueError(f"the code of a model must have at most {MAX_CODE} characters, got {n}")
    for where, text in texts.items():
        if where.endswith(".equations"):
            _check_equations(text, where)
        else:
            for line in statements(text):
                _measure(line, {}, where)


def _check_equations(text: str, where: str) -> None:
    """Check units and right-hand sides, divided as by Brian2's grammar, but without Brian2."""
    waiting: dict[str, str] = {}
    subexpressions: set[str] = set()
    for segment in re.sub(r"#.*", "", text).split(":"):
        left, equals, code = segment.partition("=")  # a unit and flags, then the next name
        if UNIT_POWERS.search(left):
            fail(where, "a unit must have small powers, such as second**-0.5", left)
        if equals and (match := re.search(r"(\w+)\s*(/\s*dt)?\s*$", left)):
            waiting[match[1]] = " ".join(code.split())
            subexpressions |= set() if match[2] else {match[1]}
    known: dict[str, Cost] = {}
    while waiting:  # a subexpression may stand after those that use it
        ready = [
            name
            for name, code in waiting.items()
            if not subexpressions & waiting.keys() & set(re.findall(r"\w+", code))
        ] or list(waiting)  # in a circle, which Brian2 refuses
        for name in ready:
            found = _measure(waiting.pop(name), known, where)
            if name in subexpressions:
                known[name] = replace(found, depth=1)


def _measure(code: str, known: Mapping[str, Cost], where: str) -> Cost:
    """Return the cost of an expression or statement; fail if it is too high."""
    try:
        tree = ast.parse(code.strip())
    except (SyntaxError, ValueError):  # for which Brian2 has a better message
        return Cost()
    except (RecursionError, MemoryError):
        fail(where, f"must have at most {MAX_DEPTH} levels", code)
    try:
        return _children(tree, known)
    except (TooMuch, RecursionError) as error:
        fail(where, str(error) if isinstance(error, TooMuch) else "is nested too deeply", code)


def _cost(node: ast.AST, known: Mapping[str, Cost]) -> Cost:
    """Return the cost of a part of an expression; raise TooMuch if it is too high."""
    match node:
        case ast.Constant(value=bool()):
            found = Cost()
        case ast.Constant(value=int() | float() as number):
            bits = number.bit_length() if isinstance(number, int) else 64
            found = Cost(_evaluated(float, number), bits=bits)
        case ast.Name(id=name):
            found = known.get(name, Cost(NAMED_CONSTANTS.get(name)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _cost(operand, known)
            found = _joined([inner], value=None if inner.value is None else -inner.value)
        case (
            ast.BinOp(left=left, op=op, right=right)
            | ast.AugAssign(target=left, op=op, value=right)
        ):
            found = _operation(_cost(left, known), op, _cost(right, known))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            found = _call(name, [_cost(argument, known) for argument in args])
        case _:
            found = _children(node, known)
    if found.value is not None and not math.isfinite(found.value):
        raise TooMuch(TOO_LARGE)
    for what, most, is_ in (
        ("levels", MAX_DEPTH, found.depth),
        ("parts, with subexpressions put in", MAX_NODES, found.nodes),
        ("terms when it is multiplied out", MAX_TERMS, found.terms),
        ("binary digits in its exact constants", MAX_BITS, found.bits),
    ):
        if is_ > most:
            raise TooMuch(f"must have at most {most} {what}")
    return replace(found, largest=max(found.largest, abs(found.value or 0.0)))


def _operation(left: Cost, op: ast.operator, right: Cost) -> Cost:
    """Return the cost of two expressions joined by an operator."""
    constant = left.value is not None and right.value is not None
    a, b, terms = left.value or 0.0, right.value or 0.0, left.terms
    match op:
        case ast.Pow():
            return _power(left, right)
        case ast.Add() | ast.Sub():
            value, terms = a + b if isinstance(op, ast.Add) else a - b, left.terms + right.terms
        case ast.Mult():
            value, terms = a * b, left.terms * right.terms
        case ast.Div():
            value = a / b if b else 0.0
        case _:
            value, terms = math.fmod(a, b) if b else 0.0, 1
    bits = left.bits + right.bits if constant else max(left.bits, right.bits)
    return _joined([left, right], value=value if constant else None, bits=bits, terms=terms)


def _power(base: Cost, exponent: Cost) -> Cost:
    size = exponent.largest if exponent.value is None else abs(exponent.value)
    if size > MAX_EXPONENT:
        raise TooMuch(f"must have exponents of at most {MAX_EXPONENT}")
    n, value, power = math.ceil(size), None, exponent.value
    if base.value is not None and power is not None:
        value = _evaluated(lambda b: abs(b) ** power, base.value)
    terms = math.comb(n + base.terms - 1, n) if base.terms > 1 else 1
    bits = base.bits * max(n, 1) + exponent.bits
    return _joined([base, exponent], value=value, bits=bits, terms=terms)


def _call(name: str, arguments: list[Cost]) -> Cost:
    """Return the cost of a function of expressions, which is a single term."""
    values = [argument.value for argument in arguments if argument.value is not None]
    value = None
    if values and len(values) == len(arguments):
        value = _evaluated(FUNCTIONS.get(name, float), max(values, key=abs))
    return _joined(arguments, value=value, terms=1)


def _evaluated(function: Callable[[float], float], value: float) -> float:
    """Return a function's value, or 1 where it has none, which other checks refuse."""
    try:
        result = function(value)
    except OverflowError:
        raise TooMuch(TOO_LARGE) from None
    except (ValueError, ZeroDivisionError):
        return 1.0
    if result == 0 and value not in (0.0, 1.0):
        raise TooMuch("has a constant that is too small")
    return float(result)


def _children(node: ast.AST, known: Mapping[str, Cost]) -> Cost:
    """Return the cost of all that a node holds."""
    parts = [_cost(child, known) for child in ast.iter_child_nodes(node)]
    return _joined(parts, terms=1) if parts else Cost()


def _joined(parts: list[Cost], **changes: Any) -> Cost:
    """Return the cost of several expressions as parts of one."""
    whole = Cost(
        largest=max((part.largest for part in parts), default=0.0),
        bits=max((part.bits for part in parts), default=0),
        terms=sum(part.terms for part in parts),
        nodes=sum(part.nodes for part in parts) + 1,
        depth=max((part.depth for part in parts), default=0) + 1,
    )
    return replace(whole, **changes)
