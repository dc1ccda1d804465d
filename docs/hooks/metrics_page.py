"""The page of metrics, from the table that publishes them."""

from collections.abc import Callable
from typing import Any

from markdown_table import code, table

from spikeloop.cluster.metrics import METRICS, exported

HEAD = """# Metrics

What a run on Ray exports to Prometheus, with the run's name as the label `run`. How to read them is
in [Watch a cluster with Prometheus and Grafana](../how-to/prometheus.md).
"""


def metrics_page(warn: Callable[[str], Any]) -> str:
    """Return the page."""
    rows = [
        [code(exported(name)), metric.kind, metric.unit, code(metric.tag), metric.description]
        for name, metric in METRICS.items()
    ]
    return HEAD + "\n" + table(["metric", "kind", "unit", "label", "value"], rows)
