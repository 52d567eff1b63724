"""Quick retries of calls that may safely run twice, inside the call's own deadline.

Only UnavailableError and ThrottledError are tried again: a conflict needs a fresh read first, everything else would
fail again. What still fails after that backs off with its key.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from gco_stream_reconciler.errors import ThrottledError, UnavailableError

ATTEMPTS = 4
_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 1.0
# A retry with less time than this left could only time out.
_USEFUL_SECONDS = 0.05

T = TypeVar("T")


async def with_retries(call: Callable[[float], Awaitable[T]], *, timeout_seconds: float, random: Random) -> T:
    """Await `call(seconds left)` until it succeeds, at most 4 times within `timeout_seconds`; raises its last error.

    Between tries: full jitter, doubling from 0.1 s to 1 s at most; or what Retry-After asks for, with jitter on top. A wait
    that does not fit into the deadline is not begun.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout_seconds
    try:
        # Nearly every call succeeds at once, and what retries has its price in set-up.
        return await call(timeout_seconds)
    except (UnavailableError, ThrottledError) as error:
        failures: list[UnavailableError | ThrottledError] = [error]

    def wait(state: RetryCallState) -> float:
        jitter = random.uniform(0, min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** (state.attempt_number - 1)))
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_seconds if isinstance(error, UnavailableError | ThrottledError) else None
        return (asked or 0.0) + jitter

    def does_not_fit(state: RetryCallState) -> bool:
        return loop.time() + state.upcoming_sleep + _USEFUL_SECONDS >= end

    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type((UnavailableError, ThrottledError)),
        wait=wait,
        stop=lambda state: stop_after_attempt(ATTEMPTS)(state) or does_not_fit(state),
        reraise=True,
    ):
        with attempt:
            if failures:
                raise failures.pop()
            return await call(end - loop.time())
    raise AssertionError("tenacity ends by returning or raising")
