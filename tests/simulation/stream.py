"""The table's stream: shards with a lineage, iterators that expire, records that are trimmed."""

import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from botocore.exceptions import ClientError

ITERATOR_SECONDS = 900.0
SHARDS_A_PAGE = 3
RECORDS_A_PAGE = 4
Item = dict[str, Any]


def refusal(code: str, status: int = 400) -> ClientError:
    """What the SDK raises for an error answer."""
    answer = {
        "Error": {"Code": code, "Message": "injected"},
        "ResponseMetadata": {
            "HTTPStatusCode": status,
            "RequestId": "",
            "HostId": "",
            "HTTPHeaders": {},
            "RetryAttempts": 0,
        },
    }
    return ClientError(answer, "Simulated")  # type: ignore[arg-type]


@dataclass
class _Shard:
    shard_id: str
    parent_id: str | None
    listed_from: float
    sealed: bool = False
    # Records below this number are lost; 0 if none is.
    trimmed_before: int = 0
    records: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def since(self, position: int) -> list[tuple[int, dict[str, Any]]]:
        """The records from a number on; mostly there are none."""
        if not self.records or self.records[-1][0] < position:
            return []
        return self.records[bisect_left(self.records, position, key=lambda record: record[0]) :]


class Stream:
    """What DynamoDB Streams holds of one table. `clock` is virtual seconds."""

    def __init__(self, clock: Callable[[], float], epoch: float, random: Random) -> None:
        self._clock = clock
        self._epoch = epoch
        self._random = random
        self._number = 0
        self._made = 0
        self._generation = 0
        self._streams: dict[str, dict[str, _Shard]] = {}
        self.arn = ""
        self.renew()

    # --- What happens to it -----------------------------------------------------------------------------------

    def renew(self) -> None:
        """The table gets another stream; the old one is sealed and stays readable."""
        for shard in self._streams.get(self.arn, {}).values():
            shard.sealed = True
        self.arn = f"arn:aws:dynamodb:us-east-1:1:table/t/stream/{len(self._streams) + 1}"
        self._streams[self.arn] = {}
        for _ in range(2):
            self._open(None, 0.0)

    def roll(self, *, children: int = 1) -> str:
        """Seal an open shard; its children may be listed some seconds late."""
        leaf = self._random.choice(self._leaves())
        leaf.sealed = True
        for _ in range(children):
            self._open(leaf.shard_id, self._random.choice((0.0, 0.0, 4.0)))
        return leaf.shard_id

    def trim(self) -> None:
        """A shard's records so far are gone, read or not."""
        shard = self._random.choice(list(self._streams[self.arn].values()))
        if shard.records:
            shard.trimmed_before = shard.records[-1][0] + 1
        shard.records.clear()

    def forget_old_shards(self) -> None:
        """Sealed shards without records vanish, as after 24 hours."""
        shards = self._streams[self.arn]
        for shard in [each for each in shards.values() if each.sealed and not each.records]:
            if any(other.parent_id == shard.shard_id for other in shards.values()):
                del shards[shard.shard_id]

    def roll_all(self) -> list[str]:
        """Every open shard is followed by one child, as after four hours; returns those that are sealed now."""
        leaves = self._leaves()
        for leaf in leaves:
            leaf.sealed = True
            self._open(leaf.shard_id, self._random.choice((0.0, 0.0, 4.0)))
        return [leaf.shard_id for leaf in leaves]

    def forget(self, shard_ids: Iterable[str]) -> None:
        """Shards vanish with their records, as a day after they were sealed."""
        for shard_id in shard_ids:
            self._streams[self.arn].pop(shard_id, None)

    def expire_iterators(self) -> None:
        """Every iterator given out so far is too old."""
        self._generation += 1

    def write(self, name: str, old: Item | None, new: Item | None) -> None:
        """A change of the table."""
        leaves = self._leaves()
        shard = leaves[zlib.crc32(name.encode()) % len(leaves)]
        self._number += 1
        change: dict[str, Any] = {
            "Keys": {"endpoint_name": {"S": name}},
            "SequenceNumber": f"{self._number:021d}",
            "ApproximateCreationDateTime": float(int(self._epoch + self._clock())),
        }
        if old is not None:
            change["OldImage"] = old
        if new is not None:
            change["NewImage"] = new
        event = "REMOVE" if new is None else "INSERT" if old is None else "MODIFY"
        shard.records.append((self._number, {"eventName": event, "dynamodb": change}))

    def _open(self, parent_id: str | None, hidden: float) -> None:
        self._made += 1
        shard = _Shard(f"shardId-{self._made:08d}", parent_id, self._clock() + hidden)
        self._streams[self.arn][shard.shard_id] = shard

    def _leaves(self) -> list[_Shard]:
        return [shard for shard in self._streams[self.arn].values() if not shard.sealed]

    @property
    def size(self) -> int:
        """Shards of the present stream."""
        return len(self._streams[self.arn])

    # --- What is asked of it ----------------------------------------------------------------------------------

    def describe(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """DescribeStream."""
        arn = request["StreamArn"]
        if arn not in self._streams:
            raise refusal("ResourceNotFoundException")
        shards = [shard for shard in self._streams[arn].values() if shard.listed_from <= self._clock()]
        wanted = request.get("ShardFilter")
        if wanted:
            shards = [shard for shard in shards if shard.parent_id == wanted["ShardId"]]
        start = request.get("ExclusiveStartShardId")
        if start:
            shards = [shard for shard in shards if shard.shard_id > start]
        page = shards[:SHARDS_A_PAGE]
        description: dict[str, Any] = {
            "StreamArn": arn,
            "StreamStatus": "ENABLED" if arn == self.arn else "DISABLED",
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            "Shards": [_shown(shard) for shard in page],
        }
        if len(shards) > len(page):
            description["LastEvaluatedShardId"] = page[-1].shard_id
        return description

    def iterator(self, request: Mapping[str, Any]) -> str:
        """GetShardIterator."""
        arn = request["StreamArn"]
        shard = self._shard(arn, request["ShardId"])
        kind = request["ShardIteratorType"]
        if kind == "LATEST":
            position = max((number for number, _ in shard.records), default=self._number) + 1
        elif kind == "TRIM_HORIZON":
            position = shard.trimmed_before
        else:
            position = int(request["SequenceNumber"]) + 1
            if position < shard.trimmed_before:
                raise refusal("TrimmedDataAccessException")
        return self._iterator(arn, shard.shard_id, position)

    def records(self, iterator: str) -> dict[str, Any]:
        """GetRecords."""
        generation, made, arn, shard_id, position = iterator.split("|")
        shard = self._shard(arn, shard_id)
        if int(generation) < self._generation or self._clock() - float(made) > ITERATOR_SECONDS:
            raise refusal("ExpiredIteratorException")
        if int(position) < shard.trimmed_before:
            raise refusal("TrimmedDataAccessException")
        found = shard.since(int(position))
        page = found[:RECORDS_A_PAGE]
        after = page[-1][0] + 1 if page else int(position)
        answer: dict[str, Any] = {"Records": [each for _, each in page]}
        if not shard.sealed or len(found) > len(page):
            answer["NextShardIterator"] = self._iterator(arn, shard_id, after)
        return answer

    def _iterator(self, arn: str, shard_id: str, position: int) -> str:
        return f"{self._generation}|{self._clock():.3f}|{arn}|{shard_id}|{position}"

    def _shard(self, arn: str, shard_id: str) -> _Shard:
        shard = self._streams.get(arn, {}).get(shard_id)
        if shard is None:
            raise refusal("ResourceNotFoundException")
        return shard


def _shown(shard: _Shard) -> dict[str, Any]:
    numbers = {"StartingSequenceNumber": "1", **({"EndingSequenceNumber": "9"} if shard.sealed else {})}
    parent = {"ParentShardId": shard.parent_id} if shard.parent_id else {}
    return {"ShardId": shard.shard_id, "SequenceNumberRange": numbers, **parent}
