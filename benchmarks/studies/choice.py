"""How the emulated chip chooses between two arms: width and bias of its choice, by coding and chip.

``python benchmarks/studies/choice.py [--figure FILE] [--strengths]`` fixes the weights to the
action neurons of a bandit's network and counts how often each of two arms is chosen, for
differences of 0 to 16 codes in both directions at two levels. The choice is then fitted by a
probit,

    P(second arm) = Φ((w₂ − w₁ − bias) / width)

with both in weight codes, once for each of ten chips. It prints a table of the median width, with
the interval between order statistics, and of the mean bias, with a t-interval, and draws the
measured choices. ``--strengths`` measures instead how the width depends on the strength of
excitation and on the mean weight.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import optimize, stats

from spikeloop.tasks.bandit import Bandit, BanditTasks
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.core import clone
from spikeloop.workers.chip.limits import MAX_WEIGHT_U6
from spikeloop.workers.chip.task_message import environments
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.learners.chip.coding import CODINGS
from spikeloop.workers.learners.chip.episode import decision_protocol, episode_kernel
from spikeloop.workers.plasticity import Incremental
from spikeloop.workers.plasticity.incremental import IncrementalMemory

CHIPS = range(20, 30)
DIFFERENCES = (-16, -12, -8, -6, -4, -2, 0, 2, 4, 6, 8, 12, 16)
LEVELS = (40, 52)
STRENGTHS = (51, 75, 102, 200)
LOW_AND_HIGH = (12, 20, 28, 40, 52)
N_DECISIONS = 200
FAMILY = Bandit(n_steps=N_DECISIONS)


@dataclass(frozen=True)
class Choice:
    """The choice of one chip at one level: its share of the second arm, and the probit fitted."""

    share: FloatArray
    width: float
    bias: float


def shares(agent: ChipAgent, chip: int, level: int) -> FloatArray:
    """Share of the second arm for each difference of the weights around a level."""
    space = agent.space(FAMILY.interface)
    values = space.decode(space.default_point()[None]).values[0].tolist()
    theta = {**dict(zip(space.columns, values, strict=True)), "learning_rate": 0.0, "code_low": 0.0}
    prepared = agent.network(theta, 1, 2, chip)
    task = environments(BanditTasks(FAMILY, np.array([[0.0, 1.0]])).tables())[0]
    protocol, coding = decision_protocol(agent.circuit), CODINGS.index(agent.coding)
    found = []
    for difference in DIFFERENCES:
        memory = Incremental().memory(theta, FAMILY.interface)
        codes = level + np.array([-difference / 2, difference / 2])
        memory.values.value_u16[:] = np.rint(codes / MAX_WEIGHT_U6 * 65535)
        paid = np.zeros(1)
        seed = np.uint64(1000 * level + difference + 500)
        episode_kernel(IncrementalMemory)(
            clone(prepared), memory, task, protocol, coding, seed, N_DECISIONS, paid
        )
        found.append(paid[0] / N_DECISIONS)
    return np.array(found)


def fitted(share: FloatArray) -> Choice:
    """Fit width and bias by maximum likelihood; a choice without errors has the width 0.1."""
    differences, chosen = np.array(DIFFERENCES), share * N_DECISIONS

    def loss(parameters: FloatArray) -> float:
        z = (differences - parameters[1]) / np.exp(parameters[0])
        second, first = stats.norm.logcdf(z), stats.norm.logcdf(-z)
        return -float((chosen * second + (N_DECISIONS - chosen) * first).sum())

    starts = [(np.log(width), bias) for width in (1.0, 4.0, 16.0) for bias in (-8.0, 0.0, 8.0)]
    bounds = [(np.log(0.1), np.log(1e3)), (-100.0, 100.0)]
    best = min((optimize.minimize(loss, s, bounds=bounds) for s in starts), key=lambda r: r.fun)
    return Choice(share, float(np.exp(best.x[0])), float(best.x[1]))


def median(widths: list[float]) -> str:
    """Median and its interval between order statistics, at least 95 %: of ten, the 2nd and 9th."""
    text = _width(float(np.median(widths)))
    if len(widths) == 1:
        return text
    limits = stats.quantile_test(np.array(widths), p=0.5).confidence_interval(0.95)
    return f"{text} [{', '.join(map(_width, limits))}]"


def _width(width: float) -> str:
    return f"{width:.1f}" if width < 100 else "≥ 100"


def mean(biases: list[float]) -> str:
    """Mean, its 95 % t-interval and the standard deviation over chips, as two cells."""
    if len(biases) == 1:
        return f"{biases[0]:+.1f} | "
    low, high = stats.ttest_1samp(biases, 0.0).confidence_interval(0.95)
    return f"{np.mean(biases):+.1f} [{low:+.1f}, {high:+.1f}] | {np.std(biases, ddof=1):.1f}"


def by_strength() -> None:
    """Print the width of the choice of calibrated chips, by strength and mean weight."""
    print("| strength | " + " | ".join(f"around {level}" for level in LOW_AND_HIGH) + " |")
    print("| --- |" + " --- |" * len(LOW_AND_HIGH))
    for strength in STRENGTHS:
        agent = ChipAgent.model_validate(
            {"coding": "first", "program": Incremental(), "circuit": {"gm_exc_u10": strength}}
        )
        cells = []
        for level in LOW_AND_HIGH:
            choices = [fitted(shares(agent, chip, level)) for chip in CHIPS]
            cells.append(median([choice.width for choice in choices]))
        print(f"| {strength} | " + " | ".join(cells) + " |", flush=True)


def draw(found: dict[tuple[str, str, int], list[Choice]], path: Path) -> None:
    """Draw the share of the second arm over the difference: a thin line a chip."""
    from matplotlib.figure import Figure

    rows = list(dict.fromkeys((coding, mismatch) for coding, mismatch, _ in found))
    codings, mismatches = (list(dict.fromkeys(part)) for part in zip(*rows, strict=True))
    figure = Figure(figsize=(2.6 * len(codings), 2.2 * len(mismatches)), layout="constrained")
    grid = figure.subplots(len(mismatches), len(codings), sharex=True, sharey=True)
    for i, mismatch in enumerate(mismatches):
        for j, coding in enumerate(codings):
            axes = grid[i, j]
            for level, colour in zip(LEVELS, ("#0072b2", "#d55e00"), strict=True):
                for k, choice in enumerate(found[coding, mismatch, level]):
                    label = f"around {level}" if k == 0 else None
                    axes.plot(DIFFERENCES, choice.share, color=colour, alpha=0.4, lw=1, label=label)
            axes.axhline(0.5, color="0.8", lw=0.8, zorder=0)
            axes.axvline(0.0, color="0.8", lw=0.8, zorder=0)
            axes.set_title(f"{coding}, {mismatch}", fontsize=9)
    grid[0, 0].legend(fontsize=8, frameon=False)
    figure.supxlabel("weight of the second arm minus that of the first (codes)", fontsize=9)
    figure.supylabel("share of the second arm", fontsize=9)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", type=Path, help="where to draw the choices")
    parser.add_argument("--strengths", action="store_true", help="widths by strength of excitation")
    arguments = parser.parse_args()
    figure = arguments.figure
    if arguments.strengths:
        by_strength()
        return
    found: dict[tuple[str, str, int], list[Choice]] = {}
    print(f"{len(CHIPS)} chips, {N_DECISIONS} decisions for each of {len(DIFFERENCES)} differences")
    print()
    print("| coding | mismatch | level | width, median | bias, mean | bias, SD over chips |")
    print("| --- | --- | --- | --- | --- | --- |")
    for coding in ("first", "fired", "count", "polled"):
        for mismatch in ("off", "calibrated", "uncalibrated"):
            agent = ChipAgent.model_validate(
                {"coding": coding, "mismatch": mismatch, "program": Incremental()}
            )
            for level in LEVELS:
                # Without mismatch all chips are one.
                chips = CHIPS[:1] if mismatch == "off" else CHIPS
                choices = [fitted(shares(agent, chip, level)) for chip in chips]
                found[coding, mismatch, level] = choices
                width = median([choice.width for choice in choices])
                bias = mean([choice.bias for choice in choices])
                print(f"| {coding} | {mismatch} | {level} | {width} | {bias} |", flush=True)
    if figure is not None:
        draw(found, figure)


if __name__ == "__main__":
    main()
