"""The limit on clean-ups that nobody commanded, with its ledger in a cluster."""

import asyncio
import json
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

import pytest

from gco_stream_reconciler.controller.cleanup import (
    ANNOTATION_LEDGER,
    CleanupLimit,
    CleanupRefusedError,
)
from gco_stream_reconciler.controller.inventory import Inventory
from gco_stream_reconciler.controller.table_identity import TableIdentity
from gco_stream_reconciler.errors import TableReplacedError, UnavailableError
from gco_stream_reconciler.planning.orphans import OrphanWatch
from gco_stream_reconciler.settings import LEDGER_NAME
from tests.doubles.controller import (
    MemoryCache,
    MemoryCluster,
    MemoryTable,
    RecordingObserver,
    recording_log,
)
from tests.doubles.planning_story import REGION, endpoint

pytestmark = pytest.mark.looptime

IDENTITY = {"project": "gco", "gco.io/type": "inference"}
LEDGER = ("Lease", "gco-inference", LEDGER_NAME)


def ours(name: str) -> dict[str, Any]:
    """A Deployment of ours."""
    labels = {"app": name, "gco.io/endpoint": name, "app.kubernetes.io/managed-by": "gco-stream-reconciler"}
    return {"kind": "Deployment", "metadata": {"name": name, "labels": labels}}


def predecessors(app: str) -> dict[str, Any]:
    """A Deployment of inference_monitor's."""
    return {"kind": "Deployment", "metadata": {"name": app, "labels": {"app": app, **IDENTITY}}}


class Setting:
    """A cluster with `standing` endpoints, of which the first `elsewhere` do not target this Region any more."""

    def __init__(self, *, standing: int, elsewhere: int, limit: int | None = None) -> None:
        self.names = [f"e{number}" for number in range(standing)]
        self.cluster = MemoryCluster()
        self.cache = MemoryCache({name: [ours(name)] for name in self.names})
        self.table = MemoryTable()
        self.observer = RecordingObserver()
        self.events: list[MutableMapping[str, Any]] = []
        self.inventory = Inventory(REGION)
        self.limit = limit
        self.now = 1_800_000_000.0
        for number, name in enumerate(self.names):
            self.item(name, "eu-west-1" if number < elsewhere else REGION)

    def item(self, name: str, region: str) -> None:
        """The table has an item that targets one Region."""
        item = replace(endpoint(), name=name, target_regions=(region,), ingress_path=f"/inference/{name}")
        self.inventory.see(item)

    def leader(self) -> CleanupLimit:
        """A fresh leader, with nothing but what the cluster remembers."""
        return CleanupLimit(
            cluster=self.cluster,
            cache=self.cache,
            inventory=self.inventory,
            orphans=OrphanWatch(),
            identity=TableIdentity(self.table, "table-1", log=recording_log(self.events)),
            namespace="gco-inference",
            limit=self.limit,
            observer=self.observer,
            now=lambda: self.now,
            log=recording_log(self.events),
        )

    def ledger(self) -> dict[str, float]:
        annotations = self.cluster.objects[LEDGER]["metadata"]["annotations"]
        found: dict[str, float] = json.loads(annotations[ANNOTATION_LEDGER])
        return found


async def test_an_admission_stands_in_the_cluster_before_anything_is_deleted() -> None:
    setting = Setting(standing=20, elsewhere=1)
    await setting.leader().admit("e0")
    assert setting.ledger() == {"e0": setting.now}


async def test_a_wrong_region_deletes_nothing_at_all() -> None:
    setting = Setting(standing=20, elsewhere=20)
    for name in setting.names:
        with pytest.raises(CleanupRefusedError, match="all of them"):
            await setting.leader().admit(name)
    assert setting.cluster.objects == {}
    assert len(setting.observer.of("cleanup_refused")) == 20
    assert setting.events[0]["event"] == "cleanup_refused"


async def test_a_change_of_the_leader_does_not_reset_the_hour() -> None:
    setting = Setting(standing=20, elsewhere=0)
    for name in setting.names[:5]:
        setting.now += 60
        await setting.leader().admit(name)
    with pytest.raises(CleanupRefusedError, match="DELETION_LIMIT"):
        await setting.leader().admit("e5")
    setting.now += 3600
    await setting.leader().admit("e5")


async def test_what_was_cleaned_up_last_month_does_not_let_everything_go() -> None:
    setting = Setting(standing=2, elsewhere=2)
    last_month = {f"gone-{number}": setting.now - 30 * 86400 for number in range(3)}
    annotations = {ANNOTATION_LEDGER: json.dumps(last_month)}
    setting.cluster.objects[LEDGER] = {"metadata": {"annotations": annotations}}
    for name in setting.names:
        with pytest.raises(CleanupRefusedError, match=r"2 of 2 endpoints .* all of them"):
            await setting.leader().admit(name)


async def test_a_canary_of_the_predecessors_is_no_endpoint_of_its_own() -> None:
    setting = Setting(standing=2, elsewhere=2)
    for name in setting.names:
        canary = predecessors(f"{name}-canary")
        setting.cache.objects[name] = [predecessors(name), canary]
        setting.cache.objects[f"{name}-canary"] = [canary]
    for name in setting.names:
        with pytest.raises(CleanupRefusedError, match="2 of 2 endpoints"):
            await setting.leader().admit(name)


async def test_an_endpoint_that_has_a_canarys_name_counts_if_it_has_an_item() -> None:
    setting = Setting(standing=1, elsewhere=1)
    setting.item("e0-canary", REGION)
    setting.cache.objects["e0"] = [predecessors("e0"), predecessors("e0-canary")]
    setting.cache.objects["e0-canary"] = [predecessors("e0-canary")]
    setting.item("other", "eu-west-1")
    setting.cache.objects["other"] = [ours("other")]
    await setting.leader().admit("e0")


async def test_an_item_without_objects_does_not_let_everything_that_stands_go() -> None:
    setting = Setting(standing=5, elsewhere=5)
    setting.item("still-to-come", REGION)
    for name in setting.names:
        with pytest.raises(CleanupRefusedError, match="5 of 5 endpoints"):
            await setting.leader().admit(name)


async def test_a_strangers_object_does_not_count() -> None:
    setting = Setting(standing=2, elsewhere=2)
    setting.cache.objects["nginx"] = [{"kind": "Service", "metadata": {"labels": {"app": "nginx"}}}]
    with pytest.raises(CleanupRefusedError, match="2 of 2 endpoints"):
        await setting.leader().admit("e0")


async def test_from_another_table_of_the_same_name_nothing_is_cleaned_up() -> None:
    setting = Setting(standing=20, elsewhere=1)
    setting.table.table_id = "table-2"
    with pytest.raises(TableReplacedError, match="table-1 and is table-2"):
        await setting.leader().admit("e0")
    assert setting.cluster.objects == {}


async def test_while_nobody_knows_which_table_it_is_nothing_is_cleaned_up() -> None:
    setting = Setting(standing=20, elsewhere=1)
    setting.table.home_faults = [UnavailableError("home is away")]
    with pytest.raises(UnavailableError):
        await setting.leader().admit("e0")
    assert setting.cluster.objects == {}


async def test_workers_side_by_side_do_not_get_round_the_limit() -> None:
    setting = Setting(standing=20, elsewhere=0)
    leader = setting.leader()
    results = await asyncio.gather(*(leader.admit(name) for name in setting.names), return_exceptions=True)
    assert len([result for result in results if result is None]) == 5
    assert len(setting.ledger()) == 5


async def test_a_persons_setting_lets_it_go_on() -> None:
    setting = Setting(standing=20, elsewhere=20, limit=20)
    await setting.leader().admit("e0")
    assert "e0" in setting.ledger()


async def test_a_ledger_that_cannot_be_read_admits_nothing() -> None:
    setting = Setting(standing=20, elsewhere=1)
    setting.cluster.objects[LEDGER] = {"metadata": {"annotations": {ANNOTATION_LEDGER: "{"}}}
    with pytest.raises(CleanupRefusedError, match="delete the Lease"):
        await setting.leader().admit("e0")


@pytest.mark.parametrize("fails_at", [0, 1], ids=["read", "write"])
async def test_without_the_ledger_nothing_is_admitted(fails_at: int) -> None:
    setting = Setting(standing=20, elsewhere=1)
    setting.cluster.faults["Lease"] = [None] * fails_at + [UnavailableError("away")]
    with pytest.raises(UnavailableError):
        await setting.leader().admit("e0")
