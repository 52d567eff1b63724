"""What the API server refuses with 422: the part of its validation that this project can run into. Pure.

https://github.com/kubernetes/kubernetes (pkg/apis/*/validation)
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.quantities import amount

Object = dict[str, Any]

_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL_LENGTH = 63
_NAME_LENGTH = 253
_PORTS = range(1, 65536)

_LABEL_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    f"'{_LABEL_VALUE.pattern}')"
)
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN.pattern}')"
)
_SERVICE_NAME_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    f"'{_DNS_1035.pattern}')"
)


_PERCENT_RULE = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason for a refusal. reason: as a Status cause has it."""

    reason: str
    field: str
    message: str


def problems(obj: Object, old: Object | None, kind: str) -> list[Problem]:
    """Why an object, defaulted, cannot be stored; empty when it can."""
    before = {} if old is None else old["metadata"]
    found = list(_metadata(obj["metadata"], before, kind))
    check = _CHECKS.get(kind)
    if check is not None and (old is None or old.get("spec") is not obj.get("spec")):
        found += check(obj.get("spec") or {}, None if old is None else old.get("spec") or {})
    return found


def _invalid(field: str, value: Any, why: str) -> Problem:
    return Problem("FieldValueInvalid", field, f"Invalid value: {_shown(value)}: {why}")


def _required(field: str, why: str = "") -> Problem:
    return Problem("FieldValueRequired", field, "Required value" + (f": {why}" if why else ""))


def _shown(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _metadata(meta: Object, before: Object, kind: str) -> Iterator[Problem]:
    """`before` is that of the stored object, {} for a new one: what a write leaves was looked at when it came."""
    name = meta.get("name", "")
    if not name:
        yield _required("metadata.name", "name or generateName is required")
    elif kind == "Service":
        if len(name) > _LABEL_LENGTH:
            yield _invalid("metadata.name", name, f"must be no more than {_LABEL_LENGTH} bytes")
        if not _DNS_1035.fullmatch(name):
            yield _invalid("metadata.name", name, _SERVICE_NAME_RULE)
    else:
        if len(name) > _NAME_LENGTH:
            yield _invalid("metadata.name", name, f"must be no more than {_NAME_LENGTH} bytes")
        if not _SUBDOMAIN.fullmatch(name):
            yield _invalid("metadata.name", name, _NAME_RULE)
    if meta.get("labels") is not before.get("labels"):
        yield from _labels(meta.get("labels") or {}, "metadata.labels")
    known = before.get("annotations") or {}
    for key in meta.get("annotations") or {}:
        if key not in known:
            yield from _key(key, "metadata.annotations")


def _labels(labels: Object, field: str) -> Iterator[Problem]:
    for key, value in labels.items():
        yield from _key(key, field)
        if len(value) > _LABEL_LENGTH:
            yield _invalid(field, value, f"must be no more than {_LABEL_LENGTH} bytes")
        if not _LABEL_VALUE.fullmatch(value):
            yield _invalid(field, value, _LABEL_RULE)


def _key(key: str, field: str) -> Iterator[Problem]:
    prefix, slash, name = key.rpartition("/")
    if slash and not _SUBDOMAIN.fullmatch(prefix):
        yield _invalid(field, key, f"prefix part {_NAME_RULE}")
    if len(name) > _LABEL_LENGTH:
        yield _invalid(field, key, f"name part must be no more than {_LABEL_LENGTH} bytes")
    if not _QUALIFIED.fullmatch(name):
        yield _invalid(
            field,
            key,
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
            "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            f"'{_QUALIFIED.pattern}')",
        )


def _deployment(spec: Object, old: Object | None) -> Iterator[Problem]:
    if spec.get("replicas", 1) < 0:
        yield _invalid("spec.replicas", spec["replicas"], "must be greater than or equal to 0")
    yield from _strategy(spec.get("strategy") or {})
    selector = spec.get("selector")
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not selector:
        yield _required("spec.selector")
    else:
        wanted = selector.get("matchLabels") or {}
        if any(labels.get(key) != value for key, value in wanted.items()):
            yield _invalid(
                "spec.template.metadata.labels", labels, "`selector` does not match template `labels`"
            )
    yield from _labels(labels, "spec.template.labels")
    yield from _pod(template.get("spec") or {}, "spec.template.spec")
    if old is not None and old.get("selector") != selector:
        yield _invalid("spec.selector", selector, "field is immutable")


def _strategy(strategy: Object) -> Iterator[Problem]:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind not in ("Recreate", "RollingUpdate"):
        supported = 'supported values: "Recreate", "RollingUpdate"'
        problem = f"Unsupported value: {_shown(kind)}: {supported}"
        yield Problem("FieldValueNotSupported", "spec.strategy", problem)
    elif kind == "Recreate" and rolling is not None:
        problem = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        yield Problem("FieldValueForbidden", "spec.strategy.rollingUpdate", problem)
    for name in ("maxUnavailable", "maxSurge"):
        value = (rolling or {}).get(name, 0)
        if isinstance(value, str) and not re.fullmatch("[0-9]+%", value):
            yield _invalid(f"spec.strategy.rollingUpdate.{name}", value, _PERCENT_RULE)
        elif not isinstance(value, str) and value < 0:
            yield _invalid(f"spec.strategy.rollingUpdate.{name}", value, "must be greater than or equal to 0")


def _pod(spec: Object, field: str) -> Iterator[Problem]:
    if not spec.get("containers"):
        yield _required(f"{field}.containers")
    for group in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            yield from _container(container, f"{field}.{group}[{index}]")


def _container(container: Object, field: str) -> Iterator[Problem]:
    for name in ("name", "image"):
        if not container.get(name):
            yield _required(f"{field}.{name}")
    for index, port in enumerate(container.get("ports") or ()):
        if port.get("containerPort") not in _PORTS:
            yield _invalid(
                f"{field}.ports[{index}].containerPort",
                port.get("containerPort"),
                "must be between 1 and 65535, inclusive",
            )
    for index, variable in enumerate(container.get("env") or ()):
        if not variable.get("name"):
            yield _required(f"{field}.env[{index}].name")
    resources = container.get("resources") or {}
    limits = resources.get("limits") or {}
    for name, request in (resources.get("requests") or {}).items():
        limit = limits.get(name)
        if limit is not None and amount(request) > amount(limit):
            yield _invalid(
                f"{field}.resources.requests",
                request,
                f"must be less than or equal to {name} limit of {limit}",
            )


def _service(spec: Object, old: Object | None) -> Iterator[Problem]:
    if not spec.get("ports") and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        yield _required("spec.ports")
    for index, port in enumerate(spec.get("ports") or ()):
        if port.get("port") not in _PORTS:
            yield _invalid(
                f"spec.ports[{index}].port", port.get("port"), "must be between 1 and 65535, inclusive"
            )
    if old is not None and old.get("clusterIP") != spec.get("clusterIP"):
        yield _invalid("spec.clusterIPs[0]", [spec.get("clusterIP")], "may not change once set")


def _ingress(spec: Object, _: Object | None) -> Iterator[Problem]:
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield _invalid("spec", spec, "either `defaultBackend` or `rules` must be specified")
    for index, rule in enumerate(spec.get("rules") or ()):
        for number, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            field = f"spec.rules[{index}].http.paths[{number}]"
            if not path.get("pathType"):
                yield _required(f"{field}.pathType", "pathType must be specified")
            elif (
                not str(path.get("path", "")).startswith("/") and path["pathType"] != "ImplementationSpecific"
            ):
                yield _invalid(f"{field}.path", path.get("path", ""), "must be an absolute path")
            if not (path.get("backend") or {}).keys() & {"service", "resource"}:
                yield _required(f"{field}.backend", "resource or service backend is required")


def _autoscaler(spec: Object, _: Object | None) -> Iterator[Problem]:
    lowest, highest = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if lowest < 1:
        yield _invalid("spec.minReplicas", lowest, "must be greater than or equal to 1")
    if highest < 1:
        yield _invalid("spec.maxReplicas", highest, "must be greater than 0")
    if highest < lowest:
        yield _invalid("spec.maxReplicas", highest, "must be greater than or equal to `minReplicas`")
    if not (spec.get("scaleTargetRef") or {}).get("name"):
        yield _required("spec.scaleTargetRef.name")


def _lease(spec: Object, _: Object | None) -> Iterator[Problem]:
    duration = spec.get("leaseDurationSeconds")
    if duration is not None and duration <= 0:
        yield _invalid("spec.leaseDurationSeconds", duration, "must be greater than 0")
    transitions = spec.get("leaseTransitions")
    if transitions is not None and transitions < 0:
        yield _invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0")


_CHECKS: dict[str, Callable[[Object, Object | None], Iterator[Problem]]] = {
    "Deployment": _deployment,
    "Service": _service,
    "Ingress": _ingress,
    "HorizontalPodAutoscaler": _autoscaler,
    "Lease": _lease,
    "Pod": lambda spec, _: _pod(spec, "spec"),
}
