"""What an Application Load Balancer would route, given Ingresses, Services and ready Pods. Pure.

https://github.com/kubernetes-sigs/aws-load-balancer-controller (pkg/ingress: the backends' builder, the model's builder)
https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/#actions
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Object = dict[str, Any]
Place = tuple[str, str]
"""Namespace and name."""

CLASS = "alb"
DEFAULT_PATH = "*"
_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_ACTIONS = "alb.ingress.kubernetes.io/actions."
_USE_ANNOTATION = "use-annotation"
_HEALTH_PATH = "alb.ingress.kubernetes.io/healthcheck-path"
_WEIGHTS = range(1000)


class BuildError(Exception):
    """An Ingress that cannot be modelled; nothing of its group can then."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A target group and its share of a path's traffic in percent.

    port: of the Pods, by number or name. health_path: what the target group's health check asks them for.
    """

    service: Place
    weight: int
    port: int | str
    health_path: str


class Target(NamedTuple):
    """What traffic on a path reaches: a Service, its share in percent, its Pods that are ready and found healthy."""

    service: str
    weight: int
    ready: int


Model = dict[str, tuple[Forward, ...]]
"""Path, with the host before it if the rule has one, → its target groups; none of them: the answer is a fixed 503."""


def is_member(ingress: Object) -> bool:
    """Whether an Ingress belongs to the load balancer's group and is not being deleted."""
    meta, spec = ingress["metadata"], ingress.get("spec") or {}
    given = spec.get("ingressClassName") or (meta.get("annotations") or {}).get(_CLASS_ANNOTATION)
    return given == CLASS and "deletionTimestamp" not in meta


def services_of(ingress: Object) -> set[Place]:
    """Services that an Ingress refers to, whether they are there or not."""
    found: set[Place] = set()
    for _, backend in _backends(ingress):
        try:
            found.update(_place(group, ingress) for group in _target_groups(backend, ingress))
        except BuildError:
            continue
    return found


def model_of(ingress: Object, services: Mapping[Place, Object]) -> Model:
    """What one Ingress asks for. Raises BuildError."""
    model: Model = {}
    for path, backend in _backends(ingress):
        try:
            model.setdefault(path, _forwards(_target_groups(backend, ingress), ingress, services))
        except BuildError as error:
            meta = ingress["metadata"]
            raise BuildError(f"ingress: {meta['namespace']}/{meta['name']}: {error}") from error
    return model


def merged(models: Iterable[Model]) -> Model:
    """What a group asks for; of two rules for a path the first holds."""
    group: Model = {}
    for model in models:
        for path, forwards in model.items():
            group.setdefault(path, forwards)
    return group


def routed(model: Model, ready: Callable[[Forward], int]) -> dict[str, list[Target]]:
    """What traffic reaches."""
    return {path: targets(forwards, ready) for path, forwards in model.items()}


def targets(forwards: Iterable[Forward], ready: Callable[[Forward], int]) -> list[Target]:
    """What traffic on one path reaches."""
    return [Target(forward.service[1], forward.weight, ready(forward)) for forward in forwards]


def is_unhealthy(routes: Mapping[str, Iterable[Target]]) -> bool:
    """Whether Global Accelerator takes the load balancer for unhealthy: one empty target group is enough.

    The weight does not matter. https://docs.aws.amazon.com/global-accelerator/latest/dg/about-endpoint-groups-health-check-options.html
    """
    return any(target.ready == 0 for found in routes.values() for target in found)


# --- One Ingress ----------------------------------------------------------------------------------------------


def _backends(ingress: Object) -> Iterable[tuple[str, Object]]:
    spec = ingress.get("spec") or {}
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            yield rule.get("host", "") + path.get("path", "/"), path.get("backend") or {}
    if spec.get("defaultBackend"):
        yield DEFAULT_PATH, spec["defaultBackend"]


def _target_groups(backend: Object, ingress: Object) -> list[Object]:
    """The target groups of a backend; none where an action forwards nothing, or where there is no such action."""
    service = backend.get("service")
    if service is None:
        raise BuildError('missing required "service" field')
    port = service.get("port") or {}
    if port.get("name") != _USE_ANNOTATION:
        return [{"serviceName": service["name"], "servicePort": port.get("name") or port.get("number")}]
    name = _ACTIONS + service["name"]
    text = (ingress["metadata"].get("annotations") or {}).get(name)
    if text is None:
        return []
    try:
        return _annotated(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BuildError(f"failed to parse json annotation, {name}: {text}: {error!r}") from error


def _annotated(action: Object) -> list[Object]:
    if action["type"] != "forward":
        return []
    groups: list[Object] = action["forwardConfig"]["targetGroups"]
    if not groups or not all({"serviceName", "servicePort"} <= group.keys() for group in groups):
        raise ValueError("a target group needs serviceName and servicePort")
    return groups


def _place(group: Object, ingress: Object) -> Place:
    return ingress["metadata"]["namespace"], str(group["serviceName"])


def _forwards(groups: list[Object], ingress: Object, services: Mapping[Place, Object]) -> tuple[Forward, ...]:
    if len(groups) == 1 and _place(groups[0], ingress) not in services:
        return ()  # Only a single missing Service is tolerated.
    weights = [_weight(group) for group in groups]
    total = sum(weights)
    found = []
    for group, weight in zip(groups, weights, strict=True):
        place = _place(group, ingress)
        if place not in services:
            raise BuildError(f'Service "{place[1]}" not found')
        port = _target_port(services[place], str(group["servicePort"]))
        if port is None:
            raise BuildError(f"unable to find port {group['servicePort']} on service {place[0]}/{place[1]}")
        share = round(100 * weight / total) if total else 0
        found.append(Forward(place, share, port, _health_path(services[place], ingress)))
    return tuple(found)


def _weight(group: Object) -> int:
    weight = group.get("weight", 1)
    if not isinstance(weight, int) or weight not in _WEIGHTS:
        raise BuildError(f"weight {weight!r} of {group['serviceName']} is not in 0..999")
    return weight


def _target_port(service: Object, wanted: str) -> int | str | None:
    """Where the Pods behind a Service's port listen; None for a port that it has not."""
    for port in (service.get("spec") or {}).get("ports") or ():
        if wanted in (str(port.get("port")), port.get("name")):
            found: int | str = port.get("targetPort") or port["port"]
            return found
    return None


def _health_path(service: Object, ingress: Object) -> str:
    """The Service's annotation goes before the Ingress's."""
    for each in (service, ingress):
        path = (each["metadata"].get("annotations") or {}).get(_HEALTH_PATH)
        if path is not None:
            return str(path)
    return "/"
