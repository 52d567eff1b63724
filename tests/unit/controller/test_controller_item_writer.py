"""Promotion and purge: decided on the home Region's item, written only if it is still that one."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from gco_stream_reconciler.controller.item_writer import LOOK_AGAIN_SECONDS, ItemWriter
from gco_stream_reconciler.controller.ports import Item
from gco_stream_reconciler.endpoints.fingerprint import spec_fingerprint
from gco_stream_reconciler.errors import UnavailableError
from gco_stream_reconciler.planning.actions import TableWrite
from tests.doubles.controller import MemoryTable, RecordingObserver, recording_log

pytestmark = pytest.mark.looptime

SPEC = {"M": {"image": {"S": "vllm/vllm-openai:v1"}}}


def put(table: MemoryTable, desired: str, state: str, **more: Any) -> Item:
    status = {"M": {"state": {"S": state}, "observed_spec": {"S": spec_fingerprint(SPEC)}}}
    return table.put(
        "llama",
        desired_state={"S": desired},
        target_regions={"L": [{"S": "us-east-1"}]},
        spec=SPEC,
        region_status={"M": {"us-east-1": status}},
        **more,
    )


@dataclass
class ChangedMeanwhile(MemoryTable):
    """Somebody writes between the read and the conditional write."""

    change: dict[str, Any] = field(default_factory=dict)

    async def get_home(self, name: str) -> Item | None:
        found = await super().get_home(name)
        self.items[name].update(self.change)
        return found


def writer(table: MemoryTable, observer: RecordingObserver) -> ItemWriter:
    return ItemWriter(table, observer=observer, log=recording_log([]))


async def test_a_ripe_deployment_is_promoted() -> None:
    table, observer = MemoryTable(), RecordingObserver()
    put(table, "deploying", "running")
    assert await writer(table, observer).write("llama", TableWrite.PROMOTE) is None
    assert table.items["llama"]["desired_state"] == {"S": "running"}
    assert observer.of("item_written") == [["promote", "success"]]


async def test_a_deleted_item_goes() -> None:
    table = MemoryTable()
    put(table, "deleted", "deleted")
    await writer(table, RecordingObserver()).write("llama", TableWrite.PURGE)
    assert table.items == {}


@pytest.mark.parametrize("write", list(TableWrite))
async def test_an_item_that_is_not_ripe_at_home_is_left_alone(write: TableWrite) -> None:
    """The report that made the plan think so may not have reached the home Region yet."""
    table = MemoryTable()
    put(table, "deploying" if write is TableWrite.PROMOTE else "deleted", "creating")
    assert await writer(table, RecordingObserver()).write("llama", write) is None
    assert table.writes == []


async def test_a_concurrent_delete_wins_over_a_promotion() -> None:
    """A flaw of the predecessor: an unconditional promotion undid a delete."""
    table = ChangedMeanwhile(change={"desired_state": {"S": "deleted"}})
    observer = RecordingObserver()
    put(table, "deploying", "running")
    assert await writer(table, observer).write("llama", TableWrite.PROMOTE) == LOOK_AGAIN_SECONDS
    assert table.items["llama"]["desired_state"] == {"S": "deleted"}
    assert observer.of("item_written") == [["promote", "conflict"]]


async def test_a_concurrent_deploy_wins_over_a_purge() -> None:
    """A flaw of the predecessor: it purged from a stale snapshot."""
    table = ChangedMeanwhile(change={"desired_state": {"S": "deploying"}})
    put(table, "deleted", "deleted")
    assert await writer(table, RecordingObserver()).write("llama", TableWrite.PURGE) == LOOK_AGAIN_SECONDS
    assert "llama" in table.items


async def test_an_item_that_is_gone_needs_no_write() -> None:
    assert await writer(MemoryTable(), RecordingObserver()).write("llama", TableWrite.PURGE) is None


async def test_an_outage_is_the_keys_business() -> None:
    table = MemoryTable(write_faults=[UnavailableError("away")])
    put(table, "deleted", "deleted")
    with pytest.raises(UnavailableError):
        await writer(table, RecordingObserver()).write("llama", TableWrite.PURGE)
