import asyncio
from random import Random

import pytest

from gco_stream_reconciler.errors import (
    ConflictError,
    LeaseNotHeldError,
    ReconcilerError,
    ThrottledError,
    UnavailableError,
)
from gco_stream_reconciler.retries import with_retries


class Longest(Random):
    """Draws the longest pause."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Call:
    """Fails as told, then succeeds; when it was tried, and how much time it was given."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.tried_at: list[float] = []
        self.given: list[float] = []

    async def __call__(self, seconds: float) -> str:
        self.tried_at.append(asyncio.get_running_loop().time())
        self.given.append(seconds)
        if self.failures:
            raise self.failures.pop(0)
        return "done"

    def pauses(self) -> list[float]:
        return [
            pytest.approx(after - before)
            for before, after in zip(self.tried_at, self.tried_at[1:], strict=False)
        ]


pytestmark = pytest.mark.looptime


async def test_pauses_double_and_every_try_knows_what_is_left() -> None:
    call = Call(UnavailableError("1"), ThrottledError("2"), UnavailableError("3"))
    assert await with_retries(call, timeout_seconds=5, random=Longest()) == "done"
    assert call.pauses() == [0.1, 0.2, 0.4]
    assert call.given == [pytest.approx(left) for left in (5, 4.9, 4.7, 4.3)]


async def test_the_fourth_failure_is_raised() -> None:
    call = Call(*(UnavailableError(str(number)) for number in range(1, 9)))
    with pytest.raises(UnavailableError, match="4"):
        await with_retries(call, timeout_seconds=5, random=Random(1))
    assert len(call.tried_at) == 4


@pytest.mark.parametrize(
    "failures",
    [
        [ThrottledError("first", retry_after_seconds=2)],
        [UnavailableError("before"), ThrottledError("second", retry_after_seconds=2)],
    ],
)
async def test_retry_after_comes_on_top_of_the_jitter_after_any_try(failures: list[ReconcilerError]) -> None:
    call = Call(*failures)
    await with_retries(call, timeout_seconds=5, random=Longest())
    assert call.pauses()[-1] == 2 + 0.1 * 2 ** (len(call.tried_at) - 2)


@pytest.mark.parametrize("before", [[], [UnavailableError("before")]])
async def test_a_wait_that_does_not_fit_is_not_begun(before: list[ReconcilerError]) -> None:
    call = Call(*before, ThrottledError("too long", retry_after_seconds=4.9))
    with pytest.raises(ThrottledError, match="too long"):
        await with_retries(call, timeout_seconds=5, random=Longest())
    assert asyncio.get_running_loop().time() < 0.2


@pytest.mark.parametrize("before", [[], [UnavailableError("before")]])
@pytest.mark.parametrize("error", [ConflictError("x"), LeaseNotHeldError("x"), asyncio.CancelledError()])
async def test_what_another_try_cannot_change_passes_at_once(
    before: list[ReconcilerError], error: BaseException
) -> None:
    call = Call(*before, error)
    with pytest.raises(type(error)):
        await with_retries(call, timeout_seconds=5, random=Random(1))
    assert len(call.tried_at) == len(before) + 1
