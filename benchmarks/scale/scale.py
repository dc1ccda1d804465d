"""How far a search scales: costs measured, a model fed with them, and the model put to the test.

Run ``python benchmarks/scale/scale.py`` on an otherwise idle machine; it takes some twenty minutes
and 12 GB of memory. Its parts can be chosen by name: ``costs`` measures what things cost,
``points`` measures efficiencies of the real pool with sleeping workers, ``tables`` predicts, and
``figures`` draws. What was measured stays in the folder of ``--data``, so that the last two can be
repeated.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from scale_model import simulate
from scale_terms import Costs, Machine, Work

POOLS = ((1, 1), (2, 1), (4, 1), (8, 1), (32, 1), (100, 1), (1, 25), (2, 25), (4, 25), (8, 25))
"""Workers and cores of each, of the measured points."""

CORES = (2, 8, 32, 128, 512, 1440, 4096, 10_000)
JOBS_S = (0.05, 0.5, 5.0)
SIZES = (1, 8, 48)
"""Cores of a worker: one, a part of a node, a whole node."""

NETWORK_S = 0.5e-3
"""One way between machines, on top of the latency within one: assumed."""

GOAL, GOAL_CORES, GOAL_JOB_S = 0.9, 1440, 0.5


class Prediction:
    """The model with fixed costs.

    Args:
        costs: of one machine; the network comes on top.
    """

    def __init__(self, costs: Costs) -> None:
        self.costs = replace(costs, latency=costs.latency + NETWORK_S)

    def __call__(self, n_cores: int, size: int, job_s: float, **work: Any) -> float:
        """Efficiency of about so many cores in workers of one size."""
        machine = Machine(max(1, n_cores // size), min(size, n_cores))
        return simulate(machine, Work(job_s, **work), self.costs).efficiency

    def at_goal(self, size: int, **work: Any) -> float:
        """Efficiency of the goal's cores and jobs."""
        return self(GOAL_CORES, size, GOAL_JOB_S, **work)

    def on(self, machine: Machine, variation: float) -> float:
        """Efficiency of the goal's jobs, 16 for each core, on a given machine."""
        return simulate(machine, Work(GOAL_JOB_S, 16, 1, variation), self.costs).efficiency


def markdown(header: Sequence[object], lines: Sequence[Sequence[object]]) -> str:
    table = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in table) + "\n"


def shown(value: float) -> str:
    """An efficiency, bold if it reaches the goal."""
    return f"**{value:.3f}**" if value >= GOAL else f"{value:.3f}"


def costs_table(costs: Costs) -> str:
    lines = [
        (f"`{field.name}`", f"{1e6 * getattr(costs, field.name):.3g}") for field in fields(costs)
    ]
    return markdown(("cost", "µs"), lines)


def size_table(predict: Prediction, **work: Any) -> str:
    """Efficiency by cores, duration and size of the workers."""
    columns = [(job_s, size) for job_s in JOBS_S for size in SIZES]
    header = ["cores", *(f"{job_s:g} s, {size} a worker" for job_s, size in columns)]
    lines = [
        [f"{n:,}", *(shown(predict(n, size, job_s, **work)) for job_s, size in columns)]
        for n in CORES
    ]
    return markdown(header, lines)


def generation_table(predict: Prediction) -> str:
    """Efficiency at the goal by jobs a core and by the variation of their durations."""
    columns = [(variation, size) for variation in (0.0, 0.1, 0.5) for size in SIZES]
    header = ["jobs a core", *(f"CV {cv}, {size} a worker" for cv, size in columns)]
    lines = [
        [n, *(shown(predict.at_goal(size, jobs_per_core=n, variation=cv)) for cv, size in columns)]
        for n in (2, 4, 8, 16, 32)
    ]
    return markdown(header, lines)


def loss_table(costs: Costs) -> str:
    """What the goal's efficiency would gain without some of the costs."""
    groups = {
        "what is serial between generations": (
            "generation",
            "generation_unit",
            "generation_episode",
        ),
        "commits": ("commit", "commit_unit", "commit_episode"),
        "messages": ("send_message", "read_message"),
        "units": ("send_unit", "read_unit", "read_episode"),
        "turns of the loop": ("turn", "turn_worker", "turn_call"),
        "the workers' own time": ("worker_message", "worker_unit"),
        "all costs": tuple(field.name for field in fields(costs)),
    }
    predict, lines = Prediction(costs), []
    for name, group in groups.items():
        without = Prediction(replace(costs, **dict.fromkeys(group, 0.0)))
        won = (
            without.at_goal(size, jobs_per_core=16) - predict.at_goal(size, jobs_per_core=16)
            for size in SIZES
        )
        lines.append([name, *(f"{value:+.3f}" for value in won)])
    return markdown(("without", *(f"{size} a worker" for size in SIZES)), lines)


def design_table(costs: Costs) -> str:
    """The goal's efficiency as the pool is, and as it would be with other designs."""
    node = SIZES[-1]
    now = Machine(GOAL_CORES // node, node)
    between = replace(
        costs,
        generation=costs.generation + costs.commit,
        generation_unit=costs.generation_unit + costs.commit_unit,
        generation_episode=costs.generation_episode + costs.commit_episode,
        commit=0.0,
        commit_unit=0.0,
        commit_episode=0.0,
    )
    designs = (
        ("as it is", now, costs),
        ("commit before the next generation begins", now, between),
        ("one message for all cores of a worker", replace(now, n_messages=1), costs),
        ("the same, one message after the other", replace(now, n_messages=1, in_turn=True), costs),
        ("one core a worker", Machine(GOAL_CORES), costs),
    )
    lines = [
        [name, *(shown(Prediction(paid).on(machine, variation)) for variation in (0.0, 0.1, 0.5))]
        for name, machine, paid in designs
    ]
    return markdown((f"{node} cores a worker", "CV 0", "CV 0.1", "CV 0.5"), lines)


def saturation_table(costs: Costs) -> str:
    """Cores at which messages alone keep the coordinator busy all the time."""
    lines = [
        [
            f"{job_s:g}",
            *(f"{job_s / costs.per_job(Machine(1, size).units):,.0f}" for size in SIZES),
        ]
        for job_s in JOBS_S
    ]
    return markdown(("job (s)", *(f"{size} a worker" for size in SIZES)), lines)


def print_predictions(costs: Costs) -> None:
    predict = Prediction(costs)
    for title, work in (
        ("8 jobs a core and generation", {"jobs_per_core": 8}),
        ("16 jobs a core and generation", {"jobs_per_core": 16}),
        ("the same, 40 episodes a job", {"jobs_per_core": 16, "episodes_per_job": 40}),
    ):
        print(f"{title}\n\n{size_table(predict, **work)}")
    print(f"{GOAL_CORES:,} cores, jobs of {GOAL_JOB_S:g} s\n\n{generation_table(predict)}")
    print(f"The same, 16 jobs a core\n\n{loss_table(costs)}")
    print(f"The same, by design\n\n{design_table(costs)}")
    print(f"Saturated by messages\n\n{saturation_table(costs)}")


def main() -> None:
    parts = ("costs", "points", "tables", "figures")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(parts)}; default: all")
    parser.add_argument("--data", type=Path, default=Path("runs/scaling"))
    parser.add_argument("--figures", type=Path, default=Path("docs/figures"))
    arguments = parser.parse_args()
    wanted = arguments.parts or parts
    if unknown := set(wanted) - set(parts):
        parser.error(f"parts are {', '.join(parts)}, got {', '.join(sorted(unknown))}")
    arguments.data.mkdir(parents=True, exist_ok=True)
    costs_file, points_file = (arguments.data / f"{name}.json" for name in parts[:2])

    # Reading the model's tables needs neither Ray nor SciPy.
    if "costs" in wanted:
        import scale_costs

        costs, details = scale_costs.measure()
        costs_file.write_text(json.dumps({"costs": asdict(costs), **details}, indent=1))
    costs = Costs(**json.loads(costs_file.read_text())["costs"])
    print(costs_table(costs))
    import scale_points

    if "points" in wanted:
        measured = []
        for n_workers, cores in POOLS:
            measured += scale_points.measure(n_workers, cores)
            points_file.write_text(json.dumps([asdict(point) for point in measured], indent=1))
    points = [scale_points.from_json(value) for value in json.loads(points_file.read_text())]
    print(scale_points.table(points, costs))
    if "tables" in wanted:
        print_predictions(costs)
    if "figures" in wanted:
        from scale_figure import draw, draw_points

        goal = (GOAL, GOAL_CORES, GOAL_JOB_S)
        draw(Prediction(costs), goal, SIZES, arguments.figures / "scaling.svg")
        draw_points(points, costs, arguments.figures / "scaling_points.svg")


if __name__ == "__main__":
    main()
