"""Requests of conditional writes: which item, and what of it must still be as it was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gco_stream_reconciler.aws.item_reads import Item


@dataclass(frozen=True, slots=True)
class Unchanged:
    """An item of which some attributes must still be as they were read, absent ones absent."""

    item: Item
    attributes: tuple[str, ...]

    def request(self, table: str) -> dict[str, Any]:
        """Key and condition of a write."""
        conditions = ["attribute_exists(endpoint_name)"]
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        for number, attribute in enumerate(self.attributes):
            names[f"#a{number}"] = attribute
            if attribute in self.item:
                values[f":a{number}"] = self.item[attribute]
                conditions.append(f"#a{number} = :a{number}")
            else:
                conditions.append(f"attribute_not_exists(#a{number})")
        request: dict[str, Any] = {
            "TableName": table,
            "Key": {"endpoint_name": self.item["endpoint_name"]},
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": names,
        }
        return {**request, "ExpressionAttributeValues": values} if values else request


@dataclass(frozen=True, slots=True)
class SameEndpoint:
    """Which item a write is about."""

    name: str
    created_at: str | None
    desired_state: str | None

    def request(self, table: str, update: str, extra: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """UpdateItem with the conditions that every status write has, and one of its own."""
        conditions = ["attribute_exists(endpoint_name)", extra]
        names = {"#statuses": "region_status"}
        bound = dict(values)
        if self.created_at is None:
            # One that is no text was read as none.
            conditions.append("(attribute_not_exists(created_at) OR NOT attribute_type(created_at, :text))")
            bound[":text"] = {"S": "S"}
        else:
            conditions.append("created_at = :created")
            bound[":created"] = {"S": self.created_at}
        if self.desired_state is not None:
            conditions.append("desired_state = :desired")
            bound[":desired"] = {"S": self.desired_state}
        return {
            "TableName": table,
            "Key": {"endpoint_name": {"S": self.name}},
            "UpdateExpression": update,
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": bound,
        }


def within_map(condition: SameEndpoint, table: str, region: str, status: Mapping[str, Any]) -> dict[str, Any]:
    """The map is there: set our entry alone, so that other Regions' writes and ours do not meet."""
    request = condition.request(
        table,
        "SET #statuses.#region = :status",
        "attribute_type(#statuses, :map)",
        {":status": status, ":map": {"S": "M"}},
    )
    request["ExpressionAttributeNames"]["#region"] = region
    return request


def whole_map(condition: SameEndpoint, table: str, region: str, status: Mapping[str, Any]) -> dict[str, Any]:
    """The map is absent or of another type: a nested SET would fail, so the whole attribute is set."""
    return condition.request(
        table,
        "SET #statuses = :statuses",
        "(attribute_not_exists(#statuses) OR NOT attribute_type(#statuses, :map))",
        {":statuses": {"M": {region: status}}, ":map": {"S": "M"}},
    )
