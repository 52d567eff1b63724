"""The log of requests, for tests that count them."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

_KEPT = 200_000
_READS = ("get", "list", "watch")


@dataclass(frozen=True, slots=True)
class Request:
    """One finished request. verb: RBAC's: get list watch create update patch delete deletecollection.

    status: 0 for a request whose answer was never sent. seconds: how long it took. at: when it ended, on the
    server's clock.
    """

    verb: str
    kind: str
    namespace: str
    name: str
    subresource: str
    manager: str
    status: int
    method: str = ""
    path: str = ""
    seconds: float = 0.0
    at: float = 0.0

    @property
    def is_write(self) -> bool:
        """Whether it could change something."""
        return self.verb not in _READS


class RequestLog:
    """The last requests since `clear`, in order of their ends; a watch is logged when it begins.

    counts: by verb, kind and status, of all requests since `clear`.
    """

    def __init__(self) -> None:
        self._kept: deque[Request] = deque(maxlen=_KEPT)
        self.counts: Counter[tuple[str, str, int]] = Counter()

    def add(self, request: Request) -> None:
        """Log one."""
        self._kept.append(request)
        self.counts[request.verb, request.kind, request.status] += 1

    def __iter__(self) -> Iterator[Request]:
        return iter(tuple(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def requests(self) -> list[Request]:
        """All that are kept."""
        return list(self._kept)

    def clear(self) -> None:
        """Forget."""
        self._kept.clear()
        self.counts.clear()

    def writes(self, *, besides: tuple[str, ...] = ("Lease",)) -> list[Request]:
        """Writes, without those to some kinds."""
        return [request for request in self._kept if request.is_write and request.kind not in besides]
