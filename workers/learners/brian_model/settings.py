"""The TOML tables of a user's own Brian2 model: populations, synapses, input, readout, symbols."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from spikeloop.tasks.settings import Settings
from spikeloop.workers.brian.targets import BrianTarget
from spikeloop.workers.time_steps import Windowed

MAX_NEURONS = 100_000
"""Neurons of one population."""
CODE_CHARACTERS = re.compile(
    r"(?:[A-Za-z0-9_ \t\n+\-*/%().,:;<>=!]|#[^\n\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]*)*+"
)
"""The characters of code; any others only in comments, on one line.

Brian2 hands strings in code to sympy, which evaluates them as Python, and writes comments into the
code that it generates, where a carriage return ends them. Settings may come from strangers' files,
so both are refused.
"""
SIZE = re.compile(r"(?:(\d{1,6})\s*\*\s*)?(observations|actions)")


def _size(value: Any) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_NEURONS
    if whole or (isinstance(value, str) and SIZE.fullmatch(value.strip())):
        return value
    raise ValueError(
        f'must be a whole number in [1, {MAX_NEURONS}], "actions", "observations", or a multiple '
        'such as "5*actions"'
    )


def _connect(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value in CONNECT if isinstance(value, str) else number and 0 < value <= 1:
        return value
    raise ValueError(f"must be {', '.join(map(repr, CONNECT))} or a probability in (0, 1]")


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    raise ValueError('must be text, with a unit where there is one, such as "281 pF" or "3"')


def _code(value: str) -> str:
    rest = value[match.end() :] if (match := CODE_CHARACTERS.match(value)) else value
    if rest:
        raise ValueError(
            "must be written with letters, digits, _ and + - * / % ( ) . , : ; < > = ! only, found "
            f"{rest[0]!r}"
        )
    return value


CONNECT = ("all", "others", "one_to_one")
# A validator of our own, since the errors of a union name the types that failed, not the key.
PopulationSize = Annotated[int | str, BeforeValidator(_size)]
Connect = Annotated[float | str, BeforeValidator(_connect)]
QuantityText = Annotated[str, BeforeValidator(_text)]
CODE = AfterValidator(_code)
BrianCode = Annotated[str, CODE]
BrianCodeText = Annotated[str, BeforeValidator(_text), CODE]
Method = Annotated[str, Field(description="exact, exponential_euler, euler, rk4 …")]
OnFeedback = Annotated[str, CODE, Field(description="statements after each decision")]
Initial = Annotated[
    dict[str, BrianCodeText], Field(description="variable -> expression at the start; else 0")
]


class InputTable(Settings):
    """``[learner.input]``: the population "input", whose units carry the observation.

    One unit for each discrete observation; of an observation vector, ``per_dimension`` units with
    bell-shaped tuning curves for each element. A unit's ``activity`` lies in [0, 1].
    """

    coding: Literal["poisson", "spike", "graded"] = Field(
        default="poisson",
        description="random spikes, one spike, or none: synapses read activity_pre",
    )
    rate: BrianCodeText = Field(
        default="200*Hz",
        description="poisson: of a unit of activity 1; an expression, at most 1/step_ms",
    )
    at: BrianCodeText = Field(
        default="1*ms", description="spike: time of active units in the window; an expression"
    )
    per_dimension: int = Field(
        default=10, ge=2, le=10_000, description="units per element of an observation vector"
    )
    width: float = Field(
        default=1.0, gt=0, le=1000, description="of tuning curves, in distances between units"
    )


class NeuronTable(Settings):
    """``[learner.neurons.NAME]``: a population, written in Brian2's code."""

    n: PopulationSize = Field(
        description='how many: a number, "actions", "observations", "5*actions"'
    )
    equations: BrianCode = Field(description="differential equations, subexpressions, parameters")
    threshold: BrianCode = Field(default="", description="condition of a spike")
    reset: BrianCode = Field(default="", description="statements after a spike")
    refractory: BrianCode = Field(default="", description="a time or a condition")
    method: Method = "exact"
    on_feedback: OnFeedback = ""
    initial: Initial = Field(default={})


class SynapseTable(Settings):
    """``[learner.synapses.NAME]``: synapses, written in Brian2's code.

    A name without ``_pre`` or ``_post`` that the equations do not define is the target neuron's.
    """

    source: str = Field(description='a population, "input" for the observation')
    target: str = Field(description="a population")
    connect: Connect = Field(
        default="all", description="all, others (than itself), one_to_one, or a probability"
    )
    delay_ms: float = Field(default=0.0, ge=0, le=1000, description="from a spike to its effect")
    equations: BrianCode = Field(default="", description="variables of a synapse")
    on_pre: BrianCode = Field(default="", description="statements at a spike of the source")
    on_post: BrianCode = Field(default="", description="statements at a spike of the target")
    on_feedback: OnFeedback = ""
    method: Method = "exact"
    initial: Initial = Field(default={})


class ReadoutTable(Settings):
    """``[learner.readout]``: how a window of simulated time becomes an action."""

    group: str = Field(default="actions", description="population; as many neurons for each action")
    by: BrianCode = Field(
        default="count",
        description="count: most spikes; first: first spike; or an expression without unit, "
        "largest wins, a continuous action is its mean",
    )


class HyperparameterTable(Settings):
    """``[learner.hyperparameters.NAME]``: a symbol that is searched, constant in an episode."""

    low: float = Field(description="lower bound, in unit")
    high: float = Field(description="upper bound, in unit")
    default: float = Field(description="before learning to learn, in unit")
    unit: str = Field(default="1", description="such as ms or nS; 1 for none")
    scale: Literal["linear", "log"] = Field(default="linear", description="of the search")
    description: str = Field(default="", description="for tables")


class WeightTable(Settings):
    """``[learner.weights.NAME]``: a variable whose initial values are all searched."""

    group: str = Field(description="synapses or population that has the variable")
    variable: str = Field(description="one weight for each synapse or neuron of an episode")
    scale: float = Field(gt=0, description="standard deviation at first, in unit")
    unit: str = Field(default="1", description="such as pA; 1 for none")
    description: str = Field(default="", description="for tables")


class Model(Windowed):
    """The tables of a model; ``BrianModel`` is the learner that runs it."""

    kind: Literal["brian_model"] = "brian_model"
    window_ms: float = Field(default=20.0, ge=0.1, le=10_000, description="time of one decision")
    step_ms: float = Field(default=0.5, ge=0.001, le=10, description="time step of Brian2")
    target: BrianTarget = Field(default="numpy", description="what Brian2 generates code for")
    wiring_seed: int = Field(default=1, ge=0, lt=2**32, description="of random connections")
    input: InputTable = InputTable()
    neurons: dict[str, NeuronTable] = Field(default={}, description="populations by name")
    synapses: dict[str, SynapseTable] = Field(default={}, description="synapses by name")
    readout: ReadoutTable = ReadoutTable()
    constants: dict[str, QuantityText] = Field(
        default={}, description='symbols with units, such as v_rest = "-60*mV"'
    )
    hyperparameters: dict[str, HyperparameterTable] = Field(
        default={}, description="symbols that are searched"
    )
    weights: dict[str, WeightTable] = Field(
        default={}, description="variables whose initial values are searched one by one"
    )


def code_of(model: Model) -> dict[str, dict[str, str]]:
    """Return the code of each table, such as "neurons.actions", by key.

    The key of an initial value is "initial.VARIABLE".
    """
    tables: dict[str, Settings] = {"input": model.input, "readout": model.readout}
    tables |= {f"neurons.{name}": table for name, table in model.neurons.items()}
    tables |= {f"synapses.{name}": table for name, table in model.synapses.items()}
    return {name: code_of_table(table) for name, table in tables.items()}


def code_of_table(table: Settings) -> dict[str, str]:
    """Return the code of one table, as ``code_of`` does."""
    code: dict[str, str] = {}
    for key, field in type(table).model_fields.items():
        value = getattr(table, key)
        if CODE in field.metadata:
            code[key] = value
        elif key == "initial":
            code |= {f"initial.{variable}": text for variable, text in value.items()}
    return code
