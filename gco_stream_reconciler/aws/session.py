"""The clients: one for each service and Region that is used."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from gco_stream_reconciler import __version__
from gco_stream_reconciler.aws.answers import check_answer
from gco_stream_reconciler.aws.errors import own_errors
from gco_stream_reconciler.aws.measured import CallObserver, MeasuredClient
from gco_stream_reconciler.settings import PlaceSettings

_CONNECT_SECONDS = 3
_READ_SECONDS = 8
_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Clients:
    """aiobotocore clients. `home` takes the writes, `local` answers the reads; they are one where the Regions are."""

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
    """Open the clients and close them again. AWS_ENDPOINT_URL and its per-service forms are honoured by botocore.

    Raises ConfigurationError where credentials or Region cannot be found.
    """
    session = get_session()
    config = AioConfig(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        # Retries are ours: they must fit into the call's deadline and be seen in the metrics.
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=_CONNECTIONS,
        tcp_keepalive=True,
        user_agent_extra=f"gco-stream-reconciler/{__version__}",
    )
    async with AsyncExitStack() as stack:

        async def client(service: str, region: str) -> Any:
            with own_errors(f"a client of {service}", region):
                opened = await stack.enter_async_context(
                    session.create_client(service, region_name=region, config=config)
                )
            opened.meta.events.register("before-parse", check_answer)
            return opened if observer is None else MeasuredClient(opened, observer, clock)

        home = await client("dynamodb", place.home_region)
        same = place.home_region == place.read_region
        local = home if same else await client("dynamodb", place.read_region)
        yield Clients(home=home, local=local, streams=await client("dynamodbstreams", place.read_region))
