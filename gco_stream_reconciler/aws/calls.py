"""One call to AWS: a deadline, and a few tries inside it."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from gco_stream_reconciler import retries
from gco_stream_reconciler.aws.errors import CHECK_THE_NETWORK
from gco_stream_reconciler.errors import ReconcilerError, UnavailableError

T = TypeVar("T")


async def within(seconds: float, what: str, call: Awaitable[T]) -> T:
    """Await a call for so long at most; raises UnavailableError after that."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError as error:
        raise UnavailableError(f"{what}: no answer within {seconds:g} s; {CHECK_THE_NETWORK}") from error


async def with_retries(call: Callable[[], Awaitable[T]], *, seconds: float, what: str, random: Random) -> T:
    """A few quick tries (`retries.with_retries`), all inside one deadline. Only for calls that may be repeated.

    Where the deadline ends a later try, the error is that of the try before: it says more than that time is up.
    """
    failed: ReconcilerError | None = None

    async def attempt(_seconds_left: float) -> T:
        nonlocal failed
        try:
            return await call()
        except ReconcilerError as error:
            failed = error
            raise

    tries = retries.with_retries(attempt, timeout_seconds=seconds, random=random)
    try:
        return await within(seconds, what, tries)
    except UnavailableError:
        if failed is None:
            raise
    raise failed
