"""What the controller would see and decide, looked up for one command: the item, its neighbours, its objects by name."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gco_stream_reconciler.aws.endpoint_table import EndpointTable
from gco_stream_reconciler.aws.item_reads import Item
from gco_stream_reconciler.cli.connection import ClusterSide
from gco_stream_reconciler.controller.deciding import decide, look_by_name
from gco_stream_reconciler.controller.ports import ClusterReads
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.planning.actions import ObjectRef, Plan
from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.rivals import Neighbourhood, Rivals, claim_of
from gco_stream_reconciler.planning.situation import PlanSettings, Situation
from gco_stream_reconciler.settings import Settings

_AT_A_TIME = 8


@dataclass(frozen=True, slots=True)
class Look:
    """One endpoint at one moment. decided: what this Region's controller would do now."""

    situation: Situation
    decided: Plan


async def read_items(table: EndpointTable) -> list[Item]:
    """Every item, by name."""
    found: list[Item] = []
    async for page in table.scan():
        found.extend(page)
    return sorted(found, key=lambda item: str(item.get("endpoint_name")))


def neighbours(endpoints: Iterable[Endpoint], region: str) -> Neighbourhood:
    """The claims of all endpoints, for what rivals an endpoint has."""
    found = Neighbourhood()
    for endpoint in endpoints:
        found.see(endpoint.name, claim_of(endpoint, region))
    return found


async def plan_settings(settings: Settings, table: EndpointTable) -> PlanSettings:
    """What the rules are tuned by, with the table's identity."""
    description = await table.describe()
    return PlanSettings(
        region=settings.place.region,
        namespaces=settings.place.namespaces,
        table_id=description.table_id,
        lifecycle=settings.lifecycle,
    )


class Looker:
    """Looks at endpoints of one Region as its controller does, but reads every object by name and writes nothing."""

    def __init__(self, cluster: ClusterSide, settings: PlanSettings) -> None:
        self._reads = _Paced(cluster.objects)
        self._settings = settings

    async def look(self, endpoint: Endpoint, rivals: Rivals) -> Look:
        """Read whatever may be the endpoint's, then decide."""
        read = await look_by_name(Observed(), self._possible(endpoint), self._reads)
        now = time.time()
        decided, observed = await decide(
            endpoint.name, lambda seen: plan(endpoint, seen, now, self._settings, rivals), read, self._reads
        )
        return Look(Situation(endpoint, observed, now, self._settings, rivals), decided)

    def _possible(self, endpoint: Endpoint) -> list[ObjectRef]:
        if any(problem.field == "endpoint_name" for problem in endpoint.problems):
            return []  # nothing in the cluster can carry such a name
        return [
            ObjectRef(kind, namespace, _object_name(endpoint.name, kind, role))
            for namespace in self._settings.namespaces
            for role, kinds in names.KINDS_BY_ROLE.items()
            for kind in kinds
        ]


def decoded(items: Iterable[Item]) -> list[Endpoint]:
    """Items as endpoints."""
    return [decode_endpoint(item) for item in items]


def _object_name(name: str, kind: str, role: names.Role) -> str:
    return names.ingress_name(name) if kind == "Ingress" else names.object_name(name, role)


class _Paced:
    """Reads of the cluster, a few at a time however many endpoints are looked at."""

    def __init__(self, cluster: ClusterReads) -> None:
        self._cluster = cluster
        self._slots = asyncio.Semaphore(_AT_A_TIME)

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        async with self._slots:
            return await self._cluster.get(kind, namespace, name)

    async def list_pods(self, namespace: str, label_selector: str, *, limit: int) -> list[dict[str, Any]]:
        async with self._slots:
            return await self._cluster.list_pods(namespace, label_selector, limit=limit)
