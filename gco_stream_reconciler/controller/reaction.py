"""How long it takes from a write in the table until the cluster has been told."""

from gco_stream_reconciler.controller.ports import ControllerObserver
from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.endpoints.moments import instant


class ReactionClock:
    """Remembers when a key's oldest unanswered change was written; epoch seconds throughout.

    Invariant: `_noticed` holds a key only between its change record and the end of the reconcile that answers it.
    """

    def __init__(self, observer: ControllerObserver) -> None:
        self._observer = observer
        self._noticed: dict[str, float] = {}

    def changed(self, key: str, written_at: float) -> None:
        """A change record arrived. DynamoDB rounds its time down to the second."""
        self._noticed.setdefault(key, written_at)

    def take(self, key: str) -> float | None:
        """The reconcile of a key begins."""
        return self._noticed.pop(key, None)

    def put_back(self, key: str, noticed: float | None) -> None:
        """The reconcile failed: the change is still unanswered."""
        if noticed is not None:
            self._noticed[key] = min(noticed, self._noticed.get(key, noticed))

    def applied(self, endpoint: Endpoint, noticed: float | None, now: float) -> None:
        """The cluster has been told. Only a change that came over the stream counts, not a resync's finding."""
        seconds = seconds_since_write(endpoint, noticed, now)
        if seconds is not None:
            self._observer.reacted(seconds)


def seconds_since_write(endpoint: Endpoint, noticed: float | None, now: float) -> float | None:
    """Since the write that a change record told of; None where none did.

    The item's own `updated_at` is finer than the record's time; it is used where it falls into that second.
    """
    if noticed is None:
        return None
    written = instant(endpoint.updated_at)
    began = written if written is not None and 0 <= written - noticed < 1 else noticed
    return max(0.0, now - began)
