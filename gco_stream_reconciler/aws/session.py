"""The clients: one for each service and Region that is used."""

import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiobotocore.session import AioSession, get_session
from botocore.httpsession import get_cert_path

from gco_stream_reconciler.aws.credentials import CallCredentials
from gco_stream_reconciler.aws.errors import own_errors
from gco_stream_reconciler.aws.measured import CallObserver, MeasuredClient
from gco_stream_reconciler.aws.service import Service
from gco_stream_reconciler.aws.wire import WireClient
from gco_stream_reconciler.errors import ConfigurationError
from gco_stream_reconciler.proxy import environment_proxy
from gco_stream_reconciler.settings import PlaceSettings

_CONNECT_SECONDS = 3
_READ_SECONDS = 8
_CONNECTIONS = 64
_READ_BUFFER_BYTES = 2**20  # the largest page


@dataclass(frozen=True, slots=True)
class Clients:
    """Clients with boto3's operations. `home` takes the writes, `local` answers the reads; they are one where the Regions are."""

    home: Any
    local: Any
    streams: Any


@asynccontextmanager
async def open_clients(
    place: PlaceSettings,
    *,
    observer: CallObserver | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Clients]:
    """Open the clients and close them again.

    Credentials are looked for by the first call. Raises ConfigurationError for a configuration that cannot be read, a
    Region that cannot be found or has no endpoint of the kind that is wanted, or an endpoint that is not a URL or is in
    another Region.
    """
    session = get_session()
    credentials = CallCredentials(session)
    async with AsyncExitStack() as stack:
        with own_errors("a client of dynamodb", place.home_region):
            certificates = _certificates(session)
        http = await stack.enter_async_context(_http_session(certificates))

        async def client(service: str, region: str, endpoint_url: str, variable: str) -> Any:
            try:
                with own_errors(f"a client of {service}", region):
                    description = await Service.of(session, service, region, endpoint_url)
                proxy = environment_proxy(description.url)
                opened = WireClient(http, credentials, description, proxy=proxy, now=_utc_now)
            except ValueError as error:
                raise ConfigurationError(f"AWS_ENDPOINT_URL is not a URL: {error}") from error
            if description.is_elsewhere:
                raise ConfigurationError(
                    f"{description.url} is not in {region}: set {variable}, which counts before AWS_ENDPOINT_URL"
                )
            return opened if observer is None else MeasuredClient(opened, observer, clock)

        home = local = await client(
            "dynamodb", place.home_region, place.home_table_endpoint_url, "HOME_TABLE_ENDPOINT_URL"
        )
        if place.read_region != place.home_region:
            local = await client(
                "dynamodb", place.read_region, place.read_table_endpoint_url, "READ_TABLE_ENDPOINT_URL"
            )
        streams = await client(
            "dynamodbstreams", place.read_region, place.stream_endpoint_url, "STREAM_ENDPOINT_URL"
        )
        yield Clients(home=home, local=local, streams=streams)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _certificates(session: AioSession) -> ssl.SSLContext:
    """Those that botocore would trust: its own, or those of AWS_CA_BUNDLE."""
    bundle = str(session.get_config_variable("ca_bundle") or get_cert_path(verify=True))
    try:
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise ConfigurationError(
            f"the certificates in {bundle} cannot be used: {error.strerror or error}; correct AWS_CA_BUNDLE"
        ) from error


def _http_session(certificates: ssl.SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=certificates),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS),
        read_bufsize=_READ_BUFFER_BYTES,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
