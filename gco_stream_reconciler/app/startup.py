"""What must be there before anything starts, and waiting for what is only unreachable."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.app.readiness import Readiness
from gco_stream_reconciler.aws.endpoint_table import EndpointTable
from gco_stream_reconciler.backoff import ceiling
from gco_stream_reconciler.errors import (
    FatalError,
    NamespaceNotFoundError,
    NotFoundError,
    PermissionDeniedError,
    RetryableError,
)
from gco_stream_reconciler.kube.client import KubeClient
from gco_stream_reconciler.settings import Settings
from gco_stream_reconciler.stream.adapter import StreamAdapter
from gco_stream_reconciler.stream.switching import NEW_AND_OLD, enabling

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
_NAMESPACE_READ_SECONDS = 10.0
_STREAM_GONE = frozenset({"DISABLING", "DISABLED"})


class Startup:
    """Checks the surroundings. A refusal is fatal and names its remedy; silence is waited out, and readiness says so."""

    def __init__(
        self, settings: Settings, *, readiness: Readiness, random: Random, log: FilteringBoundLogger
    ) -> None:
        self._settings = settings
        self._readiness = readiness
        self._random = random
        self._log = log

    async def table_id(self, table: EndpointTable) -> str:
        """Identity of the home table. Raises TableNotFoundError, FatalError."""
        description = await self._patiently("table", table.describe)
        return description.table_id

    async def check_stream(self, streams: StreamAdapter) -> None:
        """Whether the table has a stream to follow. Raises StreamNotEnabledError, FatalError."""
        description = await self._patiently("stream", streams.describe)
        if description.status in _STREAM_GONE:
            place = self._settings.place
            remedy = f"enable it again: {enabling(place.table_name, place.read_region)}"
            raise FatalError(f"the stream of table {place.table_name} is {description.status}; {remedy}")
        if description.view_type != NEW_AND_OLD:
            self._log.warning(
                "stream_view_type",
                view=description.view_type,
                hint=f"works, but every change is looked at; only {NEW_AND_OLD} lets heartbeats be left out",
            )

    async def check_namespaces(self, client: KubeClient) -> None:
        """Whether the namespaces exist. Raises FatalError. A Role may not read namespaces: then nothing is known."""
        for namespace in self._settings.place.namespaces:
            try:
                await self._patiently("cluster", lambda name=namespace: _read_namespace(client, name))  # type: ignore[misc]
            except (NotFoundError, NamespaceNotFoundError) as error:
                raise FatalError(
                    f"namespace {namespace} does not exist: create it, or set INFERENCE_NAMESPACE and NAMESPACES"
                ) from error
            except PermissionDeniedError:
                self._readiness.has("cluster")  # it has answered
                self._log.debug("namespace_not_readable", namespace=namespace)

    async def _patiently(self, part: str, ask: Callable[[], Awaitable[T]]) -> T:
        failures = 0
        while True:
            try:
                answer = await ask()
            except RetryableError as error:
                self._readiness.waits(part, str(error))
                self._log.warning("waiting_at_start", part=part, error=str(error))
                longest = ceiling(failures, first=_FIRST_PAUSE_SECONDS, longest=_LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(self._random.uniform(longest / 2, longest))
                failures += 1
            except PermissionDeniedError as error:
                if part == "cluster":
                    raise
                raise FatalError(str(error)) from error
            else:
                self._readiness.has(part)
                return answer


async def _read_namespace(client: KubeClient, name: str) -> dict[str, object]:
    return await client.request("GET", f"/api/v1/namespaces/{name}", timeout_seconds=_NAMESPACE_READ_SECONDS)
