"""Publishes a run's metrics through Ray, which exports them to Prometheus.

Ray exports each metric as ``ray_spikeloop_<name>`` with the label ``run``, and counters with
``_total`` behind, on the metrics port of the node where the coordinator runs.

Ray exports a gauge once for each time it is set, and forgets it 20 s later. So a thread sets all of
them every few seconds, whatever the coordinator is busy with; and the gauges of a run that has
ended disappear by themselves. Counters start at 0 in each process.

Nothing here can change or end a run: if publishing fails, that is logged once, and it ends.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from spikeloop.cluster.metrics import METRICS, PREFIX, Metrics

REFRESH_S = 2.5
"""How often all gauges are set; Ray exports every 10 s, and misses what was not set in between."""


@contextmanager
def publishing(metrics: Metrics) -> Iterator[Metrics]:
    """Publish through the Ray cluster that this process is connected to, until the block ends."""
    ended = threading.Event()
    thread = threading.Thread(target=_keep, args=(metrics, ended), name="metrics", daemon=True)
    thread.start()
    try:
        yield metrics
    finally:
        ended.set()
        thread.join(timeout=REFRESH_S)


def _keep(metrics: Metrics, ended: threading.Event) -> None:
    try:
        instruments = _instruments()
        while not ended.wait(REFRESH_S):
            _export(metrics, instruments)
        _export(metrics, instruments)
    except Exception as error:  # whatever it is, the run matters more
        logging.getLogger(__name__).warning("metrics are no longer published: %s", error)


def _export(metrics: Metrics, instruments: Mapping[str, Any]) -> None:
    """Hand all gauges, and what was counted since the last call, to Ray."""
    import psutil

    metrics.publish({"coordinator_resident_memory_bytes": psutil.Process().memory_info().rss})
    counts = metrics.take_counts()
    for (run, name), values in metrics.gauges().items():
        for tag, value in values.items():
            instruments[name].set(value, metrics.tags(name, tag, run))
    for (name, tag), amount in counts.items():
        if amount > 0:
            instruments[name].inc(amount, metrics.tags(name, tag))


def _instruments() -> dict[str, Any]:
    """Make Ray's object for each metric."""
    from ray.util import metrics as ray_metrics

    kinds = {"gauge": ray_metrics.Gauge, "counter": ray_metrics.Counter}
    return {
        name: kinds[metric.kind](
            PREFIX + name,
            description=metric.description,
            tag_keys=("run", metric.tag) if metric.tag else ("run",),
        )
        for name, metric in METRICS.items()
    }
