import asyncio

import pytest

from gco_stream_reconciler.telemetry.health import Reason, reasons
from gco_stream_reconciler.telemetry.heartbeat import Heartbeat

pytestmark = pytest.mark.looptime


class Clock:
    """The loop's time, and what a blocked loop would add to it."""

    def __init__(self) -> None:
        self.blocked = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.blocked


async def beating_for(heartbeat: Heartbeat, seconds: float) -> None:
    task = asyncio.create_task(heartbeat.run())
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_idle_loop_has_no_lag() -> None:
    lags: list[float] = []
    await beating_for(Heartbeat(Clock(), lags.append), 10)
    assert len(lags) >= 10
    assert max(lags) == pytest.approx(0, abs=0.001)


async def test_a_blocked_loop_is_seen_as_lag_and_the_lag_ends_with_the_block() -> None:
    clock, lags = Clock(), list[float]()
    heartbeat = Heartbeat(clock, lags.append)
    task = asyncio.create_task(heartbeat.run())
    await asyncio.sleep(0.7)
    clock.blocked = 3.0
    await asyncio.sleep(2)
    task.cancel()
    assert max(lags) == pytest.approx(3, abs=0.001)
    assert lags[-1] == pytest.approx(0, abs=0.001)


async def test_a_clock_that_runs_backwards_is_no_negative_lag() -> None:
    clock, lags = Clock(), list[float]()
    task = asyncio.create_task(Heartbeat(clock, lags.append).run())
    await asyncio.sleep(0.1)
    clock.blocked = -5.0
    await asyncio.sleep(1)
    task.cancel()
    assert min(lags) == 0


async def test_a_beating_loop_is_alive_and_so_is_one_that_has_just_begun() -> None:
    heartbeat = Heartbeat(Clock(), lambda _: None)
    assert list(heartbeat.check()) == []
    await beating_for(heartbeat, 100)
    assert list(heartbeat.check()) == []


async def test_a_loop_without_a_beat_for_more_than_twenty_seconds_is_dead() -> None:
    heartbeat = Heartbeat(Clock(), lambda _: None)
    await beating_for(heartbeat, 1.1)
    await asyncio.sleep(19)
    assert list(heartbeat.check()) == []
    await asyncio.sleep(2)
    (reason,) = heartbeat.check()
    assert reason.part == "event loop"
    assert "no beat for 21 s" in reason.problem
    assert reason.remedy


async def test_every_check_is_asked_for_every_reason() -> None:
    one, two, three = (Reason("part", problem, "none") for problem in ("one", "two", "three"))
    assert reasons([lambda: [one, two], list, lambda: iter([three])]) == [one, two, three]
    assert reasons([]) == []
