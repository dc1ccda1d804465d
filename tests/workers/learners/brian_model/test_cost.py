"""Code that would take very long to evaluate is refused before Brian2 sees it."""

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


POWER = "9**9**9"
BOMBS: dict[str, list[dict[str, Any]]] = {
    "exponent": [
        *map(subexpression, (POWER, "2**(2**(2**40))", "2**(v + 10**9)", "(1/3)**(10**9)")),
        *map(subexpression, ("(9**(9**(pi**10))) % 3", "9\n**9**9")),
        {"equations": f"dv/dt = -v/(10*ms)*{POWER} : 1"},
        {"reset": f"v = {POWER}"},
        {"reset": f"v **= {POWER}"},
        {"threshold": f"v > {POWER}"},
        {"refractory": f"ms*{POWER}"},
        {"initial": {"g": POWER}},
    ],
    "constant": [
        *map(subexpression, ("((9**999)**30)**-1", "exp(exp(exp(10))) % 3", "9" * 1000)),
        subexpression("floor(1 - exp(-exp(10)))"),
    ],
    "binary digits": [subexpression("((1000001/1000000)**1000)**1000")],
    "terms": [subexpression("(v + g + 1)**400"), subexpression("((v + g)**30 + 1)**30")],
    "parts": [chain(40)],
    "levels": [
        *(subexpression("-" * n + "v") for n in (60, 5000)),
        subexpression("+".join(["v"] * 5000)),
    ],
    "characters": [{"reset": "v = 0\n" * MAX_CODE}],
    "powers": [
        {"equations": f"{EQUATIONS}\nh : {unit}"}
        for unit in ("volt**9**9**9", "volt** - 9 **9", "volt**1000000")
    ],
}


@pytest.mark.parametrize("word", BOMBS)
def test_costly_code_is_refused_in_one_short_line(word: str) -> None:
    for neurons in BOMBS[word]:
        with pytest.raises(ValueError, match=word) as caught:
            check_cost(model(**neurons))
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300


def test_nesting_that_python_refuses_is_left_to_brian2() -> None:
    check_cost(model(**subexpression("(" * 3000 + "v" + ")" * 3000)))


def test_costly_code_of_other_tables_is_refused() -> None:
    tables: list[dict[str, Any]] = [
        {"input": {"rate": f"{POWER}*Hz"}},
        {"readout": {"by": f"{POWER}*v"}},
        {"synapses": {"s": {"source": "input", "target": "actions", "on_pre": f"v += {POWER}"}}},
    ]
    for table in tables:
        whole = {**model().model_dump(), **table}
        with pytest.raises(ValueError, match="exponent"):
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
