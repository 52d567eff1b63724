"""Quick retries of calls that may safely run twice, inside the call's own deadline.

Only UnavailableError and ThrottledError are tried again: a conflict needs a fresh read first, everything else would
fail again. What still fails after that backs off with its key.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from gco_stream_reconciler.backoff import ceiling
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
    that does not fit into the deadline is not begun. Holding the deadline is the call's own duty.

    Jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout_seconds

    def pause(failures: int, error: BaseException | None) -> float:
        longest = ceiling(failures - 1, first=_FIRST_SECONDS, longest=_LONGEST_SECONDS)
        asked = error.retry_after_seconds if isinstance(error, UnavailableError | ThrottledError) else None
        return (asked or 0.0) + random.uniform(0, longest)

    def fits(seconds: float) -> bool:
        return loop.time() + seconds + _USEFUL_SECONDS < end

    try:
        # Nearly every call succeeds at once, and tenacity's set-up would be a tenth of what that costs.
        return await call(timeout_seconds)
    except (UnavailableError, ThrottledError) as error:
        first_pause = pause(1, error)
        if not fits(first_pause):
            raise
    await asyncio.sleep(first_pause)

    async def attempt() -> T:
        return await call(end - loop.time())

    # Tenacity does not know of the first try.
    def wait(state: RetryCallState) -> float:
        return pause(1 + state.attempt_number, state.outcome.exception() if state.outcome else None)

    def stop(state: RetryCallState) -> bool:
        return 1 + state.attempt_number >= ATTEMPTS or not fits(state.upcoming_sleep)

    retrying = AsyncRetrying(
        retry=retry_if_exception_type((UnavailableError, ThrottledError)), wait=wait, stop=stop, reraise=True
    )
    return await retrying(attempt)
