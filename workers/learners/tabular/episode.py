"""SARSA(λ) in floating point, greedy over a table of values; ``plasticity.td_lambda`` has it."""

from typing import NamedTuple

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.workers.chip.noise import GOLDEN, splitmix64
from spikeloop.workers.kernels import emulator_kernel, part

S11 = np.uint64(11)
TO_UNIT = 2.0**-53


class Rule(NamedTuple):
    """Constants of the learning rule.

    Attributes:
        gamma: discount.
        trace_decay: λ.
        eta: learning rate.
        low: least value.
        high: largest value.
        rescale_period: decisions between two rescalings, 0 for none.
        lower: onto which rescaling maps a state's least value.
        upper: onto which it maps the largest one.
    """

    gamma: float
    trace_decay: float
    eta: float
    low: float
    high: float
    rescale_period: int
    lower: float
    upper: float


@part
def update(
    rule: Rule, table: FloatArray, trace: FloatArray, pair: int, next_pair: int, reward: float
) -> None:
    """Make one update after the next action is known; values are clipped to [low, high]."""
    step = rule.eta * (reward + rule.gamma * table[next_pair] - table[pair])
    for i in range(table.size):
        trace[i] *= rule.gamma * rule.trace_decay
        if i == pair:
            trace[i] = 1.0
        table[i] = min(max(table[i] + step * trace[i], rule.low), rule.high)


@part
def rescale(rule: Rule, table: FloatArray, n_actions: int) -> None:
    """Map each state's [min, max] onto [lower, upper]; equal values become ``upper``."""
    for first in range(0, table.size, n_actions):
        after = first + n_actions
        least = most = table[first]
        for i in range(first + 1, after):
            least, most = min(least, table[i]), max(most, table[i])
        span, wanted = most - least, rule.upper - rule.lower
        for i in range(first, after):
            above = table[i] - least
            table[i] = rule.upper if span == 0 else rule.lower + above * wanted / span


@emulator_kernel
def run_episode(
    rule: Rule,
    table: FloatArray,
    trace: FloatArray,
    cumulative: FloatArray,
    reward: FloatArray,
    signal: FloatArray,
    observation: IntArray,
    state: int,
    by_step: bool,
    seed: np.uint64,
    n_steps: int,
    curve: FloatArray,
) -> None:
    """Run one episode; ``table``, ``trace`` and ``curve`` are updated.

    The rows of the rules are those of states or, ``by_step``, of steps.
    """
    n_actions = reward.shape[0]
    counter = np.uint64(seed)
    pair = -1
    feedback = 0.0
    for step in range(n_steps):
        # The greedy action; ties are broken uniformly, by keeping the k-th with chance 1/k.
        first = observation[state] * n_actions
        action = 0
        n_ties = 1
        for a in range(1, n_actions):
            if table[first + a] > table[first + action]:
                action, n_ties = a, 1
            elif table[first + a] == table[first + action]:
                n_ties += 1
                counter = np.uint64(counter + GOLDEN)
                if np.float64(splitmix64(counter) >> S11) * TO_UNIT * n_ties < 1.0:
                    action = a
        next_pair = first + action
        if pair >= 0:
            update(rule, table, trace, pair, next_pair, feedback)
            if rule.rescale_period > 0 and step % rule.rescale_period == 0:
                rescale(rule, table, n_actions)
        counter = np.uint64(counter + GOLDEN)
        number = np.float64(splitmix64(counter) >> S11) * TO_UNIT
        row = step if by_step else state
        successor = 0
        while number >= cumulative[action, row, successor]:
            successor += 1
        curve[step * curve.size // n_steps] += reward[action, row, successor]
        feedback = signal[action, row, successor]
        pair = next_pair
        state = successor
