"""What every replica has, leader or not."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.aws.endpoint_table import EndpointTable
from gco_stream_reconciler.aws.streams import DynamoDbStreams
from gco_stream_reconciler.controller.ports import Journal
from gco_stream_reconciler.informer.informers import Informers
from gco_stream_reconciler.kube.events import EventRecorder
from gco_stream_reconciler.kube.objects import KubeObjects
from gco_stream_reconciler.settings import Settings
from gco_stream_reconciler.telemetry.health import TaskWatch
from gco_stream_reconciler.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Parts:
    """clock: monotonic seconds. now: epoch seconds. tasks: those that must live while their work lasts."""

    settings: Settings
    table: EndpointTable
    streams: DynamoDbStreams
    cluster: KubeObjects
    events: EventRecorder
    informers: Informers
    metrics: Metrics
    clock: Callable[[], float]
    now: Callable[[], float]
    random: Random
    log: FilteringBoundLogger
    journal: Journal
    tasks: TaskWatch
