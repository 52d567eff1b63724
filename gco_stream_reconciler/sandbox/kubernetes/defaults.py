"""What the API server fills in. Pure: an object that lacks nothing is returned itself.

https://github.com/kubernetes/kubernetes (pkg/apis/*/v*/defaults.go)
"""

from collections.abc import Callable, Mapping
from typing import Any

Object = dict[str, Any]
Change = Callable[[Any], Any]

_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_POD = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_CONTAINER = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "resources": {},
}
_EMPTY_STATUS: dict[str, Object] = {
    "Deployment": {},
    "Service": {"loadBalancer": {}},
    "Ingress": {"loadBalancer": {}},
    "HorizontalPodAutoscaler": {"desiredReplicas": 0, "currentMetrics": None},
    "Pod": {"phase": "Pending", "qosClass": "Burstable"},
    "Namespace": {"phase": "Active"},
}


def empty(kind: str) -> Object:
    """The object of a kind before anything is written in it, as the API server compares a new one with."""
    blank: dict[str, Object] = {
        "Deployment": {"spec": {"selector": None, "strategy": {}, "template": {"metadata": {}, "spec": {"containers": None}}}},
        "HorizontalPodAutoscaler": {"spec": {"scaleTargetRef": {"kind": "", "name": ""}, "maxReplicas": 0}},
        "Pod": {"spec": {"containers": None}},
        "Event": {"deprecatedSource": {}, "deprecatedFirstTimestamp": None, "deprecatedLastTimestamp": None},
    }  # fmt: skip
    spec: Object = {} if kind == "Event" else {"spec": {}}
    status = {"status": _EMPTY_STATUS[kind]} if kind in _EMPTY_STATUS else {}
    return {"metadata": {}, **spec, **status, **blank.get(kind, {})}


def defaulted(obj: Object, kind: str) -> Object:
    """The object with its kind's defaults."""
    if kind in _EMPTY_STATUS:
        obj = _with(obj, {"status": _EMPTY_STATUS[kind]})
    change = _CHANGES.get(kind)
    return obj if change is None else change(obj)


def _with(found: Object, values: Mapping[str, Any]) -> Object:
    absent = {key: value for key, value in values.items() if key not in found}
    return {**found, **absent} if absent else found


def _at(found: Object, key: str, change: Change) -> Object:
    """Change one field, if it is there."""
    if key not in found:
        return found
    value = change(found[key])
    return found if value is found[key] else {**found, key: value}


def _each(change: Change) -> Change:
    def on_list(items: list[Any] | None) -> list[Any] | None:
        if items is None:
            return None
        changed = [change(item) for item in items]
        return items if all(new is old for new, old in zip(changed, items, strict=True)) else changed

    return on_list


def _deployment(obj: Object) -> Object:
    return _at(obj, "spec", _deployment_spec)


def _deployment_spec(spec: Object) -> Object:
    fixed = {"replicas": 1, "strategy": {}, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}
    spec = _at(_with(spec, fixed), "strategy", _strategy)
    return _at(spec, "template", lambda template: _at(_with(template, {"metadata": {}}), "spec", _pod_spec))


def _strategy(strategy: Object) -> Object:
    strategy = _with(strategy, {"type": "RollingUpdate"})
    if strategy["type"] != "RollingUpdate":
        return strategy
    strategy = _with(strategy, {"rollingUpdate": {}})
    return _at(
        strategy,
        "rollingUpdate",
        lambda rolling: _with(rolling, {"maxUnavailable": "25%", "maxSurge": "25%"}),
    )


def _pod_spec(spec: Object) -> Object:
    spec = _with(spec, _POD)
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account and not spec.get("serviceAccountName") == spec.get("serviceAccount") == account:
        spec = {**spec, "serviceAccountName": account, "serviceAccount": account}
    for name in ("containers", "initContainers"):
        spec = _at(spec, name, _each(_container))
    return _at(spec, "volumes", _each(_volume))


def _container(container: Object) -> Object:
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    latest = tag == "latest" or (not tag and "@" not in image)
    container = _with(container, {**_CONTAINER, "imagePullPolicy": "Always" if latest else "IfNotPresent"})
    container = _at(container, "ports", _each(lambda port: _with(port, {"protocol": "TCP"})))
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        container = _at(container, probe, _probe)
    return container


def _probe(probe: Object) -> Object:
    probe = _at(_with(probe, _PROBE), "httpGet", lambda get: _with(get, {"path": "/", "scheme": "HTTP"}))
    return _at(probe, "grpc", lambda grpc: _with(grpc, {"service": ""}))


def _volume(volume: Object) -> Object:
    modes = {
        "configMap": {"defaultMode": 420},
        "secret": {"defaultMode": 420},
        "projected": {"defaultMode": 420},
        "hostPath": {"type": ""},
    }
    if volume.keys() <= {"name"}:
        volume = {**volume, "emptyDir": {}}
    for source, values in modes.items():
        volume = _at(volume, source, lambda found, values=values: _with(found, values))  # type: ignore[misc]
    return volume


def _service(obj: Object) -> Object:
    def spec(found: Object) -> Object:
        found = _with(found, {"type": "ClusterIP", "sessionAffinity": "None"})
        if found["type"] != "ExternalName":
            found = _with(found, {"internalTrafficPolicy": "Cluster"})
        return _at(found, "ports", _each(_service_port))

    return _at(obj, "spec", spec)


def _service_port(port: Object) -> Object:
    return _with(port, {"protocol": "TCP", "targetPort": port.get("port")})


def _autoscaler(obj: Object) -> Object:
    cpu = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
    }
    return _at(obj, "spec", lambda spec: _with(spec, {"minReplicas": 1, "metrics": [cpu]}))


def _namespace(obj: Object) -> Object:
    label = {"kubernetes.io/metadata.name": obj["metadata"].get("name", "")}
    return _at(
        obj,
        "metadata",
        lambda meta: _at(_with(meta, {"labels": {}}), "labels", lambda have: _with(have, label)),
    )


def _event(obj: Object) -> Object:
    stamps = {"deprecatedFirstTimestamp": None, "deprecatedLastTimestamp": None}
    return _with(obj, {"deprecatedSource": {}, **stamps})


_CHANGES: dict[str, Change] = {
    "Deployment": _deployment,
    "Service": _service,
    "HorizontalPodAutoscaler": _autoscaler,
    "Namespace": _namespace,
    "Event": _event,
    "Pod": lambda obj: _at(obj, "spec", _pod_spec),
}


def allocated(obj: Object, old: Object | None, number: int) -> Object:
    """A Service with the addresses that the API server gives it: the old ones, else those of a number."""
    spec = obj.get("spec") or {}
    if old is not None:
        names = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
        spec = _with(spec, {name: old["spec"][name] for name in names if name in old["spec"]})
    elif spec.get("type") != "ExternalName":
        address = spec.get("clusterIP") or f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        families = {"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}
        spec = _with(spec, {"clusterIP": address, "clusterIPs": [address], **families})
    return obj if spec is obj.get("spec") else {**obj, "spec": spec}
