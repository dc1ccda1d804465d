"""Tasks from one word: tables of a Markov decision process, and bandits with Bernoulli arms.

A task is a table of cumulative probabilities scaled to 65535, as the processor's environment has
it, feedback in Q7, and the merit in Q7 whose sum is the fitness. All draws come from one xorshift
generator that begins at the task's word, in the order in which they stand here.
"""

from dataclasses import dataclass
from typing import Literal

from support.on_chip_reference.words import Xorshift, below, u32

FULL = 65535
FORBIDDEN_Q7 = 64
"""Feedback of a successor that is never reached: that of a reward of 1/2."""

Arms = Literal["independent", "dependent", "dependent_easy", "dependent_medium", "dependent_hard"]

WORSE_U16 = {"dependent_easy": 6554, "dependent_medium": 16384, "dependent_hard": 26214}
"""Chances of .1, .25 and .4 of the worse of two arms in 1/65535, halves up."""

Table = list[list[list[int]]]


@dataclass(frozen=True)
class Task:
    """One task; tables are indexed [action][state][successor].

    Attributes:
        cumulative: cumulative probabilities · 65535; the last one is 65535.
        signal_q7: feedback, 0 to 127.
        merit_q7: what counts for the fitness, 0 to 127.
        observation: what is observed in each state. An episode begins in state 0.
    """

    cumulative: Table
    signal_q7: Table
    merit_q7: Table
    observation: list[int]


def mass_bits(n_states: int) -> int:
    """Return the bits of a mass: all masses of a row together have 16."""
    return 16 - (n_states - 1).bit_length()


def scaled_u16(part: int, total: int) -> int:
    """Return part / total · 65535, halves up; total <= 65536. A division of an unsigned word."""
    return u32(u32(part * FULL) + (total >> 1)) // total


def mdp(task_word: int, n_states: int, n_actions: int) -> Task:
    """Make a Markov decision process by the law of ``tasks.mdp``, in 16 bits.

    For each action, for each state, in this order: a word whose upper half is the threshold; for
    each successor a word whose upper half, if it is above the threshold, allows the successor, and
    whose lowest bits plus 1 are then its mass, and a word whose upper half is its reward; if none
    was allowed, a word that draws the one successor.
    """
    generator, bits = Xorshift(task_word), mass_bits(n_states)
    cumulative: Table = []
    signal: Table = []
    for _ in range(n_actions):
        cumulative.append([])
        signal.append([])
        for _ in range(n_states):
            threshold = generator.next() >> 16
            masses, rewards = [0] * n_states, [FORBIDDEN_Q7] * n_states
            drawn_q7 = [0] * n_states
            for successor in range(n_states):
                w, r = generator.next(), generator.next()
                drawn_q7[successor] = ((r >> 16) * 127 + 32768) >> 16
                if w >> 16 > threshold:
                    masses[successor] = (w & (1 << bits) - 1) + 1
                    rewards[successor] = drawn_q7[successor]
            if sum(masses) == 0:
                forced = below(generator.next(), n_states)
                masses[forced], rewards[forced] = 1, drawn_q7[forced]
            total = sum(masses)
            assert total <= 65536
            row, passed = [], 0
            for mass in masses:
                passed += mass
                row.append(scaled_u16(passed, total))
            cumulative[-1].append(row)
            signal[-1].append(rewards)
    return Task(cumulative, signal, signal, list(range(n_states)))


def bandit(
    task_word: int,
    n_arms: int,
    arms: Arms = "independent",
    counts: Literal["drawn", "expected"] = "drawn",
) -> Task:
    """Make a bandit by the law of ``tasks.bandit``: two states, "did not pay" and "paid".

    An independent arm's chance is the upper half of its own word, in 1/65535; of dependent arms the
    first one's is drawn, or where two chances are possible it is the worse one if the word's
    highest bit is 0. The second one's is 65535 less it. With ``counts = "expected"`` the merit is
    the chance itself in Q7.
    """
    generator = Xorshift(task_word)
    if arms == "independent":
        chances = [generator.next() >> 16 for _ in range(n_arms)]
    else:
        first = generator.next() >> 16
        if arms != "dependent":
            first = WORSE_U16[arms] if first < 32768 else FULL - WORSE_U16[arms]
        chances = [first, FULL - first]
    expected_q7 = [(chance * 127 + 32768) >> 16 for chance in chances]
    paid = [[[0, 127]] * 2 for _ in chances]
    return Task(
        cumulative=[[[FULL - chance, FULL]] * 2 for chance in chances],
        signal_q7=paid,
        merit_q7=[[[q7] * 2] * 2 for q7 in expected_q7] if counts == "expected" else paid,
        observation=[0, 0],
    )
