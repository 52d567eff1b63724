"""What can go wrong, sorted by what the caller should do about it.

Three branches decide everything above the SDKs:

* `RetryableError`: the same call may succeed later; the key backs off.
* `TerminalError`: the call will fail again until its input changes; say so in the endpoint's status.
* `FatalError`: the process cannot do its work; stop with a message that names the remedy.

The edges (`aws/`, `kube/`) turn SDK exceptions into these, with the cause chained. A message tells what failed,
where, and what to do.
"""

from typing import TypeVar

E = TypeVar("E", bound=BaseException)


class ReconcilerError(Exception):
    """Base of every error this program raises on purpose."""


class RetryableError(ReconcilerError):
    """The same call may succeed later.

    `retry_after_seconds` is the other side's own wish (HTTP Retry-After), or None.
    """

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TerminalError(ReconcilerError):
    """The call fails until its input changes."""


class FatalError(ReconcilerError):
    """The process cannot do its work. The message names the remedy; `exit_code` becomes the process's."""

    exit_code = 1


class ConfigurationError(FatalError):
    """Settings are missing or contradict each other."""

    exit_code = 2


# --- Either side ------------------------------------------------------------------------------------------


class UnavailableError(RetryableError):
    """5xx, a time-out, a reset or a refused connection: nothing is known about whether the call took effect."""


class ThrottledError(RetryableError):
    """The other side asked for fewer calls (HTTP 429, AWS throttling codes)."""


class PermissionDeniedError(TerminalError):
    """HTTP 401/403, AWS AccessDenied: grant the permission that the message names."""


class LeaseNotHeldError(RetryableError):
    """A write was asked for after the lease was lost. It was not sent."""


# --- Kubernetes -------------------------------------------------------------------------------------------


class NotFoundError(TerminalError):
    """HTTP 404 on an object."""


class NamespaceNotFoundError(TerminalError):
    """HTTP 404 on the namespace of a write."""


class ConflictError(RetryableError):
    """HTTP 409: somebody else changed the object; read it again."""


class AlreadyExistsError(ConflictError):
    """HTTP 409 with reason AlreadyExists."""


class InvalidObjectError(TerminalError):
    """The API server refuses the object: HTTP 400, 413, 422, or its 500 for an ill-typed or unknown field in an apply."""


class ResourceExpiredError(RetryableError):
    """HTTP 410: the resourceVersion or continue token is too old; list again."""


# --- DynamoDB and its stream ------------------------------------------------------------------------------


class ConditionFailedError(TerminalError):
    """A conditional write lost against a concurrent one; the stream will tell what it wrote."""


class TableNotFoundError(FatalError):
    """The table does not exist in this Region and account."""


class TableReplacedError(FatalError):
    """The table is another one of the same name: restored, or deleted and made anew."""


class StreamNotEnabledError(FatalError):
    """The table has no stream, or its stream is being disabled."""


class ExpiredIteratorError(RetryableError):
    """A shard iterator lived longer than 15 minutes."""


class TrimmedDataError(RetryableError):
    """The position asked for is older than the stream's retention: changes were lost; a full resync is due."""


class ShardNotFoundError(RetryableError):
    """The stream or shard no longer exists."""


def first_error(errors: BaseExceptionGroup[E]) -> E:
    """The first error that is no group: groups only tell which task it was in."""
    error: E | BaseExceptionGroup[E] = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
