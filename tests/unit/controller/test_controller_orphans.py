"""What has to be so before the objects of an item that is gone are deleted (rule 13)."""

import asyncio

import pytest

from gco_stream_reconciler.controller.cleanup import CleanupRefusedError
from gco_stream_reconciler.errors import TableNotFoundError, TableReplacedError
from tests.doubles.controller import now
from tests.unit.controller.reconciling import LEASE, WHOLE, Setting, reconciling

pytestmark = pytest.mark.looptime


async def standing_without_item(it: Setting) -> None:
    """Two looks have found the item gone."""
    it.put()
    await it.settle()
    it.take_item_away()
    it.watch.look({"llama"}, now())
    await asyncio.sleep(60)
    it.watch.look({"llama"}, now())


async def test_an_item_that_came_back_for_a_while_takes_two_new_looks() -> None:
    async with reconciling(limit=0) as it:
        await standing_without_item(it)
        with pytest.raises(CleanupRefusedError):
            await it.reconciler.reconcile("llama")
        it.put()
        await it.reconciler.reconcile("llama")
        held = it.cluster.objects
        it.take_item_away()
        await it.reconciler.reconcile("llama")
        assert not it.watch.is_confirmed("llama")
        assert it.resyncs, "a look is asked for"
    assert {kind for kind, _, _ in held} == WHOLE


async def test_from_a_table_that_was_exchanged_between_the_look_and_the_deletion_nothing_is_deleted() -> None:
    async with reconciling() as it:
        await standing_without_item(it)
        it.table.table_id = "table-2"
        with pytest.raises(TableReplacedError):
            await it.reconciler.reconcile("llama")
        assert it.stands() == WHOLE
        assert LEASE not in it.cluster.objects


async def test_while_the_table_is_away_nothing_is_deleted_and_the_work_goes_on() -> None:
    async with reconciling() as it:
        await standing_without_item(it)
        it.table.home_faults[:] = [TableNotFoundError("the table does not exist")]
        with pytest.raises(TableNotFoundError):
            await it.reconciler.reconcile("llama")
        assert it.stands() == WHOLE
        await it.settle()
        assert it.stands() == set()
