"""Which carrier trained networks use: the section ``carrier`` over seeds of training and inputs.

    python benchmarks/studies/lsnn_carriers.py RUN... --figure carriers.png
    python benchmarks/studies/lsnn_carriers.py benchmarks/studies/carriers/*.npz --json FILE

Each RUN is a run folder or weights file. The first table has a row for each network, the second
one for each kind of training, with means over its seeds and 95 % t-intervals; the figure shows the
planned comparisons of all networks. ``benchmarks/studies/carriers`` holds the networks of
docs/results/interpretation.md and what was measured with them, ``measured.json``.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from planned import cell, over_searches

from spikeloop.coordinator.export.weights import open_learned
from spikeloop.coordinator.interpretation.carrier.losses import MARGIN, verdict
from spikeloop.coordinator.interpretation.carrier.section import CARRIER
from spikeloop.coordinator.interpretation.subject import Subject
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.coordinator.stats.bootstrap import Interval

COSTLY = 1e-4
"""Cost on rates from which a training is named after it; the others have 1e-5."""
COMPARED = {"jitter": (COLOURS["learned"], "o"), "filter": (COLOURS["default"], "s")}


def measure(source: Path, episodes: int | None, seed: int) -> dict[str, Any]:
    """Return the numbers of the section for one network, in tasks of that seed."""
    learned = open_learned(source, trust=False)
    results = CARRIER.interpret(Subject(learned, seed, episodes), lambda line: None)
    return {"name": source.stem, **results.numbers}


def training(source: Path) -> tuple[str, int]:
    """Name the kind of training of a network, and give its seed."""
    config: Any = open_learned(source, trust=False).config
    family, learner = config.family, config.learner
    tasks = {
        "quadratic": "functions",
        "informative_bandit": f"{getattr(family, 'n_arms', 0)} arms, one informative",
        "bandit": f"two {getattr(family, 'arms', '')} arms",
    }[family.kind]
    cost = ", cost on rates" if learner.objective.rate_cost >= COSTLY else ""
    size = "" if learner.n_neurons == 100 else f", {learner.n_neurons} neurons"
    return f"{tasks}; {learner.input}{size}{cost}", config.run.seed


def planned(numbers: dict[str, Any], lesion: str) -> dict[str, Any]:
    """Return the loss by a lesion at the planned strength, beyond its matched delay."""
    ms = numbers["planned_ms"]
    found = next(x for x in numbers["losses"] if (x["lesion"], x["ms"]) == (lesion, ms))
    return dict(found)


def exchange(numbers: dict[str, Any]) -> dict[str, Any]:
    """Return the loss by trains of other episodes with the same counts."""
    return dict(next(x for x in numbers["losses"] if x["lesion"] == "exchange, equal counts"))


def percent(interval: dict[str, float]) -> str:
    """For example "3.1 [1.0, 5.2]"."""
    return (
        f"{100 * interval['value']:.1f} [{100 * interval['low']:.1f}, {100 * interval['high']:.1f}]"
    )


def table(measured: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the table, in Markdown; losses in % of the gain."""
    lines = [
        "| network | seed | rate (Hz) | gain | J (ms) | delay J / 2 | jitter − delay "
        "| filter − delay | trains of equal counts | verdict |",
        "|" + " --- |" * 10,
    ]
    for one in measured:
        half = next(
            x["loss"]
            for x in one["losses"]
            if (x["lesion"], x["ms"]) == ("delay", one["planned_ms"] / 2)
        )
        cells = [
            one["training"],
            str(one["seed"]),
            f"{one['mean_rate_hz']:.0f}",
            f"{one['gain']['value']:.2f} [{one['gain']['low']:.2f}, {one['gain']['high']:.2f}]",
            f"{one['planned_ms']:g}",
            percent(half),
            *(percent(planned(one, lesion)["beyond_matched_delay"]) for lesion in COMPARED),
            f"{percent(exchange(one)['loss'])}, {100 * one['trains_moved']:.0f} % moved",
            _verdict(one),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def over_seeds(measured: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the table of trainings, in Markdown; losses in % of the gain."""
    lines = [
        "| training | seeds | jitter − delay | filter − delay | trains of equal counts "
        "| verdicts |",
        "|" + " --- |" * 6,
    ]
    for kind in dict.fromkeys(one["training"] for one in measured):
        seeds = [one for one in measured if one["training"] == kind]
        losses = [
            *(
                [100 * planned(one, lesion)["beyond_matched_delay"]["value"] for one in seeds]
                for lesion in COMPARED
            ),
            [100 * exchange(one)["loss"]["value"] for one in seeds],
        ]
        verdicts = [_verdict(one) for one in seeds]
        counted = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
        cells = [kind, str(len(seeds)), *(cell(over_searches(loss)) for loss in losses), counted]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _verdict(numbers: dict[str, Any]) -> str:
    """Judge the planned comparisons; what was measured once need not be again."""
    compared = [planned(numbers, lesion)["beyond_matched_delay"] for lesion in COMPARED]
    return verdict(
        *(Interval(**one) for one in (numbers["gain"], *compared, exchange(numbers)["loss"]))
    )


def draw(measured: list[dict[str, Any]], path: Path) -> None:
    """Draw the planned comparisons of all networks, and what exchanged trains cost."""
    figure = figures.new(0.9 + 0.3 * len(measured))
    axes = figure.subplots()
    for place, one in enumerate(measured):
        points = {
            f"{lesion} − delay as long": (planned(one, lesion)["beyond_matched_delay"], *style)
            for lesion, style in COMPARED.items()
        }
        points["trains of equal counts"] = (exchange(one)["loss"], "#009E73", "D")
        for number, (name, (loss, colour, mark)) in enumerate(points.items()):
            y = place + 0.22 * (number - 1)
            low, high = 100 * loss["low"], 100 * loss["high"]
            axes.plot([low, high], [y, y], color=colour, lw=1.4)
            label = name if place == 0 else None
            axes.plot(100 * loss["value"], y, mark, color=colour, ms=5, label=label)
    axes.axvspan(-100 * MARGIN, 100 * MARGIN, color="0.88", lw=0, zorder=0)
    axes.axvline(0, color="0.5", lw=0.7, zorder=0)
    names = [
        f"{one['training'].replace(', one informative', '')}; {one['seed']}" for one in measured
    ]
    axes.set_yticks(range(len(measured)), names, fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("% of the gain lost beyond the control")
    figures.legend_above(axes, ncols=1)
    figures.open_frame(axes)
    figures.save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sources", type=Path, nargs="+", help="run folders or weights files")
    parser.add_argument("--episodes", type=int)
    parser.add_argument("--seed", type=int, default=1, help="of the held-out tasks")
    parser.add_argument("--json", type=Path, help="where the numbers go, and come from if there")
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args()
    kept = json.loads(asked.json.read_text()) if asked.json and asked.json.exists() else []
    known = {one["name"]: one for one in kept}
    for source in asked.sources:
        if source.stem not in known:
            known[source.stem] = measure(source, asked.episodes, asked.seed)
            if asked.json:
                asked.json.write_text(json.dumps(list(known.values())))
    measured = [
        {**known[source.stem], **dict(zip(("training", "seed"), training(source), strict=True))}
        for source in asked.sources
    ]
    print("\n".join([*table(measured), "", *over_seeds(measured)]))
    if asked.figure:
        draw(measured, asked.figure)


if __name__ == "__main__":
    main()
