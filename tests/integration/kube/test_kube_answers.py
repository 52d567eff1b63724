import json
from typing import Any

import pytest

from gco_stream_reconciler import errors
from gco_stream_reconciler.kube.answers import Call, error_of
from gco_stream_reconciler.kube.resources import RESOURCES, resource
from gco_stream_reconciler.masking import readable
from tests.doubles.scripted_api_server import failure

PATCH = Call("PATCH", "/apis/apps/v1/namespaces/rec/deployments/b")
TYPED = (
    "failed to create typed patch object (rec/b; apps/v1, Kind=Deployment): "
    '.spec.template.spec.containers[name="inference"].portz: field not declared in schema'
)
DETAILS = {"name": "b", "group": "apps", "kind": "deployments"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, failure(400, "BadRequest", "cannot be handled as a Lease"), errors.InvalidObjectError),
        (401, failure(401, "Unauthorized", "Unauthorized"), errors.PermissionDeniedError),
        (401, "Unauthorized", errors.PermissionDeniedError),
        (403, failure(403, "Forbidden", "cannot patch resource"), errors.PermissionDeniedError),
        (404, failure(404, "NotFound", "not found", DETAILS), errors.NotFoundError),
        (
            404,
            failure(404, "NotFound", "x", {"name": "n", "kind": "namespaces"}),
            errors.NamespaceNotFoundError,
        ),
        (
            404,
            failure(404, "NotFound", "the server could not find the requested resource"),
            errors.UnavailableError,
        ),
        (404, "404 page not found", errors.UnavailableError),
        (404, "", errors.UnavailableError),
        (405, failure(405, "MethodNotAllowed", "x"), errors.InvalidObjectError),
        (408, "", errors.UnavailableError),
        (409, failure(409, "AlreadyExists", "exists", DETAILS), errors.AlreadyExistsError),
        (409, failure(409, "Conflict", "modified", DETAILS), errors.ConflictError),
        (410, failure(410, "Expired", "too old resource version"), errors.ResourceExpiredError),
        (413, "Request entity too large", errors.InvalidObjectError),
        (415, failure(415, "UnsupportedMediaType", "x"), errors.InvalidObjectError),
        (422, failure(422, "Invalid", "spec.replicas: Invalid value: -1"), errors.InvalidObjectError),
        (429, "Too many requests", errors.ThrottledError),
        (500, failure(500, "", TYPED), errors.InvalidObjectError),
        (500, failure(500, "InternalError", "etcdserver: request timed out"), errors.UnavailableError),
        (500, failure(500, "InternalError", f"webhook said: {TYPED}"), errors.UnavailableError),
        (500, TYPED, errors.UnavailableError),
        (502, "<html>bad gateway</html>", errors.UnavailableError),
        (503, "", errors.UnavailableError),
        (504, failure(504, "Timeout", "x"), errors.UnavailableError),
        (302, "", errors.UnavailableError),
    ],
)
def test_a_refusal_becomes_the_error_that_says_what_to_do(
    status: int, body: Any, expected: type[errors.ReconcilerError]
) -> None:
    sent = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    error = error_of(PATCH, status, sent)
    assert type(error) is expected
    assert str(error).startswith(f"PATCH /apis/apps/v1/namespaces/rec/deployments/b answered {status}: ")


@pytest.mark.parametrize(
    ("body", "header", "seconds"),
    [
        ("", "7", 7.0),
        (failure(429, "TooManyRequests", "x", {"retryAfterSeconds": 3}), None, 3.0),
        (failure(429, "TooManyRequests", "x", {"retryAfterSeconds": 3}), "1", 1.0),
        ("", "Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("", "-5", None),
        ("", None, None),
    ],
)
def test_retry_after_is_read_from_the_header_and_the_status(
    body: Any, header: str | None, seconds: float | None
) -> None:
    sent = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    for status in (429, 503):
        error = error_of(PATCH, status, sent, retry_after=header)
        assert isinstance(error, errors.RetryableError)
        assert error.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("call", "permission"),
    [
        (PATCH, "patch deployments in namespace rec"),
        (Call("DELETE", "/api/v1/namespaces/rec/services/a"), "delete services in namespace rec"),
        (Call("GET", "/api/v1/namespaces/rec/services/a"), "get services in namespace rec"),
        (Call("GET", "/api/v1/namespaces/rec/services"), "list services in namespace rec"),
        (Call("GET", "/api/v1/namespaces/rec/services", watch=True), "watch services in namespace rec"),
        (
            Call("PUT", "/apis/coordination.k8s.io/v1/namespaces/rec/leases/l"),
            "update leases in namespace rec",
        ),
        (Call("POST", "/apis/events.k8s.io/v1/namespaces/rec/events"), "create events in namespace rec"),
        (Call("GET", "/version"), "get /version"),
    ],
)
def test_a_denied_call_names_the_permission_it_needs(call: Call, permission: str) -> None:
    error = error_of(call, 403, json.dumps(failure(403, "Forbidden", "no")).encode())
    assert str(error).endswith(f"needed: {permission}")


def test_a_message_holds_no_environment_value_that_was_sent() -> None:
    manifest = {
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {"env": [{"name": "TOKEN", "value": 'hf_"secret'}, {"name": "N", "value": "1"}]}
                    ],
                    "initContainers": [
                        {"env": [{"name": "KEY", "value": "hf_"}, {"name": "X", "valueFrom": {}}]}
                    ],
                }
            }
        }
    }
    call = Call("PATCH", PATCH.path, body=manifest)
    for said in ('Invalid value: "hf_"secret": 1', 'Invalid value: "hf_\\"secret": 1'):
        message = str(error_of(call, 422, json.dumps(failure(422, "Invalid", said)).encode()))
        assert "secret" not in message
        assert 'Invalid value: "***": 1' in message


DENIED = 'admission webhook "policy" denied the request: TOKEN=hf_secret is no reference'


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PATCH", {"spec": {"replicas": 3}}),
        ("PATCH", [{"op": "replace"}]),
        ("DELETE", {"kind": "DeleteOptions"}),
    ],
)
def test_a_policys_words_about_an_environment_that_was_not_sent_are_left_out(
    method: str, body: object
) -> None:
    call = Call(method, PATCH.path, body=body)
    message = str(error_of(call, 403, json.dumps(failure(403, "Forbidden", DENIED)).encode()))
    assert 'admission webhook "policy" denied the request (its words are left out' in message
    assert "hf_secret" not in message


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PATCH.path, {"spec": {"template": {"spec": {"containers": [{"env": []}]}}}}),
        ("/api/v1/namespaces/rec/services/a", {"spec": {}}),
    ],
)
def test_a_policys_words_are_said_where_all_that_they_may_quote_was_sent(path: str, body: object) -> None:
    denied = 'admission webhook "policy" denied the request: label team is required'
    error = error_of(
        Call("PATCH", path, body=body), 403, json.dumps(failure(403, "Forbidden", denied)).encode()
    )
    assert denied in str(error)


def test_a_message_is_one_printable_line_of_bounded_length() -> None:
    line = readable("a\nb\x1b[31m\u202e" + "x" * 10_000)
    assert line.startswith("a\\nb\\x1b[31m\\u202e")
    assert line.isprintable()
    assert len(line) == 600


def test_of_a_message_that_is_too_long_to_be_looked_through_nothing_is_shown() -> None:
    """A part of it might end within a value, and the rest of the value would not be recognised."""
    secret = "hf_" + "a" * 40_000
    line = readable(f'Invalid value: "{secret}"', [secret])
    assert line == "40020 characters, which are not shown: they may quote values of the environment"


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", "/apis/apps/v1/namespaces/rec/deployments/a"),
        ("Service", "/api/v1/namespaces/rec/services/a"),
        ("Ingress", "/apis/networking.k8s.io/v1/namespaces/rec/ingresses/a"),
        ("HorizontalPodAutoscaler", "/apis/autoscaling/v2/namespaces/rec/horizontalpodautoscalers/a"),
        ("Pod", "/api/v1/namespaces/rec/pods/a"),
        ("Lease", "/apis/coordination.k8s.io/v1/namespaces/rec/leases/a"),
        ("Event", "/apis/events.k8s.io/v1/namespaces/rec/events/a"),
    ],
)
def test_every_kind_has_the_path_that_the_api_server_serves(kind: str, path: str) -> None:
    assert RESOURCES[kind].path("rec", "a") == path


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a/../b", "A", "a?x=1", "a b", "a%2fb", "-a", "a-", "a\n"]
)
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    for namespace, object_name in ((name, "a"), ("rec", name)):
        with pytest.raises(errors.InvalidObjectError, match="not a Kubernetes name"):
            resource("Deployment").path(namespace, object_name)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(errors.InvalidObjectError, match="kind 'Secret'"):
        resource("Secret")


def test_an_environment_value_is_masked_though_the_refused_request_did_not_hold_it() -> None:
    said = (
        'Deployment.apps "llama" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, '
        'spec.template.spec.containers[0].env[3].value: Invalid value: "hf_\\"tok en\\"": must be shorter, '
        "spec.template.spec.containers[0].env[4].value: Too long: sk-123, "
        "spec.template.spec.containers[0].image: Required value]"
    )
    body = json.dumps({"kind": "Status", "message": said, "reason": "Invalid"}).encode()
    message = str(error_of(PATCH, 422, body))
    assert "tok en" not in message
    assert "sk-123" not in message
    assert "env[3].value: Invalid value: ***: must be shorter" in message
    assert "spec.replicas: Invalid value: -1: must" in message
    assert "image: Required value" in message
