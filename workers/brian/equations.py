"""Reading a user's Brian2 code, with one line that names the place of a mistake.

Brian2 finds mistakes where it generates code, and reports them with the object it was working on,
over several lines. Here each piece of code is read on its own, so a message can say which equation
or statement is meant, and Brian2's text is shortened to its cause.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from typing import Any, NoReturn

from spikeloop.workers.brian.simulator import brian2

NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
MAX_CODE_SHOWN = 100
"""Characters of code in a message."""
BASE_DIMENSIONS = re.compile(
    r"\b(?:mol|kg|cd|m|s|A|K)(?:\^-?[\d.]+)?(?: (?:mol|kg|cd|m|s|A|K)(?:\^-?[\d.]+)?)*(?=[),;.]|$)"
)
"""How Brian2 writes a dimension: m^2 kg s^-3 A^-1."""


def names_in(code: str) -> Set[str]:
    """Return all names in code or equations, except in comments."""
    return set(NAME.findall(_without_comments(code)))


def statements(code: str) -> list[str]:
    """Return the statements of code, one by one."""
    parts = re.split(r"[;\n]", _without_comments(code))
    return [part.strip() for part in parts if part.strip()]


def parsed(text: str, where: str) -> Any:
    """Read a text as Brian2's ``Equations``.

    Raises:
        ValueError: one line that begins with ``where`` and, if it is known, the equation.
    """
    equations = brian2().Equations
    try:
        return equations(text)
    except Exception as error:  # of parser, units and names; Brian2 has no common class for them
        for line in statements(text):
            try:
                equations(line)
            except Exception as of_line:  # of the same kinds
                fail(where, one_line_reason(of_line), line)
        fail(where, one_line_reason(error))


def dimension_text(unit: Any) -> str:
    """Return a unit as equations may state it: in base units, with all powers written out."""
    dimensions = brian2().get_dimensions(unit)
    if dimensions.is_dimensionless:
        return "1"
    return str(dimensions._str_representation(python_code=True))


def unit_name(dimensions: Any) -> str:
    """Return a dimension for a message, such as "V/s"; "no unit"."""
    from brian2.units.fundamentalunits import get_unit_for_display

    if dimensions.is_dimensionless:
        return "no unit"
    name, per_second = (
        str(get_unit_for_display(d)) for d in (dimensions, dimensions * brian2().second.dim)
    )
    return f"{per_second}/s" if "^" in name and not re.search(r"[\^ ]", per_second) else name


def fail(where: str, what: str, code: str = "") -> NoReturn:
    """Raise ValueError with the one line of a mistake."""
    code = " ".join(code.split())
    if len(code) > MAX_CODE_SHOWN:
        code = f"{code[: MAX_CODE_SHOWN - 1]}…"
    raise ValueError(f"{where}: {code}: {what}" if code else f"{where}: {what}")


@contextmanager
def located(where: str) -> Iterator[None]:
    """Turn any error within into the one line of a mistake at ``where``."""
    try:
        yield
    except Exception as error:  # of names, flags or dependencies; Brian2 has no common class
        fail(where, one_line_reason(error))


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return a "did you mean" for a misspelt name, or nothing."""
    close = difflib.get_close_matches(word, sorted(words), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def one_line_reason(error: BaseException) -> str:
    """Return the innermost cause of an exception of Brian2, in one line."""
    while True:
        text = str(error.args[0]) if isinstance(error, KeyError) else str(error)
        if text.startswith("Parsing failed"):
            return "cannot be read; write dx/dt = … : unit, x = … : unit, or x : unit"
        if text.startswith("Parsing the statement failed"):
            return "cannot be read; a statement sets a variable, such as v = v_rest or w += dw"
        if error.__cause__ is None:
            break
        error = error.__cause__
    if match := re.search(r"refers to '(\w+)', but this is not a base unit", text):
        hint = did_you_mean(match[1], BASE_UNITS)
        return f"{match[1]!r} must be a base unit, such as volt, amp, second or 1{hint}"
    text = " ".join(text.split())
    text = re.sub(r"\s*\(<unknown>[^)]*\)", "", text)
    text = re.sub(r"expression'", "expression '", text)
    return BASE_DIMENSIONS.sub(_readable, text).rstrip(".")


ELECTRIC = {"amp", "volt", "ohm", "siemens", "farad", "coulomb", "henry", "watt", "weber", "tesla"}
BASE_UNITS = ELECTRIC | {"second", "hertz", "Hz", "metre", "kilogram", "kelvin", "mole", "joule"}
"""What equations may state as a unit, or the most of it; prefixes are for values."""


def _without_comments(code: str) -> str:
    return re.sub(r"#.*", "", code)


def _readable(match: re.Match[str]) -> str:
    """Return a dimension in base units as the unit of that dimension."""
    from brian2.units.fundamentalunits import get_or_create_dimension

    powers = [part.partition("^") for part in match[0].split()]
    keywords = {name: float(power or 1) for name, _, power in powers}
    return unit_name(get_or_create_dimension(**keywords))
