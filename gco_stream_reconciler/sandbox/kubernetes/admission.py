"""What a write must be, and what of the object it may change. Pure.

https://github.com/kubernetes/kubernetes (staging/src/k8s.io/apiserver/pkg/registry/rest)
"""

from typing import Any

from gco_stream_reconciler.sandbox.kubernetes import statuses
from gco_stream_reconciler.sandbox.kubernetes.decoding import decoded
from gco_stream_reconciler.sandbox.kubernetes.kinds import Kind
from gco_stream_reconciler.sandbox.kubernetes.schema import root
from gco_stream_reconciler.sandbox.kubernetes.typing_checks import decode_problem
from gco_stream_reconciler.sandbox.kubernetes.validation import Problem

Object = dict[str, Any]

_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


def read(kind: Kind, namespace: str, obj: Object) -> Object:
    """The object in the types of its kind, with a metadata of its own. Raises RefusedError 400."""
    problem = decode_problem(obj, root(kind.kind))
    if problem:
        raise statuses.unreadable(kind, problem)
    stated = (obj.get("apiVersion", kind.api_version), obj.get("kind", kind.kind))
    if stated != (kind.api_version, kind.kind):
        raise statuses.bad_request(
            f"the API version in the data ({stated[0]}) does not match the expected API version ({kind.api_version})"
        )
    new = typed(kind, {**obj, "metadata": obj.get("metadata") or {}})
    meta = dict(new["metadata"])
    if kind.namespaced and meta.setdefault("namespace", namespace) != namespace:
        raise statuses.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return {**new, "kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta}


def typed(kind: Kind, obj: Object) -> Object:
    """The object as the kind's types keep it. Raises RefusedError 400."""
    try:
        return decoded(obj, root(kind.kind))
    except ValueError as error:
        raise statuses.unreadable(kind, error) from error


def check_name(new: Object, name: str) -> None:
    """An object is called what the URL calls it. Raises RefusedError 400."""
    if new["metadata"].setdefault("name", name) != name:
        raise statuses.bad_request(
            f"the name of the object ({new['metadata']['name']}) does not match the name on the URL ({name})"
        )


def check_identity(kind: Kind, new: Object, old: Object) -> None:
    """A UID or version in a write is that of the object. Raises RefusedError 409."""
    meta, name = new["metadata"], old["metadata"]["name"]
    if meta.get("uid") and meta["uid"] != old["metadata"]["uid"]:
        raise statuses.stored_uid(kind, name, meta["uid"], old["metadata"]["uid"])
    version = meta.get("resourceVersion")
    if version and version != old["metadata"]["resourceVersion"]:
        raise statuses.modified(kind, name)


def nothing_to_apply_to(kind: Kind, meta: Object, name: str) -> statuses.RefusedError:
    """The refusal of an apply that cannot create."""
    if not meta.get("uid"):
        return statuses.not_found(kind, name)
    message = (
        f'Operation cannot be fulfilled on {kind.resource} "{name}": uid mismatch: the provided object specified '
        f"uid {meta['uid']}, and no existing object was found"
    )
    details = {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}
    return statuses.RefusedError(409, message, "Conflict", details)


def identity(old: Object | None) -> Object:
    """What of the metadata no write changes."""
    if old is None:
        return {}
    return {name: old["metadata"][name] for name in _KEPT if name in old["metadata"]}


def without_status(new: Object, old: Object | None, kind: Kind) -> Object:
    """Only the subresource writes a status."""
    if "status" not in kind.subresources:
        return new
    bare = {key: value for key, value in new.items() if key != "status"}
    return {**bare, "status": old["status"]} if old is not None and "status" in old else bare


def status_of(new: Object, old: Object) -> Object:
    """Only the status, and the metadata but its labels."""
    meta = {key: value for key, value in new["metadata"].items() if key != "labels"}
    labels = {"labels": old["metadata"]["labels"]} if "labels" in old["metadata"] else {}
    return {**old, "metadata": {**meta, **labels}, "status": new.get("status", {})}


def counts(kind: Kind, new: Object, old: Object) -> bool:
    """Whether a change counts. A Deployment's annotations do, since they are copied to its replica sets."""
    annotations = new["metadata"].get("annotations") != old["metadata"].get("annotations")
    return new.get("spec") != old.get("spec") or (kind.kind == "Deployment" and annotations)


def new_finalizers(meta: Object, before: Object) -> list[Problem]:
    """The problem of an object in deletion that gains finalizers."""
    added = [name for name in meta.get("finalizers", ()) if name not in before.get("finalizers", ())]
    if not added:
        return []
    listed = ", ".join(f'"{name}"' for name in added)
    problem = (
        "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
        f"[]string{{{listed}}}"
    )
    return [Problem("FieldValueForbidden", "metadata.finalizers", problem)]
