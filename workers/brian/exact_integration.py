"""Exact integration of linear equations, which Brian2 solves once for each text of equations.

Brian2 itself solves them anew for every network. That takes seconds where two variables depend on
each other, although the solution depends neither on the number of neurons nor on that of episodes.
"""

from typing import Any

_solutions: dict[tuple[tuple[str, str], ...], str] = {}


def exact(equations: Any, variables: Any = None, method_options: Any = None) -> str:
    """Return the code of a time step, as Brian2's state updater "exact" does.

    It follows from the text of the equations alone, unless a function in them is not Brian2's own:
    such a function says itself whether it is constant over a time step.

    Args:
        equations: Brian2's ``Equations``.
        variables: Brian2's variables and functions by name.
        method_options: passed on to Brian2.

    Raises:
        UnsupportedEquationsException: Brian2 cannot solve the equations.
    """
    from brian2.core.functions import DEFAULT_FUNCTIONS, Function
    from brian2.stateupdaters.exact import linear

    found = variables or {}
    called = {name for name in equations.identifiers if isinstance(found.get(name), Function)}
    own = any(found[name] is not DEFAULT_FUNCTIONS.get(name) for name in called)
    if own or equations.is_stochastic or method_options:
        return str(linear(equations, variables, method_options))
    expressions = equations.get_substituted_expressions(variables)
    text = tuple((name, expression.code) for name, expression in expressions)
    if text not in _solutions:
        _solutions[text] = linear(equations, variables)
    return _solutions[text]
