"""What a call does to the store, and the answer to it; all but watches. No awaits: each call is atomic."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes import apply as ssa
from gco_stream_reconciler.sandbox.kubernetes import patches, statuses
from gco_stream_reconciler.sandbox.kubernetes.calls import Call
from gco_stream_reconciler.sandbox.kubernetes.core_events import from_core, to_core
from gco_stream_reconciler.sandbox.kubernetes.kinds import CORE_EVENT
from gco_stream_reconciler.sandbox.kubernetes.lists import listed, selected
from gco_stream_reconciler.sandbox.kubernetes.schema import root
from gco_stream_reconciler.sandbox.kubernetes.store import Store
from gco_stream_reconciler.sandbox.kubernetes.strictness import unknown_fields
from gco_stream_reconciler.sandbox.kubernetes.tables import INCLUDED, table
from gco_stream_reconciler.sandbox.kubernetes.validation import Problem
from gco_stream_reconciler.sandbox.kubernetes.watches import View

Object = dict[str, Any]

APPLY = "application/apply-patch+yaml"
_PATCHES = (patches.JSON, patches.MERGE, patches.STRATEGIC, APPLY)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and its body. warnings: for `Warning` headers."""

    status: int
    body: Object
    warnings: tuple[str, ...] = ()


def view(call: Call) -> View | None:
    """How the call wants objects shown; None for as they are stored."""
    core = call.kind is CORE_EVENT
    if call.as_table:
        now, included = datetime.now(UTC), included_object(call)
        return lambda obj: table(call.kind, [to_core(obj) if core else obj], {}, now, included)
    return to_core if core else None


def included_object(call: Call) -> str:
    """How much of each object the rows of a table bring along. Raises RefusedError 400."""
    wanted = call.query.get("includeObject") or INCLUDED[0]
    if wanted not in INCLUDED:
        raise statuses.bad_request(f'unrecognized includeObject value: "{wanted}"')
    return wanted


def answer(store: Store, call: Call) -> Answer:  # noqa: PLR0911 - one a verb
    """Carry a call out. Raises RefusedError."""
    if call.kind.computed and call.verb not in ("get", "list"):
        raise statuses.wrong_method()
    match call.verb:
        case "get":
            return Answer(200, _shown(store.get(call.kind, call.place, call.name), call))
        case "list":
            return Answer(200, _list(store, call))
        case "create":
            return _create(store, call)
        case "update":
            new, warnings = _declared(_object(call), call)
            there = (call.kind.kind, call.place, call.name) in store.objects
            return Answer(200 if there else 201, _update(store, call, new), warnings)
        case "patch":
            return _patch(store, call)
        case "delete":
            return _delete(store, call)
        case "deletecollection":
            return Answer(200, _delete_all(store, call))
        case _:
            raise statuses.wrong_method()


def _object(call: Call) -> Object:
    if not isinstance(call.body, dict):
        raise statuses.bad_request("the body is no object")
    return from_core(call.body) if call.kind is CORE_EVENT else call.body


def _declared(obj: Object, call: Call) -> tuple[Object, tuple[str, ...]]:
    """The object, and warnings of what of it will be dropped. Raises RefusedError if the call asks for that."""
    asked = call.query.get("fieldValidation")
    if asked not in ("Strict", "Warn"):
        return obj, ()
    unknown = unknown_fields(obj, root(call.kind.kind) if call.subresource != "scale" else root("Scale"))
    if not unknown or asked == "Warn":
        return obj, unknown
    problem = f"strict decoding error: {', '.join(unknown)}"
    if call.verb != "patch":
        raise statuses.unreadable(call.kind, problem)
    raise statuses.RefusedError(422, f' "" is invalid: patch: Invalid value: {problem}', "Invalid", {})


def _create(store: Store, call: Call) -> Answer:
    new, warnings = _declared(_object(call), call)
    made = store.create(call.kind, call.place, new, manager=call.manager, dry_run=call.dry_run)
    return Answer(201, _shown(made, call), warnings)


def _shown(obj: Object, call: Call) -> Object:
    if call.subresource == "scale":
        return _scale_of(obj)
    show = view(call)
    return show(obj) if show else obj


def _list(store: Store, call: Call) -> Object:
    core = call.kind is CORE_EVENT
    found = listed(store, call, to_core if core else _itself)
    if not call.as_table:
        return found
    return table(call.kind, found["items"], found["metadata"], datetime.now(UTC), included_object(call))


def _itself(obj: Object) -> Object:
    return obj


def _update(store: Store, call: Call, new: Object) -> Object:
    if call.subresource == "scale":
        new = _scaled(store.get(call.kind, call.place, call.name), new)
    put = store.replace(
        call.kind,
        call.place,
        call.name,
        new,
        manager=call.manager,
        subresource=call.subresource,
        dry_run=call.dry_run,
    )
    return _shown(put, call)


# --- Patches --------------------------------------------------------------------------------------------------


def _patch(store: Store, call: Call) -> Answer:
    if call.content_type not in _PATCHES:
        raise statuses.wrong_media(_PATCHES)
    if call.content_type == APPLY:
        return _apply(store, call)
    old = _shown(store.get(call.kind, call.place, call.name), _plain(call))
    new, warnings = _declared(_patched(old, call), call)
    return Answer(200, _update(store, call, new), warnings)


def _plain(call: Call) -> Call:
    return Call(
        call.verb,
        call.kind,
        call.namespace,
        call.name,
        call.subresource,
        call.manager,
        call.method,
        call.path,
    )


def _patched(old: Object, call: Call) -> Object:
    node = root("Scale" if call.subresource == "scale" else call.kind.kind)
    try:
        if call.content_type == patches.MERGE:
            new = patches.merge_patch(old, call.body)
        elif call.content_type == patches.STRATEGIC:
            new = patches.strategic_patch(old, call.body, node)
        else:
            new = patches.json_patch(old, call.body)
    except patches.PatchError as error:
        message = "the server rejected our request due to an error in our request"
        message += "" if call.content_type == patches.JSON else f": {error}"
        raise statuses.RefusedError(422, message, "Invalid", {}) from error
    if not isinstance(new, dict):
        raise statuses.bad_request("the patched object is no object")
    return from_core(new) if call.kind is CORE_EVENT else new


def _apply(store: Store, call: Call) -> Answer:
    if not call.query.get("fieldManager"):
        problem = Problem("FieldValueRequired", "fieldManager", "Required value: is required for apply patch")
        message = f'PatchOptions.meta.k8s.io "" is invalid: {problem.field}: {problem.message}'
        cause = {"reason": problem.reason, "message": problem.message, "field": problem.field}
        details = {"group": "meta.k8s.io", "kind": "PatchOptions", "causes": [cause]}
        raise statuses.RefusedError(422, message, "Invalid", details)
    if call.subresource == "scale":
        raise statuses.wrong_media(_PATCHES[:3])
    config = _object(call)
    meta = config.get("metadata") or {}
    if not isinstance(meta, dict):
        raise statuses.bad_request("the object's metadata is no object")
    if meta.get("name", call.name) != call.name:
        raise statuses.bad_request(
            f"the name of the object ({meta['name']}) does not match the name on the URL ({call.name})"
        )
    if meta.get("namespace", call.place) != call.place:
        raise statuses.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    try:
        obj, created = store.apply(
            call.kind,
            call.place,
            {**config, "metadata": {**meta, "name": call.name}},
            manager=call.manager,
            force=call.flag("force"),
            subresource=call.subresource,
            dry_run=call.dry_run,
        )
    except ssa.ConflictsError as error:
        raise statuses.conflicts(error.conflicts) from error
    return Answer(201 if created else 200, _shown(obj, call))


# --- Scale ----------------------------------------------------------------------------------------------------


def _scale_of(obj: Object) -> Object:
    meta = obj["metadata"]
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    labels = obj["spec"]["selector"].get("matchLabels") or {}
    replicas = obj["spec"].get("replicas")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: meta[name] for name in names if name in meta},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {
            "replicas": (obj.get("status") or {}).get("replicas", 0),
            "selector": ",".join(f"{key}={labels[key]}" for key in sorted(labels)),
        },
    }


def _scaled(old: Object, scale: Object) -> Object:
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise statuses.bad_request(
            'Scale in version "v1" cannot be handled as a Scale: spec.replicas is no number'
        )
    version = (scale.get("metadata") or {}).get("resourceVersion") or old["metadata"]["resourceVersion"]
    meta = {**old["metadata"], "resourceVersion": version}
    return {**old, "metadata": meta, "spec": {**old["spec"], "replicas": replicas}}


# --- Deletes --------------------------------------------------------------------------------------------------


def _is_foreground(call: Call) -> bool | None:
    """Whether the dependents go first; None where the call does not say."""
    options = call.body if isinstance(call.body, dict) else {}
    policy = options.get("propagationPolicy") or call.query.get("propagationPolicy")
    if policy not in (None, "", "Background", "Foreground", "Orphan"):
        problem = f'propagationPolicy: Unsupported value: "{policy}": supported values: "Foreground", "Background", "Orphan"'
        raise statuses.RefusedError(422, f'DeleteOptions.meta.k8s.io "" is invalid: {problem}', "Invalid", {})
    return policy == "Foreground" if policy else None


def _delete(store: Store, call: Call) -> Answer:
    options = call.body if isinstance(call.body, dict) else {}
    preconditions = options.get("preconditions") or {}
    obj, gone = store.delete(
        call.kind,
        call.place,
        call.name,
        uid=preconditions.get("uid"),
        version=preconditions.get("resourceVersion"),
        foreground=_is_foreground(call),
        dry_run=call.dry_run or "All" in options.get("dryRun", ()),
    )
    if not gone or call.kind.returns_deleted:
        return Answer(200, _shown(obj, call))
    group = {"group": call.kind.group} if call.kind.group else {}
    details = {"name": call.name, **group, "kind": call.kind.plural, "uid": obj["metadata"]["uid"]}
    success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    return Answer(200, success)


def _delete_all(store: Store, call: Call) -> Object:
    matches, foreground = selected(call), _is_foreground(call)
    found = listed(store, call, _itself)
    doomed = [obj for obj in store.of_kind(call.kind, call.namespace) if matches(obj)]
    for obj in doomed if not call.dry_run else ():
        meta = obj["metadata"]
        store.delete(call.kind, meta.get("namespace", ""), meta["name"], foreground=foreground)
    return found
