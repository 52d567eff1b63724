"""List and watch of one kind in one namespace, for a reflector."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from random import Random
from typing import Any, Literal, NamedTuple, cast

from gco_stream_reconciler import jsontext
from gco_stream_reconciler.errors import UnavailableError
from gco_stream_reconciler.kube.answers import Call, error_of
from gco_stream_reconciler.kube.client import KubeClient
from gco_stream_reconciler.kube.resources import resource
from gco_stream_reconciler.manifests.names import LABEL_TYPE, TYPE_INFERENCE
from gco_stream_reconciler.masking import readable
from gco_stream_reconciler.retries import with_retries

_SELECTOR = f"{LABEL_TYPE}={TYPE_INFERENCE}"
# Bookmarks come about once a minute, so a healthy watch is never silent for longer.
SILENCE_SECONDS = 90.0
# etcd takes requests of 1.5 MiB; JSON with managedFields is several times that at most.
_LONGEST_LINE_BYTES = 32 * 2**20

EventType = Literal["OPENED", "ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
_TYPES = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")


class ListPage(NamedTuple):
    """One page of a list. `continue_token` is None on the last page."""

    items: list[dict[str, Any]]
    resource_version: str
    continue_token: str | None


class WatchEvent(NamedTuple):
    """One change, or OPENED once the API server has accepted the watch, with an empty object.

    A BOOKMARK's object has a resourceVersion and nothing else of interest.
    """

    type: EventType
    object: dict[str, Any]


class KindClient:
    """Lists and watches the objects of one kind that carry the label.

    `list_timeout_seconds` is the deadline of one page, its quick retries included, and of a watch until its answer begins.
    """

    def __init__(
        self,
        client: KubeClient,
        kind: str,
        namespace: str,
        *,
        list_timeout_seconds: float,
        random: Random,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._client = client
        self._kind = kind
        self._api_version = resource(kind).api_version
        self._path = resource(kind).path(namespace)
        self._timeout = list_timeout_seconds
        self._silence = silence_seconds
        self._random = random

    async def list_page(self, limit: int, continue_token: str | None = None) -> ListPage:
        """One page of at most `limit` objects, as of now (a quorum read) on the first page, of the same moment on the rest.

        Raises ResourceExpiredError when the token is too old, UnavailableError when the answer is not a whole list.
        """
        query: dict[str, str | int] = {"labelSelector": _SELECTOR, "limit": limit}
        if continue_token:
            query["continue"] = continue_token

        async def attempt(seconds: float) -> dict[str, Any]:
            return await self._client.request("GET", self._path, query=query, timeout_seconds=seconds)

        return self._page(await with_retries(attempt, timeout_seconds=self._timeout, random=self._random))

    async def watch(self, resource_version: str, timeout_seconds: float) -> AsyncGenerator[WatchEvent, None]:
        """OPENED, then the changes after `resource_version`, until the API server ends the watch after `timeout_seconds`.

        An ERROR event is raised: ResourceExpiredError for code 410. A cut line, a body that is not events and
        silence are UnavailableError. Close it (`contextlib.aclosing`) to close the connection.
        """
        query: dict[str, str | int] = {
            "watch": "true",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": max(1, int(timeout_seconds)),
            "labelSelector": _SELECTOR,
        }
        body = self._client.stream(
            self._path, query=query, open_timeout_seconds=self._timeout, silence_seconds=self._silence
        )
        async with contextlib.aclosing(body):
            await anext(body)
            yield WatchEvent("OPENED", {})
            async for line in _lines(body, self._path):
                yield self._event(line)

    def _page(self, answer: dict[str, Any]) -> ListPage:
        metadata = answer.get("metadata")
        items = answer.get("items")
        version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
        if answer["kind"] != f"{self._kind}List" or not isinstance(items, list) or not version:
            raise UnavailableError(f"GET {self._path}: the answer is not a whole {self._kind}List")
        if not all(isinstance(item, dict) and isinstance(item.get("metadata"), dict) for item in items):
            raise UnavailableError(f"GET {self._path}: an entry of the list is not an object")
        for item in items:
            # A list names them once, for all of its entries.
            item.setdefault("apiVersion", self._api_version)
            item.setdefault("kind", self._kind)
        return ListPage(items, version, cast("dict[str, Any]", metadata).get("continue") or None)

    def _event(self, line: bytes) -> WatchEvent:
        try:
            event = jsontext.parse(line)
            kind, changed = event["type"], event["object"]
        except (ValueError, KeyError, TypeError) as error:
            raise UnavailableError(
                f"watch of {self._path}: not an event: {readable(line[:80].decode('utf-8', 'replace'))}"
            ) from error
        if kind == "ERROR":
            code = changed.get("code") if isinstance(changed, dict) else None
            status = code if isinstance(code, int) else 500
            raise error_of(Call("GET", self._path, watch=True), status, jsontext.encode(changed))
        if (
            kind not in _TYPES
            or not isinstance(changed, dict)
            or not isinstance(changed.get("metadata"), dict)
        ):
            raise UnavailableError(f"watch of {self._path}: not an event of a known type: {readable(kind)}")
        return WatchEvent(kind, changed)


async def _lines(body: AsyncGenerator[bytes, None], path: str) -> AsyncIterator[bytes]:
    """Whole lines of a chunked body, without their ends; raises when the last one has none."""
    pieces: list[bytes] = []
    held = 0
    async for chunk in body:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line = b"".join((*pieces, end))
            pieces, held = [], 0
            if line.strip():
                yield line
        pieces.append(rest)
        held += len(rest)
        if held > _LONGEST_LINE_BYTES:
            raise UnavailableError(f"watch of {path}: a line longer than {_LONGEST_LINE_BYTES} bytes")
    if b"".join(pieces).strip():
        raise UnavailableError(f"watch of {path}: the body ends within a line")
