from typing import Any

import pytest

from gco_stream_reconciler.aws.probes import Tried
from gco_stream_reconciler.cli.checks import Check, CheckVerdict, fail, ok, warn, worst
from gco_stream_reconciler.cli.cluster_judgements import (
    judged_ingress_class,
    judged_namespace,
    judged_platform_ingress,
)
from gco_stream_reconciler.cli.table_judgements import judged_readers, judged_table
from gco_stream_reconciler.cli.table_permissions import judged_action
from gco_stream_reconciler.errors import ReconcilerError, TableNotFoundError, UnavailableError

HOME = "us-east-1"


def table(**changes: Any) -> dict[str, Any]:
    return {
        "TableStatus": "ACTIVE",
        "KeySchema": [{"AttributeName": "endpoint_name", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "endpoint_name", "AttributeType": "S"}],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        **changes,
    }


def verdicts(found: Any) -> dict[str, str]:
    return {check.name: str(check.verdict) for check in found}


def test_a_table_as_gco_makes_it_with_a_stream_is_well() -> None:
    assert verdicts(judged_table("endpoints", table())) == {"table": "ok", "key": "ok", "stream": "ok"}


def test_a_table_without_a_stream_fails_with_the_command_that_enables_it() -> None:
    checks = {check.name: check for check in judged_table("endpoints", table(StreamSpecification=None))}
    assert checks["stream"].verdict is CheckVerdict.FAIL
    assert "update-table --table-name endpoints" in checks["stream"].remedy
    assert "NEW_AND_OLD_IMAGES" in checks["stream"].remedy


def test_a_stream_of_keys_only_works_and_is_warned_of() -> None:
    found = table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    checks = {check.name: check for check in judged_table("endpoints", found)}
    assert (checks["stream"].verdict, "StreamEnabled=false" in checks["stream"].remedy) == (
        CheckVerdict.WARN,
        True,
    )


def test_another_key_or_state_fails() -> None:
    other = table(TableStatus="DELETING", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])
    assert verdicts(judged_table("endpoints", other)) == {"table": "fail", "key": "fail", "stream": "ok"}


@pytest.mark.parametrize(
    ("targets", "replicas", "verdict"),
    [
        (["us-east-1", "eu-west-1"], [], "ok"),
        (["us-east-1", "eu-west-1", "ap-south-1"], [], "fail"),
        (["us-east-1", "eu-west-1", "ap-south-1"], ["eu-west-1", "ap-south-1"], "ok"),
        (["us-east-1", "eu-west-1", "ap-south-1"], ["eu-west-1"], "fail"),
    ],
)
def test_regions_without_a_replica_share_the_home_stream(
    targets: list[str], replicas: list[str], verdict: str
) -> None:
    found = table(Replicas=[{"RegionName": region} for region in replicas])
    checks = list(judged_readers(found, targets, home=HOME, region=HOME, read_region=HOME))
    assert verdicts(checks) == {"stream readers": verdict}
    if verdict == "fail":
        assert "ap-south-1" in checks[0].remedy


def test_a_region_with_a_replica_should_read_its_stream() -> None:
    found = table(Replicas=[{"RegionName": "eu-west-1"}])
    checks = list(judged_readers(found, [], home=HOME, region="eu-west-1", read_region=HOME))
    assert [check.remedy for check in checks if check.name == "replica"] == ["set STREAM_REGION=eu-west-1"]


@pytest.mark.parametrize("region", ["eu-west-1", "ap-south-1"])
def test_a_stream_is_read_at_home_or_at_a_replica(region: str) -> None:
    """The Region that reads elsewhere is no reader of the home Region's stream, whatever is wrong there."""
    found = table(Replicas=[{"RegionName": "eu-west-1"}])
    checks = {
        check.name: check
        for check in judged_readers(found, [HOME], home=HOME, region=region, read_region="ap-south-1")
    }
    assert checks["stream readers"].found == "1 of 1 readers at the stream in us-east-1: us-east-1"
    assert checks["replica"].verdict is CheckVerdict.FAIL
    assert "STREAM_REGION" in checks["replica"].found
    assert "ap-south-1" in checks["replica"].remedy


@pytest.mark.parametrize(
    ("region", "remedy"),
    [
        ("ap-south-1", "add a replica in ap-south-1 and set STREAM_REGION=ap-south-1"),
        ("sa-east-1", "set STREAM_REGION=sa-east-1"),
        (HOME, f"set STREAM_REGION={HOME}"),
    ],
)
def test_a_region_cannot_share_the_stream_of_another_ones_replica(region: str, remedy: str) -> None:
    """On a global table a stream has one reader, and the Region of the replica has a controller of its own."""
    found = table(Replicas=[{"RegionName": "eu-west-1"}, {"RegionName": "sa-east-1"}])
    checks = {
        check.name: check
        for check in judged_readers(found, [HOME], home=HOME, region=region, read_region="eu-west-1")
    }
    assert checks["replica"].verdict is CheckVerdict.FAIL
    assert checks["replica"].found == f"{region} reads the stream in eu-west-1, which has a reader of its own"
    assert checks["replica"].remedy.startswith(f"{remedy}: ")


def test_a_region_that_reads_its_replica_has_nothing_to_mend() -> None:
    found = table(Replicas=[{"RegionName": "eu-west-1"}])
    checks = judged_readers(found, [], home=HOME, region="eu-west-1", read_region="eu-west-1")
    assert verdicts(checks) == {"stream readers": "ok"}


def test_lines_about_a_replica_name_its_region_and_so_do_their_commands() -> None:
    checks = {
        check.name: check
        for check in judged_table("endpoints", table(StreamSpecification=None), region="eu-west-1")
    }
    assert {name: str(check.verdict) for name, check in checks.items()} == {
        "table in eu-west-1": "ok",
        "key in eu-west-1": "ok",
        "stream in eu-west-1": "fail",
    }
    assert " --region eu-west-1 " in checks["stream in eu-west-1"].remedy


@pytest.mark.parametrize(
    ("error", "verdict"),
    [(TableNotFoundError("no table"), "fail"), (UnavailableError("no answer"), "warn")],
)
def test_an_action_on_a_table_that_is_not_there_cannot_succeed_by_trying_again(
    error: ReconcilerError, verdict: str
) -> None:
    check = judged_action(Tried("dynamodb:Scan", "table endpoints in eu-west-1", error))
    assert check.verdict == verdict
    assert ("try again" in check.remedy) == (verdict == "warn")


@pytest.mark.parametrize(
    ("controller", "verdict"),
    [
        ("ingress.k8s.aws/alb", "ok"),
        ("eks.amazonaws.com/alb", "ok"),
        ("nginx.org/ingress", "fail"),
        (None, "fail"),
    ],
)
def test_the_ingress_class_must_be_of_an_alb_controller(controller: str | None, verdict: str) -> None:
    spec = {} if controller is None else {"controller": controller}
    assert judged_ingress_class("IngressClass alb", {"spec": spec}).verdict == verdict


@pytest.mark.parametrize(("value", "verdict"), [("enabled", "warn"), ("disabled", "ok"), (None, "ok")])
def test_a_namespace_whose_pods_get_the_load_balancers_readiness_gate_is_warned_of(
    value: str | None, verdict: str
) -> None:
    gate = "elbv2.k8s.aws/pod-readiness-gate-inject"
    labels = {} if value is None else {gate: value}
    check = judged_namespace("namespace gco-inference", {"metadata": {"labels": labels}})
    assert check.verdict == verdict
    if verdict == "warn":
        assert f"kubectl label namespace/gco-inference {gate}-" in check.remedy


def ingress(name: str, *, of_class: str = "alb", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "gco", "labels": labels},
        "spec": {"ingressClassName": of_class},
    }


def test_an_ingress_that_is_not_ours_keeps_the_load_balancer() -> None:
    ours = ingress("a", **{"app.kubernetes.io/managed-by": "gco-stream-reconciler"})
    predecessors = ingress("b", **{"gco.io/type": "inference"})
    other = ingress("c", of_class="nginx")
    assert judged_platform_ingress("x", [ours, predecessors, other], "alb").verdict is CheckVerdict.WARN
    kept = judged_platform_ingress("x", [ours, ingress("platform")], "alb")
    assert (kept.verdict, kept.found) == (CheckVerdict.OK, "kept by gco/platform")


def test_the_worst_verdict_counts() -> None:
    checks: list[Check] = [ok("a", "")]
    assert worst(checks) is CheckVerdict.OK
    checks.append(warn("b", "", ""))
    assert worst(checks) is CheckVerdict.WARN
    checks.append(fail("c", "", ""))
    assert worst(checks) is CheckVerdict.FAIL
