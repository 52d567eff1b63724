"""The endpoint table in memory, and the SDK's clients for one process."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from botocore.exceptions import ConnectionClosedError

from tests.simulation.conditions import holds, updated
from tests.simulation.faults import Faults, Link, never
from tests.simulation.story import Story
from tests.simulation.stream import Stream, refusal

TABLE_ID = "table-id-1"
ITEMS_A_PAGE = 2
Item = dict[str, Any]
Listener = Callable[[str, str, Item | None, Item | None], None]
"""Told of a write before it takes effect: by whom, name, old and new item."""


class Table:
    """Items, their whole history, and the stream of their changes.

    looked_at: when some process last read an item by its name.
    Invariants: an item is never changed in place. `history[name]` holds (virtual time, item or None) for every change, oldest first.
    """

    def __init__(self, clock: Callable[[], float], stream: Stream, story: Story) -> None:
        self._clock = clock
        self.stream = stream
        self._story = story
        self.items: dict[str, Item] = {}
        self.history: defaultdict[str, list[tuple[float, Item | None]]] = defaultdict(list)
        self.writes: dict[str, int] = defaultdict(int)
        self.looked_at: dict[str, float] = {}
        self.listeners: list[Listener] = []

    def put(self, actor: str, name: str, new: Item | None) -> None:
        """Write or remove an item."""
        old = self.items.get(name)
        if old == new:
            return
        for listener in self.listeners:
            listener(actor, name, old, new)
        self.writes[actor] += 1
        if new is None:
            del self.items[name]
        else:
            self.items[name] = new
        self.history[name].append((self._clock(), new))
        self.stream.write(name, old, new)
        self._story.tell(actor, f"item {name}: {_summary(new)}")


def _summary(item: Item | None) -> str:
    if item is None:
        return "gone"
    statuses = item.get("region_status", {}).get("M", {})
    told = {
        region: " ".join(
            str(next(iter(status["M"][field].values())))
            for field in ("state", "replicas_ready", "replicas_desired", "exposure", "message")
            if field in status["M"]
        )
        for region, status in statuses.items()
    }
    return f"{item.get('desired_state', {}).get('S')} {told}"


class Clients:
    """What a process holds of the SDK: `home` and `local` are one table here. Errors are botocore's own."""

    def __init__(
        self,
        table: Table,
        *,
        actor: str,
        link: Link,
        faults: Faults,
        random: Random,
        about_to_write: Callable[[str], None],
        has_written: Callable[[str], None],
    ) -> None:
        self._table = table
        self._actor = actor
        self._link = link
        self._faults = faults
        self._random = random
        self._about_to_write = about_to_write
        self._has_written = has_written
        self.home = self.local = self.streams = self

    # --- The table ----------------------------------------------------------------------------------------------

    async def describe_table(self, **_: Any) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            arn = self._table.stream.arn
            return {"TableName": "t", "TableId": TABLE_ID, "TableArn": "arn:t", "LatestStreamArn": arn}

        return {"Table": await self._read("table read", read)}

    async def get_item(self, **request: Any) -> dict[str, Any]:
        name = request["Key"]["endpoint_name"]["S"]

        found = await self._read("table read", lambda: self._look(name))
        return {"Item": found} if found is not None else {}

    async def batch_get_item(self, **request: Any) -> dict[str, Any]:
        ((table, asked),) = request["RequestItems"].items()
        await self._link.there()
        fault = self._faults.draw("table read")
        answered: list[Mapping[str, Any]] = asked["Keys"]
        if fault == "throttle":
            # The service answers what its capacity allowed; it refuses the whole call only where that was nothing.
            answered = answered[: self._random.randrange(len(answered))]
        if fault is not None and answered is asked["Keys"]:
            await self._spoil(fault)
        if not answered:
            raise refusal("ProvisionedThroughputExceededException")
        items = [self._look(key["endpoint_name"]["S"]) for key in answered]
        left = asked["Keys"][len(answered) :]
        await self._link.back()
        return {
            "Responses": {table: [item for item in items if item is not None]},
            "UnprocessedKeys": {table: {"Keys": left, "ConsistentRead": True}} if left else {},
        }

    def _look(self, name: str) -> Item | None:
        self._table.looked_at[name] = asyncio.get_running_loop().time()
        return self._table.items.get(name)

    async def scan(self, **request: Any) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            start = (request.get("ExclusiveStartKey") or {}).get("endpoint_name", {}).get("S", "")
            names = sorted(name for name in self._table.items if name > start)
            page: dict[str, Any] = {"Items": [self._table.items[name] for name in names[:ITEMS_A_PAGE]]}
            if len(names) > ITEMS_A_PAGE:
                page["LastEvaluatedKey"] = {"endpoint_name": {"S": names[ITEMS_A_PAGE - 1]}}
            return page

        page: dict[str, Any] = await self._read("table read", read)
        return page

    async def update_item(self, **request: Any) -> None:
        await self._write(request, lambda item: updated(request, item))

    async def delete_item(self, **request: Any) -> None:
        await self._write(request, lambda _: None)

    # --- The stream ---------------------------------------------------------------------------------------------

    async def describe_stream(self, **request: Any) -> dict[str, Any]:
        found = await self._read("stream", lambda: self._table.stream.describe(request))
        return {"StreamDescription": found}

    async def get_shard_iterator(self, **request: Any) -> dict[str, Any]:
        return {"ShardIterator": await self._read("stream", lambda: self._table.stream.iterator(request))}

    async def get_records(self, **request: Any) -> dict[str, Any]:
        iterator = request["ShardIterator"]
        answer: dict[str, Any] = await self._read(
            "stream", lambda: self._table.stream.records(iterator), records=True
        )
        return answer

    # --- One exchange -------------------------------------------------------------------------------------------

    async def _read(self, group: str, read: Callable[[], Any], *, records: bool = False) -> Any:
        await self._link.there()
        fault = self._faults.draw(group)
        if fault is not None:
            await self._spoil("throttle" if fault == "expired" and not records else fault)
        answer = read()
        if fault == "repeat" and records:
            answer["Records"] = [*answer["Records"], *answer["Records"]]
        await self._link.back()
        return answer

    async def _write(self, request: Mapping[str, Any], change: Callable[[Item | None], Item | None]) -> None:
        await self._link.there()
        fault = self._faults.draw("table write")
        if fault is not None:
            await self._spoil(fault)
        name = request["Key"]["endpoint_name"]["S"]
        self._about_to_write(f"item {name}")
        if self._link.dead:
            await never()
        item = self._table.items.get(name)
        if not holds(request, item):
            raise refusal("ConditionalCheckFailedException")
        self._table.put(self._actor, name, change(item))
        self._has_written(f"item {name}")
        if fault == "reset after":
            raise ConnectionClosedError(endpoint_url="dynamodb")
        if fault == "hang after" or self._link.dead:
            await never()
        await self._link.back()

    async def _spoil(self, fault: str) -> None:
        match fault:
            case "throttle":
                raise refusal("ProvisionedThroughputExceededException")
            case "500":
                raise refusal("InternalServerError", 500)
            case "expired":
                raise refusal("ExpiredIteratorException")
            case "reset before":
                raise ConnectionClosedError(endpoint_url="dynamodb")
            case "hang before":
                await never()
            case "slow":
                await asyncio.sleep(self._random.uniform(0.5, 5.0))
