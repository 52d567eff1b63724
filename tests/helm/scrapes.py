"""What Prometheus stores of a series that a monitor of the chart has scraped: whose labels stand, and under which names."""

from collections.abc import Mapping

from tests.helm.charts import NAMESPACE, Object

ENDPOINTS = {"ServiceMonitor": "endpoints", "PodMonitor": "podMetricsEndpoints"}
"""Where each kind says what is scraped."""


def target(monitor: Object, *, pod: str = "a") -> dict[str, str]:
    """Labels of the scraped Pod: those that the Prometheus Operator sets by relabeling, and Prometheus' own `instance`.

    Source: the operator's pkg/prometheus/promcfg.go. `endpoint` is the name of the port.
    """
    (scrape,) = monitor["spec"][ENDPOINTS[monitor["kind"]]]
    name = monitor["metadata"]["name"]
    by_service = monitor["kind"] == "ServiceMonitor"
    return {
        "namespace": NAMESPACE,
        "pod": pod,
        "container": "controller",
        "endpoint": scrape["port"],
        "instance": f"{pod}:8080",
        **({"service": name, "job": name} if by_service else {"job": f"{NAMESPACE}/{name}"}),
    }


def stored(own: Mapping[str, str], monitor: Object, *, pod: str = "a") -> dict[str, str]:
    """Labels of a series after the scrape. Source: `honor_labels` in Prometheus' documentation of `scrape_config`."""
    (scrape,) = monitor["spec"][ENDPOINTS[monitor["kind"]]]
    given = target(monitor, pod=pod)
    if scrape.get("honorLabels", False):
        return {**given, **own}
    return {**{f"exported_{name}" if name in given else name: own[name] for name in own}, **given}
