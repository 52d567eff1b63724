"""What this replica knows of each endpoint, for the operator's page and the gauges; fed by the controller."""

from collections.abc import Callable, Collection

from gco_stream_reconciler.console.actions import ActionHistory
from gco_stream_reconciler.console.views import ActionRecord, CanarySplit, EndpointRow, ErrorRecord
from gco_stream_reconciler.controller.describing import drifted_groups, reason_of, verb_of
from gco_stream_reconciler.endpoints.model import Endpoint, RegionStatus
from gco_stream_reconciler.planning.actions import Action
from gco_stream_reconciler.telemetry.metrics import Metrics


class EndpointJournal:
    """Satisfies the controller's Journal. `now` is epoch seconds.

    Invariant: an endpoint that this Region has nothing to do with has neither a row nor a gauge.
    """

    def __init__(self, region: str, *, metrics: Metrics, now: Callable[[], float]) -> None:
        self.history = ActionHistory()
        self._region = region
        self._metrics = metrics
        self._now = now
        self._rows: dict[str, EndpointRow] = {}

    def rows(self) -> dict[str, EndpointRow]:
        """Name → what was seen last."""
        return dict(self._rows)

    def seen(self, endpoint: Endpoint) -> None:
        """An item was read."""
        status = endpoint.region_status.get(self._region)
        targets = endpoint.target_regions
        if status is None and targets is not None and self._region not in targets:
            self.gone(endpoint.name)
        else:
            self._show(endpoint, status)

    def reported(self, endpoint: Endpoint, status: RegionStatus) -> None:
        """This Region's status has changed."""
        self._show(endpoint, status)

    def _show(self, endpoint: Endpoint, status: RegionStatus | None) -> None:
        self._rows[endpoint.name] = row_of(endpoint, status)
        self._metrics.endpoints.show(endpoint.name, status)

    def gone(self, name: str) -> None:
        """There is nothing to show of it any more."""
        self._rows.pop(name, None)
        self._metrics.endpoints.forget(name)
        self.history.forget(name)

    def retain(self, names: Collection[str]) -> None:
        """These are all that the table has."""
        for name in self._rows.keys() - set(names):
            self.gone(name)

    def end_term(self) -> None:
        """This replica does not lead any more: what it knew gets old. What it has done stays to be looked at."""
        self._rows.clear()
        self._metrics.endpoints.clear()

    def acted(self, name: str, action: Action, error: str) -> None:
        """An action was carried out."""
        record = ActionRecord(
            at=self._now(),
            action=verb_of(action),
            target=str(action.ref),
            reason=reason_of(action),
            result="failed" if error else "done",
            error=error,
        )
        self.history.acted(name, record)
        if not error:
            for fields in drifted_groups(action):
                self._metrics.controller.drift_corrected(action.ref.kind, fields)

    def failed(self, name: str, error: str) -> None:
        """A reconcile failed."""
        self.history.failed(name, ErrorRecord(self._now(), error))


def row_of(endpoint: Endpoint, status: RegionStatus | None) -> EndpointRow:
    """The endpoint as one row; `status` is this Region's."""
    namespace = endpoint.namespace or ""
    desired = endpoint.desired_state or "malformed"
    if status is None:
        problems = "; ".join(str(problem) for problem in endpoint.problems)
        return EndpointRow(endpoint.name, namespace, desired, error=problems)
    canary = status.canary
    return EndpointRow(
        name=endpoint.name,
        namespace=namespace,
        desired_state=desired,
        state=status.state,
        replicas_ready=status.replicas_ready,
        replicas_desired=status.replicas_desired,
        exposure=status.exposure or "",
        canary=None if canary is None else CanarySplit(canary.weight_desired, canary.weight_applied),
        error=status.error or "",
        message=status.message or "",
    )
