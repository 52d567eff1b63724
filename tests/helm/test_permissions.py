"""The controller may do what it does, and nothing else: compared with the calls of an endpoint's whole life."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gco_stream_reconciler.sandbox.kubernetes.kinds import KINDS
from gco_stream_reconciler.sandbox.kubernetes.requests import Request
from tests.helm.charts import DOCS, Object, only, render, values
from tests.helm.life import Calls, live

Permission = tuple[str, str, str, str]
"""API group, resource, subresource, verb."""


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Calls:
    return asyncio.run(live(tmp_path_factory.mktemp("life")))


def needed(request: Request) -> Iterator[Permission]:
    group, resource = _resource(request)
    yield group, resource, request.subresource, request.verb
    if request.verb == "patch" and request.status == 201:
        # The API server asks for `create` too where an apply makes the object.
        yield group, resource, request.subresource, "create"


def _resource(request: Request) -> tuple[str, str]:
    root, first, *rest = request.path.strip("/").split("/")
    group = first if root == "apis" else ""
    parts = rest[1:] if root == "apis" else rest
    plural = parts[2] if parts[0] == "namespaces" and len(parts) > 2 else parts[0]
    assert any((kind.group, kind.plural) == (group, plural) for kind in KINDS), request.path
    return group, plural


def granted(rule: Object) -> Iterator[Permission]:
    for group in rule["apiGroups"]:
        for whole in rule["resources"]:
            resource, _, subresource = whole.partition("/")
            for verb in rule["verbs"]:
                yield group, resource, subresource, verb


def roles(objects: list[Object]) -> list[Object]:
    return [each for each in objects if each["kind"] == "Role"]


def test_the_roles_grant_every_verb_that_is_used_and_no_other(calls: Calls) -> None:
    used = {permission for request in calls.kubernetes for permission in needed(request)}
    given = {found for role in roles(render()) for rule in role["rules"] for found in granted(rule)}
    assert given == used


def test_every_call_named_a_namespace_of_ours(calls: Calls) -> None:
    for request in calls.kubernetes:
        assert request.path.split("/namespaces/")[1].split("/")[0] == "gco-inference", request.path


def test_only_the_lease_and_the_namespace_are_granted_by_name(calls: Calls) -> None:
    named = {
        (rule["resources"][0], *rule["resourceNames"]): rule["verbs"]
        for role in roles(render())
        for rule in role["rules"]
        if "resourceNames" in rule
    }
    assert named == {
        ("leases", "inference-monitor-leader"): ["get", "update"],
        ("namespaces", "gco-inference"): ["get"],
    }
    leases = {
        request.name for request in calls.kubernetes if request.kind == "Lease" and request.verb != "create"
    }
    assert leases == {"inference-monitor-leader"}


def test_no_role_holds_a_wildcard_or_reaches_secrets() -> None:
    for role in roles(render()):
        for rule in role["rules"]:
            assert not any("*" in each for key in ("apiGroups", "resources", "verbs") for each in rule[key])
            assert not {"secrets", "configmaps", "pods/exec", "pods/log"} & set(rule["resources"])


def test_each_watched_namespace_has_its_role_bound_to_the_service_account() -> None:
    objects = render(values({"extraNamespaces": ["team-a", "gco-inference"], "lease": {"name": "mine"}}))
    name = "reconciler-gco-stream-reconciler"
    places = [(each["metadata"]["namespace"], each["metadata"]["name"]) for each in roles(objects)]
    assert sorted(places) == [("gco-inference", name), ("gco-inference", f"{name}-leader"), ("team-a", name)]
    account = only(objects, "ServiceAccount")["metadata"]
    subject = {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    bindings = [each for each in objects if each["kind"] == "RoleBinding"]
    bound = {(each["metadata"]["namespace"], each["roleRef"]["name"]) for each in bindings}
    assert bound == set(places)
    assert all(each["subjects"] == [subject] for each in bindings)
    leases = [
        rule for role in roles(objects) for rule in role["rules"] if rule.get("resourceNames") == ["mine"]
    ]
    assert len(leases) == 1


# --- IAM ----------------------------------------------------------------------------------------------------------


def policy(path: Path = DOCS / "controller-policy.json") -> list[Object]:
    statements: list[Object] = json.loads(path.read_text("utf-8"))["Statement"]
    return statements


def test_the_iam_policy_allows_every_operation_that_is_used_and_no_other(calls: Calls) -> None:
    allowed = {action for statement in policy() for action in statement["Action"]}
    assert allowed == {f"dynamodb:{operation}" for operation in calls.aws}


def test_the_iam_policy_names_one_table_and_one_region_in_each_statement() -> None:
    for statement in policy():
        assert statement["Effect"] == "Allow"
        region = statement["Condition"]["StringEquals"]["aws:RequestedRegion"]
        stream = "/stream/*" if "dynamodb:GetRecords" in statement["Action"] else ""
        assert statement["Resource"] == (
            f"arn:aws:dynamodb:{region}:${{AccountId}}:table/${{TableName}}{stream}"
        )
        if {"dynamodb:UpdateItem", "dynamodb:DeleteItem"} & set(statement["Action"]):
            assert region == "${HomeRegion}"
