"""Kubernetes Events (events.k8s.io/v1): what an operator should see in `kubectl describe`.

The same thing said again about the same object counts up the series of the Event that is there. An object may cause
25 writes at once and one every 5 minutes after that (client-go's figures); what is said meanwhile is counted and written with
the next.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, Literal, NamedTuple, TypeVar

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.errors import NotFoundError, ReconcilerError
from gco_stream_reconciler.kube.client import KubeClient
from gco_stream_reconciler.kube.resources import resource
from gco_stream_reconciler.printable import escaped

CONTROLLER = "gco.io/stream-reconciler"
BURST = 25
REFILL_SECONDS = 300.0
# The API server keeps an Event for an hour; a series that has paused for 6 minutes is over (client-go).
SERIES_SECONDS = 360.0
_REMEMBERED = 4096
_LONGEST_NOTE_BYTES = 1024
_LONGEST_WORD = 128
_MERGE_PATCH = "application/merge-patch+json"

K = TypeVar("K")
V = TypeVar("V")


class _Subject(NamedTuple):
    """What makes two Events the same."""

    uid: str
    reason: str
    action: str
    type: str


@dataclass(slots=True)
class _Series:
    name: str
    count: int
    last: float


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class EventRecorder:
    """Writes Events. Never raises: an Event is for people, and no work may depend on it.

    `instance` names this process (reportingInstance). `clock` is monotonic, `wall_clock` tells UTC.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        instance: str,
        clock: Callable[[], float],
        wall_clock: Callable[[], datetime],
        random: Random,
        log: FilteringBoundLogger,
        timeout_seconds: float = 2.0,
    ) -> None:
        self._client = client
        self._instance = instance[:_LONGEST_WORD]
        self._clock = clock
        self._wall_clock = wall_clock
        self._random = random
        self._log = log
        self._timeout = timeout_seconds
        # Both hold the most recently used last, at most _REMEMBERED entries, and none that has lost its meaning.
        self._series: OrderedDict[_Subject, _Series] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    async def record(
        self,
        *,
        regarding: Mapping[str, str],
        reason: str,
        action: str,
        note: str,
        type_: Literal["Normal", "Warning"] = "Normal",
    ) -> None:
        """Say something about an object: `regarding` has apiVersion, kind, name, namespace and uid.

        `reason` and `action` are CamelCase words of at most 128 characters. A longer note than 1,024 bytes is cut.
        """
        subject = _Subject(regarding.get("uid", ""), reason, action, type_)
        series = self._current_series(subject)
        if not self._allowed(regarding):
            self._log.debug("event_counted_only", reason=reason, object=regarding.get("name"))
            return
        try:
            await self._write(subject, series, regarding, note)
        except ReconcilerError as error:
            self._log.warning(
                "event_not_written", reason=reason, object=regarding.get("name"), error=str(error)
            )
        except Exception:  # noqa: BLE001 - work never depends on an Event: a bug here is reported, not passed on
            self._log.exception("event_not_written", reason=reason, object=regarding.get("name"))

    async def _write(
        self, subject: _Subject, series: _Series, regarding: Mapping[str, str], note: str
    ) -> None:
        if series.name and series.count > 1:
            try:
                await self._count_up(series, regarding["namespace"])
            except NotFoundError:
                # It has expired: the API server keeps Events for an hour.
                series.name, series.count = "", 1
            else:
                return
        await self._create(subject, series, regarding, note)

    async def _create(
        self, subject: _Subject, series: _Series, regarding: Mapping[str, str], note: str
    ) -> None:
        name = f"{regarding['name'][:200].rstrip('.-')}.{self._random.getrandbits(64):016x}"
        event: dict[str, Any] = {
            "apiVersion": resource("Event").api_version,
            "kind": "Event",
            "metadata": {"name": name, "namespace": regarding["namespace"]},
            "eventTime": self._now(),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "regarding": {key: regarding[key] for key in ("apiVersion", "kind", "name", "namespace", "uid")},
            "reason": subject.reason[:_LONGEST_WORD],
            "action": subject.action[:_LONGEST_WORD],
            "type": subject.type,
            "note": _cut(escaped(note)),
        }
        path = resource("Event").path(regarding["namespace"])
        await self._client.request("POST", path, body=event, timeout_seconds=self._timeout)
        series.name = name

    async def _count_up(self, series: _Series, namespace: str) -> None:
        change = {"series": {"count": series.count, "lastObservedTime": self._now()}}
        path = resource("Event").path(namespace, series.name)
        await self._client.request(
            "PATCH", path, body=change, content_type=_MERGE_PATCH, timeout_seconds=self._timeout
        )

    def _current_series(self, subject: _Subject) -> _Series:
        now = self._clock()
        series = self._series.pop(subject, None)
        if series is None or now - series.last > SERIES_SECONDS:
            series = _Series(name="", count=0, last=now)
        series.count += 1
        series.last = now
        _remember(self._series, subject, series, lambda oldest: now - oldest.last > SERIES_SECONDS)
        return series

    def _allowed(self, regarding: Mapping[str, str]) -> bool:
        now = self._clock()
        uid = regarding.get("uid", "")
        bucket = self._buckets.pop(uid, None) or _Bucket(tokens=BURST, at=now)
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.at) / REFILL_SECONDS)
        bucket.at = now
        # Full again by then, as one that was never used.
        _remember(self._buckets, uid, bucket, lambda oldest: now - oldest.at > BURST * REFILL_SECONDS)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _now(self) -> str:
        return self._wall_clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _remember(entries: OrderedDict[K, V], key: K, value: V, is_over: Callable[[V], bool]) -> None:
    entries[key] = value
    while len(entries) > _REMEMBERED or is_over(next(iter(entries.values()))):
        entries.popitem(last=False)


def _cut(note: str) -> str:
    encoded = note.encode()
    if len(encoded) <= _LONGEST_NOTE_BYTES:
        return note
    return encoded[: _LONGEST_NOTE_BYTES - 3].decode("utf-8", "ignore") + "…"
