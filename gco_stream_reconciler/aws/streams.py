"""DynamoDB Streams: four calls, with the SDK's own shapes in and out.

No quick retries: a shard's reader has its own rhythm and backs off itself.
"""

from collections.abc import Awaitable, Mapping
from typing import Any

from gco_stream_reconciler.aws.calls import within
from gco_stream_reconciler.aws.errors import STREAM_GONE, own_errors
from gco_stream_reconciler.aws.session import Clients
from gco_stream_reconciler.settings import PlaceSettings

CALL_SECONDS = 10.0
"""Deadline of one call."""


class DynamoDbStreams:
    """The stream of the endpoint table in the read Region.

    Methods raise ExpiredIteratorError, TrimmedDataError, ShardNotFoundError, ThrottledError, UnavailableError,
    PermissionDeniedError; `stream_of_table` also TableNotFoundError.
    """

    def __init__(self, clients: Clients, place: PlaceSettings) -> None:
        self._clients = clients
        self._table = place.table_name
        self._where = f"table {place.table_name} in {place.read_region}"

    async def stream_of_table(self) -> dict[str, Any]:
        """DescribeTable's `Table`: LatestStreamArn, StreamSpecification, TableStatus and the rest."""
        with own_errors("dynamodb:DescribeTable", self._where):
            answer = await self._bounded(self._clients.local.describe_table(TableName=self._table))
        return dict(answer["Table"])

    async def describe_stream(
        self,
        arn: str,
        *,
        exclusive_start_shard_id: str | None = None,
        shard_filter: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One page of DescribeStream: its `StreamDescription`."""
        request: dict[str, Any] = {"StreamArn": arn}
        if exclusive_start_shard_id is not None:
            request["ExclusiveStartShardId"] = exclusive_start_shard_id
        if shard_filter is not None:
            request["ShardFilter"] = dict(shard_filter)
        with own_errors("dynamodb:DescribeStream", f"stream {arn}", missing=STREAM_GONE):
            answer = await self._bounded(self._clients.streams.describe_stream(**request))
        return dict(answer["StreamDescription"])

    async def get_shard_iterator(
        self, arn: str, shard_id: str, iterator_type: str, sequence_number: str | None = None
    ) -> str:
        """An iterator; valid for 15 minutes."""
        request = {"StreamArn": arn, "ShardId": shard_id, "ShardIteratorType": iterator_type}
        if sequence_number is not None:
            request["SequenceNumber"] = sequence_number
        with own_errors(
            "dynamodb:GetShardIterator", f"shard {shard_id} of stream {arn}", missing=STREAM_GONE
        ):
            answer = await self._bounded(self._clients.streams.get_shard_iterator(**request))
        return str(answer["ShardIterator"])

    async def get_records(self, iterator: str, limit: int = 1000) -> dict[str, Any]:
        """GetRecords: `Records` and, unless the shard is drained, `NextShardIterator`."""
        with own_errors("dynamodb:GetRecords", f"the stream of {self._where}", missing=STREAM_GONE):
            answer = await self._bounded(
                self._clients.streams.get_records(ShardIterator=iterator, Limit=limit)
            )
        return dict(answer)

    async def _bounded(self, call: Awaitable[Mapping[str, Any]]) -> Mapping[str, Any]:
        return await within(CALL_SECONDS, f"a call about the stream of {self._where}", call)
