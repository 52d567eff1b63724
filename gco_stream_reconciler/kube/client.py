"""Requests to the API server: plain dicts in and out, a deadline on each, own errors only."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol, Self
from urllib.parse import urlencode

import aiohttp
from kubernetes_asyncio.client import ApiClient
from kubernetes_asyncio.config.config_exception import ConfigException
from structlog.typing import FilteringBoundLogger
from yarl import URL

from gco_stream_reconciler import __version__, jsontext
from gco_stream_reconciler.errors import ConfigurationError, ReconcilerError, UnavailableError
from gco_stream_reconciler.kube.answers import Call, error_of, readable
from gco_stream_reconciler.kube.configuration import LoadConfiguration
from gco_stream_reconciler.proxy import environment_proxy

CONNECT_SECONDS = 5.0
_RENEW_INTERVAL_SECONDS = 10.0
# One watch event may be as large as etcd's largest request, 1.5 MiB.
_READ_BUFFER_BYTES = 2**21
Query = Mapping[str, str | int]


@dataclass(frozen=True, slots=True, eq=False)
class _Connection:
    """A configuration and the session opened with it."""

    configuration: Any
    api: Any
    session: aiohttp.ClientSession
    proxy: str | None

    async def close(self) -> None:
        """Close the sockets."""
        await self.session.close()
        await self.api.close()


class CallObserver(Protocol):
    """Measurements."""

    def called(self, verb: str, code: str, seconds: float) -> None:
        """A request has ended: RBAC verb, HTTP status, `timeout` or `unreachable`. A cancelled one is not told."""


@dataclass(slots=True)
class _Exchange:
    """How far a request has come. status: of the answer's head, 0 before it."""

    call: Call
    began: float
    status: int = 0


class KubeClient:
    """One API server. Use as an async context manager.

    `connections` bounds the sockets; watches hold one each for minutes, so it must exceed the watches plus whatever
    the workers may have in flight, or a lease renewal would queue behind them.
    """

    def __init__(
        self,
        load: LoadConfiguration,
        *,
        connections: int = 100,
        clock: Callable[[], float],
        log: FilteringBoundLogger,
        observer: CallObserver | None = None,
    ) -> None:
        self._load = load
        self._connections = connections
        self._clock = clock
        self._log = log
        self._observer = observer
        self._current: _Connection | None = None
        self._retired: list[_Connection] = []
        self._renewal: asyncio.Task[None] | None = None
        self._renewal_due = clock()

    async def __aenter__(self) -> Self:
        """Load the configuration; raises ConfigurationError. Nothing is sent yet."""
        self._current = self._connection(await self._load())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait({self._renewal})
        current, self._current = self._current, None
        for connection in (*self._retired, *([current] if current else ())):
            await connection.close()
        self._retired.clear()

    @property
    def host(self) -> str:
        """URL of the API server, for messages."""
        return str(self._connected().configuration.host)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        content_type: str | None = None,
        timeout_seconds: float,
    ) -> dict[str, Any]:
        """One request, one answer.

        A write also tells the API server its deadline (`timeout`), so that it gives the write up at about the same
        time. Raises what `answers.error_of` returns, and UnavailableError for a call without a readable answer.
        """
        write = method != "GET"
        call = Call(method, path, body=body)
        query = {**(query or {}), "timeout": f"{max(1, int(timeout_seconds * 1000))}ms"} if write else query
        data = None if body is None else jsontext.encode(body)
        # Half of the deadline at most: an address that does not answer must leave time for a second try.
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=min(CONNECT_SECONDS, timeout_seconds / 2), sock_read=timeout_seconds
        )
        with self._measured(call) as exchange, _own_errors(call, timeout_seconds):
            async with (
                asyncio.timeout(timeout_seconds),
                self._answer(exchange, query, data, content_type, timeout) as response,
            ):
                answer = await response.read()
        return _object(call, answer)

    async def stream(
        self, path: str, *, query: Query, open_timeout_seconds: float, silence_seconds: float
    ) -> AsyncGenerator[bytes, None]:
        """The body of a long GET, as chunks; close the iterator (`aclosing`) to close the connection.

        The first chunk is empty: the API server has accepted the request.

        Raises UnavailableError after `silence_seconds` without a byte, or when the body breaks off.
        """
        call = Call("GET", path, watch=True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence_seconds)
        async with contextlib.AsyncExitStack() as stack:
            with self._measured(call) as exchange, _own_errors(call, open_timeout_seconds):
                async with asyncio.timeout(open_timeout_seconds):
                    response = await stack.enter_async_context(
                        self._answer(exchange, query, None, None, timeout)
                    )
            yield b""
            with _own_errors(call, silence_seconds):
                async for chunk in response.content.iter_any():
                    yield chunk

    # --- One exchange -------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _measured(self, call: Call) -> Iterator[_Exchange]:
        exchange = _Exchange(call, self._clock())
        try:
            yield exchange
        except ReconcilerError as error:
            self._told(exchange, _without_answer(error))
            raise
        self._told(exchange, None)

    def _told(self, exchange: _Exchange, failure: str | None) -> None:
        if self._observer is not None:
            code = failure or str(exchange.status or "unreachable")
            self._observer.called(exchange.call.verb, code, self._clock() - exchange.began)

    @contextlib.asynccontextmanager
    async def _answer(
        self,
        exchange: _Exchange,
        query: Query | None,
        data: bytes | None,
        content_type: str | None,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's socket timeouts, not a deadline
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to one request if it is 2xx; else raises. Closed on exit, unless read to its end."""
        connection, call = self._connected(), exchange.call
        response = await self._send(connection, call, query, data, content_type, timeout)
        try:
            if response.status == HTTPStatus.UNAUTHORIZED and await self._renewed(connection):
                response.close()
                response = await self._send(self._connected(), call, query, data, content_type, timeout)
            exchange.status = response.status
            if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                refusal = await response.read()
                raise error_of(
                    call, response.status, refusal, retry_after=response.headers.get("Retry-After")
                )
            yield response
        finally:
            response.close()

    async def _send(
        self,
        connection: _Connection,
        call: Call,
        query: Query | None,
        data: bytes | None,
        content_type: str | None,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's socket timeouts, not a deadline
    ) -> aiohttp.ClientResponse:
        configuration = connection.configuration
        url = configuration.host.rstrip("/") + call.path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json", "User-Agent": f"gco-stream-reconciler/{__version__}"}
        if data is not None:
            headers["Content-Type"] = content_type or "application/json"
        for setting in (await _credentials(configuration)).values():
            headers[setting["key"]] = setting["value"].strip()
        return await connection.session.request(
            call.method,
            URL(url, encoded=True),
            headers=headers,
            data=data,
            timeout=timeout,
            # A redirect would carry the request, and the token with it, to somewhere nobody configured.
            allow_redirects=False,
            proxy=connection.proxy,
            proxy_headers=configuration.proxy_headers,
            server_hostname=configuration.tls_server_name,
        )

    # --- Configuration ------------------------------------------------------------------------------------

    def _connected(self) -> _Connection:
        if self._current is None:
            raise UnavailableError("the Kubernetes client is closed")
        return self._current

    def _connection(self, configuration: Any) -> _Connection:
        configuration.connection_pool_maxsize = self._connections
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
        return _Connection(configuration, api, session, proxy)

    async def _renewed(self, refused: _Connection) -> bool:
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

    async def _renew(self, refused: _Connection) -> None:
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


async def _credentials(configuration: Any) -> dict[str, dict[str, str]]:
    try:
        settings: dict[str, dict[str, str]] = await configuration.auth_settings()
    except (OSError, ConfigException) as error:
        raise UnavailableError(f"the service account's token cannot be read: {error}") from error
    return settings


def _object(call: Call, answer: bytes) -> dict[str, Any]:
    try:
        parsed = jsontext.parse(answer)
    except ValueError as error:
        raise UnavailableError(
            f"{call}: the answer is not JSON: {readable(answer[:80], call.secrets)}"
        ) from error
    if not isinstance(parsed, dict) or "kind" not in parsed:
        raise UnavailableError(
            f"{call}: the answer is not a Kubernetes object; check the API server's address"
        )
    return parsed


def _without_answer(error: ReconcilerError) -> str | None:
    """Why there was no whole answer; None where the API server's own refusal is the error."""
    if error.__cause__ is None:
        return None
    return "timeout" if isinstance(error.__cause__, TimeoutError) else "unreachable"


@contextlib.contextmanager
def _own_errors(call: Call, seconds: float) -> Iterator[None]:
    try:
        yield
    except ReconcilerError:
        raise
    except TimeoutError as error:
        raise UnavailableError(
            f"{call}: no answer within {seconds:g} s; check the way to the API server"
        ) from error
    except (aiohttp.ClientError, OSError) as error:
        raise UnavailableError(f"{call}: {type(error).__name__}: {readable(error, call.secrets)}") from error
