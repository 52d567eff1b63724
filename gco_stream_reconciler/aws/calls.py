"""One call to AWS: a deadline around a few tries."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from gco_stream_reconciler.errors import RetryableError, UnavailableError

T = TypeVar("T")

ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0


async def within(seconds: float, what: str, call: Awaitable[T]) -> T:
    """Await a call for so long at most; raises UnavailableError after that."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError as error:
        raise UnavailableError(f"{what}: no answer within {seconds:g} s; check the way to AWS") from error


async def with_retries(call: Callable[[], Awaitable[T]], *, seconds: float, what: str, random: Random) -> T:
    """A few tries with full jitter, all inside one deadline. Only for calls that may be repeated.

    Jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return await within(seconds, what, _tried(call, random))


async def _tried(call: Callable[[], Awaitable[T]], random: Random) -> T:
    try:
        # Nearly every call succeeds at once, and what retries has its price in set-up.
        return await call()
    except RetryableError as error:
        failures = [error]

    async def attempt() -> T:
        if failures:
            raise failures.pop()
        return await call()

    def pause(state: RetryCallState) -> float:
        return random.uniform(0, min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**state.attempt_number))

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(RetryableError),
        stop=stop_after_attempt(ATTEMPTS),
        wait=pause,
        reraise=True,
    )
    return await retrying(attempt)
