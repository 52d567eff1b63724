"""The endpoint table, written over plain HTTP: a client library's signing would compete for the processor."""

import asyncio
import itertools
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp

REGION = "us-east-1"
_BATCH = 25
_PARALLEL = 4
# Emulators want the form of a signature and do not check it.
_SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=benchmark/20260101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=0"
)
_IMAGE = "ghcr.io/huggingface/text-generation-inference:3.3.7"


class Table:
    """One table with a stream. Use as an async context manager, which makes it unless `make` is False."""

    def __init__(self, url: str, name: str, *, make: bool = True) -> None:
        self.name = name
        self._url = url
        self._make = make
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        if self._make:
            await self._create()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def _create(self) -> None:
        await self._call(
            "CreateTable",
            {
                "TableName": self.name,
                "KeySchema": [{"AttributeName": "endpoint_name", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "endpoint_name", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
                "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            },
        )

    async def deploy(self, names: Iterable[str], namespace: str) -> None:
        """New endpoints, in batches, some side by side."""
        gate = asyncio.Semaphore(_PARALLEL)

        async def send(batch: tuple[str, ...]) -> None:
            requests = [{"PutRequest": {"Item": item(name, namespace)}} for name in batch]
            async with gate:
                while requests:
                    answer = await self._call("BatchWriteItem", {"RequestItems": {self.name: requests}})
                    requests = answer.get("UnprocessedItems", {}).get(self.name, [])

        async with asyncio.TaskGroup() as group:
            for batch in _batched(names, _BATCH):
                group.create_task(send(batch))

    async def mark(self, name: str, value: str) -> None:
        """Change one environment variable of an endpoint, as `update` does: a new Pod template."""
        await self._call(
            "UpdateItem",
            {
                "TableName": self.name,
                "Key": {"endpoint_name": {"S": name}},
                "UpdateExpression": "SET spec.env.MARK = :value, updated_at = :now",
                "ExpressionAttributeValues": {":value": {"S": value}, ":now": {"S": _now()}},
            },
        )

    async def report(self, name: str, state: str, ready: str, at: str) -> None:
        """Write a Region's status, as the polling baseline does in every pass."""
        status = {"M": {"state": {"S": state}, "replicas_ready": {"N": ready}, "last_sync": {"S": at}}}
        await self._call(
            "UpdateItem",
            {
                "TableName": self.name,
                "Key": {"endpoint_name": {"S": name}},
                "UpdateExpression": "SET region_status.#region = :status",
                "ExpressionAttributeNames": {"#region": REGION},
                "ExpressionAttributeValues": {":status": status},
            },
        )

    async def items(self) -> list[dict[str, Any]]:
        """Every item."""
        found: list[dict[str, Any]] = []
        position: dict[str, Any] = {}
        while True:
            page = await self._call("Scan", {"TableName": self.name, "ConsistentRead": True, **position})
            found += page["Items"]
            if not page.get("LastEvaluatedKey"):
                return found
            position = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    async def _call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        if self._session is None:
            raise RuntimeError("the table is not open")
        headers = {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": _SIGNATURE,
            "X-Amz-Date": "20260101T000000Z",
        }
        async with self._session.post(self._url, data=json.dumps(request), headers=headers) as response:
            body = await response.read()
            if response.status != 200:
                raise RuntimeError(f"{operation}: {response.status} {body[:300]!r}")
        answer: dict[str, Any] = json.loads(body)
        return answer


def item(name: str, namespace: str) -> dict[str, Any]:
    """An endpoint as the command line writes it, of ordinary size."""
    now = {"S": _now()}
    spec = {
        "image": {"S": _IMAGE},
        "port": {"N": "8080"},
        "replicas": {"N": "1"},
        "gpu_count": {"N": "1"},
        "health_check_path": {"S": "/health"},
        "env": {
            "M": {"MODEL_ID": {"S": f"org/{name}"}, "MAX_TOTAL_TOKENS": {"S": "8192"}, "MARK": {"S": "0"}}
        },
        "resources": {"M": {"requests": {"M": {"cpu": {"S": "4"}, "memory": {"S": "16Gi"}}}}},
        "args": {"L": [{"S": "--trust-remote-code"}]},
    }
    return {
        "endpoint_name": {"S": name},
        "desired_state": {"S": "deploying"},
        "target_regions": {"L": [{"S": REGION}]},
        "namespace": {"S": namespace},
        "spec": {"M": spec},
        "ingress_path": {"S": f"/inference/{name}"},
        "created_at": now,
        "updated_at": now,
        "region_status": {"M": {}},
    }


def _batched(names: Iterable[str], size: int) -> Iterable[tuple[str, ...]]:
    left = iter(names)
    while batch := tuple(itertools.islice(left, size)):
        yield batch


def _now() -> str:
    return datetime.now(UTC).isoformat()
