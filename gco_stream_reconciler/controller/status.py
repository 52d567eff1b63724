"""Reports what this Region says of an endpoint, beside the Kubernetes work and never in its way."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.controller.ports import ControllerObserver, Journal, Queue, Table
from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, RegionStatus, State
from gco_stream_reconciler.endpoints.status import decode_region_status, encode_region_status, same_report
from gco_stream_reconciler.errors import ConditionFailedError, ReconcilerError, RetryableError

REPLICA_LAG_SECONDS = 30.0
"""How long a written status counts as current although the replica that is read does not show it yet."""

_PATIENCE_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 1.0

CONFLICT_SECONDS = 1.0
"""After a lost condition: a replica may go on showing what the home Region has no more, and must not be asked in a circle."""


@dataclass(frozen=True, slots=True)
class _Report:
    """A status that is to be written, with what its condition needs."""

    status: RegionStatus
    created_at: str | None
    desired_state: DesiredState | None
    region_status_is_map: bool
    since: float
    """Monotonic seconds at which something became to be said; a newer status keeps it."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A status that the table has taken, and when (monotonic seconds) it had."""

    status: RegionStatus
    created_at: str | None
    at: float


class StatusReporter:
    """Writes changed statuses from its own small set of tasks.

    is_busy: whether there is more urgent work than to tell of it. A status waits for its end, but not for long.

    Invariants: `_pending` holds the newest status of a name until it is written or refused; `_written` holds at most
    one entry per endpoint that the table still has (`forget`).
    """

    def __init__(
        self,
        *,
        table: Table,
        queue: Queue,
        is_busy: Callable[[], bool],
        look_again: Callable[[str], None],
        look_again_after: Callable[[str, float], None],
        region: str,
        reads_are_home: bool,
        observer: ControllerObserver,
        clock: Callable[[], float],
        now: Callable[[], float],
        log: FilteringBoundLogger,
        journal: Journal,
    ) -> None:
        self._table = table
        self._queue = queue
        self._is_busy = is_busy
        self._hurries = False
        self._look_again = look_again
        self._look_again_after = look_again_after
        self._region = region
        self._reads_are_home = reads_are_home
        self._observer = observer
        self._clock = clock
        self._now = now
        self._log = log
        self._journal = journal
        self._pending: dict[str, _Report] = {}
        self._written: dict[str, _Written] = {}

    def with_known_status(self, endpoint: Endpoint, read_at: float) -> Endpoint:
        """The endpoint with what we have said or are about to say, where its item is older than that.

        read_at: monotonic seconds at which the read of the item began.
        """
        known = self._newer_than(endpoint, read_at)
        if known is not None:
            self._look_again_at_the_table(endpoint, known, read_at)
            endpoint = replace(endpoint, region_status={**endpoint.region_status, self._region: known})
        self._journal.seen(endpoint)
        return endpoint

    def _look_again_at_the_table(self, endpoint: Endpoint, known: RegionStatus, read_at: float) -> None:
        """A replica shows another status than was written: it lags, or somebody has put an earlier item back. Time tells."""
        shown, written = endpoint.region_status.get(self._region), self._written.get(endpoint.name)
        if self._reads_are_home or endpoint.name in self._pending or written is None:
            return
        if read_at < written.at:
            return  # the replica was not asked since
        if shown is None or not same_report(shown, known):
            left = written.at + REPLICA_LAG_SECONDS - self._clock()
            self._look_again_after(endpoint.name, max(left, 0.0) + CONFLICT_SECONDS)

    def _newer_than(self, endpoint: Endpoint, read_at: float) -> RegionStatus | None:
        # What was said of an item says nothing about one that was made again under its name.
        pending = self._pending.get(endpoint.name)
        if pending is not None and pending.created_at == endpoint.created_at:
            return pending.status
        written = self._written.get(endpoint.name)
        if written is None or written.created_at != endpoint.created_at:
            return None
        if self._reads_are_home:
            return written.status if written.at >= read_at else None
        return written.status if read_at - written.at < REPLICA_LAG_SECONDS else None

    def report(
        self,
        endpoint: Endpoint,
        status: RegionStatus,
        *,
        reason: str = "",
        reaction_seconds: float | None = None,
    ) -> bool:
        """Have a status written if it says something new; returns whether it does.

        endpoint: as `with_known_status` gave it. reason and reaction_seconds (since the write in the table that the
        status answers, None where it answers none): for the log.
        """
        before = endpoint.region_status.get(self._region)
        if before is not None and same_report(before, status):
            return False
        self._log.info(
            "endpoint_status_changed",
            endpoint=endpoint.name,
            old=before.state if before else None,
            new=status.state,
            replicas=f"{status.replicas_ready}/{status.replicas_desired}",
            exposure=status.exposure,
            reason=reason,
            reaction_seconds=None if reaction_seconds is None else round(reaction_seconds, 3),
            error=status.error,
            message=status.message,
        )
        self._journal.reported(endpoint, status)
        waiting = self._pending.get(endpoint.name)
        since = self._clock() if waiting is None else waiting.since
        self._pending[endpoint.name] = _Report(
            status, endpoint.created_at, endpoint.desired_state, endpoint.region_status_is_map, since
        )
        self._queue.add(endpoint.name)
        return True

    def hurry(self) -> None:
        """Hold nothing back any longer."""
        self._hurries = True
        for name in self._pending:
            self._queue.add(name)

    def is_pending(self, name: str) -> bool:
        """Whether something is about to be said of an endpoint."""
        return name in self._pending

    def is_ours(self, name: str, raw: Any) -> bool:
        """Whether a status found in a change record is what we last wrote (or are about to write)."""
        found = decode_region_status(raw)
        pending, written = self._pending.get(name), self._written.get(name)
        candidates = [said.status for said in (pending, written) if said is not None]
        return found is not None and any(same_report(found, status) for status in candidates)

    def forget(self, name: str) -> None:
        """The table has no such item any more."""
        self._pending.pop(name, None)
        self._written.pop(name, None)
        self._journal.gone(name)

    def retain(self, names: Collection[str]) -> None:
        """A complete scan found these items and no others: what nobody told us to forget goes too."""
        for name in self._written.keys() - set(names):
            del self._written[name]
        self._journal.retain(names)

    async def write_forever(self) -> None:
        """One writer. Several may run side by side; the queue keeps them off each other's names."""
        while True:
            name = await self._queue.get()
            try:
                if self._may_wait(name):
                    self._queue.add_after(name, _LOOK_AGAIN_SECONDS)
                else:
                    await self._write(name)
            finally:
                self._queue.done(name)

    def _may_wait(self, name: str) -> bool:
        if self._hurries or not self._is_busy():
            return False
        report = self._pending.get(name)
        return report is not None and self._clock() - report.since < _PATIENCE_SECONDS

    async def _write(self, name: str) -> None:
        report = self._pending.get(name)
        if report is None:
            self._queue.forget(name)
            return
        try:
            await self._send(name, report)
        except ConditionFailedError:
            # Somebody changed or removed the item meanwhile: what we know of it is old, so look again.
            self._settle(name, report, written=None)
            self._observer.status_written("conflict")
            self._look_again_after(name, CONFLICT_SECONDS)
        except ReconcilerError as error:
            retryable = isinstance(error, RetryableError)
            delay = self._queue.retry(
                name,
                error=str(error),
                terminal=not retryable,
                retry_after_seconds=error.retry_after_seconds if isinstance(error, RetryableError) else None,
            )
            self._observer.status_written("retry")
            self._log.warning(
                "status_write_failed", endpoint=name, error=str(error), retry_in_seconds=round(delay, 1)
            )
        else:
            self._settle(name, report, written=_Written(report.status, report.created_at, self._clock()))
            self._observer.status_written("success")
            if _may_complete_the_item(report):
                self._look_again(name)  # our own report may be the last one that was awaited

    async def _send(self, name: str, report: _Report) -> None:
        stamp = datetime.fromtimestamp(self._now(), UTC).isoformat()
        deleted = report.status.state == State.DELETED and report.desired_state is DesiredState.DELETED
        await self._table.write_status(
            name=name,
            region=self._region,
            created_at=report.created_at,
            status=encode_region_status(replace(report.status, last_sync=stamp)),
            only_if_desired_state=DesiredState.DELETED if deleted else None,
            region_status_exists=report.region_status_is_map,
        )

    def _settle(self, name: str, report: _Report, *, written: _Written | None) -> None:
        if written is None:
            self._written.pop(name, None)
        else:
            self._written[name] = written
        self._queue.forget(name)
        if self._pending.get(name) is report:
            del self._pending[name]


def _may_complete_the_item(report: _Report) -> bool:
    """Whether every Region may now have said what promotion (rule 7) or purge (rule 5) waits for."""
    said = (report.desired_state, report.status.state)
    return said in ((DesiredState.DEPLOYING, State.RUNNING), (DesiredState.DELETED, State.DELETED))
