"""The endpoint table as GCO makes it, and writes to it as GCO's command line makes them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

TABLE = "gco-inference-endpoints"


class Writer:
    """Writes items: no conditions, no versions, `updated_at` set by every write, as the real command line does."""

    def __init__(self, endpoint_url: str, *, region: str = "us-east-1", table: str = TABLE) -> None:
        self.table = table
        self.client = boto3.client(
            "dynamodb",
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",  # noqa: S106 - a made-up one for loopback
        )

    def create_table(self, *, stream: bool = True) -> None:
        """Make the table, with its stream."""
        specification: dict[str, Any] = {"StreamEnabled": stream}
        if stream:
            specification["StreamViewType"] = "NEW_AND_OLD_IMAGES"
        self.client.create_table(
            TableName=self.table,
            KeySchema=[{"AttributeName": "endpoint_name", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "endpoint_name", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification=specification,
        )

    def put(self, item: Mapping[str, Any]) -> None:
        """Put a whole item in DynamoDB JSON."""
        self.client.put_item(TableName=self.table, Item=dict(item))

    def get(self, name: str) -> dict[str, Any] | None:
        """The item in DynamoDB JSON."""
        found = self.client.get_item(
            TableName=self.table, Key={"endpoint_name": {"S": name}}, ConsistentRead=True
        )
        item: dict[str, Any] | None = found.get("Item")
        return item

    def deploy(
        self, name: str, spec: Mapping[str, Any], regions: list[str], namespace: str = "gco-inference"
    ) -> None:
        """A new endpoint."""
        now = _now()
        item = {
            "endpoint_name": name,
            "desired_state": "deploying",
            "target_regions": regions,
            "namespace": namespace,
            "spec": dict(spec),
            "ingress_path": f"/inference/{name}",
            "created_at": now,
            "updated_at": now,
            "region_status": {},
        }
        self.put({key: TypeSerializer().serialize(value) for key, value in item.items()})

    def stop(self, name: str) -> None:
        """Scale an endpoint to nothing."""
        self.set_state(name, "stopped")

    def start(self, name: str) -> None:
        """Let a stopped one run again."""
        self.set_state(name, "running")

    def delete(self, name: str) -> None:
        """Have an endpoint removed everywhere."""
        self.set_state(name, "deleted")

    def set_state(self, name: str, state: str) -> None:
        """What stop, start and delete write."""
        self._update(name, "SET desired_state = :value", {":value": {"S": state}})

    def scale(self, name: str, replicas: int) -> None:
        """Change spec.replicas."""
        self._update(name, "SET spec.replicas = :value", {":value": {"N": str(replicas)}})

    def set_spec(self, name: str, spec: Mapping[str, Any]) -> None:
        """Replace the whole spec, back to deploying, as update-image and the canary commands do."""
        values = {":value": TypeSerializer().serialize(dict(spec)), ":state": {"S": "deploying"}}
        self._update(name, "SET spec = :value, desired_state = :state", values)

    def update_image(self, name: str, image: str) -> None:
        """Put the spec that was read, with another image; what was written in between is lost, as in the original."""
        spec = {
            key: TypeDeserializer().deserialize(value)
            for key, value in (self.get(name) or {})["spec"]["M"].items()
        }
        self.set_spec(name, {**spec, "image": image})

    def set_regions(self, name: str, regions: list[str]) -> None:
        """Replace the target Regions, as add-region and remove-region do."""
        self._update(
            name, "SET target_regions = :value", {":value": {"L": [{"S": region} for region in regions]}}
        )

    def remove(self, name: str) -> None:
        """Delete the item itself, as nobody should by hand."""
        self.client.delete_item(TableName=self.table, Key={"endpoint_name": {"S": name}})

    def _update(self, name: str, expression: str, values: dict[str, Any]) -> None:
        self.client.update_item(
            TableName=self.table,
            Key={"endpoint_name": {"S": name}},
            UpdateExpression=f"{expression}, updated_at = :now",
            ExpressionAttributeValues={**values, ":now": {"S": _now()}},
        )


def _now() -> str:
    return datetime.now(UTC).isoformat()
