"""EndpointSlices, computed from Services and Pods when they are asked for. Pure.

https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
"""

from collections.abc import Iterable
from typing import Any

Object = dict[str, Any]


def endpoint_slices(services: Iterable[Object], pods: Iterable[Object], version: int) -> list[Object]:
    """One slice for each Service that has a selector."""
    known = list(pods)
    found = ((service, (service.get("spec") or {}).get("selector")) for service in services)
    return [
        _slice(service, _selected(service, selector, known), version)
        for service, selector in found
        if selector
    ]


def _selected(service: Object, selector: dict[str, str], pods: Iterable[Object]) -> list[Object]:
    namespace = service["metadata"]["namespace"]
    return [
        pod
        for pod in pods
        if pod["metadata"]["namespace"] == namespace
        and selector.items() <= (pod["metadata"].get("labels") or {}).items()
    ]


def _slice(service: Object, pods: list[Object], version: int) -> Object:
    meta = service["metadata"]
    return {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": {
            "name": f"{meta['name']}-sandbox",
            "namespace": meta["namespace"],
            "uid": meta["uid"],
            "resourceVersion": str(version),
            "creationTimestamp": meta["creationTimestamp"],
            "labels": {"kubernetes.io/service-name": meta["name"]},
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(pod) for pod in pods if (pod.get("status") or {}).get("podIP")],
        "ports": [_port(port, pods) for port in service["spec"].get("ports") or ()],
    }


def _endpoint(pod: Object) -> Object:
    ready = any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod["status"].get("conditions") or ()
    )
    meta = pod["metadata"]
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": ready, "terminating": "deletionTimestamp" in meta},
        "targetRef": {
            "kind": "Pod",
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta.get("uid", ""),
        },
    }


def _port(port: Object, pods: list[Object]) -> Object:
    target = port.get("targetPort", port["port"])
    if isinstance(target, str):
        containers = [container for pod in pods for container in pod["spec"].get("containers") or ()]
        named = (each for container in containers for each in container.get("ports") or ())
        target = next((each["containerPort"] for each in named if each.get("name") == target), port["port"])
    return {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": target}
