"""Whether table and cluster agree in the end: by what planning says of fresh reads, and by the writer's own log."""

import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from gco_stream_reconciler.aws.endpoint_table import table_id
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import Endpoint, State
from gco_stream_reconciler.endpoints.status import same_report
from gco_stream_reconciler.kube.resources import resource
from gco_stream_reconciler.planning.actions import ObjectRef, Plan
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.situation import PlanSettings
from gco_stream_reconciler.sandbox.table import Writer
from gco_stream_reconciler.settings import LifecycleSettings
from tests.chaos.commands import Wish
from tests.chaos.world import NAMESPACE, REGION

_KINDS = ("Deployment", "Service", "Ingress", "HorizontalPodAutoscaler")
_ROUNDS = 6
Objects = Mapping[ObjectRef, Mapping[str, Any]]


def items_of(writer: Writer) -> dict[str, dict[str, Any]]:
    """Every item, read consistently."""
    found: dict[str, dict[str, Any]] = {}
    pages = writer.client.get_paginator("scan").paginate(TableName=writer.table, ConsistentRead=True)
    for page in pages:
        found |= {item["endpoint_name"]["S"]: item for item in page["Items"]}
    return found


def table_id_of(writer: Writer) -> str:
    """The table's identity as the controller marks it on objects."""
    return table_id(writer.client.describe_table(TableName=writer.table)["Table"])


async def objects_of(url: str) -> dict[ObjectRef, dict[str, Any]]:
    """Everything in the namespace that an endpoint is made of."""
    found: dict[ObjectRef, dict[str, Any]] = {}
    async with aiohttp.ClientSession(url) as session:
        for kind in _KINDS:
            async with session.get(resource(kind).path(NAMESPACE, None)) as response:
                listing = await response.json()
            for item in listing["items"]:
                # The items of a listing are without these two.
                full = {"apiVersion": resource(kind).api_version, "kind": kind, **item}
                found[ObjectRef(kind, NAMESPACE, item["metadata"]["name"])] = full
    return found


def undone(items: Mapping[str, Mapping[str, Any]], objects: Objects, table_id: str) -> list[str]:
    """What planning would still do or say, for every item, and objects that have none."""
    settings = PlanSettings(REGION, (NAMESPACE,), table_id, LifecycleSettings())
    found: list[str] = []
    known: set[ObjectRef] = set()
    for name, item in sorted(items.items()):
        endpoint = decode_endpoint(item)
        own = {ref: obj for ref, obj in objects.items() if ref.name in _names(name, ref.kind)}
        known |= set(own)
        decided = _plan(endpoint, own, settings)
        if decided.stages or decided.table_write:
            found.append(
                f"{name}: {[str(action)[:120] for action in decided.actions]} {decided.table_write or ''}"
            )
        reported = endpoint.region_status.get(REGION)
        if decided.status and (reported is None or not same_report(reported, decided.status)):
            found.append(f"{name}: reports {reported}, but is {decided.status}")
    return found + [f"{ref}: has no item" for ref in sorted(set(objects) - known)]


def lost(wishes: Mapping[str, Wish], items: Mapping[str, Mapping[str, Any]], objects: Objects) -> list[str]:
    """Where the cluster is not what the writer's last commands asked for, by the log alone."""
    return [
        f"{name}: {problem} (wanted {wish})"
        for name, wish in sorted(wishes.items())
        if (problem := _problem(name, wish, items.get(name), objects))
    ]


def _problem(name: str, wish: Wish, item: Mapping[str, Any] | None, objects: Objects) -> str | None:
    deployment = objects.get(ObjectRef("Deployment", NAMESPACE, name))
    if not wish.stands:
        purged = item is None or not wish.here
        return None if deployment is None and purged else "it is still there"
    if item is None:
        return "its item is gone"
    exposed = ObjectRef("Ingress", NAMESPACE, f"inference-{name}") in objects
    if wish.state == "stopped":
        runs = deployment is not None and deployment["spec"]["replicas"] != 0
        return "it runs, but was stopped" if runs or exposed else None
    if deployment is None or not exposed:
        return "it is not there" if deployment is None else "it is not exposed"
    has_canary = ObjectRef("Deployment", NAMESPACE, f"{name}-canary") in objects
    return _problem_of_one_that_runs(wish, item, deployment, has_canary=has_canary)


def _problem_of_one_that_runs(
    wish: Wish, item: Mapping[str, Any], deployment: Mapping[str, Any], *, has_canary: bool
) -> str | None:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    got = (container["image"], deployment["spec"]["replicas"])
    if got != (wish.image, wish.replicas):
        return f"it runs {got}"
    if has_canary != wish.canary:
        return "its canary is not as it was asked for"
    reported = decode_endpoint(item).region_status.get(REGION)
    return None if reported is not None and reported.state == State.RUNNING else f"it reports {reported}"


def _plan(endpoint: Endpoint, own: Objects, settings: PlanSettings) -> Plan:
    observed = Observed(objects=own)
    for _ in range(_ROUNDS):
        decided = plan(endpoint, observed, time.time(), settings)
        if not decided.reads and decided.needs_pods is None:
            return decided
        # The listings were complete, so a name that they lack is free; what is not stalled has no use for its Pods.
        observed = Observed(objects=own, fetched=observed.fetched | set(decided.reads), pods=())
    return decided


def _names(name: str, kind: str) -> tuple[str, ...]:
    return (f"inference-{name}",) if kind == "Ingress" else (name, f"{name}-canary")
