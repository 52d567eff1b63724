"""Promotion and purge (rules 5 and 7): decided again on a fresh read of the home Region, written conditionally."""

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.controller.ports import ControllerObserver, Table
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.errors import ConditionFailedError
from gco_stream_reconciler.planning.actions import TableWrite
from gco_stream_reconciler.planning.regions import due_table_write

LOOK_AGAIN_SECONDS = 1.0
"""A lost race is looked at again after this long, whether or not the stream tells who won."""


class ItemWriter:
    """The only writes of this program to an item beside its own Region's status."""

    def __init__(self, table: Table, *, observer: ControllerObserver, log: FilteringBoundLogger) -> None:
        self._table = table
        self._observer = observer
        self._log = log

    async def write(self, name: str, wanted: TableWrite) -> float | None:
        """Carry the write out if the home Region's item is still ripe for it.

        Returns the seconds after which to look again where somebody else was faster.
        """
        item = await self._table.get_home(name)
        # Not ripe means: our own report is still on its way; its arrival queues the endpoint again.
        if item is None or due_table_write(decode_endpoint(item)) is not wanted:
            return None
        label = wanted.name.lower()
        try:
            await (self._table.purge(item) if wanted is TableWrite.PURGE else self._table.promote(item))
        except ConditionFailedError:
            self._observer.item_written(label, "conflict")
            return LOOK_AGAIN_SECONDS
        self._observer.item_written(label, "success")
        self._log.info("item_written", endpoint=name, write=label, meaning=str(wanted))
        return None
