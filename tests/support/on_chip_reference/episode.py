"""An episode in which the largest weight code wins, in place of the analog network.

A step draws twice from the episode's generator: a byte chooses among the actions whose code is the
largest, n of them, as the processor chooses among neurons that fired (rank = byte modulo n, also
where n = 1; in ascending order of actions); a word modulo 65535 chooses the successor, the first
whose cumulative probability is above it. ``decided`` comes between the two, ``rewarded`` after
them.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from support.on_chip_reference import constants as written
from support.on_chip_reference.tasks import FULL, Task
from support.on_chip_reference.words import Lcg, i32, u32

MAX_TABLE = 63 << 7


class Rule(Protocol):
    """A plasticity program, made for each episode from the constants of a candidate."""

    def codes(self, state: int) -> list[int]:
        """Return the weight codes from an observed state to the actions."""

    def decided(self, step: int, state: int, action: int) -> None:
        """Learn from a decision."""

    def rewarded(self, state: int, action: int, signal_q7: int) -> None:
        """Learn from its feedback."""


MakeRule = Callable[[Sequence[int]], Rule]
"""From a candidate's coordinates to its rule at the start of an episode."""


def play(rule: Rule, task: Task, seed: int, n_steps: int) -> int:
    """Return the sum of merits of an episode, whose generator begins at ``seed``."""
    generator, state, fitness = Lcg(seed), 0, 0
    for step in range(n_steps):
        observed = task.observation[state]
        codes = rule.codes(observed)
        best = [action for action, code in enumerate(codes) if code == max(codes)]
        action = best[generator.by_byte(len(best))]
        rule.decided(step, observed, action)
        number = generator.by_word(FULL)
        row = task.cumulative[action][state]
        successor = next(s for s, passed in enumerate(row) if number < passed)
        fitness += task.merit_q7[action][state][successor]
        rule.rewarded(observed, action, task.signal_q7[action][state][successor])
        state = successor
    return u32(fitness)


def rounded(x: int, bits: int) -> int:
    """Return a signed word by a power of two, halves up."""
    return (i32(x) + (1 << bits >> 1)) >> bits


def i16(x: int) -> int:
    """Return the nearest signed halfword."""
    return min(max(x, -32768), 32767)


class TdLambda:
    """``plasticity.td_lambda``; table in 1/128 codes, traces in Q7."""

    def __init__(self, constants: written.Constants, n_states: int, n_actions: int) -> None:
        """Begin with equal weights and without traces."""
        self.c, self.n_actions = constants, n_actions
        self.table = [constants["initial_u6"] << 7] * (n_states * n_actions)
        self.trace = [0] * len(self.table)
        self.last, self.signal = -1, 0

    def codes(self, state: int) -> list[int]:
        first = state * self.n_actions
        return [min(rounded(w, 7), 63) for w in self.table[first : first + self.n_actions]]

    def decided(self, step: int, state: int, action: int) -> None:
        pair = state * self.n_actions + action
        if self.last >= 0:
            self._update(pair)
            if step % self.c["rescale_period"] == 0:
                for first in range(0, len(self.table), self.n_actions):
                    self._rescale(first)
        self.last = pair

    def rewarded(self, state: int, action: int, signal_q7: int) -> None:
        self.signal = i16(rounded(signal_q7 * self.c["scale_q7"], 7))

    def _update(self, pair: int) -> None:
        c, table = self.c, self.table
        target = i16((self.signal << 6) + i16(rounded(table[pair] * c["gamma_q7"], 7)))
        step = i16(rounded(i16(target - table[self.last]) * c["eta_q7"], 7))
        decay_q7 = min(rounded(c["gamma_q7"] * c["lambda_q7"], 7), 127)
        for i, trace in enumerate(self.trace):
            decayed = trace * decay_q7 >> 7
            self.trace[i] = min(decayed + 127, 127) if i == self.last else decayed
            changed = i16(table[i] + i16(rounded(step * self.trace[i], 7)))
            table[i] = min(max(changed, 0), MAX_TABLE)

    def _rescale(self, first: int) -> None:
        lower, upper = self.c["lower_u6"] << 7, self.c["upper_u6"] << 7
        row = self.table[first : first + self.n_actions]
        least, span = min(row), max(row) - min(row)
        for i, value in enumerate(row, start=first):
            if span == 0:
                self.table[i] = upper
            else:
                part = u32((value - least) * (upper - lower) + span // 2) // span
                self.table[i] = lower + part


class ActionValues:
    """What rules for bandits have in common: values in 1/65536 and their codes."""

    def __init__(self, constants: written.Constants, n_states: int, n_actions: int) -> None:
        """Begin with equal values."""
        self.c, self.n_actions = constants, n_actions
        self.values = [constants["initial_u16"]] * (n_states * n_actions)

    def codes(self, state: int) -> list[int]:
        low, first = self.c["low_u6"], state * self.n_actions
        values = self.values[first : first + self.n_actions]
        return [low + rounded(value * (63 - low), 16) for value in values]

    def decided(self, step: int, state: int, action: int) -> None:
        pass

    def rewarded(self, state: int, action: int, signal_q7: int) -> None:
        """Change the values: a rule's own."""
        raise NotImplementedError


def reward_u16(signal_q7: int) -> int:
    """Return a reward in 1/65536."""
    return min(max(signal_q7 * 517, 0), 65535)


class Incremental(ActionValues):
    """``plasticity.incremental`` and ``plasticity.fictive``."""

    def __init__(self, constants: written.Constants, n_states: int, n_actions: int) -> None:
        """Begin with equal rates too."""
        super().__init__(constants, n_states, n_actions)
        self.rates = [constants["rate_q15"]] * len(self.values)

    def rewarded(self, state: int, action: int, signal_q7: int) -> None:
        first, reward = state * self.n_actions, reward_u16(signal_q7)
        pair = first + action
        rate = self.rates[pair]
        fictive = rounded(rate * self.c["fictive_q15"], 15)
        for other in range(first, first + self.n_actions):
            value = self.values[other]
            target, by = (reward, rate) if other == pair else (65535 - reward, fictive)
            self.values[other] = value + rounded(by * (target - value), 15)
        self.rates[pair] = rounded(rate * self.c["decay_q15"], 15)


class PlasticityNetwork(ActionValues):
    """``plasticity.plasticity_network`` with 16-bit weights and a table of 257 points.

    Args:
        constants: of the candidate.
        n_states: observed states.
        n_actions: actions.
        n_inputs: 5 or 7.
        sigmoid_q15: the table, (257,), which the host writes.
        share_q24: 2^24 / n_steps, rounded, which the host writes.
    """

    def __init__(
        self,
        constants: written.Constants,
        n_states: int,
        n_actions: int,
        n_inputs: int,
        sigmoid_q15: Sequence[int],
        share_q24: int,
    ) -> None:
        """Begin with equal values, without pulls."""
        super().__init__(constants, n_states, n_actions)
        self.n_inputs, self.sigmoid_q15, self.share_q24 = n_inputs, sigmoid_q15, share_q24
        self.n_hidden = sum(name.startswith("bias_q12_") for name in constants)
        self.others_q16 = min(65536 // max(n_actions - 1, 1), 65535)
        self.pulls, self.second = [0] * len(self.values), [0] * len(self.values)
        self.time = 0

    def rewarded(self, state: int, action: int, signal_q7: int) -> None:
        first = state * self.n_actions
        pairs = range(first, first + self.n_actions)
        total = sum(self.values[pair] for pair in pairs)
        self.pulls[first + action] = min(self.pulls[first + action] + self.share_q24, 1 << 24)
        changes = []
        for pair in pairs:
            own = self.values[pair]
            x = [
                self.time >> 12,
                (reward_u16(signal_q7) >> 3) - 4096,
                4096 if pair == first + action else -4096,
                own >> 4,
                (u32((total - own) * self.others_q16) >> 16) >> 4,
                self.pulls[pair] >> 12,
                self.second[pair] >> 3,
            ]
            changes.append(self._outputs(x[: self.n_inputs]))
        for pair, (change, second) in zip(pairs, changes, strict=True):
            self.values[pair] = min(max(self.values[pair] + change, 0), 65535)
            self.second[pair] = i16(self.second[pair] + second)
        self.time = min(self.time + self.share_q24, 1 << 24)

    def _outputs(self, x: Sequence[int]) -> tuple[int, int]:
        c, output, second = self.c, 0, 0
        for j in range(self.n_hidden):
            total = c[f"bias_q12_{j}"] << 12
            for i, a in enumerate(x):
                total = i32(total + a * c[f"hidden_q12_{j * self.n_inputs + i}"])
            hidden = self._activation(rounded(total, 12))
            output = i32(output + hidden * c[f"output_q12_{j}"])
            second = i32(second + hidden * c.get(f"second_output_q12_{j}", 0))
        return rounded(output, 14), rounded(second, 15)

    def _activation(self, a: int) -> int:
        above = min(max(a, -32768), 32767) + 32768
        point, rest = above >> 8, above & 255
        low, high = self.sigmoid_q15[point], self.sigmoid_q15[point + 1]
        return (low + rounded((high - low) * rest, 8)) >> 3
