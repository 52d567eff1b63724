"""Whether this replica can do its part: followers keep a warm cache, the leader polls and works."""

from collections.abc import Callable, Iterable

from gco_stream_reconciler.app.term import Term
from gco_stream_reconciler.informer.informers import Informers
from gco_stream_reconciler.leadership.failures import LeaseFailures
from gco_stream_reconciler.telemetry.health import Reason

UNPOLLED_LIMIT_SECONDS = 30.0
LEASE_LIMIT_SECONDS = 30.0
_CACHE_REMEDY = "check the API server and the Role; the log's informer_failed says more"


class Readiness:
    """Collects what the parts say. `clock` is monotonic seconds.

    Invariant: `_waiting` names every part that the start still waits for.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: dict[str, str] = {
            "table": "not reached yet",
            "stream": "not reached yet",
            "cluster": "not reached yet",
        }
        self.informers: Informers | None = None
        self.term: Term | None = None
        self.lease: LeaseFailures | None = None

    def waits(self, part: str, problem: str) -> None:
        """The start waits for a part."""
        self._waiting[part] = problem

    def has(self, part: str) -> None:
        """The part has answered."""
        self._waiting.pop(part, None)

    def check(self) -> Iterable[Reason]:
        """Every reason not to be ready."""
        for part, problem in self._waiting.items():
            yield Reason(
                part, problem, "reached again without a restart; check the network and the permissions"
            )
        if self.informers is not None:
            yield from self._cache_reasons(self.informers)
        if self.lease is not None and self.lease.seconds > LEASE_LIMIT_SECONDS:
            yield Reason(
                "lease",
                f"every call has failed for {self.lease.seconds:.0f} s, so this replica cannot lead: "
                f"{self.lease.last_error}",
                "check LEASE_NAME, the API server and the Role's rule for leases",
            )
        if self.term is not None:
            unpolled = self.term.consumer.unpolled_seconds()
            if unpolled > UNPOLLED_LIMIT_SECONDS:
                why = self.term.consumer.last_error or "no shard was read"
                yield Reason(
                    "stream", f"a shard was not read for {unpolled:.0f} s: {why}", "check the table's stream"
                )

    @staticmethod
    def _cache_reasons(informers: Informers) -> Iterable[Reason]:
        for view in informers.views():
            if not view.synced:
                yield Reason(
                    "cache",
                    f"{view.kind} in {view.namespace} not listed yet: {view.last_error or '-'}",
                    _CACHE_REMEDY,
                )
            elif view.stale:
                seconds = view.stale_for_seconds
                yield Reason(
                    "cache",
                    f"{view.kind} in {view.namespace} silent for {seconds:.0f} s: {view.last_error or '-'}",
                    _CACHE_REMEDY,
                )
