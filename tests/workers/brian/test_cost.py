"""Code that would take for ever to be worked out is refused before Brian2 sees it."""

from typing import Any

import pytest

from spikeloop.workers.learners.brian_model.cost import MAX_CODE, check_cost
from spikeloop.workers.learners.brian_model.learner import BrianModel

EQUATIONS = "dv/dt = -v/(10*ms) : 1\ng : 1"


def model(**neurons: Any) -> BrianModel:
    """A model with some keys of its population replaced."""
    table = {"n": "actions", "equations": EQUATIONS, "threshold": "v > 1", "reset": "v = 0"}
    return BrianModel.model_validate({"neurons": {"actions": {**table, **neurons}}})


def subexpression(code: str) -> dict[str, Any]:
    return {"equations": f"{EQUATIONS}\nq = {code} : 1"}


def chain(n: int) -> dict[str, Any]:
    """Each subexpression has the one before it twice."""
    lines = [f"q{i + 1} = q{i}*(q{i} + 1) : 1" for i in range(n)]
    return {"equations": "\n".join([EQUATIONS, *reversed(lines), "q0 = v : 1"])}


BOMBS: dict[str, tuple[dict[str, Any], str]] = {
    "power of powers": (subexpression("9**9**9"), "exponents of at most 1000"),
    "in parentheses": (subexpression("2**(2**(2**40))"), "exponents of at most 1000"),
    "of variables": (subexpression("2**(v + 10**9)"), "exponents of at most 1000"),
    "of a fraction": (subexpression("(1/3)**(10**9)"), "exponents of at most 1000"),
    "of small numbers": (subexpression("((9**999)**30)**-1"), "constant that is too large"),
    "exact fraction": (subexpression("((1000001/1000000)**1000)**1000"), "binary digits"),
    "pi": (subexpression("(9**(9**(pi**10))) % 3"), "exponents of at most 1000"),
    "exp": (subexpression("exp(exp(exp(10))) % 3"), "constant that is too large"),
    "tiny": (subexpression("floor(1 - exp(-exp(10)))"), "constant that is too small"),
    "digits": (subexpression("9" * 1000), "constant that is too large"),
    "sum of a power": (subexpression("(v + g + 1)**400"), "terms when it is multiplied out"),
    "sums of powers": (subexpression("((v + g)**30 + 1)**30"), "terms when it is multiplied out"),
    "differential": ({"equations": "dv/dt = -v/(10*ms)*9**9**9 : 1"}, "exponents of at most 1000"),
    "two lines": (subexpression("9\n**9**9"), "exponents of at most 1000"),
    "chain": (chain(40), "parts, with subexpressions put in"),
    "parentheses": (subexpression("(" * 3000 + "v" + ")" * 3000), ""),
    "levels": (subexpression("-" * 60 + "v"), "levels"),
    "many levels": (subexpression("-" * 5000 + "v"), "levels"),
    "long sum": (subexpression("+".join(["v"] * 5000)), "levels"),
    "long": ({"reset": "v = 0\n" * MAX_CODE}, "the code of a model must have at most"),
    "unit": ({"equations": f"{EQUATIONS}\nh : volt**9**9**9"}, "a unit must have small powers"),
    "unit, apart": ({"equations": f"{EQUATIONS}\nh : volt** - 9 **9"}, "a unit must have small"),
    "large unit": ({"equations": f"{EQUATIONS}\nh : volt**1000000"}, "a unit must have small"),
    "reset": ({"reset": "v = 9**9**9"}, "exponents of at most 1000"),
    "power in place": ({"reset": "v **= 9**9**9"}, "exponents of at most 1000"),
    "threshold": ({"threshold": "v > 9**9**9"}, "exponents of at most 1000"),
    "refractory": ({"refractory": "ms*9**9**9"}, "exponents of at most 1000"),
    "initial": ({"initial": {"g": "9**9**9"}}, "exponents of at most 1000"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_costly_code_is_refused_in_one_line(name: str) -> None:
    neurons, words = BOMBS[name]
    try:
        check_cost(model(**neurons))
    except ValueError as error:
        assert words in str(error)
        assert "\n" not in str(error)
        assert len(str(error)) < 300
    else:
        assert name == "parentheses"  # Python's own parser refuses these, and so does Brian2


def test_costly_code_of_other_tables_is_refused() -> None:
    tables: list[dict[str, Any]] = [
        {"input": {"rate": "9**9**9*Hz"}},
        {"readout": {"by": "9**9**9*v"}},
        {"synapses": {"s": {"source": "input", "target": "actions", "on_pre": "v += 9**9**9"}}},
    ]
    for table in tables:
        whole = {**model().model_dump(), **table}
        with pytest.raises(ValueError, match="exponents of at most 1000"):
            check_cost(BrianModel.model_validate(whole))


@pytest.mark.parametrize(
    "code",
    [
        "v**3/3 - v + 0.5",
        "120*m**3*h*(50 - v) + 36*n**4*(-77 - v) + 0.3*(-54.4 - v)",
        "0.1*(v + 40)/(1 - exp(-(v + 40)/10))",
        "(c/2)**(1/3) + second**-0.5 + (x + y)**0.5 + 2**((t_c - 37)/10)",
        "1e-300 + 1e300 + 10**-12 + 2**64 + 3.0**400",
        "+".join(f"x{i}" for i in range(40)),
        "(1 + a)*(1 + b)*(1 + c)*(1 + d)",
        "clip(v, 0, inf) + int(v > 1) + (v > 1 and not g < 2)",
    ],
)
def test_code_of_ordinary_models_is_not_refused(code: str) -> None:
    check_cost(model(**subexpression(code), reset=f"x = {code}; v += x", threshold=f"v > {code}"))
    check_cost(model(**chain(5)))
