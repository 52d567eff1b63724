"""What the API server does to an object on its way in: refuse, canonicalise, fill defaults in."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes import schema
from gco_stream_reconciler.sandbox.kubernetes.kinds import Kind
from gco_stream_reconciler.sandbox.kubernetes.schema import Node
from gco_stream_reconciler.sandbox.kubernetes.statuses import RefusedError, invalid

Object = dict[str, Any]

_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_QUANTITY = re.compile(r"([+-]?[0-9.]+)([a-zA-Z]*)")


def check_types(config: Object, kind: Kind, node: Node) -> None:
    """Refuse unknown and ill-typed fields of an apply, with the API server's 500."""
    meta = config.get("metadata", {})
    _check(
        config,
        node,
        "",
        f"{meta.get('namespace', '')}/{meta.get('name', '')}; {kind.api_version}, Kind={kind.kind}",
    )


_EXPECTED: dict[str, tuple[tuple[type, ...], str]] = {
    "integer": ((int, float), "numeric (int or float)"),
    "number": ((int, float), "numeric (int or float)"),
    "string": ((str,), "string"),
    "boolean": ((bool,), "boolean"),
}


def _check(value: Any, node: Node, path: str, where: str) -> None:
    if isinstance(value, dict) and not node.get("x-anything"):
        for name, inner in value.items():
            found = schema.field(node, name)
            if found is None:
                _refuse(where, f"{path}.{name}: field not declared in schema")
            else:
                _check(inner, found, f"{path}.{name}", where)
    elif isinstance(value, list):
        keys = schema.list_keys(node)
        for index, entry in enumerate(value):
            step = str(index)
            if keys and isinstance(entry, dict):
                shown = ((key, entry.get(key, schema.key_default(node, key))) for key in keys)
                step = ",".join(
                    f'{key}="{val}"' if isinstance(val, str) else f"{key}={val}" for key, val in shown
                )
            _check(entry, schema.item(node), f"{path}[{step}]", where)
    elif value is not None and not schema.is_quantity(node) and "oneOf" not in node:
        expected = _EXPECTED.get(str(node.get("type")))
        if expected and (
            not isinstance(value, expected[0]) or (isinstance(value, bool) and bool not in expected[0])
        ):
            got = "string" if isinstance(value, str) else type(value).__name__
            _refuse(where, f"{path}: expected {expected[1]}, got {got}")


def _refuse(where: str, problem: str) -> None:
    raise RefusedError(500, f"failed to create typed patch object ({where}): {problem}")


def canonical(value: Any, node: Node) -> Any:
    """The value with its quantities in canonical form."""
    if schema.is_quantity(node):
        return quantity(str(value))
    if isinstance(value, dict):
        return {name: canonical(inner, schema.field(node, name) or {}) for name, inner in value.items()}
    if isinstance(value, list):
        return [canonical(entry, schema.item(node)) for entry in value]
    return value


def quantity(text: str) -> str:
    """`1000m` → `1`, `4096Mi` → `4Gi`: the largest suffix that leaves a whole number."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise RefusedError(400, "quantities must match the regular expression", "BadRequest")
    number, suffix = Decimal(match[1]), match[2]
    if suffix in _BINARY:
        index = _BINARY.index(suffix)
        while number % 1024 == 0 and number and index + 1 < len(_BINARY):
            number, index = number / 1024, index + 1
        return f"{number.normalize():f}{_BINARY[index]}"
    power = _DECIMAL.get(suffix, 0)
    total = number.scaleb(power)
    for name, exponent in sorted(_DECIMAL.items(), key=lambda pair: -pair[1]):
        scaled = total.scaleb(-exponent)
        if scaled == scaled.to_integral_value():
            return f"{int(scaled)}{name}"
    return text


def validate(obj: Object, old: Object | None, kind: Kind) -> None:
    """Refuse what the kind's validation refuses, as far as it is known here."""
    name, spec = obj["metadata"]["name"], obj.get("spec") or {}
    if kind.kind == "Deployment":
        replicas = spec.get("replicas", 1)
        if replicas < 0:
            raise invalid(
                kind.kind,
                kind.group,
                name,
                "spec.replicas",
                f"Invalid value: {replicas}: must be greater than or equal to 0",
            )
        if old is not None and old["spec"].get("selector") != spec.get("selector"):
            shown = str(spec.get("selector")).replace("'", '"').replace(": ", ":").replace(", ", ",")
            raise invalid(
                kind.kind, kind.group, name, "spec.selector", f"Invalid value: {shown}: field is immutable"
            )
    if kind.kind == "HorizontalPodAutoscaler" and spec.get("maxReplicas", 0) < spec.get("minReplicas", 1):
        problem = (
            f"Invalid value: {spec.get('maxReplicas', 0)}: must be greater than or equal to `minReplicas`"
        )
        raise invalid(kind.kind, kind.group, name, "spec.maxReplicas", problem)
    if kind.kind == "Lease":
        for field in ("acquireTime", "renewTime"):
            _check_time(spec.get(field))


def _check_time(value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, str) or _MICRO_TIME.fullmatch(value) is None:
        raise RefusedError(
            400,
            f'Lease in version "v1" cannot be handled as a Lease: parsing time "{value}" as '
            '"2006-01-02T15:04:05.000000Z07:00": cannot parse',
            "BadRequest",
        )
    datetime.fromisoformat(value)


def fill_defaults(obj: Object, kind: Kind) -> None:
    """Fill in what the kind's defaulting fills in."""
    filler = {"Deployment": _deployment, "Service": _service, "HorizontalPodAutoscaler": _autoscaler}.get(
        kind.kind
    )
    if filler is not None:
        filler(obj)


def _deployment(obj: Object) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    strategy = spec.setdefault("strategy", {"type": "RollingUpdate"})
    if strategy.get("type") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {"maxUnavailable": "25%", "maxSurge": "25%"})
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    obj.setdefault("status", {})
    pod = spec["template"].setdefault("spec", {})
    for name, value in (
        ("restartPolicy", "Always"),
        ("terminationGracePeriodSeconds", 30),
        ("dnsPolicy", "ClusterFirst"),
        ("securityContext", {}),
        ("schedulerName", "default-scheduler"),
    ):
        pod.setdefault(name, value)
    if "serviceAccountName" in pod:
        pod.setdefault("serviceAccount", pod["serviceAccountName"])
    for container in (*pod.get("containers", ()), *pod.get("initContainers", ())):
        _container(container)


def _container(container: Object) -> None:
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    image = str(container.get("image", ""))
    latest = image.endswith(":latest") or (":" not in image.rpartition("/")[2] and "@" not in image)
    container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
    container.setdefault("resources", {})
    for port in container.get("ports", ()):
        port.setdefault("protocol", "TCP")
    for variable in container.get("env", ()):
        if variable.get("value") == "":
            del variable["value"]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            settings = container[probe]
            for name, value in (
                ("timeoutSeconds", 1),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("failureThreshold", 3),
            ):
                settings.setdefault(name, value)
            if "httpGet" in settings:
                settings["httpGet"].setdefault("scheme", "HTTP")


def _service(obj: Object) -> None:
    spec = obj["spec"]
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    spec.setdefault("clusterIP", "10.0.0.1")
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    for port in spec.get("ports", ()):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    obj.setdefault("status", {"loadBalancer": {}})


def _autoscaler(obj: Object) -> None:
    obj["spec"].setdefault("minReplicas", 1)
    obj.setdefault("status", {"desiredReplicas": 0, "currentMetrics": None})
