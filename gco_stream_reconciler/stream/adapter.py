"""A stream behind a Kinesis-shaped interface, and DynamoDB Streams as its first implementation.

The engine above knows shards, iterators and records, not the service; Kinesis Data Streams for DynamoDB can become a
second implementation of `StreamAdapter`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from gco_stream_reconciler.errors import RetryableError, StreamNotEnabledError
from gco_stream_reconciler.stream.switching import enabling, region_of

Record = Mapping[str, Any]
"""A change record in the SDK's shape: `eventName`, and `dynamodb` with Keys, images, SequenceNumber, time."""

_ENABLED = "ENABLED"


@dataclass(frozen=True, slots=True)
class StreamDescription:
    """A stream. `status` is ENABLING, ENABLED, DISABLING or DISABLED."""

    arn: str
    status: str
    view_type: str


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as listed. `sealed`: it has an ending sequence number, so it takes no further record."""

    shard_id: str
    parent_id: str | None = None
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class ShardListing:
    """Shards of a stream. `complete` is False where a page could not be had: absence then says nothing."""

    shards: tuple[Shard, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class StartPosition:
    """Where an iterator begins. `sequence_number` goes with AFTER_SEQUENCE_NUMBER only."""

    kind: Literal["LATEST", "TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER"]
    sequence_number: str | None = None


LATEST = StartPosition("LATEST")
TRIM_HORIZON = StartPosition("TRIM_HORIZON")


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of GetRecords. `next_iterator` None: the shard is sealed and this was its last page.

    `lag_seconds`: how far its end is behind the present, 0 for a page without records.
    """

    records: tuple[Record, ...]
    next_iterator: str | None
    lag_seconds: float = 0.0


class StreamAdapter(Protocol):
    """A Kinesis-shaped stream.

    Methods raise ExpiredIteratorError, TrimmedDataError, ShardNotFoundError, ThrottledError, UnavailableError or
    PermissionDeniedError; `describe` also TableNotFoundError and StreamNotEnabledError.
    """

    async def describe(self) -> StreamDescription:
        """The table's present stream."""

    async def list_shards(self, arn: str) -> ShardListing:
        """Every shard. Raises only if not even the first page can be had."""

    async def list_children(self, arn: str, parent_id: str) -> tuple[Shard, ...]:
        """The children of a sealed shard."""

    async def get_shard_iterator(self, arn: str, shard_id: str, start: StartPosition) -> str:
        """An iterator."""

    async def get_records(self, iterator: str) -> Page:
        """One page."""


class DynamoDbStreamsApi(Protocol):
    """DynamoDB Streams in the SDK's own shapes."""

    async def stream_of_table(self) -> Mapping[str, Any]:
        """DescribeTable's `Table`."""

    async def describe_stream(
        self,
        arn: str,
        *,
        exclusive_start_shard_id: str | None = None,
        shard_filter: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """One page: a `StreamDescription`."""

    async def get_shard_iterator(
        self, arn: str, shard_id: str, iterator_type: str, sequence_number: str | None = None
    ) -> str:
        """An iterator."""

    async def get_records(self, iterator: str, limit: int = 1000) -> Mapping[str, Any]:
        """Records and NextShardIterator."""


class DynamoDbStreamsAdapter:
    """DynamoDB Streams as a StreamAdapter. `now` is epoch seconds, for the lag."""

    def __init__(self, api: DynamoDbStreamsApi, *, now: Callable[[], float]) -> None:
        self._api = api
        self._now = now

    async def describe(self) -> StreamDescription:
        """Resolve table → LatestStreamArn; raises StreamNotEnabledError where there is none."""
        found = await self._described(await self._latest_arn())
        if found.status == _ENABLED:
            return found
        # Not enabled may mean: exchanged for another one since the table was asked.
        arn = await self._latest_arn()
        return found if arn == found.arn else await self._described(arn)

    async def _latest_arn(self) -> str:
        table = await self._api.stream_of_table()
        arn = table.get("LatestStreamArn")
        if not arn:
            name = table.get("TableName", "the endpoint table")
            remedy = enabling(name, region_of(table.get("TableArn", "")))
            raise StreamNotEnabledError(f"table {name} has no stream; enable it: {remedy}")
        return str(arn)

    async def _described(self, arn: str) -> StreamDescription:
        page = await self._api.describe_stream(arn)
        return StreamDescription(
            arn=arn,
            status=str(page.get("StreamStatus", _ENABLED)),
            view_type=str(page.get("StreamViewType", "")),
        )

    async def list_shards(self, arn: str) -> ShardListing:
        """Page through DescribeStream (100 shards a page, no paginator in botocore)."""
        shards: list[Shard] = []
        position: str | None = None
        while True:
            try:
                page = await self._api.describe_stream(arn, exclusive_start_shard_id=position)
            except RetryableError:
                if position is None:
                    raise
                return ShardListing(tuple(shards), complete=False)
            shards.extend(_shard(raw) for raw in page.get("Shards", ()))
            position = page.get("LastEvaluatedShardId")
            if position is None:
                return ShardListing(tuple(shards))

    async def list_children(self, arn: str, parent_id: str) -> tuple[Shard, ...]:
        """CHILD_SHARDS. A service that ignores the filter (DynamoDB Local) gives other shards: then all are listed."""
        page = await self._api.describe_stream(
            arn, shard_filter={"Type": "CHILD_SHARDS", "ShardId": parent_id}
        )
        found = tuple(_shard(raw) for raw in page.get("Shards", ()))
        if any(shard.parent_id != parent_id for shard in found):
            found = (await self.list_shards(arn)).shards
        return tuple(shard for shard in found if shard.parent_id == parent_id)

    async def get_shard_iterator(self, arn: str, shard_id: str, start: StartPosition) -> str:
        """GetShardIterator."""
        return await self._api.get_shard_iterator(arn, shard_id, start.kind, start.sequence_number)

    async def get_records(self, iterator: str) -> Page:
        """GetRecords. DynamoDB tells no lag: it is the age of the newest record, 0 for an empty page."""
        answer = await self._api.get_records(iterator)
        records = tuple(answer.get("Records", ()))
        written = written_at(records[-1]) if records else None
        lag = max(0.0, self._now() - written) if written is not None else 0.0
        return Page(records, answer.get("NextShardIterator") or None, lag)


def written_at(record: Record) -> float | None:
    """When the change was made, in epoch seconds; the service rounds it down to the second."""
    moment = record.get("dynamodb", {}).get("ApproximateCreationDateTime")
    if isinstance(moment, datetime):
        return moment.timestamp()
    return float(moment) if isinstance(moment, int | float) else None


def sequence_number(record: Record) -> str | None:
    """The record's place in its shard."""
    number = record.get("dynamodb", {}).get("SequenceNumber")
    return str(number) if number is not None else None


def _shard(raw: Mapping[str, Any]) -> Shard:
    ending = (raw.get("SequenceNumberRange") or {}).get("EndingSequenceNumber")
    return Shard(str(raw["ShardId"]), raw.get("ParentShardId") or None, sealed=ending is not None)
