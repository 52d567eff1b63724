"""Operators' reads and conditional writes of items, always in the home Region."""

from collections.abc import Mapping
from typing import Any

from gco_stream_reconciler.aws.calls import within
from gco_stream_reconciler.aws.errors import own_errors
from gco_stream_reconciler.cli.edits import Edit
from gco_stream_reconciler.cli.ending import CommandError, Exit
from gco_stream_reconciler.errors import ConditionFailedError, UnavailableError
from gco_stream_reconciler.settings import PlaceSettings

Item = dict[str, Any]

_CALL_SECONDS = 8.0


class OperatorTable:
    """Each write is sent once: after a lost answer nobody can tell whether a condition failed by our own first try.

    Methods raise the errors of `aws.errors.own_errors`.
    """

    def __init__(self, client: Any, place: PlaceSettings) -> None:
        self._client = client
        self._name = place.table_name
        self._where = f"table {place.table_name} in {place.home_region}"

    async def get(self, name: str) -> Item:
        """The item. Raises CommandError where there is none."""
        request = {"TableName": self._name, "Key": {"endpoint_name": {"S": name}}, "ConsistentRead": True}
        with own_errors("dynamodb:GetItem", self._where):
            answer = await within(_CALL_SECONDS, f"read of {self._where}", self._client.get_item(**request))
        item: Item | None = answer.get("Item")
        if item is None:
            raise self._unknown(name)
        return item

    def _unknown(self, name: str) -> CommandError:
        return CommandError(
            f"no endpoint {name!a} in {self._where}: `gco-stream-reconciler status` lists those there are",
            Exit.NOT_FOUND,
        )

    async def create(self, item: Mapping[str, Any]) -> None:
        """Put an item that is not there yet. Raises CommandError where it is."""
        request = {
            "TableName": self._name,
            "Item": dict(item),
            "ConditionExpression": "attribute_not_exists(endpoint_name)",
        }
        name = item["endpoint_name"]["S"]
        try:
            await self._send("dynamodb:PutItem", self._client.put_item(**request))
        except ConditionFailedError as error:
            raise CommandError(
                f"endpoint {name} exists already in {self._where}: change it with `endpoint update-image` or "
                "`endpoint scale`, or delete it first",
                Exit.ALREADY_EXISTS,
            ) from error

    async def change(self, name: str, edit: Edit) -> Item:
        """Carry an edit out; returns the item after it. Raises ConditionFailedError where it was changed meanwhile."""
        request = {"TableName": self._name, "Key": {"endpoint_name": {"S": name}}, **edit.request()}
        request["ReturnValues"] = "ALL_NEW"
        try:
            answer = await self._send("dynamodb:UpdateItem", self._client.update_item(**request))
        except ConditionFailedError as error:
            raise ConditionFailedError(
                f"endpoint {name} was changed by somebody else in this very moment, so nothing was written: "
                "look at `status` and run the command again"
            ) from error
        item: Item = answer["Attributes"]
        return item

    async def _send(self, action: str, call: Any) -> Mapping[str, Any]:
        try:
            with own_errors(action, self._where):
                answer: Mapping[str, Any] = await within(_CALL_SECONDS, f"write to {self._where}", call)
        except UnavailableError as error:
            raise UnavailableError(f"{error}; whether it was written is unknown, `status` tells") from error
        return answer
