"""What commands talk to: the home table, and one Region's cluster. Opened for one command and closed after it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

import structlog
from structlog.typing import EventDict, WrappedLogger

from gco_stream_reconciler.aws.endpoint_table import EndpointTable
from gco_stream_reconciler.aws.operator_table import OperatorTable
from gco_stream_reconciler.aws.session import Clients, open_clients
from gco_stream_reconciler.kube.client import KubeClient
from gco_stream_reconciler.kube.configuration import found_configuration
from gco_stream_reconciler.kube.objects import KubeObjects
from gco_stream_reconciler.settings import Settings

_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class TableSide:
    """clients: for the probes of `doctor`. endpoints: read only."""

    clients: Clients
    endpoints: EndpointTable
    operator: OperatorTable


@dataclass(frozen=True, slots=True)
class ClusterSide:
    """client: for paths that only one command asks for. objects: read only."""

    client: KubeClient
    objects: KubeObjects


@asynccontextmanager
async def open_table(settings: Settings) -> AsyncIterator[TableSide]:
    """The endpoint table. Raises ConfigurationError."""
    async with open_clients(settings.place) as clients:
        yield TableSide(
            clients=clients,
            endpoints=EndpointTable(
                clients,
                settings.place,
                random=Random(),  # noqa: S311 - jitter
                may_write=lambda: False,
            ),
            operator=OperatorTable(clients, settings.place),
        )


@asynccontextmanager
async def open_cluster(settings: Settings) -> AsyncIterator[ClusterSide]:
    """One Region's cluster, found as `found_configuration` says. Raises ConfigurationError."""
    load = found_configuration(settings.kubernetes.kubeconfig)
    async with KubeClient(load, connections=_CONNECTIONS, clock=time.monotonic, log=_quiet()) as client:
        objects = KubeObjects(
            client,
            settings.kubernetes,
            random=Random(),  # noqa: S311 - jitter
            may_write=lambda: False,
        )
        yield ClusterSide(client, objects)


def _quiet() -> structlog.typing.FilteringBoundLogger:
    """A logger that says nothing: what matters arrives as an error."""

    def drop(_logger: WrappedLogger, _method: str, _event: EventDict) -> EventDict:
        raise structlog.DropEvent

    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        None, processors=[drop], wrapper_class=structlog.make_filtering_bound_logger(0)
    )
    return logger
