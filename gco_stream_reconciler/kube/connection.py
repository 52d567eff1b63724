"""The sockets to the API server and the credentials they are used with, which may be renewed on the way."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from kubernetes_asyncio.client import ApiClient
from kubernetes_asyncio.config.config_exception import ConfigException
from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.errors import ConfigurationError, UnavailableError
from gco_stream_reconciler.kube.configuration import LoadConfiguration
from gco_stream_reconciler.masking import readable
from gco_stream_reconciler.proxy import environment_proxy

_RENEW_INTERVAL_SECONDS = 10.0
# One watch event may be as large as etcd's largest request, 1.5 MiB.
_READ_BUFFER_BYTES = 2**21


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    """A configuration and the session opened with it."""

    configuration: Any
    api: Any
    session: aiohttp.ClientSession
    proxy: str | None

    async def credentials(self) -> Mapping[str, str]:
        """Header → value. Raises UnavailableError where a token's file cannot be read."""
        try:
            settings = await self.configuration.auth_settings()
        except (OSError, ConfigException) as error:
            raise UnavailableError(f"the service account's token cannot be read: {error}") from error
        return {setting["key"]: setting["value"].strip() for setting in settings.values()}

    async def close(self) -> None:
        """Close the sockets."""
        await self.session.close()
        await self.api.close()


class Connections:
    """The connection in use, and the one that takes its place when the API server refuses its credentials.

    sockets: the most of one connection. `clock` is monotonic seconds.
    """

    def __init__(
        self,
        load: LoadConfiguration,
        *,
        sockets: int,
        clock: Callable[[], float],
        log: FilteringBoundLogger,
    ) -> None:
        self._load = load
        self._sockets = sockets
        self._clock = clock
        self._log = log
        self._current: Connection | None = None
        self._retired: list[Connection] = []
        self._renewal: asyncio.Task[None] | None = None
        self._renewal_due = clock()

    async def load(self) -> None:
        """Load the configuration; raises ConfigurationError. Nothing is sent yet."""
        self._current = self._connection(await self._load())

    async def close(self) -> None:
        """Close every connection; there is no current one afterwards."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait({self._renewal})
        current, self._current = self._current, None
        for connection in (*self._retired, *([current] if current else ())):
            await connection.close()
        self._retired.clear()

    @property
    def current(self) -> Connection:
        """The one to send with. Raises UnavailableError before `load` and after `close`."""
        if self._current is None:
            raise UnavailableError("the Kubernetes client is closed")
        return self._current

    async def renewed(self, refused: Connection) -> bool:
        """Whether other credentials than the refused ones are at hand now.

        Raises UnavailableError when they cannot be loaded: a credential plugin that fails now may work later.
        """
        if self._current is refused and (
            self._renewal is None or (self._renewal.done() and self._clock() >= self._renewal_due)
        ):
            self._renewal_due = self._clock() + _RENEW_INTERVAL_SECONDS
            # A task of its own: a plugin may take longer than the deadline of the call that noticed.
            self._renewal = asyncio.create_task(self._renew(refused), name="credentials-renewal")
        if self._renewal is not None:
            await asyncio.shield(self._renewal)
        return self._current is not refused

    async def _renew(self, refused: Connection) -> None:
        self._log.warning("credentials_refused_loading_them_again", host=refused.configuration.host)
        try:
            renewed = self._connection(await self._load())
        except ConfigurationError as error:
            raise UnavailableError(f"credentials refused and not renewed: {readable(error)}") from error
        self._current = renewed
        # Calls in flight end on the session they began with; those of the session before it have had their time.
        outlived, self._retired = self._retired, [refused]
        for connection in outlived:
            await connection.close()

    def _connection(self, configuration: Any) -> Connection:
        configuration.connection_pool_maxsize = self._sockets
        # CAs of older EKS clusters lack the key identifiers that Python 3.13 insists on; chain, host name and expiry
        # are verified all the same.
        configuration.disable_strict_ssl_verification = True
        try:
            api = ApiClient(configuration)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"certificates for {configuration.host} cannot be loaded: {error}"
            ) from error
        pool = api.rest_client.pool_manager
        # Its own session looks for proxies and .netrc at every request, in a thread: half the price of a small one.
        # Cookies are no part of the protocol, and client-go keeps none.
        session = aiohttp.ClientSession(
            connector=pool.connector,
            connector_owner=False,
            read_bufsize=_READ_BUFFER_BYTES,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        proxy = configuration.proxy or environment_proxy(configuration.host)
        return Connection(configuration, api, session, proxy)
