"""A learning rule as a picture: how it changes the value of the pulled arm and of the other one.

``python benchmarks/studies/rule_picture.py RUN [RUN...] --figure FILE`` takes finished runs whose
learner is the chip with a rule for bandits, and draws for the learned Θ of each what the section
"The learned rule" of its report shows: the change of both arms' values by one pull, over the arm's
own value, after a reward and after none. It prints the changes in the middle.
"""

import argparse
from pathlib import Path

from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.rule_figure import (
    PicturedRule,
    pictured,
    rules_figure,
    rules_table,
)
from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.store.run_folder import RunFolder, read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.plasticity.replay import keeps_values


def learned_rule(run: RunFolder) -> PicturedRule:
    """The rule that the learned Θ of a run is."""
    learner, space = run.config.learner, run.config.space
    values = space.decode(deployed(run)[None]).values[0].tolist()
    theta = dict(zip(space.columns, values, strict=True))
    interface = run.config.family.interface
    if not isinstance(learner, ChipAgent) or not keeps_values(learner.program, theta, interface):
        raise SystemExit(f"{run.store.folder}: its learner must be chip with a rule for bandits")
    return pictured(learner.program.kind, learner.program, theta, interface)


def main() -> None:
    """Draw the figure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--figure", type=Path, required=True, help="where to draw")
    arguments = parser.parse_args()
    rules = [learned_rule(read_run(RunStore.open(folder))) for folder in arguments.runs]
    table = rules_table(rules)
    for row in (table.head, ["---"] * len(table.head), *table.rows):
        print(f"| {' | '.join(row)} |")
    figures.save(rules_figure(rules), arguments.figure)


if __name__ == "__main__":
    main()
