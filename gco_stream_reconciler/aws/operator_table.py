"""What operators' commands ask of the home table: its description, a new table, conditional writes of items."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from gco_stream_reconciler.aws.calls import within
from gco_stream_reconciler.aws.errors import own_errors
from gco_stream_reconciler.aws.item_reads import Item
from gco_stream_reconciler.aws.session import Clients
from gco_stream_reconciler.settings import PlaceSettings

T = TypeVar("T")

_CALL_SECONDS = 8.0
_CREATE_SECONDS = 120.0
_LOOK_SECONDS = 1.0


class OperatorTable:
    """Each call is sent once: after a lost answer nobody can tell whether a condition failed by our own first try.

    where: table and Region, for messages. Every method raises the errors of `aws.errors.own_errors`; after an
    UnavailableError of a write it is unknown whether it was written.
    """

    def __init__(self, clients: Clients, place: PlaceSettings) -> None:
        self.where = f"table {place.table_name} in {place.home_region}"
        self._client = clients.home
        self._name = place.table_name

    async def describe(self) -> Mapping[str, Any]:
        """The `Table` of DescribeTable."""
        answer = await self._sent(
            "dynamodb:DescribeTable", "description of", self._client.describe_table(TableName=self._name)
        )
        table: Mapping[str, Any] = answer["Table"]
        return table

    async def create_table(self, *, stream_view: str) -> None:
        """Make the table with GCO's key, billed per request, and a stream; returns when it is ACTIVE."""
        request = self._client.create_table(
            TableName=self._name,
            KeySchema=[{"AttributeName": "endpoint_name", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "endpoint_name", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": stream_view},
        )
        await self._sent("dynamodb:CreateTable", "creation of", request)
        await within(_CREATE_SECONDS, f"{self.where} becoming ACTIVE", self._active())

    async def create(self, item: Mapping[str, Any]) -> None:
        """Put an item; raises ConditionFailedError where one of its name is there."""
        request = {
            "TableName": self._name,
            "Item": dict(item),
            "ConditionExpression": "attribute_not_exists(endpoint_name)",
        }
        await self._sent("dynamodb:PutItem", "write to", self._client.put_item(**request))

    async def change(self, name: str, expressions: Mapping[str, Any]) -> Item:
        """Update an item and return it as it is then. Raises ConditionFailedError.

        expressions: update and condition of an UpdateItem, with their names and values.
        """
        request = {"TableName": self._name, "Key": {"endpoint_name": {"S": name}}, **expressions}
        call = self._client.update_item(**request, ReturnValues="ALL_NEW")
        item: Item = (await self._sent("dynamodb:UpdateItem", "write to", call))["Attributes"]
        return item

    async def _active(self) -> None:
        # Only asking tells.
        while (await self.describe()).get("TableStatus") != "ACTIVE":  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)

    async def _sent(self, action: str, what: str, call: Awaitable[T]) -> T:
        with own_errors(action, self.where):
            return await within(_CALL_SECONDS, f"{what} {self.where}", call)
