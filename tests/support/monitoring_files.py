"""The metrics that the Grafana board and the Prometheus alerts ask for."""

import re

from board import BOARD, panels

from support.paths import ROOT

DEPLOY = ROOT / "cluster/deploy"
PROMETHEUS = DEPLOY / "prometheus"
GRAFANA = DEPLOY / "grafana"
assert BOARD.is_relative_to(GRAFANA)


def expressions() -> list[str]:
    """All queries of the board."""
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def metric_names() -> set[str]:
    """All names of metrics in the board and the alerts, Spikeloop's and Ray's."""
    text = "\n".join([*expressions(), (PROMETHEUS / "alerts.yml").read_text()])
    return set(re.findall(r"\bray_\w+", text))
