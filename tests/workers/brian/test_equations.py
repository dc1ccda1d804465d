"""Every mistake in a user's model is one line that says where it is and what is wrong."""

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spikeloop.coordinator.config.settings_builder import Kinds, build
from spikeloop.coordinator.errors import ConfigError
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.brian.equations import names_in, reason, statements, unit_name
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.learners.brian_model.learner import BrianModel

pytestmark = pytest.mark.brian

INTERFACE = RandomMdp(n_states=4, n_actions=3, n_steps=60).interface
DV = "dv/dt = (v_rest - v)/tau_m + i_syn/C"
MODEL: dict[str, Any] = {
    "neurons": {
        "actions": {
            "n": "actions",
            "equations": f"{DV} : volt (unless refractory)\n"
            "di_syn/dt = -i_syn/tau_s : amp\nbaseline : 1",
            "threshold": "v > v_th",
            "reset": "v = v_rest",
            "refractory": "2*ms",
            "on_feedback": "baseline += 0.1*(feedback - baseline)",
            "initial": {"v": "v_rest + rand()*5*mV"},
        }
    },
    "synapses": {
        "plastic": {
            "source": "input",
            "target": "actions",
            "equations": "w : amp\ndc/dt = -c/tau_c : 1 (event-driven)",
            "on_pre": "i_syn_post += w",
            "on_post": "c += 1",
            "on_feedback": "w = clip(w + eta*(feedback - baseline)*c, 0*pA, w_max)",
            "initial": {"w": "0.5*w_max"},
        }
    },
    "constants": {
        "v_rest": "-60*mV",
        "v_th": "-50*mV",
        "C": "100 pF",
        "tau_s": "5 ms",
        "tau_c": "20 ms",
        "w_max": "500 pA",
    },
    "hyperparameters": {
        "tau_m": {"low": 5.0, "high": 50.0, "default": 20.0, "unit": "ms"},
        "eta": {"low": 1.0, "high": 1000.0, "default": 50.0, "unit": "pA", "scale": "log"},
    },
}

A, P = "neurons.actions.", "synapses.plastic."
CLOCKED = "w : amp\ndc/dt = -c/tau_c : 1 (clock-driven)"


def changed(key: str, value: Any) -> dict[str, Any]:
    """The model with one entry put in, or an old text replaced by a new one."""
    model = copy.deepcopy(MODEL)
    *path, last = key.split(".")
    inner = model
    for name in path:
        inner = inner.setdefault(name, {})
    if isinstance(value, tuple):
        assert value[0] in inner[last]
        value = inner[last].replace(*value)
    inner[last] = value
    return model


def line(model: dict[str, Any]) -> str:
    """What is wrong with it."""
    with pytest.raises(ValueError, match=":") as caught:
        BrianModel(**model).space(INTERFACE)
    return str(caught.value)


MISTAKES: dict[str, tuple[str, Any, str]] = {
    "unknown symbol": (
        A + "equations",
        ("(v_rest", "(v_rset"),
        "neurons.actions.equations: dv/dt = (v_rset - v)/tau_m + i_syn/C : volt: "
        "unknown symbol 'v_rset'; did you mean 'v_rest'?",
    ),
    "units of an equation": (
        A + "equations",
        ("/tau_s", ""),
        "neurons.actions.equations: di_syn/dt = -i_syn : amp: the units do not agree: "
        "right-hand side is A, expected A/s",
    ),
    "units of terms": (
        A + "equations",
        ("i_syn/C", "i_syn"),
        "('(v_rest - v) / tau_m' has unit V/s; 'i_syn' has unit A) (hyperparameters: tau_m in ms)",
    ),
    "unit of a hyperparameter": (
        "hyperparameters.tau_m.unit",
        "mV",
        "neurons.actions.equations: dv/dt = (v_rest - v)/tau_m + i_syn/C : volt: the units do not "
        "agree: Expression '(v_rest - v) / tau_m + i_syn / C' uses inconsistent units "
        "('(v_rest - v) / tau_m' has unit 1; 'i_syn / C' has unit V/s) "
        "(hyperparameters: tau_m in mV)",
    ),
    "unknown unit of a hyperparameter": (
        "hyperparameters.tau_m.unit",
        "millis",
        "hyperparameters.tau_m.unit: ",
    ),
    "hyperparameter without use": (
        "hyperparameters.theta",
        {"low": 0.0, "high": 1.0, "default": 0.5},
        "hyperparameters.theta: no equation, statement or expression uses it",
    ),
    "misspelt hyperparameter": (
        A + "equations",
        ("/tau_m", "/tau_n"),
        "neurons.actions.equations: dv/dt = (v_rest - v)/tau_n + i_syn/C : volt: unknown symbol "
        "'tau_n'; did you mean 'tau_",
    ),
    "default out of bounds": (
        "hyperparameters.tau_m.default",
        500.0,
        "hyperparameters.tau_m: default must be in [5.0, 50.0], got 500.0",
    ),
    "open parenthesis": (
        A + "equations",
        ("v)/tau_m", "v/tau_m"),
        "neurons.actions.equations: dv/dt = (v_rest - v/tau_m + i_syn/C : volt (unless "
        "refractory): '(' was never closed",
    ),
    "unit that is none": (
        A + "equations",
        (": amp", ": amps"),
        "neurons.actions.equations: di_syn/dt = -i_syn/tau_s : amps: 'amps' must be a base unit, "
        "such as volt, amp, second or 1; did you mean 'amp'?",
    ),
    "equation without unit": (
        A + "equations",
        ("baseline : 1", "baseline"),
        "neurons.actions.equations: baseline: cannot be read; write dx/dt = … : unit, "
        "x = … : unit, or x : unit",
    ),
    "name that Brian2 has": (
        A + "equations",
        ("baseline : 1", "t : second"),
        "neurons.actions.equations: t : second: 't' has a special meaning in equations and cannot "
        "be used as a variable name",
    ),
    "name that the learner has": (
        A + "equations",
        ("baseline : 1", "baseline : 1\ntold : 1"),
        "neurons.actions.equations: 'feedback' is taken, the learner provides it",
    ),
    "flag that is none": (
        A + "equations",
        ("(unless refractory)", "(sometimes)"),
        "neurons.actions.equations: Equations of type 'differential equation' cannot have a flag "
        "'sometimes'",
    ),
    "variable defined twice": (
        A + "equations",
        ("baseline : 1", "v : volt"),
        "neurons.actions.equations: Duplicate definition of variable 'v'",
    ),
    "threshold that is no condition": (
        A + "threshold",
        "v - v_th",
        'neurons.actions.threshold: v - v_th: must be a condition, such as "v > v_th"',
    ),
    "units of a threshold": (
        A + "threshold",
        "v > -50",
        "neurons.actions.threshold: v > -50: the units do not agree: Comparison of expressions "
        "with different units. Expression 'v' has unit (V), while expression '- 50' has units (1)",
    ),
    "no threshold": (
        A + "threshold",
        "",
        "neurons.actions.threshold: must be given, since synapses.plastic.on_post waits for its "
        "spikes",
    ),
    "units of a reset": (
        A + "reset",
        "v = -60",
        "neurons.actions.reset: v = -60: the units do not agree: right-hand side is no unit, "
        "expected V",
    ),
    "statement that is none": (
        A + "reset",
        "v == v_rest",
        "neurons.actions.reset: v == v_rest: cannot be read; a statement sets a variable, such as "
        "v = v_rest or w += dw",
    ),
    "misspelt variable in a statement": (
        A + "on_feedback",
        "baselin = feedback",
        "neurons.actions.on_feedback: baselin = feedback: 'baselin' is no variable and is not used "
        "after "
        "it is set; did you mean 'baseline'?",
    ),
    "hyperparameter set": (
        A + "reset",
        "v = v_rest\ntau_m += 1*ms",
        "neurons.actions.reset: tau_m += 1*ms: tau_m is a hyperparameter and cannot be set",
    ),
    "refractory time": (
        A + "refractory",
        "2*mV",
        "neurons.actions.refractory: 2*mV: must be a time or a condition, got an expression in V",
    ),
    "unknown method": (
        A + "method",
        "rk5",
        "neurons.actions.method: must be one of exact, exponential_euler, euler, heun, milstein, "
        "rk2, rk4, got 'rk5'",
    ),
    "method for other equations": (
        A + "equations",
        ("(v_rest - v)", "(v_rest - v)*exp(v/v_rest)"),
        "neurons.actions.method: 'exact' cannot solve these equations, try exponential_euler or "
        "euler: ",
    ),
    "unknown method of synapses": (
        "synapses.plastic",
        {**MODEL["synapses"]["plastic"], "method": "rk5", "equations": CLOCKED},
        "synapses.plastic.method: must be one of exact, exponential_euler, euler, heun, milstein, "
        "rk2, rk4, got 'rk5'",
    ),
    "initial value of nothing": (
        A + "initial",
        {"u": "1"},
        "neurons.actions.initial: 'u' is no variable that can be set",
    ),
    "units of an initial value": (
        P + "initial",
        {"w": "0.5"},
        "synapses.plastic.initial: w = 0.5: the units do not agree: right-hand side is no unit, "
        "expected A",
    ),
    "number in the tile": (
        P + "initial",
        {"w": "0.1*i*nA"},
        "synapses.plastic: 'i' goes on from episode to episode; use index, "
        "or index_pre and index_post",
    ),
    "random numbers without an episode": (
        A + "on_feedback",
        "baseline += poisson(3)",
        "neurons.actions.on_feedback: poisson() has no version of an episode's own",
    ),
    "unknown source": (
        P + "source",
        "inputs",
        "synapses.plastic.source: no population 'inputs'; there are input, actions; did you mean "
        "'input'?",
    ),
    "unknown target": (
        P + "target",
        "output",
        "synapses.plastic.target: no population 'output'; there are actions",
    ),
    "one to one": (
        P + "connect",
        "one_to_one",
        'synapses.plastic.connect: "one_to_one" needs as many sources as targets, got 4 and 3',
    ),
    "others of another": (
        P + "connect",
        "others",
        'synapses.plastic.connect: "others" needs a population that is both source and target',
    ),
    "units at a spike": (
        P + "on_pre",
        "v_post += w",
        "synapses.plastic.on_pre: v_post += w: the units do not agree: ",
    ),
    "unknown variable of a neuron": (
        P + "on_pre",
        "i_sin_post += w",
        "synapses.plastic.on_pre: i_sin_post += w: unknown symbol 'i_sin_post'; did you mean "
        "'i_syn_post'?",
    ),
    "when a synapse is integrated": (
        P + "equations",
        ("(event-driven)", ""),
        "synapses.plastic.equations: dc/dt: must say (event-driven), or (clock-driven)",
    ),
    "event-driven and not linear": (
        P + "equations",
        ("-c/tau_c", "-c**2/tau_c"),
        "synapses.plastic.equations: only linear equations can be (event-driven), use "
        "(clock-driven): ",
    ),
    "chosen elsewhere": (
        P + "on_feedback",
        "w += eta*chosen_pre",
        "synapses.plastic: only the readout population 'actions' has 'chosen', not 'input'",
    ),
    "unknown readout": (
        "readout.group",
        "action",
        "readout.group: no population 'action'; there are actions; did you mean 'actions'?",
    ),
    "readout with a unit": (
        "readout.by",
        "v",
        "readout.by: v: must be without unit, got an expression in V",
    ),
    "neurons that do not fit the actions": (
        A + "n",
        4,
        "neurons.actions.n: must be a multiple of the 3 actions, since the action is read from "
        "it, got 4",
    ),
    "constant in no unit": ("constants.v_th", "-50 mv", "constants.v_th: "),
    "name of a unit": ("constants.ms", "3", "constants.ms: this name is taken, Brian2 provides it"),
    "symbol twice": (
        "constants.eta",
        "1",
        "hyperparameters.eta: there is constants.eta too; names must differ",
    ),
    "symbol and variable": (
        "constants.v",
        "1",
        "constants.v: the equations of 'actions' define this name too",
    ),
    "rate in no unit": (
        "input.rate",
        "200",
        "input.rate: 200: must be in Hz, got an expression in no unit",
    ),
    "rate above one spike per step": (
        "input.rate",
        "4*kHz",
        "input.rate: must be in [0, 2000] Hz, at most one spike in each step_ms = 0.5, got 4000 Hz",
    ),
    "rate without an episode": (
        "input.rate",
        "poisson(3)*Hz",
        "input.rate: poisson() has no version of an episode's own, use rand() < rate*dt, got "
        "'poisson(3)*Hz'",
    ),
    "negative rate": ("input.rate", "-1*Hz", "input.rate: must be in [0, 2000] Hz"),
    "spike after the window": (
        "input",
        {"coding": "spike", "at": "window"},
        "input.at: must be at least 0 ms and before the end of window_ms = 20, or no unit ever "
        "fires, got 20 ms",
    ),
    "spike before the window": (
        "input",
        {"coding": "spike", "at": "-1*ms"},
        "or no unit ever fires, got -1 ms",
    ),
    "input without spikes": (
        "input.coding",
        "graded",
        'input.coding: "graded" has no spikes, for which synapses.plastic.on_pre waits',
    ),
    "weights of nothing": (
        "weights.w",
        {"group": "plast", "variable": "w", "scale": 1.0},
        "weights.w.group: no population or synapses 'plast'; there are actions, plastic",
    ),
    "unit of weights": (
        "weights.w",
        {"group": "plastic", "variable": "w", "scale": 1.0, "unit": "mV"},
        "weights.w.unit: 'w' is in amp, got mV",
    ),
    "weights and initial value": (
        "weights.w",
        {"group": "plastic", "variable": "w", "scale": 1.0, "unit": "pA"},
        "weights.w: plastic.w has an initial value too, which the weights would replace",
    ),
    "weights twice": (
        "weights",
        {
            name: {"group": "actions", "variable": "baseline", "scale": 1.0}
            for name in ("one", "two")
        },
        "weights.two: actions.baseline has weights.one too; one of them is in vain",
    ),
    "readout misspelt": (
        "readout.by",
        "counts",
        "readout.by: counts: unknown symbol 'counts'; did you mean 'count'?",
    ),
    "no equations of synapses": (
        P + "equations",
        "",
        "synapses.plastic.on_pre: i_syn_post += w: unknown symbol 'w'; the equations are empty",
    ),
    "no neurons": ("neurons", {}, "neurons: must have at least one population"),
}


def test_the_model_without_a_mistake_is_taken() -> None:
    assert BrianModel(**MODEL).space(INTERFACE).columns == ("tau_m", "eta")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_names_its_place(mistake: str) -> None:
    key, value, expected = MISTAKES[mistake]
    found = line(changed(key, value))
    assert expected in found
    assert "\n" not in found
    assert "Brian2 object" not in found and "debug log" not in found


def test_a_parameter_that_nothing_sets_is_a_mistake() -> None:
    model = changed(A + "equations", ("baseline : 1", "baseline : 1\ngain : 1"))
    assert line(model) == (
        "neurons.actions.equations: gain: is 0 for ever: give it an initial value, or set it in "
        "statements"
    )
    model["neurons"]["actions"]["initial"]["gain"] = "2"
    BrianModel(**model).space(INTERFACE)


@pytest.mark.parametrize(
    ("table", "unit", "expected"),
    [
        ({"rate": "x*activity"}, "kHz", "got 4000 Hz at x = 4 kHz"),
        ({"rate": "x*kHz"}, "1", "got 4000 Hz at x = 4"),
        ({"rate": "x*eta/pA"}, "Hz", "got 4000 Hz at eta = 1000 pA, x = 4 Hz"),
        ({"coding": "spike", "at": "x"}, "second", "got 1000 ms at x = 1 second"),
        ({"coding": "spike", "at": "7*ms + x"}, "ms", None),
        ({"coding": "spike", "at": "8*ms*x - 12.5*ms"}, "1", "got -4.5 ms at x = 1"),
        ({"coding": "spike", "at": "6*ms*x - 4.5*ms"}, "1", None),
        ({"coding": "spike", "at": "x + window*rand()"}, "second", None),
        ({"rate": "x*index"}, "kHz", None),
        ({"rate": "x"}, "Hz", None),
    ],
)
def test_input_must_fire_at_all_bounds_of_its_hyperparameters(
    table: dict[str, str], unit: str, expected: str | None
) -> None:
    bounds = {"low": 1.0, "high": 4.0, "default": 2.0, "unit": unit}
    model = changed("hyperparameters.x", bounds) | {"input": table}
    if expected is None:
        BrianModel(**model).space(INTERFACE)
    else:
        found = line(model)
        assert found.startswith(f"input.{'at' if 'at' in table else 'rate'}: must be ")
        assert found.endswith(expected)


@pytest.mark.parametrize(
    ("n", "connect", "expected"),
    [
        (
            "20000*actions",
            "others",
            "at most 1000000 synapses for one episode, got about 3600000000",
        ),
        ("1500*actions", 0.5, "got about 10125000, from 4500 neurons to 4500"),
        ("20000*actions", 1e-5, "must choose among at most 100000000 pairs of neurons"),
    ],
)
def test_synapses_that_would_fill_the_memory_are_refused_at_once(
    n: str, connect: str | float, expected: str
) -> None:
    model = changed(A + "n", n)
    model["synapses"]["many"] = {"source": "actions", "target": "actions", "connect": connect}
    found = line(model)
    assert found.startswith("synapses.many.connect: must ")
    assert expected in found


def test_units_of_little_activity_may_stay_silent() -> None:
    model = changed("input", {"coding": "spike", "at": "1*ms + 40*ms*(1 - activity)"})
    model["readout"] = {"by": "0.05*count"}
    BrianModel(**model).space(INTERFACE)
    BrianModel(**model).space(Quadratic().interface)
    model["input"]["at"] = "40*ms*activity"
    BrianModel(**model).space(Quadratic().interface)
    assert "got 40 ms" in line(model)


WARNS = """
import gc, sys
import brian2
sys.path[:0] = {path!r}
from test_equations import INTERFACE, MODEL, BrianModel, changed
unless = changed("neurons.actions.refractory", "")
for model in (MODEL, changed("neurons.actions.equations", "v = 1 : 1"), unless):
    try:
        BrianModel(**model).space(INTERFACE)
    except ValueError as error:
        print(error)
gc.collect()
"""


def test_a_check_is_quiet_where_a_program_has_imported_brian2() -> None:
    """Brian2 warns of objects that no network has run, of thresholds without a reset, and such."""
    code = WARNS.format(path=[str(Path(__file__).parent)])
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("neurons.actions.") == 2
    assert "WARNING" not in ran.stderr


def test_a_vector_of_actions_needs_an_expression() -> None:
    model = BrianModel(**MODEL)
    with pytest.raises(ValueError, match="brian_model needs discrete actions"):
        model.space(Quadratic().interface)
    BrianModel(**changed("readout.by", "0.05*count")).space(Quadratic().interface)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (A + "n", 2.5, "neurons.actions.n must be a whole number in [1, 100000]"),
        (A + "n", "action", "neurons.actions.n must be a whole number in [1, 100000]"),
        (P + "connect", "most", "synapses.plastic.connect must be 'all', 'others', 'one_to_one'"),
        (P + "connect", 0, "or a probability in (0, 1], got 0"),
        (A + "treshold", "v > v_th", "unknown key 'neurons.actions.treshold'"),
        ("window_ms", 20.3, "window_ms must be a whole number of steps of 0.5 ms, got 20.3"),
        ("constants.C", 281, "constants.C must be text, with a unit where there is one, such as"),
        ("input.rate", 200, "input.rate must be text, with a unit where there is one"),
        (A + "initial", {"v": 0}, "neurons.actions.initial.v must be text, with a unit"),
        ("hyperparameters.eta.scale", "lin", "hyperparameters.eta.scale must be 'linear' or 'log'"),
    ],
)
def test_keys_and_values_of_tables_are_checked_like_all_others(
    key: str, value: Any, expected: str, tmp_path: Any
) -> None:
    rule = Kinds("learner", {"brian_model": BrianModel}, needs="run_episodes")
    values = {"kind": "brian_model", **changed(key, value)}
    with pytest.raises(ConfigError) as caught:
        build(rule, values, "x.toml", "learner", tmp_path)
    assert expected in str(caught.value)
    assert str(caught.value).startswith("x.toml: [learner] ")


def test_a_model_is_checked_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeloop.workers.learners.brian_model import check

    BrianModel(**MODEL).space(INTERFACE)
    calls: list[Callable[..., Any]] = []
    monkeypatch.setattr(check, "_check_code", calls.append)
    BrianModel(**MODEL).space(INTERFACE)
    assert not calls


def test_names_and_statements_leave_out_comments_and_attributes() -> None:
    code = "v = 2e3*w_post  # and no x\nu += 1.5*f(v); y = 3"
    assert names_in(code) == {"v", "w_post", "u", "f", "y"}
    assert statements(code) == ["v = 2e3*w_post", "u += 1.5*f(v)", "y = 3"]


def test_units_are_named_as_people_name_them() -> None:
    b2 = brian2()
    for unit, name in ((b2.volt / b2.second, "V/s"), (b2.nA, "A"), (b2.mV / b2.mV, "no unit")):
        assert unit_name(b2.get_dimensions(unit)) == name


def test_the_reason_is_the_innermost_cause_in_one_line() -> None:
    error = RuntimeError("An error occurred\nwith chatter")
    error.__cause__ = ValueError("unit is\n (m^2 kg s^-3 A^-1).")
    assert reason(error) == "unit is (V)"
