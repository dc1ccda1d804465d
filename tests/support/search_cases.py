"""Programs of a search on the processor, each with its rule and its tasks in the reference."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from spikeloop.workers.plasticity.small_network import sigmoid_q15
from support.on_chip_reference import constants as written
from support.on_chip_reference import tasks
from support.on_chip_reference.algorithms import Algorithm
from support.on_chip_reference.episode import (
    Incremental,
    PlasticityNetwork,
    Rule,
    TdLambda,
)
from support.search_program import Size, network_bytes

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)


@dataclass(frozen=True)
class Case:
    """A program, and what it must equal.

    Attributes:
        size: what it is compiled for.
        make_rule: the rule of coordinates, in episodes of so many steps.
        task: the task of a word.
        constant_bytes: the constants of coordinates as the program writes them, or their beginning.
        learned: what a rule has learned, and where it lies in the program's memory: a name, the
            layout of its numbers, and the rule's own.
        rule_bytes: what the host writes of the constants, for episodes of so many steps.
    """

    size: Size
    make_rule: Callable[[Sequence[int], int], Rule]
    task: Callable[[int], tasks.Task]
    constant_bytes: Callable[[Sequence[int], int], bytes]
    learned: Callable[[Any], list[tuple[str, str, list[int]]]]
    rule_bytes: Callable[[int], bytes] = lambda n_steps: b""

    @property
    def start(self) -> range:
        """Return the indices of the coordinates."""
        return range(self.size.n_dim)

    def task_bytes(self, task: tasks.Task) -> dict[str, bytes]:
        """Return a task as it lies in the processor's memory, by the program's variables."""
        if self.size.environment == "bandit":
            chances = [tasks.FULL - table[0][0] for table in task.cumulative]
            arms = [(chance, (chance * 127 + 32768) >> 16) for chance in chances]
            return {"arms": b"".join(struct.pack(">HBx", *arm) for arm in arms)}
        rows = [row for of_action in task.cumulative for row in of_action]
        signals = [row for of_action in task.signal_q7 for row in of_action]
        return {
            "cumulative": b"".join(struct.pack(f">{len(row)}I", *row) for row in rows),
            "reward_q7": b"".join(bytes(row) for row in signals),
        }


def td_lambda(n_states: int, n_actions: int, *, all_searched: bool) -> Case:
    """Return SARSA(λ) on Markov decision processes."""
    switches = ("-DSEARCH_TRACE_DECAY", "-DSEARCH_REWARD_SCALE") if all_searched else ()

    def constants(x: Sequence[int], n_steps: int) -> written.Constants:
        return written.td_lambda(x, n_steps, None if all_searched else 64, all_searched)

    def constant_bytes(x: Sequence[int], n_steps: int) -> bytes:
        c = constants(x, n_steps)
        names = "gamma_q7 lambda_q7 eta_q7 scale_q7 lower_u6 upper_u6 initial_u6 rescale_period"
        return struct.pack(">7BI", *(c[name] for name in names.split()))

    return Case(
        Size("td_lambda", "mdp", n_states, n_actions, 7 + len(switches), switches),
        lambda x, n_steps: TdLambda(constants(x, n_steps), n_states, n_actions),
        lambda task_word: tasks.mdp(task_word, n_states, n_actions),
        constant_bytes,
        lambda rule: [("table", "h", rule.table), ("trace_q7", "b", rule.trace)],
    )


def incremental(
    arms: tasks.Arms, *switches: str, fictive: bool = False, expected: bool = False
) -> Case:
    """Return the incremental rule on two arms, with fictive updates or without."""
    rule_switches = (*switches, *["-DFICTIVE"] * fictive, *["-DEXPECTED"] * expected)

    def constant_bytes(x: Sequence[int], n_steps: int) -> bytes:
        c = written.incremental(x, fictive)
        names = "initial_u16 low_u6 rate_q15 decay_q15 fictive_q15"
        return struct.pack(">HB3H", *(c[name] for name in names.split()))

    return Case(
        Size("incremental", "bandit", 1, 2, 5 + fictive, rule_switches),
        lambda x, n_steps: Incremental(written.incremental(x, fictive), 1, 2),
        lambda task_word: tasks.bandit(task_word, 2, arms, "expected" if expected else "drawn"),
        constant_bytes,
        lambda rule: [("value", "H", rule.values), ("rate_q15", "H", rule.rates)],
    )


def network(n_arms: int, n_inputs: int, n_hidden: int) -> Case:
    """Return a plasticity network on independent arms."""
    n_weights = n_hidden * (n_inputs + (3 if n_inputs == 7 else 2))
    table = sigmoid_q15(257).tolist()

    def rule(x: Sequence[int], n_steps: int) -> Rule:
        c = written.plasticity_network(x, n_inputs, n_hidden)
        return PlasticityNetwork(c, 1, n_arms, n_inputs, table, round(2**24 / n_steps))

    def constant_bytes(x: Sequence[int], n_steps: int) -> bytes:
        c = written.plasticity_network(x, n_inputs, n_hidden)
        fixed = network_bytes(n_inputs, n_hidden, n_arms, n_steps)[3:9]
        first = struct.pack(">3h", *(c[f"hidden_q12_{i}"] for i in range(3)))
        return struct.pack(">HB", c["initial_u16"], c["low_u6"]) + fixed + first

    sizes = (f"-DN_INPUTS={n_inputs}", f"-DN_HIDDEN={n_hidden}")
    return Case(
        Size("plasticity_network", "bandit", 1, n_arms, n_weights + 3, sizes),
        rule,
        lambda task_word: tasks.bandit(task_word, n_arms),
        constant_bytes,
        lambda rule: [
            *(("value", "H", rule.values), ("pulls_q24", "I", rule.pulls)),
            *((("second_q15", "h", rule.second),) if n_inputs == 7 else ()),
        ],
        lambda n_steps: network_bytes(n_inputs, n_hidden, n_arms, n_steps),
    )


CASES = {
    "MDPs of 3 states with td_lambda": td_lambda(3, 4, all_searched=False),
    "the chip's MDPs with td_lambda": td_lambda(6, 8, all_searched=True),
    "bandits with incremental": incremental("independent"),
    "easy bandits with incremental": incremental(
        "dependent_easy", "-DDEPENDENT", "-DWORSE_U16=6554"
    ),
    "dependent bandits with fictive": incremental(
        "dependent", "-DDEPENDENT", fictive=True, expected=True
    ),
    "bandits with a network": network(2, 5, 7),
    "five arms with a network of seven inputs": network(5, 7, 7),
}
