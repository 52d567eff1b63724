"""The controller may do what it does, and nothing else: compared with the calls of an endpoint's whole life."""

import asyncio
import json
import string
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gco_stream_reconciler.cli.cluster_judgements import PERMISSIONS, lease_permissions
from gco_stream_reconciler.sandbox.kubernetes.kinds import KINDS
from gco_stream_reconciler.sandbox.kubernetes.requests import Request
from gco_stream_reconciler.settings import LEDGER_NAME
from tests.helm.charts import DOCS, Object, only, render, values
from tests.helm.life import HOME, AwsCall, Calls, live
from tests.integration.running import REGION

ANY = ""


class Permission(NamedTuple):
    """What RBAC decides on. name: ANY where the rule grants, or the request has, none."""

    group: str
    resource: str
    subresource: str
    verb: str
    name: str

    def covers(self, request: "Permission") -> bool:
        """Whether this, granted, allows that request."""
        return self[:4] == request[:4] and self.name in (ANY, request.name)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Calls:
    return asyncio.run(live(tmp_path_factory.mktemp("life")))


def needed(request: Request) -> Iterator[Permission]:
    group, resource = _resource(request)
    # The name of an object that is posted is in no URL: RBAC does not know it.
    name = ANY if request.verb == "create" else request.name
    yield Permission(group, resource, request.subresource, request.verb, name)
    if request.verb == "patch" and request.status == 201:
        # The API server asks for `create` too where an apply makes the object, by its name.
        yield Permission(group, resource, request.subresource, "create", name)


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
                for name in rule.get("resourceNames", [ANY]):
                    yield Permission(group, resource, subresource, verb, name)


def roles(objects: list[Object]) -> list[Object]:
    return [each for each in objects if each["kind"] == "Role"]


def grants() -> set[Permission]:
    return {found for role in roles(render()) for rule in role["rules"] for found in granted(rule)}


def test_the_roles_grant_every_verb_that_is_used_on_its_name_and_no_other(calls: Calls) -> None:
    used = {permission for request in calls.kubernetes for permission in needed(request)}
    given = grants()
    assert {each for each in used if not any(grant.covers(each) for grant in given)} == set()
    assert {grant for grant in given if not any(grant.covers(each) for each in used)} == set()


def test_the_life_holds_clean_ups_that_nobody_commanded(calls: Calls) -> None:
    written = [request for request in calls.kubernetes if request.name == LEDGER_NAME]
    assert [(request.verb, request.status) for request in written if request.is_write] == [
        ("patch", 201),
        ("patch", 200),
    ]


def test_a_name_that_is_not_granted_is_missed() -> None:
    lease = Permission("coordination.k8s.io", "leases", "", "get", LEDGER_NAME)
    assert any(grant.covers(lease) for grant in grants())
    assert not any(grant.covers(lease._replace(name="another")) for grant in grants())


def test_doctor_asks_for_what_the_roles_grant() -> None:
    asked = {
        Permission(each.group, each.resource, "", verb, ANY if verb == "create" else each.name)
        for each in (*PERMISSIONS, *lease_permissions("inference-monitor-leader"))
        for verb in each.verbs
    }
    # That the namespace can be read is a line of doctor's own.
    assert asked == grants() - {Permission("", "namespaces", "", "get", "gco-inference")}


def test_every_call_named_a_namespace_of_ours(calls: Calls) -> None:
    for request in calls.kubernetes:
        assert request.path.split("/namespaces/")[1].split("/")[0] == "gco-inference", request.path


def test_only_leases_and_the_namespace_are_granted_by_name() -> None:
    named = {
        (rule["resources"][0], *rule["resourceNames"]): rule["verbs"]
        for role in roles(render())
        for rule in role["rules"]
        if "resourceNames" in rule
    }
    assert named == {
        ("leases", "inference-monitor-leader"): ["get", "update"],
        ("leases", LEDGER_NAME): ["get", "patch"],
        ("namespaces", "gco-inference"): ["get"],
    }


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


PLACES = {"HomeRegion": HOME, "StreamRegion": REGION}


def allowed(statement: Object) -> set[AwsCall]:
    """The calls that a statement allows, its places filled with the Regions of the life."""
    region = string.Template(statement["Condition"]["StringEquals"]["aws:RequestedRegion"]).substitute(PLACES)
    service = "DynamoDBStreams" if statement["Resource"].endswith("/stream/*") else "DynamoDB"
    return {AwsCall(service, action.removeprefix("dynamodb:"), region) for action in statement["Action"]}


@pytest.mark.parametrize("statement", policy(), ids=lambda statement: statement["Sid"])
def test_each_statement_allows_what_is_used_of_its_table_and_no_other(
    calls: Calls, statement: Object
) -> None:
    of_it = {(call.service, call.region) for call in allowed(statement)}
    assert len(of_it) == 1
    assert allowed(statement) == {call for call in calls.aws if (call.service, call.region) in of_it}


def test_no_call_is_outside_the_statements(calls: Calls) -> None:
    assert calls.aws == set().union(*(allowed(statement) for statement in policy()))


def test_each_statement_names_one_table_and_one_region() -> None:
    for statement in policy():
        assert statement["Effect"] == "Allow"
        region = statement["Condition"]["StringEquals"]["aws:RequestedRegion"]
        stream = "/stream/*" if "dynamodb:GetRecords" in statement["Action"] else ""
        assert statement["Resource"] == (
            f"arn:${{Partition}}:dynamodb:{region}:${{AccountId}}:table/${{TableName}}{stream}"
        )
        if {"dynamodb:UpdateItem", "dynamodb:DeleteItem"} & set(statement["Action"]):
            assert region == "${HomeRegion}"
