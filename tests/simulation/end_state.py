"""Whether cluster and table are what the table asks for: by the planner's own word, and by an independent look."""

from collections.abc import Iterator
from typing import Any

from gco_stream_reconciler.controller.inventory import Inventory
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.status import same_report
from gco_stream_reconciler.informer.compaction import ValuePool, compact
from gco_stream_reconciler.informer.objects import endpoint_keys
from gco_stream_reconciler.planning.actions import ObjectRef
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.situation import PlanSettings
from tests.simulation.invariants import WORKLOADS, services_of, weights_of
from tests.simulation.table import TABLE_ID
from tests.simulation.wishes import Wish, wish
from tests.simulation.world import NAMESPACE, REGION, World

Object = dict[str, Any]


def unsettled(world: World, *, strangers: bool = False) -> list[str]:
    """What is not as it should be; empty at the end. strangers: names may be taken, so only the planner is asked."""
    found = list(_by_the_planner(world)) + [
        f"{key} is still going"
        for key, obj in world.server.store.objects.items()
        if key[0] in WORKLOADS and "deletionTimestamp" in obj["metadata"]
    ]
    return found if found or strangers else list(_by_looking(world))


def _observed(world: World) -> dict[str, dict[ObjectRef, Object]]:
    """Endpoint → its objects, as a perfect cache would have them."""
    found: dict[str, dict[ObjectRef, Object]] = {}
    for (kind, namespace, name), obj in world.server.store.objects.items():
        labels = obj["metadata"].get("labels") or {}
        if kind not in WORKLOADS or namespace != NAMESPACE or labels.get("gco.io/type") != "inference":
            continue
        small = compact(obj, kind, ValuePool())
        for key in endpoint_keys(small):
            found.setdefault(key, {})[ObjectRef(kind, namespace, name)] = small
    return found


def _by_the_planner(world: World) -> Iterator[str]:
    settings = PlanSettings(REGION, (NAMESPACE,), TABLE_ID, world.settings.lifecycle)
    inventory = Inventory(REGION)
    endpoints = [decode_endpoint(item) for _, item in sorted(world.table.items.items())]
    for endpoint in endpoints:
        inventory.see(endpoint)
    objects = _observed(world)
    for endpoint in endpoints:
        observed = Observed(objects=objects.get(endpoint.name, {}))
        decided = plan(endpoint, observed, world.now(), settings, inventory.rivals(endpoint.name))
        for _ in range(6):
            if not decided.reads and decided.needs_pods is None:
                break
            observed = _fetched(world, observed, decided.reads)
            decided = plan(endpoint, observed, world.now(), settings, inventory.rivals(endpoint.name))
        if decided.stages:
            yield f"{endpoint.name}: the planner still wants {[str(action.ref) for action in decided.actions]}"
        if decided.table_write is not None:
            yield f"{endpoint.name}: still to come: {decided.table_write}"
        if decided.requeue_after is not None:
            yield f"{endpoint.name}: time alone changes the plan in {decided.requeue_after:.0f} s"
        told = endpoint.region_status.get(REGION)
        if decided.status is not None and (told is None or not same_report(told, decided.status)):
            yield f"{endpoint.name}: reports {told}, should report {decided.status}"
    names = {endpoint.name for endpoint in endpoints}
    for name in sorted(objects.keys() - names):
        ours = [
            str(ref)
            for ref, obj in objects[name].items()
            if obj["metadata"]["labels"].get("gco.io/endpoint") == name
        ]
        if ours:
            yield f"{name}: no item, but {ours}"


def _fetched(world: World, observed: Observed, refs: tuple[ObjectRef, ...]) -> Observed:
    objects = dict(observed.objects)
    for ref in refs:
        live = world.server.store.objects.get((ref.kind, ref.namespace, ref.name))
        if live is None:
            objects.pop(ref, None)
        else:
            objects[ref] = live
    return Observed(objects=objects, fetched=observed.fetched | set(refs), pods=())


def _by_looking(world: World) -> Iterator[str]:
    names = set(world.table.items)
    for name, item in sorted(world.table.items.items()):
        if f"{name}-canary" in names or name.endswith("-canary"):
            continue  # which of two rivals comes first is the planner's to say
        wished = wish(item)
        yield from (f"{name}: {problem}" for problem in _differs(world, name, wished))


def _differs(world: World, name: str, wished: Wish) -> Iterator[str]:
    deployment = _get(world, "Deployment", name)
    service, ingress = _get(world, "Service", name), _get(world, "Ingress", f"inference-{name}")
    canary = _get(world, "Deployment", f"{name}-canary")
    autoscaler = _get(world, "HorizontalPodAutoscaler", name)
    if not wished.runs:
        if ingress or canary or autoscaler or _get(world, "Service", f"{name}-canary"):
            yield "has an Ingress, autoscaler or canary"
        if deployment and (not wished.stopped or deployment["spec"]["replicas"] != 0):
            yield "has a Deployment that is not to run"
        return
    if deployment is None or service is None:
        yield "has no Deployment or Service"
        return
    if wished.replicas is not None and deployment["spec"]["replicas"] != wished.replicas:
        yield f"has {deployment['spec']['replicas']} replicas, not {wished.replicas}"
    if deployment["spec"]["template"]["spec"]["containers"][0]["image"] != wished.image:
        yield "has another image"
    if (autoscaler is not None) is not wished.autoscaled:
        yield "has an autoscaler, or lacks one"
    if wished.canary and wished.replicas != 0 and canary is None:
        yield "has no canary"
    if not wished.canary and (canary or _get(world, "Service", f"{name}-canary")):
        yield "has a canary"
    yield from _exposure_differs(wished, deployment, canary, ingress, name)


def _exposure_differs(
    wished: Wish, deployment: Object, canary: Object | None, ingress: Object | None, name: str
) -> Iterator[str]:
    ready = int((deployment.get("status") or {}).get("readyReplicas") or 0)
    if wished.replicas == 0:
        if ingress is not None:
            yield "is exposed with 0 replicas"
        return
    if not ready:
        return  # the planner's word counts: waiting, or the watchdog's
    if ingress is None:
        yield "is not exposed"
        return
    canary_ready = canary is not None and int((canary.get("status") or {}).get("readyReplicas") or 0) > 0
    if wished.canary and canary_ready:
        if weights_of(ingress) != {name: 100 - wished.weight, f"{name}-canary": wished.weight}:
            yield f"has weights {weights_of(ingress)}"
    elif services_of(ingress) != {name}:
        yield f"sends requests to {services_of(ingress)}"


def _get(world: World, kind: str, name: str) -> Object | None:
    found: Object | None = world.server.store.objects.get((kind, NAMESPACE, name))
    return found
