"""Discovery, enough for kubectl and the usual clients."""

from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.kinds import KINDS, Kind

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_VERSION = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0-sandbox",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}


def at(path: str) -> dict[str, Any] | None:  # noqa: PLR0911 - one a document
    """The document at a path; None for a path that is not discovery's."""
    match [part for part in path.split("/") if part]:
        case ["version"]:
            return _VERSION
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": list(_groups().values())}
        case ["api", version]:
            return _resources("", version)
        case ["apis", group]:
            found = _groups().get(group)
            return None if found is None else {"kind": "APIGroup", "apiVersion": "v1", **found}
        case ["apis", group, version]:
            return _resources(group, version)
    return None


def _groups() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        if kind.group:
            version = {"groupVersion": kind.api_version, "version": kind.version}
            found[kind.group] = {"name": kind.group, "versions": [version], "preferredVersion": version}
    return found


def _resources(group: str, version: str) -> dict[str, Any] | None:
    kinds = [kind for kind in KINDS if (kind.group, kind.version) == (group, version)]
    if not kinds:
        return None
    entries = [entry for kind in kinds for entry in _entries(kind)]
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": entries}


def _entries(kind: Kind) -> list[dict[str, Any]]:
    without = {"deletecollection"} if not kind.namespaced else set()
    verbs = ["get", "list"] if kind.computed else [verb for verb in _VERBS if verb not in without]
    whole: dict[str, Any] = {
        "name": kind.plural,
        "singularName": kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": verbs,
        **({"shortNames": list(kind.short_names)} if kind.short_names else {}),
        **({"categories": list(kind.categories)} if kind.categories else {}),
    }
    subresources = [
        {
            "name": f"{kind.plural}/{name}",
            "singularName": "",
            "namespaced": kind.namespaced,
            **({"group": "autoscaling", "version": "v1"} if name == "scale" else {}),
            "kind": "Scale" if name == "scale" else kind.kind,
            "verbs": ["get", "patch", "update"],
        }
        for name in kind.subresources
    ]
    return [whole, *subresources]
