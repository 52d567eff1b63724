"""What the informer needs of the world. `app` passes in what satisfies it."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

OPENED = "OPENED"
"""Type of the first event of a watch: the API server has accepted it (its `object` is empty)."""


class ListPage(Protocol):
    """One page of a listing. `continue_token` is None or empty on the last one."""

    @property
    def items(self) -> Sequence[dict[str, Any]]:
        """The objects, each with its `apiVersion` and `kind`, which a server's own listing leaves out."""

    @property
    def resource_version(self) -> str:
        """The version that the whole listing shows."""

    @property
    def continue_token(self) -> str | None:
        """What to ask the next page with."""


class WatchEvent(Protocol):
    """One event: `type` is OPENED, ADDED, MODIFIED, DELETED, BOOKMARK or ERROR (then `object` is a Status)."""

    @property
    def type(self) -> str:
        """The event's type."""

    @property
    def object(self) -> dict[str, Any]:
        """The object that it is about."""


class KindClient(Protocol):
    """Lists and watches the objects of one kind in one namespace that carry the type label.

    Both raise ResourceExpiredError (410), ThrottledError, UnavailableError, PermissionDeniedError or NotFoundError.
    """

    async def list_page(self, *, limit: int, continue_token: str | None) -> ListPage:
        """At most `limit` objects. The first page is a consistent read (no resourceVersion is sent)."""

    def watch(self, *, resource_version: str, timeout_seconds: float) -> AsyncIterator[WatchEvent]:
        """What happened after `resource_version`, with bookmarks, for so long at most (the server's timeoutSeconds).

        The first event is OPENED, once the server has accepted the watch. Ends when the server ends it. A generator is
        closed (`aclose`) by the caller.
        """


class ReflectorObserver(Protocol):
    """Measurements."""

    def listed(self, kind: str, namespace: str, objects: int, seconds: float) -> None:
        """A listing was complete."""

    def watch_ended(self, kind: str, namespace: str, reason: str) -> None:
        """A watch ended: `ended` by the server in order, `silent`, `expired` (410), or `failed`."""

    def failed(self, kind: str, namespace: str, error: str) -> None:
        """A list or watch failed; `error` is the class name of the error."""


class Uniform(Protocol):
    """What a random generator must offer; `random.Random` does."""

    def uniform(self, a: float, b: float, /) -> float:
        """A number between a and b."""
