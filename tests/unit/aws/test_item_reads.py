"""Reads that come together go together, and each gets the answer to its own."""

import asyncio
import gc
from collections.abc import Sequence
from typing import Any

import pytest

from gco_stream_reconciler.aws.item_reads import (
    ALONE_AFTER_SECONDS,
    MOST_ITEMS,
    PATIENCE_SECONDS,
    Found,
    Item,
    ItemReads,
)
from gco_stream_reconciler.errors import (
    PermissionDeniedError,
    TerminalError,
    ThrottledError,
    UnavailableError,
)

pytestmark = pytest.mark.looptime

CALL_SECONDS = 0.01


class Service:
    """Answers after CALL_SECONDS with what is there when it answers."""

    def __init__(self, *names: str) -> None:
        self.items = {name: _item(name) for name in names}
        self.calls: list[list[str]] = []
        self.on_their_way = 0
        self.most_on_their_way = 0
        self.seconds = CALL_SECONDS
        self.refusals: list[Exception] = []
        self.refuses_several = False
        self.leaves_out: set[str] = set()
        self.reads = ItemReads(self.one, self.several, where="table t in r")

    async def one(self, name: str) -> Item | None:
        await self._called([name])
        return self.items.get(name)

    async def several(self, names: Sequence[str]) -> Found:
        await self._called(list(names))
        if self.refuses_several:
            raise PermissionDeniedError("dynamodb:BatchGetItem is not allowed")
        there = {
            name: item for name in names if (item := self.items.get(name)) and name not in self.leaves_out
        }
        return Found(there, self.leaves_out.intersection(names))

    async def _called(self, names: list[str]) -> None:
        self.calls.append(names)
        self.on_their_way += 1
        self.most_on_their_way = max(self.most_on_their_way, self.on_their_way)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.on_their_way -= 1
        if self.refusals:
            raise self.refusals.pop(0)


def _item(name: str) -> dict[str, Any]:
    return {"endpoint_name": {"S": name}}


async def _all(service: Service, *names: str) -> list[Item | BaseException | None]:
    return await asyncio.gather(*(service.reads.get(name) for name in names), return_exceptions=True)


async def test_a_lone_read_is_a_plain_one_and_waits_for_nobody() -> None:
    service = Service("a")
    began = asyncio.get_running_loop().time()
    assert await service.reads.get("a") == _item("a")
    assert asyncio.get_running_loop().time() - began == CALL_SECONDS
    assert await service.reads.get("b") is None
    assert service.calls == [["a"], ["b"]]


async def test_what_is_asked_while_a_call_is_on_its_way_goes_together_with_the_next() -> None:
    service = Service("a", "b", "c")
    assert await _all(service, "a", "b", "gone", "c") == [_item("a"), _item("b"), None, _item("c")]
    assert service.calls == [["a"], ["b", "gone", "c"]]


async def test_a_name_that_two_ask_for_is_named_once() -> None:
    service = Service("a", "b")
    assert await _all(service, "a", "b", "b") == [_item("a"), _item("b"), _item("b")]
    assert service.calls == [["a"], ["b"]]


async def test_a_read_never_takes_the_answer_to_a_call_that_was_sent_before_it() -> None:
    service = Service("a")
    first = asyncio.create_task(service.reads.get("a"), name="first")
    await asyncio.sleep(CALL_SECONDS / 2)
    second = asyncio.create_task(service.reads.get("a"), name="second")
    await first
    service.items.clear()
    assert await second is None
    assert service.calls == [["a"], ["a"]]


async def test_a_call_names_no_more_than_it_may() -> None:
    names = [f"endpoint-{number}" for number in range(1 + MOST_ITEMS + 3)]
    service = Service(*names)
    assert await _all(service, *names) == [_item(name) for name in names]
    assert [len(call) for call in service.calls] == [1, MOST_ITEMS, 3]


async def test_a_call_that_hangs_holds_up_the_others_for_a_moment_only() -> None:
    service = Service("a", "b")
    service.seconds = 3600
    hung = asyncio.create_task(service.reads.get("a"), name="hung")
    await asyncio.sleep(0)
    service.seconds = CALL_SECONDS
    began = asyncio.get_running_loop().time()
    assert await service.reads.get("b") == _item("b")
    assert asyncio.get_running_loop().time() - began == pytest.approx(PATIENCE_SECONDS + CALL_SECONDS)
    # The way is free once, however often it was let go.
    assert await _all(service, "a", "b") == [_item("a"), _item("b")]
    assert not hung.done()
    hung.cancel()
    await asyncio.gather(hung, return_exceptions=True)
    service.calls.clear()
    await _all(service, "a", "b", "b")
    assert service.calls == [["a"], ["b"]]


async def _hung_together(service: Service, *names: str) -> list[asyncio.Task[Item | None]]:
    """Reads that went together into a call that will not answer; the first of them sent it."""
    async with asyncio.TaskGroup() as before:
        before.create_task(service.reads.get("before"), name="before")
        await asyncio.sleep(0)
        tasks = [asyncio.create_task(service.reads.get(name), name=name) for name in names]
        await asyncio.sleep(CALL_SECONDS / 2)
        service.seconds = 3600
    await asyncio.sleep(0)
    assert service.calls == [["before"], list(names)]
    service.seconds = CALL_SECONDS
    return tasks


async def test_who_went_with_a_call_that_hangs_soon_reads_alone() -> None:
    service = Service("a", "b", "c")
    loop = asyncio.get_running_loop()
    began = loop.time()
    sender, *others = await _hung_together(service, "a", "b", "c")
    # What was written since is told too: this call is sent later still.
    del service.items["b"]
    assert await asyncio.gather(*others) == [None, _item("c")]
    assert loop.time() - began == pytest.approx(ALONE_AFTER_SECONDS + CALL_SECONDS)
    assert service.calls[2:] == [["b"], ["c"]]
    assert not sender.done()
    sender.cancel()
    await asyncio.gather(sender, return_exceptions=True)


async def test_who_has_read_alone_is_not_reached_by_the_answer_that_came_too_late() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    service = Service("a", "b", "c")
    sender, *others = await _hung_together(service, "a", "b", "c")
    assert await asyncio.gather(*others) == [_item("b"), _item("c")]
    service.refusals = [ThrottledError("too late")]
    assert isinstance((await asyncio.gather(sender, return_exceptions=True))[0], ThrottledError)
    # The way is free, once.
    service.calls.clear()
    assert await _all(service, "a", "b", "c") == [_item("a"), _item("b"), _item("c")]
    assert service.calls == [["a"], ["b", "c"]]
    gc.collect()
    assert complaints == []


@pytest.mark.parametrize("alone", [False, True], ids=["while it waits", "while it reads alone"])
async def test_who_goes_away_from_a_call_that_hangs_leaves_nothing_on_its_way(alone: bool) -> None:
    service = Service("a", "b", "c")
    sender, gone, other = await _hung_together(service, "a", "b", "c")
    await asyncio.sleep(ALONE_AFTER_SECONDS - CALL_SECONDS / 2 if alone else CALL_SECONDS)
    assert ("b" in [call[0] for call in service.calls]) is alone
    gone.cancel()
    assert await other == _item("c")
    assert gone.cancelled()
    assert not sender.done()
    sender.cancel()
    await asyncio.gather(sender, return_exceptions=True)
    assert service.on_their_way == 0


async def test_however_slow_the_service_there_is_no_more_than_one_call_for_each_that_asks() -> None:
    names = [f"endpoint-{number}" for number in range(16)]
    service = Service(*names)
    service.seconds = 2 * ALONE_AFTER_SECONDS
    assert await _all(service, *names) == [_item(name) for name in names]
    assert service.most_on_their_way == len(names)


async def test_who_goes_away_takes_the_answer_from_nobody() -> None:
    service = Service("a", "b", "c")
    tasks = [asyncio.create_task(service.reads.get(name), name=name) for name in ("a", "b", "c")]
    await asyncio.sleep(CALL_SECONDS * 1.5)
    tasks[2].cancel()
    assert await asyncio.gather(*tasks[:2]) == [_item("a"), _item("b")]
    assert tasks[2].cancelled()


@pytest.mark.parametrize("sent", [True, False], ids=["on its way", "not yet sent"])
async def test_a_batch_whose_sender_goes_away_is_a_failure_that_is_tried_again(sent: bool) -> None:
    service = Service("a", "b", "c")
    tasks = [asyncio.create_task(service.reads.get(name), name=name) for name in ("a", "b", "c")]
    await asyncio.sleep(CALL_SECONDS * (1.5 if sent else 0.5))
    tasks[1].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert found[0] == _item("a")
    assert isinstance(found[1], asyncio.CancelledError)
    assert isinstance(found[2], UnavailableError)
    assert await _all(service, "b", "c") == [_item("b"), _item("c")]


async def test_who_went_with_a_call_that_met_a_bug_is_told_of_it() -> None:
    service = Service("a", "b", "c")
    bug = ZeroDivisionError("a bug")
    service.refusals = [ThrottledError("too much"), bug]
    first, second, third = await _all(service, "a", "b", "c")
    assert isinstance(first, ThrottledError)
    assert second is bug
    assert isinstance(third, UnavailableError)
    assert third.__cause__ is bug


async def test_a_passing_failure_is_everybodys() -> None:
    service = Service("a", "b", "c")
    service.refusals = [ThrottledError("too much")] * 2
    assert [type(each) for each in await _all(service, "a", "b", "c")] == [ThrottledError] * 3
    assert service.calls == [["a"], ["b", "c"]]


async def test_a_refusal_of_a_batch_is_asked_again_for_each_alone() -> None:
    service = Service("a", "b", "c")
    service.refuses_several = True
    assert await _all(service, "a", "b", "c", "c") == [_item(name) for name in "abcc"]
    assert service.calls == [["a"], ["b", "c"], ["b"], ["c"], ["c"]]


async def test_a_refusal_of_one_is_not_asked_again() -> None:
    service = Service("a")
    service.refusals = [TerminalError("no such key")]
    with pytest.raises(TerminalError, match="no such key"):
        await service.reads.get("a")
    assert service.calls == [["a"]]


async def test_a_name_that_the_service_left_out_is_throttled_and_not_gone() -> None:
    service = Service("a", "b", "c")
    service.leaves_out = {"c"}
    first, second, third = await _all(service, "a", "b", "c")
    assert (first, second) == (_item("a"), _item("b"))
    assert isinstance(third, ThrottledError)
    assert "item 'c' was left out" in str(third)
