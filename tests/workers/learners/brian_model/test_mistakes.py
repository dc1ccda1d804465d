"""Every mistake in a user's model is one line with table, key and the piece of code."""

import sys
from pathlib import Path
from typing import Any

import pytest
from support.brian_model_tables import TABLES, changed
from support.child_processes import ended
from support.paths import TESTS

from spikeloop.coordinator.config.settings_builder import Kinds, build
from spikeloop.coordinator.errors import ConfigError
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.brian.equations import names_in, statements
from spikeloop.workers.learners.brian_model.learner import BrianModel

pytestmark = pytest.mark.brian

INTERFACE = RandomMdp(n_states=4, n_actions=3, n_steps=60).interface
A, P = "neurons.actions.", "synapses.plastic."
WEIGHTS = {"group": "plastic", "variable": "w", "scale": 1.0, "unit": "pA"}
PLASTIC = TABLES["synapses"]["plastic"]
CONTINUOUS = {"readout.by": "0.05*count", "synapses": {"plastic": PLASTIC}}
"""Changes for one continuous action; a single neuron inhibits no other."""
ON_BASELINE = {"group": "actions", "variable": "baseline", "scale": 1.0}


def line(model: dict[str, Any]) -> str:
    """The error of a model's mistake."""
    with pytest.raises(ValueError, match=":") as caught:
        BrianModel(**model).space(INTERFACE)
    return str(caught.value)


E_ = A + "equations"
MISTAKES: dict[str, tuple[str, Any, str, list[str]]] = {
    "unknown symbol": (E_, ("(v_rest", "(v_rset"), f"{E_}: dv/dt = (v_rset", ["'v_rest'?"]),
    "units of an equation": (E_, ("/tau_s", ""), f"{E_}: di_syn/dt = -i_syn", ["A/s"]),
    "units of terms": (E_, ("i_syn/C", "i_syn"), f"{E_}: dv/dt", ["tau_m in ms", "V/s", "A"]),
    "unit of a hyperparameter": (
        "hyperparameters.tau_m.unit", "mV", f"{E_}: dv/dt", ["V/s", "tau_m in mV"]
    ),
    "unknown unit of a hyperparameter": (
        "hyperparameters.tau_m.unit", "millis", "hyperparameters.tau_m.unit: ", ["'millis'"]
    ),
    "hyperparameter without use": (
        "hyperparameters.theta", {"low": 0.0, "high": 1.0, "default": 0.5},
        "hyperparameters.theta: ", ["uses it"],
    ),
    "default out of bounds": (
        "hyperparameters.tau_m.default", 500.0, "hyperparameters.tau_m: ", ["[5.0, 50.0]", "500.0"]
    ),
    "open parenthesis": (E_, ("v)/tau_m", "v/tau_m"), f"{E_}: dv/dt = (v_rest - v/tau_m", []),
    "unit that is none": (E_, (": amp", ": amps"), f"{E_}: di_syn/dt", ["'amps'", "'amp'?"]),
    "equation without unit": (E_, ("baseline : 1", "baseline"), f"{E_}: baseline: ", [": unit"]),
    "name of Brian2": (E_, ("baseline : 1", "t : second"), f"{E_}: t : second: ", ["'t'"]),
    "name of the learner": (E_, ("baseline", "feedback : 1\nbaseline"), f"{E_}: ", []),
    "flag that is none": (E_, ("(unless refractory)", "(sometimes)"), f"{E_}: ", ["'sometimes'"]),
    "variable defined twice": (E_, ("baseline : 1", "v : volt"), f"{E_}: ", ["'v'"]),
    "threshold that is no condition": (
        A + "threshold", "v - v_th", f"{A}threshold: v - v_th: ", ["condition"]
    ),
    "units of a threshold": (A + "threshold", "v > -50", f"{A}threshold: v > -50: ", ["(V)"]),
    "no threshold": (A + "threshold", "", f"{A}threshold: ", [P + "on_post"]),
    "units of a reset": (A + "reset", "v = -60", f"{A}reset: v = -60: ", ["V"]),
    "statement that is none": (A + "reset", "v == v_rest", f"{A}reset: v == v_rest: ", ["v = "]),
    "misspelt variable in a statement": (
        A + "on_feedback", "baselin = feedback", f"{A}on_feedback: baselin = ", ["'baseline'?"]
    ),
    "hyperparameter set": (
        A + "reset", "v = v_rest\ntau_m += 1*ms", f"{A}reset: tau_m += 1*ms: ", ["hyperparameter"]
    ),
    "refractory time": (A + "refractory", "2*mV", f"{A}refractory: 2*mV: ", ["time", "V"]),
    "refractory without time": (A + "refractory", "", f"{A}refractory: ", ["unless refractory"]),
    "unknown method": (A + "method", "rk5", f"{A}method: ", ["exact, ", "'rk5'"]),
    "method for other equations": (
        E_, ("(v_rest - v)", "(v_rest - v)*exp(v/v_rest)"),
        f"{A}method: ", ["'exact'", "try exponential_euler or euler"],
    ),
    "unknown method of synapses": (
        "synapses.plastic",
        {**PLASTIC, "method": "rk5", "equations": PLASTIC["equations"].replace("event", "clock")},
        f"{P}method: ", ["'rk5'"],
    ),
    "initial value of nothing": (A + "initial", {"u": "1"}, f"{A}initial: ", ["'u'"]),
    "units of an initial value": (P + "initial", {"w": "0.5"}, f"{P}initial: w = 0.5: ", ["A"]),
    "parameter that nothing sets": (
        E_, ("baseline : 1", "baseline : 1\ngain : 1"), f"{E_}: gain: ", ["initial value"]
    ),
    "index in the tile": (P + "initial", {"w": "0.1*i*nA"}, "synapses.plastic: ", ["'i'", "index"]),
    "random numbers of other laws": (
        A + "on_feedback", "baseline += poisson(3)", f"{A}on_feedback: ", ["poisson()"]
    ),
    "unknown source": (P + "source", "inputs", f"{P}source: ", ["'inputs'", "'input'?"]),
    "unknown target": (P + "target", "output", f"{P}target: ", ["'output'", "actions"]),
    "one to one": (P + "connect", "one_to_one", f"{P}connect: ", ["4 and 3"]),
    "others of another": (P + "connect", "others", f"{P}connect: ", ['"others"']),
    "units at a spike": (P + "on_pre", "v_post += w", f"{P}on_pre: v_post += w: ", ["V"]),
    "unknown variable of a neuron": (
        P + "on_pre", "i_sin_post += w", f"{P}on_pre: i_sin_post += w: ", ["'i_syn_post'?"]
    ),
    "when a synapse is integrated": (
        P + "equations", ("(event-driven)", ""), f"{P}equations: dx/dt: ", ["(clock-driven)"]
    ),
    "event-driven and not linear": (
        P + "equations", ("-c/tau_c", "-c**2/tau_c"), f"{P}equations: ", ["(clock-driven)"]
    ),
    "no equations of synapses": (
        P + "equations", "", f"{P}on_pre: i_syn_post += w: ", ["'w'", "empty"]
    ),
    "chosen elsewhere": (P + "on_feedback", "w += chosen_pre*pA", "synapses.plastic", ["'input'"]),
    "unknown readout": ("readout.group", "action", "readout.group: ", ["'actions'?"]),
    "readout with a unit": ("readout.by", "v", "readout.by: v: ", ["without unit"]),
    "readout misspelt": ("readout.by", "counts", "readout.by: counts: ", ["'count'?"]),
    "neurons that do not fit the actions": (A + "n", 4, f"{A}n: ", ["3 actions", "got 4"]),
    "constant in no unit": ("constants.v_th", "-50 mv", "constants.v_th: ", ["'mV'?"]),
    "name of a unit": ("constants.ms", "3", "constants.ms: ", ["Brian2"]),
    "symbol twice": ("constants.eta", "1", "hyperparameters.eta: ", ["constants.eta"]),
    "symbol and variable": ("constants.v", "1", "constants.v: ", ["'actions'"]),
    "rate in no unit": ("input.rate", "200", "input.rate: 200: ", ["Hz"]),
    "rate above one spike per step": ("input.rate", "4*kHz", "input.rate: ", ["[0, 2000] Hz"]),
    "negative rate": ("input.rate", "-1*Hz", "input.rate: ", ["[0, 2000] Hz", "-1 Hz"]),
    "rate of other laws": ("input.rate", "poisson(3)*Hz", "input.rate: ", ["poisson()"]),
    "spike after the window": (
        "input", {"coding": "spike", "at": "window"}, "input.at: ", ["window_ms = 20", "got 20 ms"]
    ),
    "spike before the window": (
        "input", {"coding": "spike", "at": "-1*ms"}, "input.at: ", ["got -1 ms"]
    ),
    "input without spikes": ("input.coding", "graded", "input.coding: ", [P + "on_pre"]),
    "weights of nothing": (
        "weights.w", {**WEIGHTS, "group": "plast"}, "weights.w.group: ", ["'plast'", "plastic"]
    ),
    "unit of weights": ("weights.w", {**WEIGHTS, "unit": "mV"}, "weights.w.unit: ", ["amp", "mV"]),
    "weights and initial value": ("weights.w", WEIGHTS, "weights.w: plastic.w ", ["initial value"]),
    "weights twice": (
        "weights", {"one": ON_BASELINE, "two": ON_BASELINE}, "weights.two: ", ["weights.one"]
    ),
    "no neurons": ("neurons", {}, "neurons: ", ["[learner.neurons.actions]"]),
}  # fmt: skip


def test_the_model_without_a_mistake_is_taken() -> None:
    assert BrianModel(**TABLES).space(INTERFACE).columns == ("tau_m", "eta")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_names_its_place(mistake: str) -> None:
    key, value, place, offenders = MISTAKES[mistake]
    found = line(changed({key: value}))
    assert found.startswith(place)
    for offender in offenders:
        assert offender in found[len(place) - 1 :]
    assert "\n" not in found
    assert "Brian2 object" not in found and "debug log" not in found


@pytest.mark.parametrize(
    ("table", "unit", "expected"),
    [
        ({"rate": "late*activity"}, "kHz", "got 4000 Hz at late = 4 kHz"),
        ({"rate": "late*eta/pA"}, "Hz", "got 4000 Hz at eta = 1000 pA, late = 4 Hz"),
        ({"coding": "spike", "at": "late"}, "second", "got 1000 ms at late = 1 second"),
        ({"coding": "spike", "at": "7*ms + late"}, "ms", None),
        ({"coding": "spike", "at": "8*ms*late - 12.5*ms"}, "1", "got -4.5 ms at late = 1"),
        ({"coding": "spike", "at": "6*ms*late - 4.5*ms"}, "1", None),
        ({"coding": "spike", "at": "late + window*rand()"}, "second", None),
        ({"rate": "late*index"}, "kHz", None),
        ({"rate": "late"}, "Hz", None),
    ],
)
def test_input_must_fire_at_all_bounds_of_its_hyperparameters(
    table: dict[str, str], unit: str, expected: str | None
) -> None:
    bounds = {"low": 1.0, "high": 4.0, "default": 2.0, "unit": unit}
    model = changed({"hyperparameters.late": bounds, "input": table})
    if expected is None:
        BrianModel(**model).space(INTERFACE)
    else:
        found = line(model)
        assert found.startswith(f"input.{'at' if 'at' in table else 'rate'}: must be ")
        assert found.endswith(expected)


@pytest.mark.parametrize(
    ("n", "connect", "expected"),
    [
        ("20000*actions", "others", "at most 1000000 synapses"),
        ("1500*actions", 0.5, "from 4500 neurons to 4500"),
        ("20000*actions", 1e-5, "at most 100000000 pairs"),
    ],
)
def test_synapses_that_would_fill_the_memory_are_refused_at_once(
    n: str, connect: str | float, expected: str
) -> None:
    found = line(changed({A + "n": n, "synapses.inhibition.connect": connect}))
    assert found.startswith("synapses.inhibition.connect: must ")
    assert expected in found


def test_units_of_little_activity_may_stay_silent() -> None:
    late = {"coding": "spike", "at": "1*ms + 40*ms*(1 - activity)"}
    model = changed({"input": late, **CONTINUOUS})
    BrianModel(**model).space(INTERFACE)
    BrianModel(**model).space(Quadratic().interface)
    model["input"]["at"] = "40*ms*activity"
    BrianModel(**model).space(Quadratic().interface)
    assert "got 40 ms" in line(model)


WARNS = """
import gc
import brian2
from support.brian_model_tables import TABLES, changed
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.learners.brian_model.learner import BrianModel
unless = changed({"neurons.actions.refractory": ""})
for model in (TABLES, changed({"neurons.actions.equations": "v = 1 : 1"}), unless):
    try:
        BrianModel(**model).space(RandomMdp().interface)
    except ValueError as error:
        print(error)
gc.collect()
"""


def test_a_check_is_quiet_where_a_program_has_imported_brian2() -> None:
    """Brian2 warns of objects that no network has run, of thresholds without a reset, and such."""
    code, output, errors = ended([sys.executable, "-c", WARNS], cwd=TESTS)
    assert code == 0, errors
    assert output.count("neurons.actions.") == 2
    assert "WARNING" not in errors


def test_a_vector_of_actions_needs_an_expression() -> None:
    with pytest.raises(ValueError, match="brian_model needs discrete actions"):
        BrianModel(**TABLES).space(Quadratic().interface)
    BrianModel(**changed(CONTINUOUS)).space(Quadratic().interface)


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        (A + "n", 2.5, A + "n"),
        (A + "n", "action", A + "n"),
        (P + "connect", "most", P + "connect"),
        (P + "connect", 0, P + "connect"),
        (A + "treshold", "v > v_th", "unknown key 'neurons.actions.treshold'"),
        ("window_ms", 20.3, "window_ms"),
        ("constants.C", 281, "constants.C"),
        ("input.rate", 200, "input.rate"),
        (A + "initial", {"v": 0}, A + "initial.v"),
        ("hyperparameters.eta.scale", "lin", "hyperparameters.eta.scale"),
    ],
)
def test_keys_and_values_of_tables_are_checked_like_all_others(
    key: str, value: Any, place: str, tmp_path: Path
) -> None:
    rule = Kinds("learner", {"brian_model": BrianModel}, needs=("run_episodes",))
    values = {"kind": "brian_model", **changed({key: value})}
    with pytest.raises(ConfigError) as caught:
        build(rule, values, "x.toml", "learner", tmp_path)
    assert str(caught.value).startswith(f"x.toml: [learner] {place}")


def test_a_model_is_checked_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeloop.workers.learners.brian_model import check

    BrianModel(**TABLES).space(INTERFACE)
    monkeypatch.delattr(check, "_check_code")
    BrianModel(**TABLES).space(INTERFACE)


def test_names_and_statements_leave_out_comments_and_attributes() -> None:
    code = "v = 2e3*w_post  # and no x\nu += 1.5*f(v); y = 3"
    assert names_in(code) == {"v", "w_post", "u", "f", "y"}
    assert statements(code) == ["v = 2e3*w_post", "u += 1.5*f(v)", "y = 3"]
