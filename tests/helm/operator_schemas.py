"""Schemas of the Prometheus Operator's kinds, as far as the chart uses them: its fields, those that are required, and no
other, with the operator's own patterns (v0.76). What it does not know would be dropped by the API server without a word.
"""

from typing import Any

DURATION = r"^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$"
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_TEXT = {"type": "string"}
_TIME = {"type": "string", "pattern": DURATION, "minLength": 1}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }


def _list(items: dict[str, Any], least: int = 1) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


def _kind(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = _object(["name", "namespace"], name=_TEXT, namespace=_TEXT, labels=_TEXTS, annotations=_TEXTS)
    return _object(
        ["apiVersion", "kind", "metadata", "spec"],
        apiVersion={"const": "monitoring.coreos.com/v1"},
        kind={"const": kind},
        metadata=metadata,
        spec=spec,
    )


_RELABELING = _object(
    [],
    sourceLabels=_list(_TEXT),
    separator=_TEXT,
    targetLabel=_TEXT,
    regex=_TEXT,
    modulus={"type": "integer"},
    replacement=_TEXT,
    action={
        "enum": [
            "replace", "keep", "drop", "hashmod", "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase",
            "keepequal", "dropequal",
        ]
    },
)  # fmt: skip
_SCRAPE = _object(
    ["port"],
    port=_TEXT,
    path=_TEXT,
    honorLabels={"type": "boolean"},
    interval=_TIME,
    scrapeTimeout=_TIME,
    relabelings=_list(_RELABELING),
    metricRelabelings=_list(_RELABELING),
)
_SELECTOR = _object(["matchLabels"], matchLabels=_TEXTS)
_NAMESPACES = _object(["matchNames"], matchNames=_list(_TEXT))
_RULE = {
    **_object(
        ["expr"],
        alert=_TEXT,
        record=_TEXT,
        expr=_TEXT,
        **{"for": _TIME},
        keep_firing_for=_TIME,
        labels=_TEXTS,
        annotations=_TEXTS,
    ),
    "oneOf": [{"required": ["alert"]}, {"required": ["record"]}],
}

SCHEMAS: dict[str, dict[str, Any]] = {
    "ServiceMonitor": _kind(
        "ServiceMonitor",
        _object(
            ["selector", "endpoints"],
            selector=_SELECTOR,
            namespaceSelector=_NAMESPACES,
            endpoints=_list(_SCRAPE),
        ),
    ),
    "PodMonitor": _kind(
        "PodMonitor",
        _object(
            ["selector", "podMetricsEndpoints"],
            selector=_SELECTOR,
            namespaceSelector=_NAMESPACES,
            podMetricsEndpoints=_list(_SCRAPE),
        ),
    ),
    "PrometheusRule": _kind(
        "PrometheusRule",
        _object(["groups"], groups=_list(_object(["name", "rules"], name=_TEXT, rules=_list(_RULE)))),
    ),
}
