"""What happens to each run, and when: a function of the seed."""

from dataclasses import dataclass

import numpy as np

from chaos.faults import FAULTS
from chaos.scenes import LONG, SCENES, Scene

N_FAULTS = (3, 4)
START = -1
"""Struck before anything is committed: while Ray and the workers start."""

MAX_DELAY_S = 1.0
MAX_DELAY_START_S = 5.0
SHARE_AT_ONCE = 0.15


@dataclass(frozen=True)
class Strike:
    """One fault and its moment.

    Attributes:
        fault: name in ``FAULTS``.
        after: the generation whose commit it waits for; None: it follows the one before at once.
        delay_s: from that moment.
        slow: whether its effect may take long to be seen, so that the next one waits for that.
    """

    fault: str
    after: int | None
    delay_s: float
    slow: bool = False


@dataclass(frozen=True)
class Plan:
    """A run's scene and faults."""

    number: int
    scene: Scene
    strikes: tuple[Strike, ...]


SLOW = (
    (Strike("gcs", 2, 0.5, True), Strike("raylet", 45, 0.5, True), Strike("worker", 50, 0.5)),
    (Strike("gcs", 2, 0.5, True), Strike("worker", None, 1.0), Strike("raylet", 45, 0.5, True)),
    (Strike("raylet", 2, 0.5, True), Strike("gcs", 10, 0.5, True), Strike("worker", 50, 0.5)),
)
"""Of long runs: the servers' deaths, whose effects the short ones may not last to see."""


def plans(n_runs: int, seed: int, limited: bool) -> list[Plan]:
    """Deals all faults, shuffled, again and again, so that all occur about equally often.

    Args:
        n_runs: short ones; a few long ones follow.
        seed: of the plans of the short ones.
        limited: whether disk and memory are small.
    """
    rng = np.random.default_rng(seed)
    names = [name for name, fault in FAULTS.items() if limited or not fault.limited]
    deck: list[str] = []
    dealt = []
    for number in range(n_runs):
        scene = SCENES[number % len(SCENES)]
        n_faults = int(rng.choice(N_FAULTS))
        while len(deck) < n_faults:
            deck += [str(name) for name in rng.permutation(names)]
        faults, deck = deck[:n_faults], deck[n_faults:]
        moments = sorted(
            rng.choice(np.arange(START, scene.last + 1), n_faults, replace=False).tolist()
        )
        strikes: list[Strike] = []
        for fault, after in zip(faults, moments, strict=True):
            longest = MAX_DELAY_START_S if after == START else MAX_DELAY_S
            at_once = strikes and strikes[-1].fault != fault and rng.random() < SHARE_AT_ONCE
            delay_s = round(rng.uniform(0, longest), 3)
            slow = FAULTS[fault].slow
            strikes.append(Strike(fault, None if at_once else after, delay_s, slow))
        dealt.append(Plan(number, scene, tuple(strikes)))
    return dealt + [Plan(n_runs + i, LONG, strikes) for i, strikes in enumerate(SLOW)]
