"""A stream in memory, held to the rules of DynamoDB Streams, that does what neither emulator shows."""

import asyncio
import itertools
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gco_stream_reconciler.errors import (
    ExpiredIteratorError,
    ReconcilerError,
    ShardNotFoundError,
    TerminalError,
    TrimmedDataError,
)
from gco_stream_reconciler.stream.adapter import (
    Page,
    Record,
    Shard,
    ShardListing,
    StartPosition,
    StreamDescription,
)

PAGE = 3


def record(key: str, number: int) -> Record:
    """A change record without images: it always matters."""
    change = {"Keys": {"endpoint_name": {"S": key}}, "SequenceNumber": f"{number:09d}"}
    return {"eventName": "MODIFY", "dynamodb": change}


@dataclass
class ScriptedShard:
    """records: (number, record). trimmed_before: numbers below are gone."""

    shard_id: str
    parent_id: str | None
    records: list[tuple[int, Record]] = field(default_factory=list)
    sealed: bool = False
    trimmed_before: int = 0


@dataclass
class ScriptedStream:
    """A table's stream. Faults are taken from `faults[operation]`, one a call; None passes a call.

    past: the shards of streams that the table had before; they stay readable under their old ARN.
    """

    arn: str = "arn:1"
    status: str = "ENABLED"
    shards: dict[str, ScriptedShard] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)
    incomplete: bool = False
    faults: dict[str, list[ReconcilerError | None]] = field(default_factory=dict)
    hung: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)
    iterator_generation: int = 0
    oldest_known_generation: int = 0
    past: dict[str, dict[str, ScriptedShard]] = field(default_factory=dict)
    latency_seconds: float = 0.01
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    # --- What happens in the table ----------------------------------------------------------------------------

    def open_shard(self, parent_id: str | None = None) -> str:
        """A new shard."""
        shard_id = f"shard-{next(self._ids):04d}"
        self.shards[shard_id] = ScriptedShard(shard_id, parent_id)
        return shard_id

    def write(self, key: str, shard_id: str | None = None) -> None:
        """A change; into a random-looking but fixed open shard for its key unless one is named."""
        leaves = [shard for shard in self.shards.values() if not shard.sealed]
        shard = self.shards[shard_id] if shard_id else leaves[zlib.crc32(key.encode()) % len(leaves)]
        assert not shard.sealed, "a sealed shard takes no record"
        number = next(self._numbers)
        shard.records.append((number, record(key, number)))

    def split(self, shard_id: str, children: int = 2) -> list[str]:
        """Seal a shard; its children go on."""
        self.shards[shard_id].sealed = True
        return [self.open_shard(shard_id) for _ in range(children)]

    def trim(self, shard_id: str) -> None:
        """Everything in the shard so far is gone."""
        self.shards[shard_id].trimmed_before = next(self._numbers)

    def expire_iterators(self) -> None:
        """Fifteen minutes have passed."""
        self.iterator_generation += 1

    def forget_iterators(self) -> None:
        """Iterators given out so far mean nothing any more, and are refused as such for ever."""
        self.iterator_generation += 1
        self.oldest_known_generation = self.iterator_generation

    def disable(self) -> None:
        """The table's stream is switched off: its shards are sealed, and stay."""
        self.status = "DISABLED"
        for shard in self.shards.values():
            shard.sealed = True

    def renew(self, status: str = "ENABLED") -> str:
        """The table gets another stream with one shard; returns the shard."""
        self.disable()
        self.past[self.arn] = self.shards
        self.arn, self.status, self.shards = f"arn:{len(self.past) + 1}", status, {}
        return self.open_shard()

    # --- StreamAdapter ----------------------------------------------------------------------------------------

    async def describe(self) -> StreamDescription:
        await self._call("describe", "")
        return StreamDescription(self.arn, self.status, "KEYS_ONLY")

    async def list_shards(self, arn: str) -> ShardListing:
        await self._call("list_shards", arn)
        listed = [_listed(shard) for shard in self._of(arn).values() if shard.shard_id not in self.unlisted]
        if self.incomplete:
            return ShardListing(tuple(listed[: len(listed) // 2]), complete=False)
        return ShardListing(tuple(listed))

    async def list_children(self, arn: str, parent_id: str) -> tuple[Shard, ...]:
        await self._call("list_children", parent_id)
        return tuple(
            _listed(shard)
            for shard in self._of(arn).values()
            if shard.parent_id == parent_id and shard.shard_id not in self.unlisted
        )

    async def get_shard_iterator(self, arn: str, shard_id: str, start: StartPosition) -> str:
        await self._call("get_shard_iterator", shard_id)
        shard = self._shard(arn, shard_id)
        numbers = [number for number, _ in shard.records]
        if start.kind == "LATEST":
            position = max(numbers, default=0) + 1
        elif start.kind == "TRIM_HORIZON":
            position = shard.trimmed_before
        else:
            position = int(start.sequence_number or 0) + 1
            if position < shard.trimmed_before:
                raise TrimmedDataError("position is trimmed")
        self.calls.append((f"start:{start.kind}", shard_id))
        return f"{self.iterator_generation}|{arn}|{shard_id}|{position}"

    async def get_records(self, iterator: str) -> Page:
        generation, arn, shard_id, position = iterator.split("|") if "|" in iterator else ("-1", "", "", "0")
        await self._call("get_records", shard_id)
        if int(generation) < self.oldest_known_generation:
            raise TerminalError("ValidationException: Invalid ShardIterator")
        shard = self._shard(arn, shard_id)
        if int(generation) < self.iterator_generation:
            raise ExpiredIteratorError("iterator is older than 15 minutes")
        if int(position) < shard.trimmed_before and any(
            n >= int(position) for n, _ in shard.records if n < shard.trimmed_before
        ):
            raise TrimmedDataError("records are trimmed")
        found = [
            (number, each)
            for number, each in shard.records
            if number >= max(int(position), shard.trimmed_before)
        ]
        page = found[:PAGE]
        rest = found[PAGE:]
        after = page[-1][0] + 1 if page else int(position)
        ended = shard.sealed and not rest
        following = None if ended else f"{generation}|{arn}|{shard_id}|{after}"
        return Page(tuple(each for _, each in page), following, 0.0)

    async def _call(self, operation: str, about: str) -> None:
        self.calls.append((operation, about))
        while about in self.hung:
            await asyncio.sleep(1)
        await asyncio.sleep(self.latency_seconds)
        faults = self.faults.get(operation)
        fault = faults.pop(0) if faults else None
        if fault is not None:
            raise fault

    def _of(self, arn: str) -> dict[str, ScriptedShard]:
        if arn == self.arn:
            return self.shards
        if arn in self.past:
            return self.past[arn]
        raise ShardNotFoundError(f"{arn} does not exist any more")

    def _shard(self, arn: str, shard_id: str) -> ScriptedShard:
        shards = self._of(arn)
        if shard_id not in shards:
            raise ShardNotFoundError(f"{shard_id} is gone")
        return shards[shard_id]


def _listed(shard: ScriptedShard) -> Shard:
    return Shard(shard.shard_id, shard.parent_id, sealed=shard.sealed)


class SinkDouble:
    """Remembers keys; a resync reads the whole table, as the real one does."""

    def __init__(self, table: Mapping[str, int]) -> None:
        self._table = table
        self.keys: list[str] = []
        self.resyncs: list[str] = []
        self.seen: dict[str, int] = {}

    def changed(self, key: str, written_at: float | None) -> None:
        self.keys.append(key)
        self.seen[key] = self._table.get(key, 0)

    def request_resync(self, reason: str) -> None:
        self.resyncs.append(reason)
        self.seen.update(self._table)

    def is_last_written_status(self, name: str, raw_status: Any) -> bool:
        return False


class CountingObserver:
    """Counts."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def polled(self, records: int) -> None:
        """Nothing."""

    def failed(self, error: str) -> None:
        self.errors.append(error)

    def shards(self, reading: int, known: int) -> None:
        """Nothing."""

    def resync_requested(self, reason: str) -> None:
        """Nothing."""
