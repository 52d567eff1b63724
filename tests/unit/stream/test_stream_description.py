"""Which stream a table has, when it is exchanged between the two calls that tell."""

from collections.abc import Mapping
from typing import Any

import pytest

from gco_stream_reconciler.errors import StreamNotEnabledError
from gco_stream_reconciler.stream.adapter import DynamoDbStreamsAdapter, StreamDescription

OLD, NEW = "arn:old", "arn:new"
VIEW = "NEW_AND_OLD_IMAGES"


class Exchanged:
    """A table whose stream becomes another one right after it was first named."""

    def __init__(self, *named: str) -> None:
        self._named = list(named)
        self._current = named[-1]

    async def stream_of_table(self) -> Mapping[str, Any]:
        arn = self._named.pop(0) if len(self._named) > 1 else self._named[0]
        return {"TableName": "t", "LatestStreamArn": arn} if arn else {"TableName": "t"}

    async def describe_stream(self, arn: str, **_: Any) -> Mapping[str, Any]:
        status = "ENABLED" if arn == self._current else "DISABLED"
        return {"StreamStatus": status, "StreamViewType": VIEW}

    async def get_shard_iterator(self, *_: Any) -> str:
        raise AssertionError("not asked for here")

    async def get_records(self, *_: Any) -> Mapping[str, Any]:
        raise AssertionError("not asked for here")


def adapter(api: Exchanged) -> DynamoDbStreamsAdapter:
    return DynamoDbStreamsAdapter(api, now=lambda: 0.0)


async def test_a_stream_that_was_exchanged_meanwhile_is_not_taken_for_a_disabled_one() -> None:
    """Found by the simulation, seed 5158: a start at that moment ended with "the stream is DISABLED"."""
    assert await adapter(Exchanged(OLD, NEW)).describe() == StreamDescription(NEW, "ENABLED", VIEW)


async def test_a_stream_that_is_disabled_is_said_to_be() -> None:
    api = Exchanged(OLD)
    api._current = NEW
    assert await adapter(api).describe() == StreamDescription(OLD, "DISABLED", VIEW)


async def test_a_stream_that_is_gone_at_the_second_look_is_missing() -> None:
    api = Exchanged(OLD, "")
    with pytest.raises(StreamNotEnabledError):
        await adapter(api).describe()
