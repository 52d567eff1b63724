"""What the gauges about endpoints show: this Region's last report of each. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gco_stream_reconciler.endpoints.model import CanaryStatus, Exposure, RegionStatus, State
from gco_stream_reconciler.telemetry.scrape import Reading

OTHER = "other"
"""Label of a state or exposure that another writer has put into the item."""

_STATES = frozenset(str(state) for state in State)
_EXPOSURES = frozenset(str(exposure) for exposure in Exposure)


@dataclass(frozen=True, slots=True)
class _Shown:
    """zero_ready_since: monotonic seconds since which no replica is ready although some are wanted; None otherwise."""

    status: RegionStatus
    zero_ready_since: float | None


class EndpointGauges:
    """The last report of every endpoint of this Region. `clock` is monotonic seconds.

    The time at zero ready replicas runs from the first report of it that this process has seen.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._shown: dict[str, _Shown] = {}

    def __len__(self) -> int:
        """Endpoints that are shown."""
        return len(self._shown)

    def show(self, name: str, status: RegionStatus | None) -> None:
        """Take a report; None, or one that says `deleted`, ends the endpoint's series."""
        if status is None or status.state == State.DELETED:
            self.forget(name)
            return
        before = self._shown.get(name)
        since = None
        if status.replicas_desired > 0 and status.replicas_ready == 0:
            known = before.zero_ready_since if before is not None else None
            since = self._clock() if known is None else known
        self._shown[name] = _Shown(status, since)

    def forget(self, name: str) -> None:
        """The endpoint is gone, or none of this Region's."""
        self._shown.pop(name, None)

    def clear(self) -> None:
        """This replica does not lead any more: its series end, the next leader has them."""
        self._shown.clear()

    # --- What a scrape shows --------------------------------------------------------------------------------------

    def counts(self) -> Iterable[Reading]:
        """Labels state, exposure → endpoints."""
        found = Counter(
            (_known(shown.status.state, _STATES), _known(shown.status.exposure, _EXPOSURES))
            for shown in self._shown.values()
        )
        return list(found.items())

    def exposures(self) -> Iterable[Reading]:
        """Labels endpoint, exposure → 1."""
        for name, shown in self._each():
            yield (name, _known(shown.status.exposure, _EXPOSURES)), 1.0

    def zero_ready_seconds(self) -> Iterable[Reading]:
        """Label endpoint → seconds without a ready replica."""
        for name, shown in self._each():
            since = shown.zero_ready_since
            yield (name,), 0.0 if since is None else max(0.0, self._clock() - since)

    def weights_wanted(self) -> Iterable[Reading]:
        """Label endpoint → the canary's percent that the item asks for, of endpoints with a canary."""
        for name, canary in self._canaries():
            yield (name,), float(canary.weight_desired)

    def weights_applied(self) -> Iterable[Reading]:
        """Label endpoint → the canary's percent that the Ingress has, of endpoints with a canary."""
        for name, canary in self._canaries():
            yield (name,), float(canary.weight_applied)

    def _canaries(self) -> Iterator[tuple[str, CanaryStatus]]:
        for name, shown in self._each():
            if shown.status.canary is not None:
                yield name, shown.status.canary

    def _each(self) -> Iterator[tuple[str, _Shown]]:
        """Those of the moment of the first, as they are when their turn comes; endpoints that go meanwhile are left out."""
        for name in tuple(self._shown):
            shown = self._shown.get(name)
            if shown is not None:
                yield name, shown


def _known(value: str | None, known: frozenset[str]) -> str:
    text = "none" if value is None else str(value)
    return text if text in known or value is None else OTHER
