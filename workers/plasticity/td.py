"""What ``td_lambda`` and ``td_published`` have in common: hyperparameters, constants, memory."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeloop.tasks.base import Interface
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.limits import MAX_WEIGHT_U6
from spikeloop.workers.parameter_types import Parameter, Real
from spikeloop.workers.plasticity.program import initial_weight, q7

SHORTEST_RESCALE = 0.0129
"""Shortest published rescaling period, as a fraction of an episode."""


class TdCommon(NamedTuple):
    """What both programs keep: constants of SARSA(λ), and the pair whose update is due.

    Attributes:
        n_states: states, of neurons 0 to n_states − 1.
        n_actions: actions, of the neurons that follow.
        gamma_q7: discount.
        lambda_q7: trace decay.
        eta_q7: learning rate.
        rescale_period: decisions between two rescalings, at least 1.
        last: (2,) int64 the pair, −1 for none, and its feedback.
    """

    n_states: int
    n_actions: int
    gamma_q7: int
    lambda_q7: int
    eta_q7: int
    rescale_period: int
    last: NDArray[np.int64]


class TdSettings(Settings):
    """Settings of both programs, which read spike counters only."""

    kind: str
    compiled_bytes: ClassVar[int]
    uses_sensors: ClassVar[bool] = False
    portable: ClassVar[bool] = True  # the same bits on every processor
    constant_arrays: ClassVar[tuple[str, ...]] = ()
    search_trace_decay: bool = Field(
        default=False, description="whether λ is a hyperparameter or ``trace_decay``"
    )
    trace_decay: float = Field(default=0.5, ge=0, le=1, description="λ when it is not searched")

    def parameters(self, interface: Interface) -> tuple[Parameter, ...]:
        """Return the published hyperparameters in their order, then λ where it is searched."""
        most = MAX_WEIGHT_U6
        published = (
            Real(0, 1, 0.5, name="gamma", description="discount"),
            Real(0, 1, 0.5, name="eta", description="learning rate"),
            Real(
                0,
                most,
                most / 2,
                "code",
                name="weight_lower",
                description="rescaling: least weight",
            ),
            Real(
                "weight_lower",
                most,
                0.75 * most,
                "code",
                name="weight_upper",
                description="rescaling: largest weight",
            ),
            initial_weight(),
            rescale_period(interface.n_steps),
        )
        trace_decay = Real(0, 1, self.trace_decay, name="trace_decay", description="λ")
        return (*published, trace_decay) if self.search_trace_decay else published

    def cycles(self, n_actions: int) -> int:
        """State no time of an update."""
        return 0

    def common(self, theta: Mapping[str, float], interface: Interface) -> TdCommon:
        """Return what the programs keep at the start of an episode."""
        return TdCommon(
            n_states=interface.n_observations,
            n_actions=interface.n_actions,
            gamma_q7=q7(theta["gamma"]),
            lambda_q7=q7(theta.get("trace_decay", self.trace_decay)),
            eta_q7=q7(theta["eta"]),
            rescale_period=max(1, round(theta["rescale_period"])),
            last=np.array([-1, 0], dtype=np.int64),
        )


def rescale_period(n_steps: int) -> Real:
    """Return the hyperparameter of the rescaling period, with its published range."""
    return Real(
        SHORTEST_RESCALE * n_steps,
        n_steps,
        (SHORTEST_RESCALE + 1) / 2 * n_steps,
        "step",
        name="rescale_period",
        description="steps between two rescalings",
    )
