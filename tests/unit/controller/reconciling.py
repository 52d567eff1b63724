"""The reconciler with its own reporter, limit and announcer, on a table and a cluster in memory."""

import asyncio
import copy
from collections.abc import AsyncIterator, Iterable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from gco_stream_reconciler.controller.announcer import EventAnnouncer
from gco_stream_reconciler.controller.cleanup import CleanupLimit
from gco_stream_reconciler.controller.executor import Executor
from gco_stream_reconciler.controller.inventory import Inventory
from gco_stream_reconciler.controller.item_writer import ItemWriter
from gco_stream_reconciler.controller.ports import Item
from gco_stream_reconciler.controller.reaction import ReactionClock
from gco_stream_reconciler.controller.recent_reads import RecentReads
from gco_stream_reconciler.controller.reconciler import Orphans, Reconciler
from gco_stream_reconciler.controller.status import StatusReporter
from gco_stream_reconciler.controller.table_identity import TableIdentity
from gco_stream_reconciler.endpoints.model import RegionStatus
from gco_stream_reconciler.endpoints.status import decode_region_status
from gco_stream_reconciler.errors import UnavailableError
from gco_stream_reconciler.informer.objects import endpoint_keys
from gco_stream_reconciler.planning.observed import KubeObject
from gco_stream_reconciler.planning.orphans import OrphanWatch
from gco_stream_reconciler.settings import LEDGER_NAME
from gco_stream_reconciler.workqueue.queue import WorkQueue
from tests.doubles.controller import (
    MemoryCache,
    MemoryCluster,
    MemoryTable,
    NullListener,
    RecordingObserver,
    now,
    recording_log,
)
from tests.doubles.planning_story import NAMESPACE, REGION, SETTINGS
from tests.doubles.workqueue import NullQueueObserver

EPOCH = 1_800_000_000.0
LEASE = ("Lease", NAMESPACE, LEDGER_NAME)
WHOLE = {"Deployment", "Service", "Ingress"}


@dataclass
class LaggingTable(MemoryTable):
    """The replica that is read lags: it lacks the names that are `only_at_home`, and home has `home_items` already."""

    home_items: dict[str, Item | None] = field(default_factory=dict)
    home_reads: list[str] = field(default_factory=list)
    home_is_away: bool = False

    async def get(self, name: str) -> Item | None:
        found = await super().get(name)
        return None if name in self.only_at_home else found

    async def get_home(self, name: str) -> Item | None:
        self.home_reads.append(name)
        if self.home_is_away:
            raise UnavailableError("the home Region does not answer")
        found = await super().get(name)
        return copy.deepcopy(self.home_items.get(name, found))


@dataclass
class CacheInTouch(MemoryCache):
    """Sees the cluster as it is."""

    cluster: MemoryCluster = field(default_factory=MemoryCluster)

    def for_endpoint(self, key: str) -> Iterable[tuple[str, KubeObject]]:
        live = copy.deepcopy(list(self.cluster.objects.values()))
        return [(obj["kind"], obj) for obj in live if key in endpoint_keys(obj)]

    def endpoint_keys(self) -> set[str]:
        return {key for obj in self.cluster.objects.values() for key in endpoint_keys(obj)}


class ListedEvents:
    """Where Events are written: a list."""

    def __init__(self) -> None:
        self.written: list[Mapping[str, Any]] = []

    async def record(self, **event: Any) -> None:
        self.written.append(event)


@dataclass
class Setting:
    reconciler: Reconciler
    table: LaggingTable
    cluster: MemoryCluster
    cache: CacheInTouch
    observer: RecordingObserver
    watch: OrphanWatch
    recent: RecentReads
    reactions: ReactionClock
    looks: list[str] = field(default_factory=list)
    later: list[tuple[str, float]] = field(default_factory=list)
    resyncs: list[float] = field(default_factory=list)
    events: ListedEvents = field(default_factory=ListedEvents)

    def put(self, name: str = "llama", *, image: str = "vllm/vllm-openai:v1", **attributes: Any) -> None:
        """Write an item that this Region alone is to run."""
        self.table.put(
            name,
            **{
                "desired_state": {"S": "deploying"},
                "target_regions": {"L": [{"S": REGION}]},
                "namespace": {"S": NAMESPACE},
                "ingress_path": {"S": f"/inference/{name}"},
                "created_at": {"S": "2026-11-01T09:00:00+00:00"},
                "spec": {"M": {"image": {"S": image}, "replicas": {"N": "2"}}},
                **attributes,
            },
        )

    def change(self, name: str = "llama", **attributes: Any) -> None:
        """Somebody changes the item, and its change record comes."""
        self.table.items[name].update(attributes)
        self.recent.drop(name)

    def take_item_away(self, name: str = "llama") -> Item:
        """Somebody deletes the item itself, and its change record comes."""
        self.recent.drop(name)
        return self.table.items.pop(name)

    async def settle(self, name: str = "llama") -> None:
        """Look until nothing more is done, as the queue would."""
        for _ in range(12):
            before = (len(self.cluster.began), len(self.table.writes))
            await self.reconciler.reconcile(name)
            await asyncio.sleep(0.1)  # what is reported gets written
            if (len(self.cluster.began), len(self.table.writes)) == before:
                return
        raise AssertionError(f"no rest after 12 looks: {self.cluster.began}")

    def make_ready(self, ready: int) -> None:
        """So many Pods of every Deployment are ready."""
        for (kind, _, _), obj in self.cluster.objects.items():
            if kind == "Deployment":
                obj["status"]["readyReplicas"] = ready

    def stands(self, name: str = "llama") -> set[str]:
        """Kinds of the endpoint's objects."""
        return {kind for kind, _ in self.cache.for_endpoint(name)}

    def status(self, name: str = "llama") -> RegionStatus:
        """What this Region has written into the table."""
        found = decode_region_status(self.table.status(name, REGION))
        assert found is not None
        return found

    def image(self) -> str:
        """What the endpoint's Pods are to run."""
        deployment = self.cluster.objects["Deployment", NAMESPACE, "llama"]
        image: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        return image

    def written_to_the_cluster(self) -> list[tuple[str, str]]:
        """Operation and kind of every call that was no read, in order."""
        return [(operation, kind) for _, operation, kind in self.cluster.began if operation != "get"]


def at_work(live: dict[str, Any]) -> None:
    """Deployments roll out at once."""
    live["metadata"].setdefault("generation", 1)
    if live["kind"] == "Deployment" and "status" not in live:
        pods = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), live["spec"]["replicas"])
        live["status"] = {"observedGeneration": 1, **pods}


@asynccontextmanager
async def reconciling(*, limit: int | None = None, deletes_orphans: bool = True) -> AsyncIterator[Setting]:
    logged: list[MutableMapping[str, Any]] = []
    log = recording_log(logged)
    table, cluster, observer = LaggingTable(), MemoryCluster(webhook=at_work), RecordingObserver()
    cache, inventory, watch = CacheInTouch(cluster=cluster), Inventory(REGION), OrphanWatch()
    events, recent, reactions = ListedEvents(), RecentReads(now), ReactionClock(observer)
    looks, later, resyncs = list[str](), list[tuple[str, float]](), list[float]()

    def epoch() -> float:
        return EPOCH + now()

    reporter = StatusReporter(
        table=table,
        queue=WorkQueue(name="status", clock=now, random=Random(7), observer=NullQueueObserver()),
        is_busy=lambda: False,
        look_again=looks.append,
        look_again_after=lambda name, seconds: later.append((name, seconds)),
        region=REGION,
        reads_are_home=True,
        observer=observer,
        clock=now,
        now=epoch,
        log=log,
        journal=NullListener(),
    )
    announcer = EventAnnouncer(events, is_busy=lambda: False, log=log)
    reconciler = Reconciler(
        table=table,
        cluster=cluster,
        cache=cache,
        executor=Executor(cluster=cluster, cache=cache, observer=observer, log=log, journal=NullListener()),
        reporter=reporter,
        items=ItemWriter(table, observer=observer, log=log),
        recent=recent,
        inventory=inventory,
        orphans=Orphans(
            watch=watch,
            limit=CleanupLimit(
                cluster=cluster,
                cache=cache,
                inventory=inventory,
                orphans=watch,
                identity=TableIdentity(table, SETTINGS.table_id, log=log),
                namespace=NAMESPACE,
                limit=limit,
                observer=observer,
                now=epoch,
                log=log,
            ),
            deletes=deletes_orphans,
            look_soon=lambda: resyncs.append(now()),
        ),
        announcer=announcer,
        look_again=looks.append,
        look_again_after=lambda name, seconds: later.append((name, seconds)),
        reactions=reactions,
        observer=observer,
        settings=SETTINGS,
        clock=now,
        now=epoch,
    )
    tasks = [asyncio.create_task(each) for each in (reporter.write_forever(), announcer.run())]
    try:
        yield Setting(
            reconciler,
            table,
            cluster,
            cache,
            observer,
            watch,
            recent,
            reactions,
            looks,
            later,
            resyncs,
            events,
        )
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(one) for one in ended} == {asyncio.CancelledError}
        # A bug that is only logged would pass for an outage.
        assert [event for event in logged if event["level"] == "exception"] == []
