"""A complete look for objects without an item (rule 13): candidates for the clean-up, and what is left alone."""

from collections.abc import Callable, Collection, Mapping

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.controller.observing import observe
from gco_stream_reconciler.controller.ports import ClusterCache, ControllerObserver, Table
from gco_stream_reconciler.controller.table_identity import TableIdentity
from gco_stream_reconciler.planning.orphans import OrphanWatch, orphaned_objects
from gco_stream_reconciler.planning.situation import PlanSettings
from gco_stream_reconciler.planning.strays import Maker, makers

_NAMED = 20


class OrphanLook:
    """Feeds the watch, the metrics and the log. `clock` is monotonic seconds."""

    def __init__(
        self,
        *,
        table: Table,
        cache: ClusterCache,
        watch: OrphanWatch,
        identity: TableIdentity,
        settings: PlanSettings,
        observer: ControllerObserver,
        clock: Callable[[], float],
        log: FilteringBoundLogger,
    ) -> None:
        self._table = table
        self._cache = cache
        self._watch = watch
        self._identity = identity
        self._settings = settings
        self._observer = observer
        self._clock = clock
        self._log = log
        self._left: Mapping[Maker, list[str]] = {maker: [] for maker in Maker}

    def item_seen(self, name: str) -> None:
        """The table has the item: whatever was found before counts no more."""
        self._watch.item_seen(name)

    def next_look(self) -> float | None:
        """Seconds until a candidate can be confirmed, None where all are."""
        return self._watch.next_look(self._clock())

    async def look(self, absent: Collection[str], items: Collection[str]) -> frozenset[str]:
        """Judge endpoints with objects that a complete scan has not shown; returns the candidates.

        items: what the scan has shown. Raises what the table raises, and TableReplacedError; then nothing has changed.
        """
        observed = {name: observe(self._cache, name, stale=False) for name in absent}
        candidates = frozenset(
            name for name, found in observed.items() if orphaned_objects(name, found, self._settings)
        )
        at_home: frozenset[str] = frozenset()
        if candidates:
            at_home = await self._table.names_at_home()
            # After the reads, so that a table which was exchanged before them does not go unnoticed.
            await self._identity.check()
            candidates -= at_home
        self._watch.look(candidates, self._clock())
        self._observer.orphans_seen(len(candidates))
        if candidates:
            self._log.warning("orphans_seen", endpoints=sorted(candidates)[:_NAMED], count=len(candidates))
        left: dict[Maker, list[str]] = {maker: [] for maker in Maker}
        for name in sorted(observed.keys() - at_home):
            for maker in makers(name, observed[name], self._settings.table_id, items):
                left[maker].append(name)
        self._report(left)
        return candidates

    def _report(self, left: Mapping[Maker, list[str]]) -> None:
        """Tell what is left alone; in the log only what is new, since it stays until a person deletes it."""
        for maker, names in left.items():
            self._observer.orphans_left(maker.value, len(names))
            if names and names != self._left[maker]:
                self._log.warning(
                    "orphans_left_alone", made_by=maker.value, endpoints=names[:_NAMED], count=len(names)
                )
        self._left = left
