"""Structured logs: structlog, with the standard library's loggers led into it."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, TextIO

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

from gco_stream_reconciler.printable import escaped
from gco_stream_reconciler.settings import TelemetrySettings

SERVICE = "gco-stream-reconciler"
# Their debug and info lines are about single HTTP requests.
_NOISY = ("aiobotocore", "botocore", "kubernetes_asyncio", "aiohttp.access", "urllib3")


def configure_logging(
    settings: TelemetrySettings, *, cluster: str, region: str, stream: TextIO | None = None
) -> structlog.typing.FilteringBoundLogger:
    """Set structlog and the root logger up, once per process; returns the logger that the parts are given.

    Lines go to standard error. json: `timestamp`, `level`, `event`, `service`, `cluster_id`, `region` and the event's
    own fields. text: the same for a person, in colour on a terminal, but for `service` and a place that is empty.
    cluster, region: of a line that is written outside of `told_of`.
    """
    output = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.log_level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderers: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    place = {"cluster_id": cluster, "region": region}
    if settings.log_format == "json":
        renderers += [
            _constant({"service": SERVICE, **place}),
            # Without locals: they hold decoded items, and so the environment of workloads.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(default=str),
        ]
    else:
        renderers += [
            _constant({name: value for name, value in place.items() if value}),
            structlog.processors.format_exc_info,
            _without_control_characters,
            structlog.dev.ConsoleRenderer(colors=output.isatty()),
        ]
    handler = logging.StreamHandler(output)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=renderers))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger("aiobotocore.credentials").addFilter(_is_no_errors_shadow)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger(SERVICE)
    return log


def told_of(*, cluster: str, region: str) -> AbstractContextManager[None]:
    """What is logged inside, and by tasks and threads that begin there, is told of this cluster and Region.

    For a process with more than one controller, whatever logger their parts use.
    """
    return structlog.contextvars.bound_contextvars(cluster_id=cluster, region=region)


def _is_no_errors_shadow(record: logging.LogRecord) -> bool:
    # A mandatory renewal of credentials that fails is logged with a traceback at each try, and raised as well: the call
    # that needs them tells of it. One that is only advisory is told here and nowhere else.
    return record.args != ("mandatory",)


def _constant(fields: Mapping[str, str]) -> Processor:
    def add(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {**fields, **event}

    return add


def _without_control_characters(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # JSON escapes them by itself; a text line would be broken, or a terminal told to do something.
    return {
        key: (_indented(value) if key == "exception" else escaped(value)) if isinstance(value, str) else value
        for key, value in event.items()
    }


def _indented(traceback: str) -> str:
    # Its last lines are the error's message, which may quote an item: no line of it may look like an event.
    return "\n".join("  " + escaped(line) for line in traceback.splitlines())
