"""List and watch of one kind in one namespace, as an explicit state and a step.

    Listing ──all pages──▶ Watching ──ended──▶ Watching, from the version reached
       ▲                      │ 410, silent
       └──────────────────────┘          any failure ──▶ Pausing ──▶ the same again

Silence is no rest: a bookmark is due every minute. A watch without one may be open and frozen, as the next one from the
same version would be, and only a listing tells.

The shape is kube-rs' (kube-runtime/src/watcher.rs); `rhythm` has the pauses and limits.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog

from gco_stream_reconciler.errors import (
    FatalError,
    NotFoundError,
    PermissionDeniedError,
    ReconcilerError,
    ResourceExpiredError,
    UnavailableError,
)
from gco_stream_reconciler.informer.cache import Cache, OlderListingError
from gco_stream_reconciler.informer.compaction import ValuePool
from gco_stream_reconciler.informer.objects import Change, MalformedAnswerError
from gco_stream_reconciler.informer.ports import (
    OPENED,
    KindClient,
    ReflectorObserver,
    Uniform,
    WatchEvent,
)
from gco_stream_reconciler.informer.rhythm import SILENCE_SECONDS, Rhythm

_PAGE_SIZE = 500
_MOST_PAGES = 10_000
# Objects compacted before the loop's other tasks get their turn: some milliseconds' worth.
_SLICE_SIZE = 50
_LIST_TIMEOUT_SECONDS = 30.0
_CLOSE_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Listing:
    """Every page is to be read, then the cache replaced."""


@dataclass(frozen=True, slots=True)
class Watching:
    """Events are to be taken in, from the cache's version on."""


@dataclass(frozen=True, slots=True)
class Pausing:
    """Nothing for so many seconds, then `then`."""

    seconds: float
    then: Listing | Watching


State: TypeAlias = Listing | Watching | Pausing


class Reflector:
    """Keeps one cache current, for ever.

    `on_change` is called synchronously for every difference, after the cache shows it; it must not raise (that ends
    the reflector, since the difference would be lost). `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        *,
        kind: str,
        namespace: str,
        client: KindClient,
        on_change: Callable[[Change], None],
        clock: Callable[[], float],
        random: Uniform,
        observer: ReflectorObserver,
        pool: ValuePool | None = None,
    ) -> None:
        self.kind = kind
        self.namespace = namespace
        self.cache = Cache(kind=kind, pool=ValuePool() if pool is None else pool)
        self.synced = asyncio.Event()
        """Set once the first listing is in the cache and announced."""
        self.state: State = Listing()
        self.last_error: str | None = None
        """Why the latest list or watch failed; None once one has succeeded."""
        self._client = client
        self._on_change = on_change
        self._clock = clock
        self._rhythm = Rhythm(random)
        self._observer = observer
        self._log = structlog.get_logger().bind(kind=kind, namespace=namespace)

    def stale_for(self, now: float) -> float:
        """Seconds since the last sign of life (listing, accepted watch, event, bookmark); infinite before the first."""
        return self._rhythm.stale_for(now)

    def is_stale(self, now: float) -> bool:
        """Whether nothing was heard for longer than a healthy watch can be quiet, or nothing was ever listed."""
        return not self.synced.is_set() or self._rhythm.is_stale(now)

    async def run(self) -> None:
        """Step for ever. Raises only FatalError and what `on_change` raises."""
        while True:
            self.state = await self.step(self.state)

    async def step(self, state: State) -> State:
        """Do what a state asks for; the state that follows."""
        match state:
            case Pausing(seconds, then):
                await asyncio.sleep(seconds)
                return then
            case Listing():
                return await self._list()
            case Watching():
                return await self._watch()

    # --- List -------------------------------------------------------------------------------------------------

    async def _list(self) -> State:
        began = self._clock()
        if wait := self._rhythm.until_listing(began):
            return Pausing(wait, Listing())
        self._rhythm.listing_begins(began)
        self.cache.listing_started()
        try:
            items, version = await self._read_pages()
            changes = self._replace(items, version)
        except Exception as error:  # noqa: BLE001 - sorted in _failed; a client's bug must not empty or end a cache
            return self._failed(error, Listing())
        self._alive()
        self._observer.listed(self.kind, self.namespace, len(items), self._clock() - began)
        for change in changes:
            self._on_change(change)
        self.synced.set()
        return Watching()

    async def _read_pages(self) -> tuple[list[dict[str, Any]], str]:
        items: list[dict[str, Any]] = []
        token: str | None = None
        for _ in range(_MOST_PAGES):
            async with asyncio.timeout(_LIST_TIMEOUT_SECONDS):
                page = await self._client.list_page(limit=_PAGE_SIZE, continue_token=token)
            if not page.resource_version:
                raise MalformedAnswerError(
                    f"a listing of {self.kind} in {self.namespace} has no resourceVersion"
                )
            await self._compact(page.items, items)
            token = page.continue_token
            if not token:
                return items, page.resource_version
        raise MalformedAnswerError(f"a listing of {self.kind} in {self.namespace} does not end")

    async def _compact(self, raw: Sequence[dict[str, Any]], items: list[dict[str, Any]]) -> None:
        for start in range(0, len(raw), _SLICE_SIZE):
            items.extend([self.cache.compact(item) for item in raw[start : start + _SLICE_SIZE]])
            await asyncio.sleep(0)

    def _replace(self, items: list[dict[str, Any]], version: str) -> list[Change]:
        restarted = self._rhythm.history_restarted
        try:
            changes = self.cache.replace(items, version, history_restarted=restarted)
        except OlderListingError:
            self._rhythm.listing_was_older()
            raise
        if restarted:
            self._log.warning("history_restarted", version=version, listings=self._rhythm.older_listings)
        self._rhythm.listing_was_taken()
        return changes

    # --- Watch ------------------------------------------------------------------------------------------------

    async def _watch(self) -> State:
        now = self._clock()
        if wait := self._rhythm.until_watch(now):
            return Pausing(wait, Watching())
        self._rhythm.watch_begins(now)
        events = self._client.watch(
            resource_version=self.cache.resource_version or "",
            timeout_seconds=self._rhythm.length_of_watch(),
        )
        try:
            return await self._follow(events)
        finally:
            await self._close(events)

    async def _follow(self, events: AsyncIterator[WatchEvent]) -> State:
        accepted = heard = False
        taken = 0
        while True:
            taken += 1
            if taken % _SLICE_SIZE == 0:
                # Events that arrived together are there without waiting: the loop has other work, too.
                await asyncio.sleep(0)
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    event = await anext(events, None)
                change = None if event is None else self._take(event)
            except TimeoutError as error:
                if accepted:
                    return self._ended("silent")
                return self._failed(error, Watching())
            except ResourceExpiredError as error:
                return self._expired(error)
            except Exception as error:  # noqa: BLE001 - sorted in _failed; a client's bug must not empty or end a cache
                return self._failed(error, Watching())
            if event is None:
                return self._closed_by_server(heard)
            accepted = True
            if event.type != OPENED:
                heard = True
            self._alive()
            if change is not None:
                self._on_change(change)

    def _take(self, event: WatchEvent) -> Change | None:
        kind, obj = event.type, event.object
        if kind == OPENED:
            return None
        if not isinstance(obj, dict):
            raise MalformedAnswerError(f"a watch of {self.kind} gave {type(obj).__name__} for an object")
        match kind:
            case "ADDED" | "MODIFIED" | "DELETED":
                return self.cache.apply_event(kind, obj)
            case "BOOKMARK":
                self._bookmark(obj)
                return None
            case "ERROR":
                raise _status_error(self.kind, obj)
        raise MalformedAnswerError(f"a watch of {self.kind} gave an event of type {str(kind)[:40]!r}")

    def _bookmark(self, obj: dict[str, Any]) -> None:
        metadata = obj.get("metadata")
        version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
        if not isinstance(version, str) or not version:
            raise MalformedAnswerError(f"a bookmark of {self.kind} has no resourceVersion")
        self.cache.bookmark(version)

    async def _close(self, events: AsyncIterator[WatchEvent]) -> None:
        close = getattr(events, "aclose", None)
        if close is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
                await close()
        except Exception as error:  # noqa: BLE001 - the watch is over either way
            self._log.warning("watch_not_closed", error=_describe(error))

    # --- What follows -----------------------------------------------------------------------------------------

    def _ended(self, reason: str) -> State:
        self._observer.watch_ended(self.kind, self.namespace, reason)
        self._rhythm.watch_ended(self._clock())
        if reason == "silent":
            self._log.warning("watch_silent", seconds=SILENCE_SECONDS)
            return Listing()
        return Watching()

    def _closed_by_server(self, heard: bool) -> State:
        if not heard and self._rhythm.watch_was_short(self._clock()):
            return self._failed(
                UnavailableError("the watch was closed at once, without an event"), Watching()
            )
        return self._ended("ended")

    def _expired(self, error: ResourceExpiredError) -> State:
        self._observer.watch_ended(self.kind, self.namespace, "expired")
        self._log.info("watch_expired", version=self.cache.resource_version, error=str(error))
        self._rhythm.watch_ended(self._clock())
        if not self._rhythm.listed_lately(self._clock()):
            return Listing()
        # A fresh listing's version has expired: listing again at once would go in circles.
        return self._failed(error, Listing())

    def _failed(self, error: Exception, then: Listing | Watching) -> State:
        if isinstance(error, FatalError):
            raise error
        doing = "watch" if isinstance(then, Watching) else "list"
        if isinstance(then, Watching):
            self._observer.watch_ended(self.kind, self.namespace, "failed")
            self._rhythm.watch_ended(self._clock())
        pause = self._rhythm.back_off(error)
        if self._rhythm.needs_listing:
            then = Listing()
        self.last_error = _describe(error)
        self._observer.failed(self.kind, self.namespace, type(error).__name__)
        remedy = _remedy(error, self.kind, self.namespace)
        expected = isinstance(error, ReconcilerError | TimeoutError)
        level = self._log.error if remedy else self._log.warning
        level(
            "informer_failed",
            doing=doing,
            error=self.last_error,
            failures=self._rhythm.failures,
            retry_in_seconds=round(pause, 1),
            remedy=remedy or None,
            exc_info=None if expected else error,
        )
        return Pausing(pause, then)

    def _alive(self) -> None:
        self._rhythm.alive(self._clock())
        self.last_error = None


def _status_error(kind: str, status: dict[str, Any]) -> ReconcilerError:
    text = f"a watch of {kind} ended with {status.get('code')} {status.get('reason')}: {str(status.get('message'))[:300]!r}"
    if status.get("code") == 410 or status.get("reason") in ("Expired", "Gone"):  # noqa: PLR2004 - HTTP Gone
        return ResourceExpiredError(text)
    return UnavailableError(text)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500] if str(error) else type(error).__name__


def _remedy(error: Exception, kind: str, namespace: str) -> str | None:
    if isinstance(error, PermissionDeniedError):
        return f"grant list and watch on {kind} in namespace {namespace} to this service account (Role, RoleBinding)"
    if isinstance(error, NotFoundError):
        return (
            f"the API server does not serve {kind}; check its version and that namespace {namespace} exists"
        )
    return None
