"""Prometheus' and Grafana's files: they parse, fire, and ask for what exists."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # Ray brings it along
from board import BOARD, filled_in, panels
from support.external_tools import run_tool
from support.monitoring_files import GRAFANA, PROMETHEUS, expressions, metric_names

from spikeloop.cluster.dispatch.call_names import CallNames
from spikeloop.cluster.dispatch.work_units import WorkUnit
from spikeloop.cluster.metrics import METRICS, exported
from spikeloop.workers.job import Job, Tile

CONFIGS = ("prometheus.yml", "plain.yml")


def promtool(*arguments: str | Path) -> str:
    """What Prometheus' own tool says (Debian: prometheus)."""
    return run_tool("promtool", *map(str, arguments), cwd=PROMETHEUS)


def read(name: str) -> Any:
    return yaml.safe_load((PROMETHEUS / name).read_text())


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations_are_valid(name: str) -> None:
    assert "is valid" in promtool("check", "config", PROMETHEUS / name)


def test_alerts_fire_when_they_must_and_only_then() -> None:
    promtool("test", "rules", PROMETHEUS / "alerts_test.yml")


def test_every_alert_is_tested_both_ways_and_says_what_to_do() -> None:
    rules = [rule for group in read("alerts.yml")["groups"] for rule in group["rules"]]
    expected: dict[str, list[int]] = {rule["alert"]: [] for rule in rules}
    for test in itertools.chain.from_iterable(
        one["alert_rule_test"] for one in read("alerts_test.yml")["tests"]
    ):
        expected[test["alertname"]].append(len(test["exp_alerts"]))
    fires = {name for name, numbers in expected.items() if max(numbers, default=0)}
    assert fires == expected.keys()
    for rule in rules:
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert {"summary", "description"} <= rule["annotations"].keys(), rule["alert"]
        assert 0 in expected[rule["alert"]], f"{rule['alert']} always fires"


def test_every_alert_is_explained_to_people() -> None:
    page = (PROMETHEUS.parents[2] / "docs/how-to/alerts.md").read_text()
    for group in read("alerts.yml")["groups"]:
        for rule in group["rules"]:
            assert f"`{rule['alert']}`" in page


def test_every_query_of_the_board_parses(tmp_path: Path) -> None:
    rules = [
        {"record": f"board:query:{number}", "expr": filled_in(expression, "a run")}
        for number, expression in enumerate(expressions())
    ]
    path = tmp_path / "board.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", path)


def test_a_query_that_does_not_parse_is_found(tmp_path: Path) -> None:
    rule = {"record": "board:query:0", "expr": "sum(rate(ray_spikeloop_episodes_total[$x]))"}
    path = tmp_path / "board.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": [rule]}]}))
    with pytest.raises(AssertionError, match="parse"):
        promtool("check", "rules", path)


def test_board_and_alerts_ask_for_metrics_that_exist() -> None:
    """Ray's own are looked up on a living node by the test of a run's metrics."""
    ours = {name for name in metric_names() if name.startswith("ray_spikeloop_")}
    assert ours <= {exported(name) for name in METRICS}
    assert len(ours) > 20


def test_metrics_keep_to_the_conventions() -> None:
    for name, metric in METRICS.items():
        assert re.fullmatch(r"[a-z][a-z_]*[a-z]", name)
        suffix = {"s": "_seconds", "B": "_bytes", "": ""}[metric.unit]
        assert name.endswith(suffix), name
        assert metric.unit or not name.endswith(("_seconds", "_bytes")), name
        assert not name.endswith("_total"), "Ray adds it"


def test_the_board_can_be_laid_out_and_read() -> None:
    board = json.loads(BOARD.read_text())
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        x, y, w, h = (panel["gridPos"][key] for key in "xywh")
        cells = set(itertools.product(range(x, x + w), range(y, y + h)))
        assert x + w <= 24, panel["title"]
        assert not taken & cells, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["description"], panel["title"]
        assert "unit" in panel["fieldConfig"]["defaults"], panel["title"]


def test_grafana_finds_source_and_board() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    asked = {panel["datasource"]["uid"] for panel in panels()}
    assert asked == {source["uid"]}
    assert source["jsonData"]["timeInterval"] == read("prometheus.yml")["global"]["scrape_interval"]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/spikeloop.yml").read_text())[
        "providers"
    ]
    assert provider["type"] == "file"


@pytest.mark.parametrize("name", CONFIGS)
def test_series_with_the_names_of_calls_are_dropped(name: str) -> None:
    (scrape,) = read(name)["scrape_configs"]
    assert scrape["job_name"] == "ray"  # what the alerts look for
    (drop,) = scrape["metric_relabel_configs"]
    assert drop["source_labels"] == ["__name__", "Name", "Component"]

    def dropped(*labels: str) -> bool:
        return re.fullmatch(drop["regex"], ";".join(labels)) is not None

    for tile in (Tile(4, 16, 0, 1), Tile(7, 8, 0, 1)):
        job = Job(None, tile, "generation 12")  # type: ignore[arg-type]  # names need no grid
        call = CallNames().name((WorkUnit(1, 0, tile),), {1: [job]})
        assert dropped("ray_tasks", call, "core_worker")
        assert dropped("ray_component_rss_bytes", "", f"ray::{call}")
    assert not dropped("ray_tasks", "EpisodeWorker.hello", "core_worker")
    assert not any(dropped(metric, "", "core_worker") for metric in metric_names())
