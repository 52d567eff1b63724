"""What the simulated load balancer would route, as a table."""

import json
from typing import Any

import pytest

from gco_stream_reconciler.sandbox.kubernetes.routing import (
    BuildError,
    Target,
    is_member,
    is_unhealthy,
    merged,
    model_of,
    routed,
    services_of,
)

NS = "models"
Object = dict[str, Any]


def service(name: str, *ports: Object) -> Object:
    return {"metadata": {"name": name, "namespace": NS}, "spec": {"ports": list(ports) or [{"port": 80}]}}


USE_ANNOTATION = {"name": "weighted-routing", "port": {"name": "use-annotation"}}


def ingress(name: str = "in", *, action: Any = None, backend: Object = USE_ANNOTATION) -> Object:
    annotations = {} if action is None else {"alb.ingress.kubernetes.io/actions.weighted-routing": action}
    path = {"path": f"/inference/{name}", "backend": {"service": backend}}
    return {
        "metadata": {"name": name, "namespace": NS, "annotations": annotations},
        "spec": {"ingressClassName": "alb", "rules": [{"http": {"paths": [path]}}]},
    }


def weighted(*shares: Any, **more: Any) -> str:
    groups = [
        {"serviceName": name, "servicePort": 80, **({} if weight is None else {"weight": weight}), **more}
        for name, weight in shares
    ]
    return json.dumps({"type": "forward", "forwardConfig": {"targetGroups": groups}})


def plain(service: str, **port: Any) -> Object:
    return {"name": service, "port": port or {"number": 80}}


READY = {(NS, "a"): 1, (NS, "b"): 2}
BOTH = {(NS, "a"): service("a"), (NS, "b"): service("b")}
ONLY_A = {(NS, "a"): service("a")}


@pytest.mark.parametrize(
    ("given", "services", "expected"),
    [
        (ingress(backend=plain("a")), BOTH, [("a", 100, 1)]),
        (ingress(backend=plain("b")), ONLY_A, []),
        (
            ingress(backend=plain("a", name="http")),
            {(NS, "a"): service("a", {"name": "http", "port": 8})},
            [("a", 100, 1)],
        ),
        (ingress(action=weighted(("a", 90), ("b", 10))), BOTH, [("a", 90, 1), ("b", 10, 2)]),
        (ingress(action=weighted(("a", 100), ("b", 0))), BOTH, [("a", 100, 1), ("b", 0, 2)]),
        (ingress(action=weighted(("a", 1), ("b", 3))), BOTH, [("a", 25, 1), ("b", 75, 2)]),
        (ingress(action=weighted(("a", None), ("b", None))), BOTH, [("a", 50, 1), ("b", 50, 2)]),
        (ingress(action=weighted(("a", 0), ("b", 0))), BOTH, [("a", 0, 1), ("b", 0, 2)]),
        (ingress(action=weighted(("b", 5))), ONLY_A, []),
        (ingress(action=weighted(("a", 5), servicePort="80")), ONLY_A, [("a", 100, 1)]),
        (ingress(), BOTH, []),
        (ingress(action=json.dumps({"type": "fixed-response"})), BOTH, []),
    ],
    ids=[
        "one service", "one missing service answers 503", "port by name", "weighted", "weight 0 keeps its target group",
        "weights are relative", "no weights", "all weights 0", "a forward to one missing service answers 503",
        "port as text", "no such action answers 503", "an action that forwards nothing",
    ],
)  # fmt: skip
def test_a_path_reaches(given: Object, services: Any, expected: list[Any]) -> None:
    routes = routed(model_of(given, services), lambda forward: READY.get(forward.service, 0))
    assert routes == {"/inference/in": expected}


@pytest.mark.parametrize(
    ("given", "services", "problem"),
    [
        (ingress(action=weighted(("a", 90), ("b", 10))), ONLY_A, 'Service "b" not found'),
        (ingress(action=weighted(("a", 100), ("b", 0))), ONLY_A, 'Service "b" not found'),
        (ingress(action=weighted(("a", 1), ("b", 1))), {}, 'Service "a" not found'),
        (ingress(backend=plain("a", number=81)), BOTH, "unable to find port 81 on service models/a"),
        (ingress(action=weighted(("a", 1000))), BOTH, "not in 0..999"),
        (ingress(action=weighted(("a", "1"))), BOTH, "not in 0..999"),
        (ingress(action="{"), BOTH, "failed to parse json annotation"),
        (ingress(action="[]"), BOTH, "failed to parse json annotation"),
        (ingress(action='{"type":"forward"}'), BOTH, "forwardConfig"),
        (ingress(action=weighted()), BOTH, "failed to parse json annotation"),
    ],
)
def test_what_cannot_be_modelled_names_the_ingress_and_why(
    given: Object, services: Any, problem: str
) -> None:
    with pytest.raises(BuildError, match=r"^ingress: models/in: ") as error:
        model_of(given, services)
    assert problem in str(error.value)


def test_services_are_known_even_if_they_are_not_there_and_even_if_the_rest_is_unreadable() -> None:
    given = ingress(action=weighted(("a", 1), ("b", 0)))
    assert services_of(given) == {(NS, "a"), (NS, "b")}
    assert services_of(ingress(action="{")) == set()


@pytest.mark.parametrize(
    ("meta", "spec", "member"),
    [
        ({}, {"ingressClassName": "alb"}, True),
        ({"annotations": {"kubernetes.io/ingress.class": "alb"}}, {}, True),
        ({}, {"ingressClassName": "nginx"}, False),
        ({}, {}, False),
        ({"deletionTimestamp": "now"}, {"ingressClassName": "alb"}, False),
    ],
)
def test_the_group_is_every_living_ingress_of_the_class(meta: Object, spec: Object, member: bool) -> None:
    assert is_member({"metadata": meta, "spec": spec}) == member


HEALTH_PATH = "alb.ingress.kubernetes.io/healthcheck-path"


@pytest.mark.parametrize(
    ("port", "of_service", "of_ingress", "expected"),
    [
        ({"port": 80}, None, None, (80, "/")),
        ({"port": 80, "targetPort": 8000}, None, "/health", (8000, "/health")),
        ({"port": 80, "targetPort": "http"}, "/own", "/health", ("http", "/own")),
    ],
    ids=["defaults", "by number", "by name, and the Service's annotation goes first"],
)
def test_pods_are_asked_on_the_services_target_port_and_the_annotated_path(
    port: Object, of_service: str | None, of_ingress: str | None, expected: tuple[int | str, str]
) -> None:
    behind, given = service("a", port), ingress(backend=plain("a"))
    for obj, path in ((behind, of_service), (given, of_ingress)):
        if path is not None:
            obj["metadata"].setdefault("annotations", {})[HEALTH_PATH] = path
    ((forward,),) = model_of(given, {(NS, "a"): behind}).values()
    assert (forward.port, forward.health_path) == expected


def test_of_two_rules_for_a_path_the_first_holds() -> None:
    one, other = (
        model_of(ingress("same", backend=plain("a")), BOTH),
        model_of(ingress("same", backend=plain("b")), BOTH),
    )
    assert merged([one, other]) == one


@pytest.mark.parametrize(
    ("routes", "unhealthy"),
    [
        ({}, False),
        ({"/a": [("a", 100, 1)]}, False),
        ({"/a": [("a", 100, 0)]}, True),
        ({"/a": [("a", 100, 1), ("b", 0, 0)]}, True),
        ({"/a": [("a", 100, 3)], "/b": [("b", 100, 0)]}, True),
        ({"/a": []}, False),
    ],
    ids=[
        "no target group",
        "all ready",
        "empty",
        "empty at weight 0",
        "one of two paths",
        "503 is no target group",
    ],
)
def test_one_empty_target_group_makes_the_region_unhealthy(routes: Any, unhealthy: bool) -> None:
    found = {path: [Target(*each) for each in targets] for path, targets in routes.items()}
    assert is_unhealthy(found) == unhealthy
