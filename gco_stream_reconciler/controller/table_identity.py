"""Whether the table is still the one that this process began with: a restored one has the same name and another id."""

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.controller.ports import Table
from gco_stream_reconciler.errors import ReconcilerError, TableReplacedError


class TableIdentity:
    """Asks the home Region for the table's id and compares it with `table_id`, the one at the start.

    A process that goes on with the former table's id would take what the new one lacks for orphans.
    """

    def __init__(self, table: Table, table_id: str, *, log: FilteringBoundLogger) -> None:
        self._table = table
        self._table_id = table_id
        self._log = log

    async def check(self) -> None:
        """Return if it is the same table. Raises TableReplacedError, and whatever the table raises: then nobody knows."""
        found = (await self._table.describe()).table_id
        if found != self._table_id:
            raise TableReplacedError(
                f"the table was replaced by another one of its name (its id was {self._table_id} and is {found}), so "
                "nothing is deleted; start the process again, as Kubernetes does by itself: it learns the new table, and "
                "leaves what was made from the former one and has no item"
            )

    async def check_if_reachable(self) -> None:
        """As `check`, but a home Region that cannot be asked is no reason to stop. Raises TableReplacedError."""
        try:
            await self.check()
        except TableReplacedError:
            raise
        except ReconcilerError as error:
            self._log.debug("table_not_identified", error=str(error))
