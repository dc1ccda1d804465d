"""What a user writes of a model: the tables of a configuration, as one frozen value."""

from typing import Literal, Self

from pydantic import Field, model_validator

from spikeloop.tasks.settings import Settings
from spikeloop.workers.brian.targets import Target
from spikeloop.workers.learners.brian_model.settings import (
    HyperparameterTable,
    InputTable,
    NeuronTable,
    ReadoutTable,
    SynapseTable,
    Text,
    WeightTable,
)
from spikeloop.workers.time_steps import whole_steps


class Model(Settings):
    """The tables of a model; ``BrianModel`` is the learner that runs it."""

    kind: Literal["brian_model"] = "brian_model"
    window_ms: float = Field(default=20.0, ge=0.1, le=10_000, description="time of one decision")
    step_ms: float = Field(default=0.5, ge=0.001, le=10, description="time step of Brian2")
    target: Target = Field(default="numpy", description="what Brian2 generates code for")
    wiring_seed: int = Field(default=1, ge=0, lt=2**32, description="of random connections")
    input: InputTable = InputTable()
    neurons: dict[str, NeuronTable] = Field(default={}, description="populations by name")
    synapses: dict[str, SynapseTable] = Field(default={}, description="synapses by name")
    readout: ReadoutTable = ReadoutTable()
    constants: dict[str, Text] = Field(
        default={}, description='symbols with units, such as v_rest = "-60*mV"'
    )
    hyperparameters: dict[str, HyperparameterTable] = Field(
        default={}, description="symbols that are searched"
    )
    weights: dict[str, WeightTable] = Field(
        default={}, description="variables whose values at birth are searched one by one"
    )

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        whole_steps(self.window_ms, self.step_ms)
        return self

    @property
    def window_steps(self) -> int:
        """Time steps of one decision."""
        return whole_steps(self.window_ms, self.step_ms)
