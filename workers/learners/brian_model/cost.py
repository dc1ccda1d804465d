"""What the code of a model costs before it runs, told from its syntax alone.

Brian2 hands equations to sympy, which works out constants exactly and multiplies powers of sums
out: ``9**9**9`` has 370 million digits, and ``(a + b + c)**400`` becomes 80,000 terms. A
configuration may be a stranger's, so all of this is bounded before any of it is evaluated.
"""

import ast
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from spikeloop.workers.brian.equations import fail, statements
from spikeloop.workers.learners.brian_model.model import Model

MAX_CODE = 20_000
"""Characters of all code of a model; a column of Hodgkin and Huxley's neurons needs a fifth."""
MAX_DEPTH = 50
"""Levels of an expression; each takes several of Python's stack in Brian2 and in sympy."""
MAX_EXPONENT = 1000
"""Of a power; and the largest number in an exponent that depends on variables."""
MAX_BITS = 1 << 16
"""Of a constant that is worked out exactly."""
MAX_TERMS = 1000
"""Of an expression that is multiplied out."""
MAX_NODES = 10_000
"""Names, numbers and operators of an expression, with subexpressions put in."""

FUNCTIONS = {
    **{name: getattr(math, name) for name in ("exp", "expm1", "sinh", "cosh", "log", "log10")},
    "exprel": lambda x: math.expm1(x) / x if x else 1.0,
    "sqrt": math.sqrt,
    "log1p": math.log1p,
}
"""Functions of which a constant may become far larger or smaller than it was."""

CONSTANTS = {"pi": math.pi, "e": math.e}
UNIT_POWERS = re.compile(r"\*\*[-\s]*[\w.]*\s*\*\*|\b\d{5}")
"""A power of a power, or a large number, in a unit: Brian2 works it out as Python does."""


@dataclass(frozen=True)
class Cost:
    """What an expression comes to.

    Attributes:
        value: of a constant; None for what depends on variables.
        largest: the greatest absolute value of a constant in it.
        bits: of its constants, if they are worked out exactly.
        terms: after it is multiplied out.
        nodes: of it, with subexpressions put in.
        depth: levels of it.
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
    """Refuses code that takes too long to be worked out, before Brian2 sees any of it.

    Raises:
        ValueError: one line that names table and key.
    """
    texts = dict(_texts(model))
    if (n := sum(map(len, texts.values()))) > MAX_CODE:
        raise ValueError(f"the code of a model must have at most {MAX_CODE} characters, got {n}")
    for where, text in texts.items():
        if where.endswith(".equations"):
            _check_equations(text, where)
        else:
            for line in statements(text):
                _measure(line, {}, where)


def _texts(model: Model) -> Iterator[tuple[str, str]]:
    """All code of a model, by the place where it stands."""
    yield from (("input.rate", model.input.rate), ("input.at", model.input.at))
    yield "readout.by", model.readout.by
    for kind in ("neurons", "synapses"):
        for name, table in getattr(model, kind).items():
            for key, code in table:
                where = f"{kind}.{name}.{key}"
                if key in ("equations", "threshold", "reset", "refractory") or key[:3] == "on_":
                    yield where, code
                elif key == "initial":
                    yield from ((f"{where}.{variable}", text) for variable, text in code.items())


def _check_equations(text: str, where: str) -> None:
    """Checks units and right-hand sides as Brian2's grammar divides them, without Brian2."""
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
    """The cost of an expression or statement; fails if it is too high."""
    try:
        tree = ast.parse(code.strip())
    except (SyntaxError, ValueError):  # which Brian2 tells better
        return Cost()
    except (RecursionError, MemoryError):
        fail(where, f"must have at most {MAX_DEPTH} levels", code)
    try:
        return _of_all(tree, known)
    except (TooMuch, RecursionError) as error:
        fail(where, str(error) if isinstance(error, TooMuch) else "is nested too deeply", code)


def _cost(node: ast.AST, known: Mapping[str, Cost]) -> Cost:
    """The cost of a part of an expression; TooMuch if it is too high."""
    match node:
        case ast.Constant(value=bool()):
            found = Cost()
        case ast.Constant(value=int() | float() as number):
            found = _number(number)
        case ast.Name(id=name):
            found = known.get(name, Cost(CONSTANTS.get(name)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _cost(operand, known)
            found = _grown(inner, value=None if inner.value is None else -inner.value)
        case (
            ast.BinOp(left=left, op=op, right=right)
            | ast.AugAssign(target=left, op=op, value=right)
        ):
            found = _joined(_cost(left, known), op, _cost(right, known))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            found = _called(name, [_cost(argument, known) for argument in args])
        case _:
            found = _of_all(node, known)
    if found.value is not None and not math.isfinite(found.value):
        raise TooMuch("has a constant that is too large")
    for what, most, is_ in (
        ("levels", MAX_DEPTH, found.depth),
        ("parts, with subexpressions put in", MAX_NODES, found.nodes),
        ("terms when it is multiplied out", MAX_TERMS, found.terms),
        ("binary digits in its exact constants", MAX_BITS, found.bits),
    ):
        if is_ > most:
            raise TooMuch(f"must have at most {most} {what}")
    return replace(found, largest=max(found.largest, abs(found.value or 0.0)))


def _number(number: float) -> Cost:
    try:
        return Cost(float(number), bits=number.bit_length() if isinstance(number, int) else 64)
    except OverflowError:
        raise TooMuch("has a constant that is too large") from None


def _joined(left: Cost, op: ast.operator, right: Cost) -> Cost:
    """Two expressions joined by an operator."""
    both = _together([left, right])
    constant = left.value is not None and right.value is not None
    if isinstance(op, ast.Pow):
        return _power(left, right, both)
    a, b = left.value or 0.0, right.value or 0.0
    match op:
        case ast.Add() | ast.Sub():
            value = a + b if isinstance(op, ast.Add) else a - b
            both = replace(both, terms=left.terms + right.terms)
        case ast.Mult():
            value = a * b
            both = replace(both, terms=left.terms * right.terms)
        case ast.Div():
            value = a / b if b else 0.0
            both = replace(both, terms=left.terms)
        case _:
            value = math.fmod(a, b) if b else 0.0
            both = replace(both, terms=1)
    bits = left.bits + right.bits if constant else both.bits
    return replace(both, value=value if constant else None, bits=bits)


def _power(base: Cost, exponent: Cost, both: Cost) -> Cost:
    size = exponent.largest if exponent.value is None else abs(exponent.value)
    if size > MAX_EXPONENT:
        raise TooMuch(f"must have exponents of at most {MAX_EXPONENT}")
    n = math.ceil(size)
    value = None
    if base.value is not None and exponent.value is not None:
        value = _worked_out(lambda b: abs(b) ** exponent.value, base.value)  # type: ignore[operator]
    terms = math.comb(n + base.terms - 1, n) if base.terms > 1 else 1
    return replace(both, value=value, bits=base.bits * max(n, 1) + exponent.bits, terms=terms)


def _called(name: str, arguments: list[Cost]) -> Cost:
    """A function of expressions, which is one term whatever is in it."""
    found = replace(_together(arguments), terms=1)
    values = [argument.value for argument in arguments]
    if not values or None in values:
        return found
    value = max((v for v in values if v is not None), key=abs)
    function = FUNCTIONS.get(name)
    return replace(found, value=value if function is None else _worked_out(function, value))


def _worked_out(function: Callable[[float], float], value: float) -> float:
    """A function's value; one where it has none, which is told elsewhere."""
    try:
        result = function(value)
    except OverflowError:
        raise TooMuch("has a constant that is too large") from None
    except (ValueError, ZeroDivisionError):
        return 1.0
    if result == 0 and value not in (0.0, 1.0):
        raise TooMuch("has a constant that is too small")
    return float(result)


def _of_all(node: ast.AST, known: Mapping[str, Cost]) -> Cost:
    """The cost of all that a node holds."""
    inner = [_cost(child, known) for child in ast.iter_child_nodes(node)]
    return replace(_together(inner), terms=1) if inner else Cost()


def _grown(inner: Cost, value: float | None) -> Cost:
    return replace(inner, value=value, nodes=inner.nodes + 1, depth=inner.depth + 1)


def _together(parts: list[Cost]) -> Cost:
    """Several expressions as parts of one."""
    return Cost(
        None,
        max((part.largest for part in parts), default=0.0),
        max((part.bits for part in parts), default=0),
        sum(part.terms for part in parts),
        sum(part.nodes for part in parts) + 1,
        max((part.depth for part in parts), default=0) + 1,
    )
