import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gco_stream_reconciler.sandbox.table import Writer
from tests.doubles.scripted_api_server import scripted_server
from tests.doubles.scripted_aws import gives, refuses
from tests.grounds.aws import AwsGround
from tests.integration.cli.cluster_double import (
    ACCOUNT,
    CLAIM,
    CLASS,
    INGRESSES,
    ClusterDouble,
    cluster_double,
)
from tests.integration.cli.commands import REGION, Commands

SPEC = {"image": "vllm/vllm-openai:v1"}


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ClusterDouble]:
    async with cluster_double(tmp_path) as double:
        yield double


@pytest.fixture
def command(writer: Writer, cluster: ClusterDouble) -> Commands:
    return Commands(writer.table, cluster.kubeconfig)


async def doctor(command: Commands, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    ended = await command("doctor", "-o", "json", **environment)
    return ended.code, {check["name"]: check for check in json.loads(ended.out)["checks"]}


def troubles(checks: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: check["verdict"] for name, check in checks.items() if check["verdict"] != "ok"}


async def test_all_well(writer: Writer, command: Commands, cluster: ClusterDouble) -> None:
    writer.create_table()
    writer.deploy("llama", SPEC, [REGION])
    before = writer.get("llama")
    code, checks = await doctor(command)
    assert (code, troubles(checks)) == (0, {})
    assert {name.removeprefix("IAM dynamodb:") for name in checks if name.startswith("IAM")} == {
        "DescribeTable", "GetItem", "BatchGetItem", "Scan", "UpdateItem", "DeleteItem",
        "DescribeStream", "GetShardIterator", "GetRecords",
    }  # fmt: skip
    assert {"verb": "patch", "resource": "deployments"}.items() <= cluster.reviewed[4].items()
    assert writer.get("llama") == before
    assert writer.get("-") is None


async def test_every_line_that_is_not_well_names_its_remedy(writer: Writer, command: Commands) -> None:
    writer.create_table(stream=False)
    ended = await command("doctor")
    assert ended.code == 1
    lines = ended.out.splitlines()
    (number,) = [number for number, line in enumerate(lines) if line.startswith("fail")]
    assert "the table has no stream" in lines[number]
    assert "→ aws dynamodb update-table" in lines[number + 1]


async def test_a_stream_of_keys_only_is_warned_of(writer: Writer, command: Commands) -> None:
    writer.client.create_table(
        TableName=writer.table,
        KeySchema=[{"AttributeName": "endpoint_name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "endpoint_name", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    code, checks = await doctor(command)
    assert (code, troubles(checks)) == (0, {"stream": "warn"})
    assert "NEW_AND_OLD_IMAGES" in checks["stream"]["remedy"]


async def test_a_third_region_at_one_stream_fails(writer: Writer, command: Commands) -> None:
    writer.create_table()
    writer.deploy("llama", SPEC, [REGION, "eu-west-1", "ap-south-1"])
    code, checks = await doctor(command)
    assert (code, troubles(checks)) == (1, {"stream readers": "fail"})
    assert "3 of 2 readers" in checks["stream readers"]["found"]


async def test_a_region_to_read_without_a_table_fails(writer: Writer, command: Commands) -> None:
    """What copying another Region's values leads to: the controller would refuse to start."""
    writer.create_table()
    code, checks = await doctor(command, STREAM_REGION="eu-west-1")
    assert code == 1
    assert troubles(checks) == {
        "table in eu-west-1": "fail",
        "replica": "fail",
        **{
            f"IAM dynamodb:{action}": "fail"
            for action in ("DescribeTable", "GetItem", "Scan", "BatchGetItem")
        },
    }
    assert "STREAM_REGION" in checks["table in eu-west-1"]["found"]


async def test_the_stream_is_looked_for_where_it_is_read(
    writer: Writer, command: Commands, aws: AwsGround
) -> None:
    writer.create_table(stream=False)
    Writer(aws.url, table=writer.table, region="eu-west-1").create_table()
    _, checks = await doctor(command, STREAM_REGION="eu-west-1")
    assert checks["stream in eu-west-1"]["verdict"] == "ok"
    assert "stream" not in checks
    _, checks = await doctor(command, DYNAMODB_REGION="eu-west-1", STREAM_REGION=REGION)
    assert checks[f"stream in {REGION}"]["verdict"] == "fail"
    assert f"--region {REGION}" in checks[f"stream in {REGION}"]["remedy"]


async def test_a_missing_verb_is_named(writer: Writer, command: Commands, cluster: ClusterDouble) -> None:
    writer.create_table()
    cluster.denied = {"patch ingresses", "update leases", "patch leases"}
    code, checks = await doctor(command)
    assert (code, set(troubles(checks).values())) == (1, {"fail"})
    assert checks["RBAC gco-inference"]["found"] == "not allowed: patch ingresses"
    assert checks["RBAC lease gco-inference"]["found"] == (
        "not allowed: update leases inference-monitor-leader, patch leases gco-stream-reconciler-cleanups"
    )


async def test_what_the_cluster_lacks_is_named(
    writer: Writer, command: Commands, cluster: ClusterDouble
) -> None:
    writer.create_table()
    cluster.absent = {CLASS, ACCOUNT, CLAIM}
    code, checks = await doctor(command)
    assert code == 1
    assert troubles(checks) == {
        "IngressClass alb": "fail",
        "service account gco-inference/gco-service-account": "fail",
        "volume claim gco-inference/efs-claim": "warn",
    }
    assert all(checks[name]["remedy"] for name in troubles(checks))


async def test_the_volume_claim_is_needed_where_an_endpoint_keeps_its_model_on_it(
    writer: Writer, command: Commands, cluster: ClusterDouble
) -> None:
    writer.create_table()
    writer.deploy("llama", {**SPEC, "model_path": "/models/llama"}, [REGION])
    cluster.absent = {CLAIM}
    code, checks = await doctor(command)
    assert (code, troubles(checks)) == (1, {"volume claim gco-inference/efs-claim": "fail"})


async def test_what_the_account_may_not_read_is_a_warning(
    writer: Writer, command: Commands, cluster: ClusterDouble
) -> None:
    writer.create_table()
    cluster.forbidden = {INGRESSES, CLASS}
    code, checks = await doctor(command)
    assert (code, troubles(checks)) == (
        0,
        {"IngressClass alb": "warn", "load balancer's own Ingress": "warn"},
    )


async def test_another_controllers_class_fails(
    writer: Writer, command: Commands, cluster: ClusterDouble
) -> None:
    writer.create_table()
    cluster.controller = "nginx.org/ingress-controller"
    code, checks = await doctor(command)
    assert (code, troubles(checks)) == (1, {"IngressClass alb": "fail"})


async def test_without_a_table_or_a_cluster_the_other_one_is_still_checked(
    writer: Writer, command: Commands
) -> None:
    code, checks = await doctor(command)
    assert (code, troubles(checks)) == (1, {"table": "fail"})
    assert "RBAC gco-inference" in checks
    writer.create_table()
    code, checks = await doctor(command, KUBECONFIG="/nowhere")
    assert (code, troubles(checks)) == (1, {"API server": "fail"})
    assert "KUBECONFIG" in checks["API server"]["found"]


async def test_a_denied_action_is_named(command: Commands) -> None:
    """Writes are tried on a condition that cannot hold, so a denial is all that can go wrong."""
    table = {
        "TableName": "endpoints",
        "TableStatus": "ACTIVE",
        "KeySchema": [{"AttributeName": "endpoint_name", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "endpoint_name", "AttributeType": "S"}],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }
    answers = {
        "DescribeTable": gives({"Table": table}),
        "GetItem": gives({}),
        "BatchGetItem": gives({"Responses": {}}),
        "Scan": gives({"Items": []}),
        "UpdateItem": refuses("ConditionalCheckFailedException"),
        "DeleteItem": refuses("AccessDeniedException", "no identity-based policy allows it"),
    }
    asked: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(await request.json())
        return await answers[request.headers["X-Amz-Target"].rpartition(".")[2]](request)

    async with scripted_server(answer) as aws:
        code, checks = await doctor(command, AWS_ENDPOINT_URL=aws.url)
    assert code == 1
    assert troubles(checks) == {"IAM dynamodb:DeleteItem": "fail"}
    assert "controller-policy.json" in checks["IAM dynamodb:DeleteItem"]["remedy"]
    conditions = {each["ConditionExpression"] for each in asked if "ConditionExpression" in each}
    assert conditions == {"attribute_exists(endpoint_name) AND attribute_not_exists(endpoint_name)"}
