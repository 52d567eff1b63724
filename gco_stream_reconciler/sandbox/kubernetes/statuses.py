"""Refusals as the API server words them: a Status body and its code."""

from typing import Any


class RefusedError(Exception):
    """A request was refused; `body` is the Status."""

    def __init__(
        self, code: int, message: str, reason: str = "", details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            **({"reason": reason} if reason else {}),
            **({"details": details} if details else {}),
            "code": code,
        }


def not_found(plural: str, group: str, name: str) -> RefusedError:
    """404 of an object."""
    qualified = f"{plural}.{group}" if group else plural
    details = {"name": name, **({"group": group} if group else {}), "kind": plural}
    return RefusedError(404, f'{qualified} "{name}" not found', "NotFound", details)


def already_exists(plural: str, group: str, name: str) -> RefusedError:
    """409 of a create."""
    qualified = f"{plural}.{group}" if group else plural
    details = {"name": name, **({"group": group} if group else {}), "kind": plural}
    return RefusedError(409, f'{qualified} "{name}" already exists', "AlreadyExists", details)


def modified(plural: str, group: str, name: str) -> RefusedError:
    """409 of a write with an old resourceVersion."""
    qualified = f"{plural}.{group}" if group else plural
    message = (
        f'Operation cannot be fulfilled on {qualified} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    details = {"name": name, **({"group": group} if group else {}), "kind": plural}
    return RefusedError(409, message, "Conflict", details)


def wrong_uid(kind: str, group: str, name: str, asked: str, found: str) -> RefusedError:
    """409 of a delete or apply with another UID."""
    qualified = f"{kind}.{group}" if group else kind
    message = (
        f'Operation cannot be fulfilled on {qualified} "{name}": the UID in the precondition ({asked}) does not match '
        f"the UID in record ({found}). The object might have been deleted and then recreated"
    )
    details = {"name": name, **({"group": group} if group else {}), "kind": kind}
    return RefusedError(409, message, "Conflict", details)


def invalid(kind: str, group: str, name: str, field: str, problem: str) -> RefusedError:
    """422 with one cause."""
    qualified = f"{kind}.{group}" if group else kind
    details = {
        "name": name,
        **({"group": group} if group else {}),
        "kind": kind,
        "causes": [{"reason": "FieldValueInvalid", "message": problem, "field": field}],
    }
    return RefusedError(422, f'{qualified} "{name}" is invalid: {field}: {problem}', "Invalid", details)


def conflicts(found: list[tuple[str, str]]) -> RefusedError:
    """409 of an apply without force; (manager, path) pairs."""
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}"', "field": path}
        for manager, path in found
    ]
    count = f"{len(found)} conflict{'s' if len(found) > 1 else ''}"
    listed = "; ".join(f'conflict with "{manager}": {path}' for manager, path in found)
    return RefusedError(409, f"Apply failed with {count}: {listed}", "Conflict", {"causes": causes})
