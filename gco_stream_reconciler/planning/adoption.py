"""Taking over what inference_monitor made, without restarting a Pod (rules 12 and 15).

Its Pod template is taken over where the present spec gives the same one in revision 0. A different one (made by an older
release, or edited) stays as it is, and stays its: our manifest then leaves the template out. Only when the spec's own
inputs to it change is it rendered anew.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gco_stream_reconciler.manifests.template import CONTAINER
from gco_stream_reconciler.planning.compare import differences
from gco_stream_reconciler.planning.observed import KubeObject, metadata
from gco_stream_reconciler.planning.ownership import FIELD_MANAGER

PREDECESSOR_MANAGERS = ("OpenAPI-Generator",)
"""Field managers of inference_monitor: its Python client named none, so the API server took the user agent."""

ANNOTATION_KEPT = "gco.io/template-kept"
_NAMED_PATHS = 3
# What the API server fills in: a field that goes from its last owner comes back with these values.
_DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "dnsPolicy": ("ClusterFirst",),
    "failureThreshold": (3,),
    "imagePullPolicy": ("IfNotPresent", "Always"),
    "periodSeconds": (10,),
    "protocol": ("TCP",),
    "restartPolicy": ("Always",),
    "schedulerName": ("default-scheduler",),
    "scheme": ("HTTP",),
    "securityContext": ({},),
    "serviceAccount": (
        "gco-service-account",
    ),  # an older name of serviceAccountName, kept in step by the server
    "successThreshold": (1,),
    "terminationGracePeriodSeconds": (30,),
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
    "timeoutSeconds": (1,),
}
_TEMPLATE = "spec.template"


@dataclass(frozen=True, slots=True)
class Kept:
    """A template that stays. inputs: hash of what the spec gave in revision 0 then; paths: where it differs."""

    inputs: str
    paths: tuple[str, ...]

    def encoded(self) -> str:
        """The annotation's value."""
        return " ".join((self.inputs, *self.paths))


def decode_kept(text: str | None) -> Kept | None:
    """The annotation's meaning, None for none."""
    words = (text or "").split()
    return Kept(words[0], tuple(words[1:])) if words else None


def template_differences(rendered: Mapping[str, Any], live: KubeObject) -> tuple[str, ...]:
    """Paths in the Pod template at which a Deployment of the predecessor would change if `rendered` took it over.

    live: as read by name, with managedFields.
    """
    shuffled = [f"{path}(order)" for path in _disordered(rendered, live)]
    lacking = [path for path in differences(rendered, live) if path.startswith(_TEMPLATE)]
    dropped = [path for path in _dropped(rendered, live) if path.startswith(_TEMPLATE)]
    return tuple(dict.fromkeys((*shuffled, *lacking, *dropped)))[:_NAMED_PATHS]


def _disordered(rendered: Mapping[str, Any], live: KubeObject) -> Iterator[str]:
    """Variables in another order than ours: an apply would put them into ours, and that is another template."""
    for kind in ("initContainers", "containers"):
        standing = {each.get("name"): each for each in _pod(live).get(kind) or ()}
        for container in _pod(rendered).get(kind) or ():
            ours = [each["name"] for each in container.get("env") or ()]
            theirs = [each.get("name") for each in standing.get(container["name"], {}).get("env") or ()]
            if [name for name in ours if name in theirs] != [name for name in theirs if name in ours]:
                yield f"{_TEMPLATE}.spec.{kind}[{container['name']}].env"


def standing_port(live: KubeObject) -> int | None:
    """The port that the Pods of a kept template listen on; None where it names none."""
    ports = _container(live).get("ports") or ()
    return next((int(port["containerPort"]) for port in ports), None)


def standing_health_path(live: KubeObject) -> str | None:
    """The path that the probes of a kept template ask for."""
    container = _container(live)
    probe = container.get("readinessProbe") or container.get("livenessProbe") or {}
    path = (probe.get("httpGet") or {}).get("path")
    return path if isinstance(path, str) else None


def _container(live: KubeObject) -> Mapping[str, Any]:
    containers: Sequence[Mapping[str, Any]] = _pod(live).get("containers") or ({},)
    return next((each for each in containers if each.get("name") == CONTAINER), containers[0])


def _pod(deployment: Mapping[str, Any]) -> Mapping[str, Any]:
    template = (deployment.get("spec") or {}).get("template") or {}
    found: Mapping[str, Any] = template.get("spec") or {}
    return found


def absorbed(managed_fields: Sequence[Mapping[str, Any]], api_version: str) -> list[dict[str, Any]] | None:
    """ManagedFields in which our entry also has what the predecessor's have; None where there is nothing to absorb.

    As client-go's csaupgrade does: only entries of updates to the object itself, of the same API version.
    """
    theirs = [entry for entry in managed_fields if _is_predecessors(entry, api_version)]
    if not theirs:
        return None
    ours = next((entry for entry in managed_fields if _is_ours(entry, api_version)), None)
    fields: dict[str, Any] = {}
    for entry in (*theirs, *([ours] if ours else [])):
        fields = _union(fields, entry.get("fieldsV1") or {})
    merged = {
        **(ours or theirs[0]),
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    rest = [dict(entry) for entry in managed_fields if entry not in theirs and entry is not ours]
    return [merged, *rest]


def _is_predecessors(entry: Mapping[str, Any], api_version: str) -> bool:
    return (
        entry.get("manager") in PREDECESSOR_MANAGERS
        and entry.get("operation") == "Update"
        and not entry.get("subresource")
        and entry.get("apiVersion") == api_version
    )


def _is_ours(entry: Mapping[str, Any], api_version: str) -> bool:
    return (
        entry.get("manager") == FIELD_MANAGER
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
        and entry.get("apiVersion") == api_version
    )


def _union(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for key, value in other.items():
        merged[key] = _union(merged[key], value) if key in merged else value
    return merged


def _dropped(rendered: Mapping[str, Any], live: KubeObject) -> Iterator[str]:
    """Fields that only the predecessor (or we, having absorbed it) own and `rendered` does not have."""
    version = str(live.get("apiVersion", ""))
    for entry in metadata(live).get("managedFields") or ():
        if _is_predecessors(entry, version) or _is_ours(entry, version):
            yield from _absent(entry.get("fieldsV1") or {}, rendered, live, "")


def _absent(fields: Mapping[str, Any], wanted: Any, live: Any, path: str) -> Iterator[str]:
    """Leaves of a field set that `wanted` lacks, but for those that would come back with the same value."""
    for key, below in fields.items():
        kind, _, name = key.partition(":")
        if kind == ".":
            continue
        ours, theirs = _child(wanted, kind, name), _child(live, kind, name)
        where = (
            f"{path}.{name}" if kind == "f" and path else name if kind == "f" else f"{path}[{_label(name)}]"
        )
        if ours is None and theirs is not None and not _comes_back(name, theirs):
            yield where
        elif ours is not None:
            yield from _absent(below, ours, theirs, where)


def _child(value: Any, kind: str, name: str) -> Any:
    if kind == "f":
        return value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    wanted = json.loads(name)
    if kind == "v":
        return wanted if wanted in value else None
    return next((item for item in value if _has_keys(item, wanted)), None)


def _has_keys(item: Any, keys: Mapping[str, Any]) -> bool:
    return isinstance(item, Mapping) and all(
        item.get(name, _DEFAULTS.get(name, (None,))[0]) == value for name, value in keys.items()
    )


def _label(name: str) -> str:
    keys = json.loads(name)
    return ",".join(str(value) for value in keys.values()) if isinstance(keys, Mapping) else str(keys)


def _comes_back(name: str, value: Any) -> bool:
    return value in _DEFAULTS.get(name, ()) or value in ({}, [], "", None)
