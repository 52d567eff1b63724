"""Calls to the API server and to DynamoDB. One measurement is one try; a call that is tried again is measured again."""

from prometheus_client import Histogram

from gco_stream_reconciler.telemetry.instruments import CALLS, Instruments


class CallMetrics:
    """One kind of calls: a histogram by operation and outcome."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram

    def called(self, operation: str, code: str, seconds: float) -> None:
        """A try has ended."""
        self._histogram.labels(operation, code).observe(seconds)


def kubernetes_calls(instruments: Instruments) -> CallMetrics:
    """Requests to the API server."""
    return CallMetrics(
        instruments.histogram(
            "gco_kubernetes_call_duration_seconds",
            "Requests to the API server until the answer was read (a watch: until it was accepted), by verb and HTTP "
            "status; `timeout` and `unreachable` are requests without an answer",
            ["verb", "code"],
            edges=CALLS,
        )
    )


def aws_calls(instruments: Instruments) -> CallMetrics:
    """Calls of DynamoDB and its streams."""
    return CallMetrics(
        instruments.histogram(
            "gco_aws_call_duration_seconds",
            "Calls of DynamoDB and DynamoDB Streams, by operation and outcome: `success`, a known error code, "
            "`4xx`, `5xx`, `unreachable`, or `cancelled` (our own deadline, or the end of the process)",
            ["operation", "code"],
            edges=CALLS,
        )
    )
