"""Brian2 solves equations once for each text; the code is that of its own state updater."""

import sys
from typing import Any

import pytest

from spikeloop.workers.brian import exact_integration
from spikeloop.workers.brian.exact_integration import exact
from spikeloop.workers.brian.simulator import brian2

pytestmark = pytest.mark.brian

TEXT = "dv/dt = -v / (10*ms) : 1"


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The equations that Brian2 was asked to solve, with nothing remembered at first."""
    brian2()
    module: Any = sys.modules["brian2.stateupdaters.exact"]
    solve, seen = module.linear, list[str]()

    def counted(equations: Any, variables: Any = None, method_options: Any = None) -> str:
        seen.append(str(equations))
        return str(solve(equations, variables, method_options))

    monkeypatch.setattr(module, "linear", counted)
    monkeypatch.setattr(exact_integration, "_solutions", {})
    return seen


def test_networks_of_any_size_get_brians_own_code_from_one_solution(solved: list[str]) -> None:
    b2 = brian2()
    equations = b2.Equations(TEXT)
    for n in (1, 3):
        group = b2.NeuronGroup(n, equations, method="exact")
        assert exact(equations, group.variables) == b2.exact(equations, group.variables)
    assert len(solved) == 1
    other = b2.Equations(TEXT.replace("10*ms", "6*ms"))
    assert exact(other) == b2.exact(other) != exact(equations)
    assert len(solved) == 2


@pytest.mark.parametrize(("dt_ms", "constant"), [(1.0, True), (2.0, False)])
def test_equations_with_a_function_of_the_network_are_solved_each_time(
    solved: list[str], dt_ms: float, constant: bool
) -> None:
    """An array of values over time is constant over steps that are no longer than its own."""
    b2 = brian2()
    equations = b2.Equations(f"dv/dt = (drive{dt_ms:.0f}(t) - v) / (10*ms) : 1")
    array = {f"drive{dt_ms:.0f}": b2.TimedArray([0.0, 1.0], dt=1 * b2.ms)}
    group = b2.NeuronGroup(1, equations, method="exact", dt=dt_ms * b2.ms, namespace=array)
    for _ in range(2):
        if constant:
            assert "drive1(t)" in exact(equations, {**group.variables, **array})
        else:
            base = sys.modules["brian2.stateupdaters.base"]
            with pytest.raises(base.UnsupportedEquationsException, match="constant over a time"):
                exact(equations, {**group.variables, **array})
    assert len(solved) == 2
