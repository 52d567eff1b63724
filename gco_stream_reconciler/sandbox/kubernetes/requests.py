"""What was asked of the server: for tests that count, and for people."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """One finished request. verb is RBAC's: get list watch create update patch delete deletecollection."""

    verb: str
    kind: str
    namespace: str
    name: str
    subresource: str
    manager: str
    status: int

    @property
    def is_write(self) -> bool:
        """Whether it could change something."""
        return self.verb not in ("get", "list", "watch")


@dataclass(slots=True)
class RequestLog:
    """Every request since the last `clear`, in order of their ends; a watch is logged when it begins."""

    requests: list[Request] = field(default_factory=list)

    def clear(self) -> None:
        """Forget."""
        self.requests.clear()

    def writes(self, *, besides: tuple[str, ...] = ("Lease",)) -> list[Request]:
        """Writes, without those to some kinds."""
        return [request for request in self.requests if request.is_write and request.kind not in besides]
