"""Items that were read a moment ago, so that the echoes of one change share one read.

A change of the table brings a few changes in the cluster, each of which queues the key again. None of them says that the
item has changed; if it has, its change record comes, drops what is remembered and queues the key. So a reconcile may act
on an item that is older than the table by `FRESH_SECONDS` at most, as it may on one that changes right after the read.
What destroys something reads the item again in any case.
"""

from collections import OrderedDict
from collections.abc import Callable

from gco_stream_reconciler.endpoints.model import Endpoint

FRESH_SECONDS = 10.0
_REMEMBERED = 2048
# A read takes seconds at most; a change in the middle of it must not be forgotten before it ends.
_DROPS_REMEMBERED_SECONDS = 60.0


class RecentReads:
    """`clock` is monotonic seconds.

    Invariants: at most `_REMEMBERED` reads, the oldest first; `_dropped` has every drop of the last minute, in order.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._reads: OrderedDict[str, tuple[Endpoint, float]] = OrderedDict()
        self._dropped: OrderedDict[str, float] = OrderedDict()

    def get(self, name: str) -> tuple[Endpoint, float] | None:
        """The endpoint and when its read began; None if it must be read."""
        found = self._reads.get(name)
        return found if found is not None and self._clock() - found[1] < FRESH_SECONDS else None

    def latest(self, name: str) -> tuple[Endpoint, float] | None:
        """The last read, however old, and when it began; None if the item may have changed since."""
        return self._reads.get(name)

    def put(self, endpoint: Endpoint, read_at: float) -> None:
        """An item was read; `read_at` is when that began. A change since then may not be in it, so it is left out."""
        if self._dropped.get(endpoint.name, read_at - 1) >= read_at:
            return
        self._reads.pop(endpoint.name, None)
        self._reads[endpoint.name] = (endpoint, read_at)
        while len(self._reads) > _REMEMBERED:
            self._reads.popitem(last=False)

    def drop(self, name: str) -> None:
        """The item has changed, or may have."""
        now = self._clock()
        self._reads.pop(name, None)
        self._dropped.pop(name, None)
        self._dropped[name] = now
        while now - next(iter(self._dropped.values())) > _DROPS_REMEMBERED_SECONDS:
            self._dropped.popitem(last=False)
