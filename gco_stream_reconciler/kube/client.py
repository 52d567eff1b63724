"""Requests to the API server: plain dicts in and out, a deadline on each, own errors only."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol, Self
from urllib.parse import urlencode

import aiohttp
from structlog.typing import FilteringBoundLogger
from yarl import URL

from gco_stream_reconciler import __version__, jsontext
from gco_stream_reconciler.errors import InvalidObjectError, ReconcilerError, UnavailableError
from gco_stream_reconciler.kube.answers import Call, error_of
from gco_stream_reconciler.kube.checked_body import CheckedBody
from gco_stream_reconciler.kube.configuration import LoadConfiguration
from gco_stream_reconciler.kube.connection import Connection, Connections
from gco_stream_reconciler.masking import readable
from gco_stream_reconciler.printable import shortened

CONNECT_SECONDS = 5.0
# Of an answer that is no JSON: bytes and characters.
_SHOWN = 80
Query = Mapping[str, str | int]


class CallObserver(Protocol):
    """Measurements."""

    def called(self, verb: str, code: str, seconds: float) -> None:
        """A request has ended: RBAC verb, HTTP status, `timeout` or `unreachable`. A cancelled one is not told."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What is sent. timeout: of aiohttp's sockets; the deadline is around the exchange."""

    call: Call
    query: Query | None
    timeout: aiohttp.ClientTimeout
    data: bytes | None = field(default=None, repr=False)
    content_type: str | None = None
    may_send: Callable[[], bool] | None = None

    def body(self) -> bytes | CheckedBody | None:
        """What aiohttp sends, once."""
        if self.data is None or self.may_send is None:
            return self.data
        return CheckedBody(self.data, self.may_send)


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
        self._connections = Connections(load, sockets=connections, clock=clock, log=log)
        self._clock = clock
        self._observer = observer

    async def __aenter__(self) -> Self:
        """Load the configuration; raises ConfigurationError. Nothing is sent yet."""
        await self._connections.load()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connections.close()

    @property
    def host(self) -> str:
        """URL of the API server, for messages."""
        return str(self._connections.current.configuration.host)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        content_type: str | None = None,
        timeout_seconds: float,
        may_send: Callable[[], bool] | None = None,
    ) -> dict[str, Any]:
        """One request, one answer. `may_send` is asked when the body goes to the socket; False makes it UnavailableError.

        A write also tells the API server its deadline (`timeout`), so that it gives the write up at about the same
        time. Raises what `answers.error_of` returns, UnavailableError for a call without a readable answer, and
        InvalidObjectError for a body that its media type cannot hold; that one is not sent.
        """
        call = Call(method, path, body=body)
        if method != "GET":
            query = {**(query or {}), "timeout": f"{max(1, int(timeout_seconds * 1000))}ms"}
        # Half of the deadline at most: an address that does not answer must leave time for a second try.
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=min(CONNECT_SECONDS, timeout_seconds / 2), sock_read=timeout_seconds
        )
        request = _Request(
            call=call,
            query=query,
            timeout=timeout,
            data=None if body is None else _encoded(call, content_type),
            content_type=content_type,
            may_send=may_send,
        )
        with self._measured(call) as exchange, _own_errors(call, timeout_seconds):
            async with asyncio.timeout(timeout_seconds), self._answer(exchange, request) as response:
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
                        self._answer(exchange, _Request(call, query, timeout))
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
    async def _answer(self, exchange: _Exchange, request: _Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to one request if it is 2xx; else raises. Closed on exit, unless read to its end."""
        connection = self._connections.current
        response = await _send(connection, request)
        try:
            if response.status == HTTPStatus.UNAUTHORIZED and await self._connections.renewed(connection):
                response.close()
                response = await _send(self._connections.current, request)
            exchange.status = response.status
            if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                refusal = await response.read()
                raise error_of(
                    request.call, response.status, refusal, retry_after=response.headers.get("Retry-After")
                )
            yield response
        finally:
            response.close()


async def _send(connection: Connection, request: _Request) -> aiohttp.ClientResponse:
    call, query, configuration = request.call, request.query, connection.configuration
    url = configuration.host.rstrip("/") + call.path + (f"?{urlencode(query)}" if query else "")
    headers = {"Accept": "application/json", "User-Agent": f"gco-stream-reconciler/{__version__}"}
    if request.data is not None:
        headers["Content-Type"] = request.content_type or "application/json"
    headers.update(await connection.credentials())
    return await connection.session.request(
        call.method,
        URL(url, encoded=True),
        headers=headers,
        data=request.body(),
        timeout=request.timeout,
        # A redirect would carry the request, and the token with it, to somewhere nobody configured.
        allow_redirects=False,
        proxy=connection.proxy,
        proxy_headers=configuration.proxy_headers,
        server_hostname=configuration.tls_server_name,
    )


def _encoded(call: Call, content_type: str | None) -> bytes:
    if content_type is None or "yaml" not in content_type:
        return jsontext.encode(call.body)
    try:
        return jsontext.encode_for_yaml(call.body)
    except ValueError as error:
        raise InvalidObjectError(
            f"{call} not sent: {error}; correct what the endpoint's spec asks for"
        ) from error


def _object(call: Call, answer: bytes) -> dict[str, Any]:
    try:
        parsed = jsontext.parse(answer)
    except ValueError as error:
        # Masked before it is cut to what is shown: half of a secret would not be recognised.
        said = readable(answer.decode("utf-8", "replace"), call.secrets)
        raise UnavailableError(f"{call}: the answer is not JSON: {shortened(said, _SHOWN)}") from error
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
            f"{call}: no answer within {seconds:g} s; check the network path to the API server (DNS, proxy, firewall)"
        ) from error
    except (aiohttp.ClientError, OSError) as error:
        raise UnavailableError(f"{call}: {type(error).__name__}: {readable(error, call.secrets)}") from error
