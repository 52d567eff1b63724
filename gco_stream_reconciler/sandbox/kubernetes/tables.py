"""Tables as kubectl prints them: meta.k8s.io/v1 Table for the kinds that people look at. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.kinds import Kind

Object = dict[str, Any]
Cell = Callable[[Object], Any]

INCLUDED = ("Metadata", "Object", "None")
"""How much of each object a row brings along, as TableOptions of meta.k8s.io/v1 has it; the first where nothing is asked."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def table(kind: Kind, objects: list[Object], meta: Object, now: datetime, included: str) -> Object:
    """The Table of some objects of a kind. included: one of INCLUDED."""
    columns: dict[str, Cell] = {"Name": _name, **_COLUMNS.get(kind.kind, {})}
    if kind.kind == "Event":
        columns = {"Last Seen": lambda obj: age(_last_seen(obj), now), **_COLUMNS["Event"]}
    else:
        columns["Age"] = lambda obj: age(obj["metadata"].get("creationTimestamp"), now)
    wide = _WIDE.get(kind.kind, {})
    definitions = [
        {
            "name": name,
            "type": "string",
            "format": "name" if name == "Name" else "",
            "description": "",
            "priority": 0,
        }
        for name in columns
    ] + [{"name": name, "type": "string", "format": "", "description": "", "priority": 1} for name in wide]
    rows = [
        {
            "cells": [_shown(cell, obj) for cell in (*columns.values(), *wide.values())],
            **_included(kind, obj, included),
        }
        for obj in objects
    ]
    if len(objects) == 1 and not meta:
        meta = {"resourceVersion": objects[0]["metadata"]["resourceVersion"]}
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": definitions,
        "rows": rows,
    }


def _included(kind: Kind, obj: Object, included: str) -> Object:
    """`--sort-by` of kubectl asks for the whole object, and sorts the rows by it."""
    if included == "None":
        return {}
    if included == "Object":
        return {"object": {"kind": kind.kind, "apiVersion": kind.api_version, **obj}}
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
    return {"object": partial}


def _shown(cell: Cell, obj: Object) -> Any:
    """What kinds without a schema here hold may be anything."""
    try:
        return cell(obj)
    except (TypeError, ValueError, KeyError, AttributeError):
        return "<invalid>"


def age(stamp: str | None, now: datetime) -> str:
    """`45s`, `12m`, `3h`, `2d`."""
    if not stamp:
        return "<unknown>"
    seconds = max(0, int((now - datetime.fromisoformat(stamp)).total_seconds()))
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _name(obj: Object) -> Any:
    return obj["metadata"]["name"]


def _last_seen(obj: Object) -> str | None:
    series = (obj.get("series") or {}).get("lastObservedTime")
    last = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp")
    stamp: str | None = series or last or obj.get("eventTime") or obj["metadata"].get("creationTimestamp")
    return stamp


def _status(obj: Object, name: str) -> Any:
    return (obj.get("status") or {}).get(name, 0)


def _containers(field: str) -> Cell:
    def cell(obj: Object) -> str:
        spec = obj["spec"].get("template", obj)["spec"]
        return ",".join(str(container.get(field, "")) for container in spec.get("containers", ()))

    return cell


def _selector(obj: Object) -> str:
    selector = obj["spec"].get("selector") or {}
    labels = selector.get("matchLabels", selector)
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or "<none>"


def _service_ports(obj: Object) -> str:
    return (
        ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in obj["spec"].get("ports", ()))
        or "<none>"
    )


def _hosts(obj: Object) -> str:
    return ",".join(rule.get("host", "*") for rule in obj["spec"].get("rules", ())) or "*"


def _address(obj: Object) -> str:
    points = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress", ())
    return ",".join(point.get("hostname") or point.get("ip", "") for point in points)


def _pod_ready(obj: Object) -> str:
    states = _status(obj, "containerStatuses") or []
    return f"{sum(state.get('ready', False) for state in states)}/{len(obj['spec'].get('containers', ()))}"


def _pod_status(obj: Object) -> str:
    if "deletionTimestamp" in obj["metadata"]:
        return "Terminating"
    for state in _status(obj, "containerStatuses") or []:
        reason = state.get("state", {}).get("waiting", {}).get("reason")
        if reason:
            return str(reason)
    return str(_status(obj, "phase") or "Pending")


def _target(obj: Object) -> str:
    reference = obj["spec"].get("scaleTargetRef") or {}
    return f"{reference.get('kind')}/{reference.get('name')}"


def _subject(obj: Object) -> str:
    reference = obj.get("regarding") or obj.get("involvedObject") or {}
    return f"{str(reference.get('kind', '')).lower()}/{reference.get('name', '')}"


_COLUMNS: dict[str, dict[str, Cell]] = {
    "Namespace": {"Status": lambda obj: _status(obj, "phase")},
    "Deployment": {
        "Ready": lambda obj: f"{_status(obj, 'readyReplicas')}/{obj['spec'].get('replicas', 0)}",
        "Up-to-date": lambda obj: _status(obj, "updatedReplicas"),
        "Available": lambda obj: _status(obj, "availableReplicas"),
    },
    "Pod": {
        "Ready": _pod_ready,
        "Status": _pod_status,
        "Restarts": lambda obj: sum(state.get("restartCount", 0) for state in _status(obj, "containerStatuses") or []),
    },
    "Service": {
        "Type": lambda obj: obj["spec"].get("type"),
        "Cluster-IP": lambda obj: obj["spec"].get("clusterIP", "<none>"),
        "External-IP": lambda _: "<none>",
        "Port(s)": _service_ports,
    },
    "Ingress": {
        "Class": lambda obj: obj["spec"].get("ingressClassName", "<none>"),
        "Hosts": _hosts,
        "Address": _address,
        "Ports": lambda _: "80",
    },
    "HorizontalPodAutoscaler": {
        "Reference": _target,
        "Targets": lambda obj: ",".join(
            f"{metric['resource']['name']}: <unknown>/{metric['resource']['target'].get('averageUtilization')}%"
            for metric in obj["spec"].get("metrics", ())
            if metric.get("type") == "Resource"
        ),
        "MinPods": lambda obj: obj["spec"].get("minReplicas"),
        "MaxPods": lambda obj: obj["spec"].get("maxReplicas"),
        "Replicas": lambda obj: _status(obj, "currentReplicas"),
    },
    "EndpointSlice": {
        "AddressType": lambda obj: obj["addressType"],
        "Ports": lambda obj: ",".join(str(port["port"]) for port in obj["ports"]),
        "Endpoints": lambda obj: ",".join(address for each in obj["endpoints"] for address in each["addresses"]),
    },
    "Lease": {"Holder": lambda obj: (obj.get("spec") or {}).get("holderIdentity")},
    "Event": {
        "Type": lambda obj: obj.get("type"),
        "Reason": lambda obj: obj.get("reason"),
        "Object": _subject,
        "Message": lambda obj: obj.get("note") or obj.get("message"),
    },
}  # fmt: skip

_WIDE: dict[str, dict[str, Cell]] = {
    "Deployment": {"Containers": _containers("name"), "Images": _containers("image"), "Selector": _selector},
    "Service": {"Selector": _selector},
    "Pod": {"Images": _containers("image")},
    "Event": {"Name": _name},
}
