"""The endpoint table: reads, scans, and the three writes that the controller makes: status, promotion, purge."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from random import Random
from typing import Any, TypeVar

from gco_stream_reconciler.aws.answers import UnreadableAnswerError
from gco_stream_reconciler.aws.calls import with_retries
from gco_stream_reconciler.aws.conditions import SameEndpoint, Unchanged, whole_map, within_map
from gco_stream_reconciler.aws.errors import own_errors
from gco_stream_reconciler.aws.item_reads import Found, Item, ItemReads
from gco_stream_reconciler.aws.session import Clients
from gco_stream_reconciler.errors import ConditionFailedError, LeaseNotHeldError
from gco_stream_reconciler.settings import PlaceSettings

T = TypeVar("T")

_ATTRIBUTES = (
    "created_at", "created_by", "desired_state", "ingress_path", "labels", "namespace",
    "reconcile_requested_at", "region_status", "spec", "target_regions", "updated_at",
)  # fmt: skip

# A page is parsed in one go, while nothing else runs: of the service's own size, 1 MB, it may hold 2,000 items.
_ITEMS_A_PAGE = 250

CALL_SECONDS = 8.0
"""Deadline of one call, its quick retries included."""


@dataclass(frozen=True, slots=True)
class TableDescription:
    """What identifies a table. `table_id` stays the same for its life and is given to no other."""

    table_id: str


def table_id(table: Mapping[str, Any]) -> str:
    """Identity of a described table. Emulators give no TableId; there the time of the creation tells two tables apart."""
    found = table.get("TableId")
    if found:
        return str(found)
    created = table.get("CreationDateTime")
    moment = created.timestamp() if isinstance(created, datetime) else created
    return str(table["TableArn"]) if moment is None else f"{table['TableArn']} of {float(moment):.3f}"


class EndpointTable:
    """Reads go to the read Region, writes to the home Region.

    `may_write` is asked before every write is sent; `False` refuses it with LeaseNotHeldError. A process that was
    paused past its lease finds out there.

    Every method raises UnavailableError, ThrottledError, PermissionDeniedError, TableNotFoundError or
    ConfigurationError (no credentials).
    """

    def __init__(
        self,
        clients: Clients,
        place: PlaceSettings,
        *,
        random: Random,
        may_write: Callable[[], bool],
    ) -> None:
        self._clients = clients
        self._may_write = may_write
        self._name = place.table_name
        self._home = f"table {place.table_name} in {place.home_region}"
        self._local = f"table {place.table_name} in {place.read_region}"
        self._random = random
        self._reads = ItemReads(self._local_item, self._local_items, where=self._local)

    async def describe(self) -> TableDescription:
        """The home table."""

        async def call() -> Mapping[str, Any]:
            with own_errors("dynamodb:DescribeTable", self._home):
                answer = await self._clients.home.describe_table(TableName=self._name)
            table: Mapping[str, Any] = answer["Table"]
            return table

        return TableDescription(table_id(await self._retried(call, f"description of {self._home}")))

    async def get(self, name: str) -> Item | None:
        """One item as the read Region has it (a consistent read there), or None."""
        return await self._retried(lambda: self._reads.get(name), f"item {name!a} of {self._local}")

    async def get_home(self, name: str) -> Item | None:
        """One item as the home Region has it, or None: for what destroys something."""

        async def call() -> Item | None:
            return await self._item(self._clients.home, self._home, name)

        return await self._retried(call, f"item {name!a} of {self._home}")

    def scan(self) -> AsyncIterator[list[Item]]:
        """Every item of the read Region, page by page, read consistently. An incomplete scan raises."""
        return self._pages(self._clients.local, self._local)

    async def write_status(
        self,
        *,
        name: str,
        region: str,
        created_at: str | None,
        status: Mapping[str, Any],
        only_if_desired_state: str | None = None,
        region_status_exists: bool,
    ) -> None:
        """Set `region_status.{region}` to an attribute value, touching nothing else.

        Raises ConditionFailedError when the item is gone, another incarnation (`created_at`), or in another
        desired state than the one that the status speaks of.
        """
        condition = SameEndpoint(name, created_at, only_if_desired_state)
        variants = (within_map, whole_map) if region_status_exists else (whole_map, within_map)
        try:
            await self._update(variants[0](condition, self._name, region, status), "status write")
        except ConditionFailedError:
            # Perhaps only the map came or went since the item was read: the other form decides.
            await self._update(variants[1](condition, self._name, region, status), "status write")

    async def promote(self, item: Item) -> None:
        """Set desired_state to running, if what that rests on is as in `item`; updated_at stays.

        Raises ConditionFailedError.
        """
        unchanged = Unchanged(item, ("created_at", "desired_state", "spec", "target_regions"))
        request = unchanged.request(self._name)
        request["UpdateExpression"] = "SET desired_state = :running"
        request["ExpressionAttributeValues"] = {
            **request.get("ExpressionAttributeValues", {}),
            ":running": {"S": "running"},
        }
        await self._update(request, "promotion")

    async def purge(self, item: Item) -> None:
        """Delete the item if every attribute is as in `item`. Raises ConditionFailedError."""
        # What is absent must be absent still: an attribute that was added since is a change too.
        request = Unchanged(item, tuple(sorted({*item, *_ATTRIBUTES}))).request(self._name)

        async def call() -> None:
            with own_errors("dynamodb:DeleteItem", self._home):
                await self._clients.home.delete_item(**request)

        await self._written(call, "purge")

    async def names_at_home(self) -> frozenset[str]:
        """Every endpoint of the home table, read consistently. An incomplete scan raises."""
        pages = self._pages(self._clients.home, self._home, names_only=True)
        return frozenset([_name(item) async for page in pages for item in page])

    async def _local_item(self, name: str) -> Item | None:
        return await self._item(self._clients.local, self._local, name)

    async def _item(self, client: Any, where: str, name: str) -> Item | None:
        with own_errors("dynamodb:GetItem", where):
            answer = await client.get_item(TableName=self._name, Key=_key(name), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    async def _local_items(self, names: Sequence[str]) -> Found:
        asked = {"Keys": [_key(name) for name in names], "ConsistentRead": True}
        with own_errors("dynamodb:BatchGetItem", self._local):
            answer = await self._clients.local.batch_get_item(RequestItems={self._name: asked})
            return _found(answer, names)

    async def _pages(self, client: Any, where: str, *, names_only: bool = False) -> AsyncIterator[list[Item]]:
        request: dict[str, Any] = {"TableName": self._name, "ConsistentRead": True}
        if names_only:
            request["ProjectionExpression"] = "endpoint_name"
        else:
            request["Limit"] = _ITEMS_A_PAGE

        async def call() -> Mapping[str, Any]:
            with own_errors("dynamodb:Scan", where):
                page: Mapping[str, Any] = await client.scan(**request)
            return page

        while True:
            page = await self._retried(call, f"scan of {where}")
            yield list(page.get("Items", ()))
            if not page.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    async def _update(self, request: Mapping[str, Any], what: str) -> None:
        async def call() -> None:
            with own_errors("dynamodb:UpdateItem", self._home):
                await self._clients.home.update_item(**request)

        await self._written(call, what)

    async def _written(self, call: Callable[[], Awaitable[None]], what: str) -> None:
        what = f"{what} in {self._home}"

        async def attempt() -> None:
            if not self._may_write():
                raise LeaseNotHeldError(f"{what} not sent: this process does not hold the lease (any more)")
            await call()

        # Each write sets the same again, or fails on its condition: one of unclear outcome may be repeated.
        await self._retried(attempt, what)

    async def _retried(self, call: Callable[[], Awaitable[T]], what: str) -> T:
        return await with_retries(call, seconds=CALL_SECONDS, what=what, random=self._random)


def _key(name: str) -> dict[str, Any]:
    return {"endpoint_name": {"S": name}}


def _found(answer: Mapping[str, Any], names: Sequence[str]) -> Found:
    """Raises UnreadableAnswerError: what cannot be read must say of no item that it is gone."""
    try:
        tables = answer["Responses"].values()
        left = [key for table in (answer.get("UnprocessedKeys") or {}).values() for key in table["Keys"]]
        return Found(
            items={_name(item): item for items in tables for item in items},
            # An answer that speaks of no table says of no item that it is gone.
            unanswered=frozenset(map(_name, left) if tables else names),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise UnreadableAnswerError(
            status=HTTPStatus.OK, operation="BatchGetItem", start=f"{type(error).__name__}: {error}"
        ) from error


def _name(item: Mapping[str, Any]) -> str:
    return str(item["endpoint_name"]["S"])
