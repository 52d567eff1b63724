"""Refusals as the API server words them: a Status body and its code."""

from collections.abc import Iterable
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.apply import Conflict
from gco_stream_reconciler.sandbox.kubernetes.fields import shown
from gco_stream_reconciler.sandbox.kubernetes.kinds import Kind
from gco_stream_reconciler.sandbox.kubernetes.validation import Problem

Details = dict[str, Any]


class RefusedError(Exception):
    """A request was refused; `body` is the Status."""

    def __init__(self, code: int, message: str, reason: str = "", details: Details | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            **({"reason": reason} if reason else {}),
            **({"details": details} if details is not None else {}),
            "code": code,
        }


def _details(name: str, group: str, kind: str) -> Details:
    return {"name": name, **({"group": group} if group else {}), "kind": kind}


def bad_request(message: str) -> RefusedError:
    """400."""
    return RefusedError(400, message, "BadRequest")


def unreadable(kind: Kind, problem: object) -> RefusedError:
    """400 of a body whose fields cannot be read into the kind."""
    return bad_request(
        f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {problem}'
    )


def ill_typed_apply(kind: Kind, namespace: str, name: str, problem: str) -> RefusedError:
    """500 of an apply with an undeclared or ill-typed field: although a 5xx, it will never succeed."""
    where = f"{namespace}/{name}; {kind.api_version}, Kind={kind.kind}"
    return RefusedError(500, f"failed to create typed patch object ({where}): {problem}")


def unknown_path() -> RefusedError:
    """404 of a path that names nothing."""
    return RefusedError(404, "the server could not find the requested resource", "NotFound", {})


def wrong_method() -> RefusedError:
    """405."""
    return RefusedError(
        405, "the server does not allow this method on the requested resource", "MethodNotAllowed", {}
    )


def wrong_media(accepted: Iterable[str]) -> RefusedError:
    """415 of a patch in no known format."""
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return RefusedError(415, message, "UnsupportedMediaType")


def too_large(limit: int) -> RefusedError:
    """413."""
    return RefusedError(413, f"Request entity too large: limit is {limit}", "RequestEntityTooLarge", {})


def not_found(kind: Kind, name: str) -> RefusedError:
    """404 of an object."""
    return RefusedError(
        404, f'{kind.resource} "{name}" not found', "NotFound", _details(name, kind.group, kind.plural)
    )


def no_namespace(name: str) -> RefusedError:
    """404 of a write into a namespace that is not there."""
    return RefusedError(404, f'namespaces "{name}" not found', "NotFound", _details(name, "", "namespaces"))


def terminating_namespace(kind: Kind, namespace: str, name: str) -> RefusedError:
    """403 of a create in a namespace that is being deleted."""
    problem = f"unable to create new content in namespace {namespace} because it is being terminated"
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    details = {**_details(name, kind.group, kind.plural), "causes": [cause]}
    return RefusedError(403, f'{kind.resource} "{name}" is forbidden: {problem}', "Forbidden", details)


def already_exists(kind: Kind, name: str, meta: dict[str, Any]) -> RefusedError:
    """409 of a create. meta: of the object that is there."""
    details = _details(name, kind.group, kind.plural)
    state = "object is being deleted: " if meta.get("deletionTimestamp") else ""
    return RefusedError(409, f'{state}{kind.resource} "{name}" already exists', "AlreadyExists", details)


def _conflict(kind_name: str, group: str, kind: str, name: str, problem: str) -> RefusedError:
    message = f'Operation cannot be fulfilled on {kind_name} "{name}": {problem}'
    return RefusedError(409, message, "Conflict", _details(name, group, kind))


def modified(kind: Kind, name: str) -> RefusedError:
    """409 of a write with an old resourceVersion."""
    problem = "the object has been modified; please apply your changes to the latest version and try again"
    return _conflict(kind.resource, kind.group, kind.plural, name, problem)


def wrong_version(kind: Kind, name: str, asked: str, found: str) -> RefusedError:
    """409 of a delete with another resourceVersion."""
    problem = (
        f"the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record ({found}). "
        "The object might have been modified"
    )
    return _conflict(kind.qualified, kind.group, kind.kind, name, problem)


def wrong_uid(kind: Kind, name: str, asked: str, found: str) -> RefusedError:
    """409 of a delete with another UID."""
    problem = (
        f"the UID in the precondition ({asked}) does not match the UID in record ({found}). "
        "The object might have been deleted and then recreated"
    )
    return _conflict(kind.qualified, kind.group, kind.kind, name, problem)


def stored_uid(kind: Kind, name: str, asked: str, found: str) -> RefusedError:
    """409 of a write that names another UID than the object's."""
    problem = f"Precondition failed: UID in precondition: {asked}, UID in object meta: {found}"
    return _conflict(kind.resource, kind.group, kind.plural, name, problem)


def invalid(kind: Kind, name: str, found: list[Problem]) -> RefusedError:
    """422."""
    causes = [
        {"reason": problem.reason, "message": problem.message, "field": problem.field} for problem in found
    ]
    listed = [f"{problem.field}: {problem.message}" for problem in found]
    text = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    details = {**_details(name, kind.group, kind.kind), "causes": causes}
    return RefusedError(422, f'{kind.qualified} "{name}" is invalid: {text}', "Invalid", details)


def expired(message: str) -> RefusedError:
    """410."""
    return RefusedError(410, message, "Expired")


def conflicts(found: list[Conflict]) -> RefusedError:
    """409 of an apply without force."""
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {_manager(conflict)}",
            "field": shown(conflict.path),
        }
        for conflict in found
    ]
    if len(found) == 1:
        text = f"Apply failed with 1 conflict: conflict with {_manager(found[0])}: {shown(found[0].path)}"
    else:
        lines = []
        for manager in sorted({_manager(conflict) for conflict in found}):
            lines.append(f"conflicts with {manager}:")
            lines += [f"- {shown(conflict.path)}" for conflict in found if _manager(conflict) == manager]
        text = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
    return RefusedError(409, text, "Conflict", {"causes": causes})


def _manager(conflict: Conflict) -> str:
    manager, holding = conflict.manager, conflict.holding
    text = f'"{manager.name}"'
    if manager.operation != "Update":
        return text
    if manager.subresource:
        text += f' with subresource "{manager.subresource}"'
    return f"{text} using {holding.api_version}"
