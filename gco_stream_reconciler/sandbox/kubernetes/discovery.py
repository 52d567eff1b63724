"""Discovery, enough for kubectl."""

from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.kinds import KINDS, Kind

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.0-sandbox", "platform": "linux/amd64"}


def versions() -> dict[str, Any]:
    """/api."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def groups() -> dict[str, Any]:
    """/apis."""
    found: dict[str, Any] = {}
    for kind in KINDS:
        if kind.group:
            version = {"groupVersion": kind.api_version, "version": kind.version}
            found[kind.group] = {"name": kind.group, "versions": [version], "preferredVersion": version}
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": list(found.values())}


def resources(group: str, version: str) -> dict[str, Any] | None:
    """/api/v1 and /apis/GROUP/VERSION; None for an unknown one."""
    kinds = [kind for kind in KINDS if (kind.group, kind.version) == (group, version)]
    if not kinds:
        return None
    entries = [entry for kind in kinds for entry in _entries(kind)]
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": entries}


def _entries(kind: Kind) -> list[dict[str, Any]]:
    whole: dict[str, Any] = {
        "name": kind.plural,
        "singularName": kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": _VERBS,
        "shortNames": list(kind.short_names),
    }
    subresources = [
        {
            "name": f"{kind.plural}/{name}",
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": "Scale" if name == "scale" else kind.kind,
            "verbs": ["get", "patch", "update"],
            **({"group": "autoscaling", "version": "v1"} if name == "scale" else {}),
        }
        for name in kind.subresources
    ]
    return [whole, *subresources]
