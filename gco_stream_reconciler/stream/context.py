"""What a stream's session and its shard readers share."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.settings import StreamSettings
from gco_stream_reconciler.stream.adapter import Record, StreamAdapter
from gco_stream_reconciler.stream.ports import StreamObserver


@dataclass(frozen=True, slots=True)
class StreamContext:
    """deliver: takes every record. request_resync: asks for a full resync, with a reason. clock: monotonic seconds."""

    adapter: StreamAdapter
    settings: StreamSettings
    deliver: Callable[[Record], None]
    request_resync: Callable[[str], None]
    clock: Callable[[], float]
    random: Random
    observer: StreamObserver
    log: FilteringBoundLogger
