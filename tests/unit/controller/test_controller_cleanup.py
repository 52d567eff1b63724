"""The limit on clean-ups that nobody commanded, with its ledger in a cluster."""

import asyncio
import json
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

import pytest

from gco_stream_reconciler.controller.cleanup import (
    ANNOTATION_LEDGER,
    LEDGER_NAME,
    CleanupLimit,
    CleanupRefusedError,
)
from gco_stream_reconciler.controller.inventory import Inventory
from gco_stream_reconciler.errors import UnavailableError
from gco_stream_reconciler.planning.orphans import OrphanWatch
from tests.doubles.controller import MemoryCache, MemoryCluster, RecordingObserver, recording_log
from tests.doubles.planning_story import REGION, endpoint

pytestmark = pytest.mark.looptime

LEDGER = ("Lease", "gco-inference", LEDGER_NAME)


class Setting:
    """A cluster with `standing` endpoints, of which the first `elsewhere` do not target this Region any more."""

    def __init__(self, *, standing: int, elsewhere: int, limit: int | None = None) -> None:
        self.names = [f"e{number}" for number in range(standing)]
        self.cluster = MemoryCluster()
        self.cache = MemoryCache({name: [] for name in self.names})
        self.observer = RecordingObserver()
        self.events: list[MutableMapping[str, Any]] = []
        self.inventory = Inventory(REGION)
        self.limit = limit
        self.now = 1_800_000_000.0
        for number, name in enumerate(self.names):
            targets = ("eu-west-1",) if number < elsewhere else (REGION,)
            item = replace(endpoint(), name=name, target_regions=targets, ingress_path=f"/inference/{name}")
            self.inventory.see(item)

    def leader(self) -> CleanupLimit:
        """A fresh leader, with nothing but what the cluster remembers."""
        return CleanupLimit(
            cluster=self.cluster,
            cache=self.cache,
            inventory=self.inventory,
            orphans=OrphanWatch(),
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
