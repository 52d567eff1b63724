"""What the controller measures; satisfies its observer, by structure."""

from gco_stream_reconciler.telemetry.instruments import Instruments


class ControllerMetrics:
    """Reconciles, what they do, and full resyncs."""

    def __init__(self, instruments: Instruments) -> None:
        make = instruments
        self._reaction = make.histogram(
            "gco_reaction_seconds", "From a write in the table to the end of the applies that it caused"
        )
        self._reconciles = make.histogram(
            "gco_reconcile_duration_seconds", "Reconciles by result", ["result"]
        )
        self._retried = make.counter(
            "gco_reconcile_retries", "Reconciles that failed and come again, by error", ["error"]
        )
        self._applied = make.counter(
            "gco_objects_applied", "Objects applied, by kind and reason", ["kind", "reason"]
        )
        self._drift = make.counter(
            "gco_drift_corrections",
            "Differences that somebody else had made and that were put right, by kind and group of fields",
            ["kind", "fields"],
        )
        self._deleted = make.counter("gco_objects_deleted", "Objects deleted, by kind", ["kind"])
        self._watchdog = make.counter("gco_watchdog_removals", "Ingresses that the watchdog has taken away")
        self._items = make.counter("gco_item_writes", "Promotions and purges by result", ["write", "result"])
        self._orphans = make.gauge("gco_orphans", "Endpoints with objects of ours and without an item")
        self._orphans_left = make.gauge(
            "gco_orphans_left",
            "Endpoints without an item whose objects are left alone, by who made them: `inference_monitor`, or "
            "this controller from `another_table`",
            ["made_by"],
        )
        self._refused = make.counter("gco_cleanups_refused", "Clean-ups that the limit has refused")
        self._status = make.counter("gco_status_writes", "Status writes by result", ["result"])
        self._resyncs = make.histogram("gco_resync_duration_seconds", "Full resyncs by result", ["result"])
        self._resync_queued = make.counter("gco_resync_queued", "Keys that resyncs found different")
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Show what may happen before it does: a series that begins with its first event shows no increase by it."""
        for result in ("success", "retry", "terminal", "bug"):
            self._reconciles.labels(result)
        for kind in ("Deployment", "Service", "Ingress", "HorizontalPodAutoscaler"):
            self._deleted.labels(kind)
        for result in ("success", "retry", "conflict"):
            self._status.labels(result)
        for result in ("success", "failed"):
            self._resyncs.labels(result)
        self.nothing_seen()

    def nothing_seen(self) -> None:
        """No look at table and cluster counts (any more)."""
        self._orphans.set(0)
        for maker in ("inference_monitor", "another_table"):
            self._orphans_left.labels(maker).set(0)

    def reconciled(self, result: str, seconds: float) -> None:
        """One reconcile ended."""
        self._reconciles.labels(result).observe(seconds)

    def retried(self, error: str) -> None:
        """A reconcile failed and comes again."""
        self._retried.labels(error).inc()

    def applied(self, kind: str, reason: str) -> None:
        """An object was applied."""
        self._applied.labels(kind, reason).inc()

    def drift_corrected(self, kind: str, fields: str) -> None:
        """A difference in a group of fields was put right."""
        self._drift.labels(kind, fields).inc()

    def deleted(self, kind: str) -> None:
        """An object was deleted."""
        self._deleted.labels(kind).inc()

    def reacted(self, seconds: float) -> None:
        """A change in the table has reached the cluster."""
        self._reaction.observe(seconds)

    def watchdog_removed(self) -> None:
        """The watchdog has taken an Ingress away."""
        self._watchdog.inc()

    def item_written(self, write: str, result: str) -> None:
        """A promotion or purge ended."""
        self._items.labels(write, result).inc()

    def orphans_seen(self, candidates: int) -> None:
        """A complete look at table and cluster ended."""
        self._orphans.set(candidates)

    def orphans_left(self, made_by: str, endpoints: int) -> None:
        """The same look found objects that are not ours to delete."""
        self._orphans_left.labels(made_by).set(endpoints)

    def cleanup_refused(self) -> None:
        """The limit on clean-ups has refused one."""
        self._refused.inc()

    def status_written(self, result: str) -> None:
        """A status write ended."""
        self._status.labels(result).inc()

    def resynced(self, result: str, seconds: float, queued: int) -> None:
        """A resync ended."""
        self._resyncs.labels(result).observe(seconds)
        self._resync_queued.inc(queued)
