"""Alerts fire when they should and stay quiet when not, as Prometheus' own `promtool test rules` sees it (where there is one).

The series have the labels that a scrape by the chart's monitor gives them.
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from docs.tools.metrics import QUERIES
from tests.helm.charts import Object, everything, only, render, values
from tests.helm.scrapes import stored

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is absent (Debian's package prometheus has it): alerts are only parsed"
)
RENDERED = render(everything())
MONITOR = only(RENDERED, "ServiceMonitor")

Series = dict[str, str]


class Case(NamedTuple):
    """Samples come every 15 s, in promtool's notation; `at` is when the alert is looked at."""

    what: str
    alert: str
    fires: bool
    at: str
    series: list[Series]


def series(name: str, samples: str, /, *, pod: str = "a", monitor: Object = MONITOR, **labels: str) -> Series:
    every = stored(labels, monitor, pod=pod)
    text = ",".join(f'{label}="{value}"' for label, value in every.items())
    return {"series": f"{name}{{{text}}}", "values": samples}


def stalls(late: str) -> list[Series]:
    """Beats of the event loop, 30 between two samples; `late`: those within a second."""
    name = "gco_event_loop_lag_seconds"
    return [series(f"{name}_count", "0+30x240"), series(f"{name}_bucket", late, le="1.0")]


LEADER = [series("gco_leader", "1x240"), series("gco_leader", "0x240", pod="b")]
POLLS = series("gco_stream_polls_total", "0+60x240")
FAILING = "workqueue_longest_failing_seconds"
CASES = [
    Case("nothing is scraped", "GcoReconcilerAbsent", True, "10m", []),
    Case("a follower is scraped", "GcoReconcilerAbsent", False, "10m", [LEADER[1]]),
    Case("only followers", "GcoNoLeader", True, "10m", [LEADER[1]]),
    Case("one leads", "GcoNoLeader", False, "10m", LEADER),
    Case("two lead", "GcoTwoLeaders", True, "10m", [LEADER[0], series("gco_leader", "1x240", pod="b")]),
    Case("one leads", "GcoTwoLeaders", False, "10m", LEADER),
    Case("every shard is read", "GcoStreamNotPolled", False, "30m",
         [*LEADER, POLLS, series("gco_stream_last_poll_age_seconds", "0.3x240")]),
    Case("one shard of four hangs", "GcoStreamNotPolled", True, "10m",
         [*LEADER, POLLS, series("gco_stream_last_poll_age_seconds", "0+15x240")]),
    Case("no shard is read", "GcoStreamNotPolled", True, "10m", [*LEADER, series("gco_stream_polls_total", "5x240")]),
    Case("nobody leads", "GcoStreamNotPolled", False, "10m", [LEADER[1], series("gco_stream_polls_total", "5x240")]),
    Case("the leader reads late", "GcoStreamLag", True, "10m", [*LEADER, series("gco_stream_lag_seconds", "90x240")]),
    Case("a former leader read late", "GcoStreamLag", False, "10m",
         [*LEADER, series("gco_stream_lag_seconds", "90x240", pod="b")]),
    Case("one endpoint is in error", "GcoEndpointsInError", True, "20m",
         [series("gco_endpoints", "1x240", state="error", exposure="none"), series("gco_endpoints", "9x240", state="running")]),
    Case("it has been for ten minutes", "GcoEndpointsInError", False, "10m",
         [series("gco_endpoints", "1x240", state="error", exposure="none")]),
    Case("none is in error", "GcoEndpointsInError", False, "20m", [series("gco_endpoints", "9x240", state="running")]),
    Case("one endpoint fails on and on", "GcoEndpointFailing", True, "16m", [series(FAILING, "0+15x240", name="endpoints")]),
    Case("it has failed for ten minutes", "GcoEndpointFailing", False, "10m",
         [series(FAILING, "0+15x240", name="endpoints")]),
    Case("each recovers after ten minutes", "GcoEndpointFailing", False, "25m",
         [series(FAILING, "0+15x40 0+15x40 0+15x40", name="endpoints")]),
    Case("only a status fails", "GcoEndpointFailing", False, "59m",
         [series(FAILING, "0x240", name="endpoints"), series(FAILING, "0+15x240", name="status")]),
    Case("one status of many fails", "GcoStatusNotWritten", True, "31m", [series(FAILING, "0+15x240", name="status")]),
    Case("it has failed for 20 minutes", "GcoStatusNotWritten", False, "20m", [series(FAILING, "0+15x240", name="status")]),
    Case("only an endpoint fails", "GcoStatusNotWritten", False, "59m",
         [series(FAILING, "0+15x240", name="endpoints"), series(FAILING, "0x240", name="status")]),
    Case("the loop stands still each minute, with pauses", "GcoEventLoopLate", True, "15m", stalls("0+29.75x240")),
    Case("it stood still twice", "GcoEventLoopLate", False, "9m", stalls("0 30 60 89 119 149 179 208+30x230")),
    Case("it is never late", "GcoEventLoopLate", False, "15m", stalls("0+30x240")),
]  # fmt: skip


@needs_promtool
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}: {case.what}")
def test_an_alert_fires_exactly_when_it_should(case: Case, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump(only(RENDERED, "PrometheusRule")["spec"]), "utf-8")
    asked = {"eval_time": case.at, "alertname": case.alert, "exp_alerts": []}
    done = unit_test(tmp_path, case.series, rule_files=[str(rules)], alert_rule_test=[asked])
    said = done.stdout + done.stderr
    # The case expects no alert, so that its labels and annotations need not be said again: one that fires is "got".
    assert ("got:" in said, done.returncode != 0) == (case.fires, case.fires), said


@needs_promtool
@pytest.mark.parametrize("kind", ["serviceMonitor", "podMonitor"])
def test_a_query_about_endpoints_names_those_that_are_down(kind: str, tmp_path: Path) -> None:
    (monitor,) = (
        each
        for each in render(values({"monitoring": {kind: {"enabled": True}}}))
        if each["kind"].lower() == kind.lower()
    )
    metric = "gco_endpoint_zero_ready_seconds"
    down = [
        series(metric, "0+15x40", monitor=monitor, endpoint="llama"),
        series(metric, "0+15x40", monitor=monitor, endpoint="mixtral"),
        series(metric, "0x40", monitor=monitor, endpoint="phi"),
    ]
    ((_, query),) = QUERIES[metric]
    expected = [{"labels": f'{{endpoint="{name}"}}', "value": 300} for name in ("llama", "mixtral")]
    done = unit_test(
        tmp_path, down, promql_expr_test=[{"expr": query, "eval_time": "5m", "exp_samples": expected}]
    )
    assert done.returncode == 0, done.stdout + done.stderr


def unit_test(
    folder: Path, given: list[Series], *, rule_files: Sequence[str] = (), **asked: Any
) -> subprocess.CompletedProcess[str]:
    """What promtool says of one test; a sample comes every 15 s."""
    one = {"interval": "15s", "input_series": given, **asked}
    text = yaml.safe_dump({"rule_files": [*rule_files], "evaluation_interval": "15s", "tests": [one]})
    cases = folder / "cases.yaml"
    cases.write_text(text, "utf-8")
    return subprocess.run(
        [str(PROMTOOL), "test", "rules", cases], capture_output=True, text=True, timeout=60, check=False
    )
