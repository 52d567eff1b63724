"""What an answer of the API server means, as one of this program's errors.

Source: API conventions, "HTTP Status codes" and "Response Status Kind", and recorded answers of kube-apiserver 1.36.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from gco_stream_reconciler.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidObjectError,
    NamespaceNotFoundError,
    NotFoundError,
    PermissionDeniedError,
    ReconcilerError,
    ResourceExpiredError,
    RetryableError,
    ThrottledError,
    UnavailableError,
)
from gco_stream_reconciler.masking import environment_values, readable, without_a_policys_words

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
# The API server answers an ill-typed or undeclared field in an apply with status 500 and this message.
_ILL_TYPED = "failed to create typed patch object"


@dataclass(frozen=True, slots=True)
class Call:
    """A request, as an error message names it. body: what was sent, for what of it must not be said."""

    method: str
    path: str
    watch: bool = False
    body: object = field(default=None, repr=False)

    @property
    def secrets(self) -> frozenset[str]:
        """Every environment value that was sent: the API server's refusals may quote them."""
        return environment_values(self.body)

    @property
    def is_about_unsent_environment(self) -> bool:
        """Whether a policy judges, and may quote, environment that was not sent: a Deployment's, without its template."""
        spec = self.body.get("spec") if isinstance(self.body, Mapping) else None
        sent = isinstance(spec, Mapping) and "template" in spec
        return self._place[1] == "deployments" and not sent

    @property
    def permission(self) -> str:
        """The RBAC rule this call needs, e.g. `patch deployments in namespace gco-inference`."""
        namespace, plural, _ = self._place
        return f"{self.verb} {plural} in namespace {namespace}" if plural else f"{self.verb} {self.path}"

    @property
    def verb(self) -> str:
        """The verb as RBAC names it."""
        _, plural, name = self._place
        return _VERBS.get(self.method) or (
            "watch" if self.watch else "list" if plural and not name else "get"
        )

    @property
    def _place(self) -> tuple[str, str, str]:
        """Namespace, resource and the object's name, each "" where the path has none."""
        _, _, tail = self.path.partition("/namespaces/")
        namespace, _, rest = tail.partition("/")
        plural, _, name = rest.partition("/")
        return namespace, plural, name

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


_CLASSES: Mapping[int, type[ReconcilerError]] = {
    HTTPStatus.UNAUTHORIZED: PermissionDeniedError,
    HTTPStatus.FORBIDDEN: PermissionDeniedError,
    HTTPStatus.REQUEST_TIMEOUT: UnavailableError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.GONE: ResourceExpiredError,
    HTTPStatus.TOO_MANY_REQUESTS: ThrottledError,
}


def error_of(call: Call, status: int, body: bytes, *, retry_after: str | None = None) -> ReconcilerError:
    """The error for an answer that is not 2xx; its body may be a Status object, plain text or nothing."""
    answer = _status_object(body)
    said = str(answer.get("message") or body.decode("utf-8", "replace") or "no message")
    if call.is_about_unsent_environment:
        said = without_a_policys_words(said)
    said = readable(said, call.secrets)
    what = f"{call} answered {status}: {said}"
    details = answer.get("details")
    details = details if isinstance(details, dict) else {}
    if status == HTTPStatus.NOT_FOUND:
        return _not_found(what, answer, details)
    error = _class_of(status, answer)
    if issubclass(error, RetryableError):
        return error(what, retry_after_seconds=_seconds(retry_after, details))
    return error(what + _remedy(call, status))


def _class_of(status: int, answer: Mapping[str, Any]) -> type[ReconcilerError]:
    if status == HTTPStatus.CONFLICT and answer.get("reason") == "AlreadyExists":
        return AlreadyExistsError
    if status == HTTPStatus.INTERNAL_SERVER_ERROR and str(answer.get("message", "")).startswith(_ILL_TYPED):
        return InvalidObjectError
    refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return _CLASSES.get(status, InvalidObjectError if refused else UnavailableError)


def _remedy(call: Call, status: int) -> str:
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return "; the credentials are not accepted: check the service account or kubeconfig"
        case HTTPStatus.FORBIDDEN:
            return f"; needed: {call.permission}"
        case _:
            return "; correct what the endpoint's spec asks for"


def _not_found(what: str, answer: Mapping[str, Any], details: Mapping[str, Any]) -> ReconcilerError:
    if answer.get("reason") == "NotFound" and details.get("name"):
        if details.get("kind") == "namespaces":
            return NamespaceNotFoundError(f"{what}; create the namespace or correct the endpoint's namespace")
        return NotFoundError(what)
    # Whoever answered does not know the object: a proxy, or an API server that does not serve the group (yet).
    return UnavailableError(f"{what}; this says nothing about the object: check the API server's address")


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else {}


def _seconds(retry_after: str | None, details: Mapping[str, Any]) -> float | None:
    """Retry-After as the API server writes it: whole seconds, in the header and in the Status."""
    for value in (retry_after, details.get("retryAfterSeconds")):
        if isinstance(value, int) or (isinstance(value, str) and value.strip().isdecimal()):
            return float(value)
    return None
