"""Habits of a real API server that the recorded exchanges do not show, asked of every ground."""

import json
from typing import Any

import pytest

from tests.grounds.cluster import Cluster, RefusedError

pytestmark = pytest.mark.every_ground

Object = dict[str, Any]
PORT = {"port": 80, "protocol": "TCP"}
STRATEGIC = "application/strategic-merge-patch+json"
JSON = "application/json-patch+json"


def deployment(container: Object | None = None, **pod: Any) -> Object:
    inference = {"name": "inference", "image": "img:1", **(container or {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a"},
        "spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {
                "metadata": {"labels": {"app": "a"}},
                "spec": {"containers": [inference], **pod},
            },
        },
    }


def pod_of(obj: Object) -> Object:
    found: Object = obj["spec"]["template"]["spec"]
    return found


def message(refused: RefusedError) -> str:
    """What the API server's Status says."""
    return str(json.loads(str(refused).partition(": ")[2])["message"])


async def apply(api: Cluster, body: Object, manager: str = "gco") -> Object:
    return await api.apply("Deployment", "a", body, manager=manager)


async def patch(api: Cluster, body: Any, content_type: str) -> Object:
    return await api.request("PATCH", api.path("Deployment", "a"), body, content_type=content_type)


async def test_an_empty_list_of_named_items_is_nobodys(api: Cluster) -> None:
    made = await apply(api, deployment({"env": []}))
    owned = made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert owned['k:{"name":"inference"}'] == {".": {}, "f:image": {}, "f:name": {}}


async def test_an_apply_that_leaves_no_metadata_but_the_name_is_carried_out(api: Cluster) -> None:
    bare: Object = {"metadata": {"name": "s"}, "spec": {"ports": [PORT]}}
    bare |= {"apiVersion": "v1", "kind": "Service"}
    await api.apply("Service", "s", {**bare, "metadata": {"name": "s", "labels": {"x": "1"}}}, manager="gco")
    assert "labels" not in (await api.apply("Service", "s", bare, manager="gco"))["metadata"]


async def test_volumes_get_their_defaults(api: Cluster) -> None:
    made = await apply(
        api, deployment(volumes=[{"name": "e"}, {"name": "h", "hostPath": {"path": "/models"}}])
    )
    assert pod_of(made)["volumes"] == [
        {"name": "e", "emptyDir": {}},
        {"name": "h", "hostPath": {"path": "/models", "type": ""}},
    ]


async def test_an_apply_without_the_service_account_keeps_it_by_its_older_name(api: Cluster) -> None:
    await apply(api, deployment(serviceAccountName="reader"))
    kept = pod_of(await apply(api, deployment()))
    assert (kept["serviceAccountName"], kept["serviceAccount"]) == ("reader", "reader")


async def test_conflicts_name_the_version_of_an_update_and_begin_with_what_lies_highest(api: Cluster) -> None:
    theirs = deployment({"env": [{"name": "A", "value": "1"}]}, nodeSelector={"zone": "1"})
    await api.create("Deployment", theirs, manager="kubectl")
    ours = deployment({"env": [{"name": "A", "value": "2"}], "image": "img:2"}, nodeSelector={"zone": "2"})
    with pytest.raises(RefusedError) as refused:
        await apply(api, ours)
    container = '.spec.template.spec.containers[name="inference"]'
    assert message(refused.value).splitlines() == [
        'Apply failed with 3 conflicts: conflicts with "kubectl" using apps/v1:',
        "- .spec.template.spec.nodeSelector",
        f"- {container}.image",
        f'- {container}.env[name="A"].value',
    ]


async def test_a_put_says_whether_it_made_the_object(api: Cluster) -> None:
    status, lease = await put(api, "Lease", "leader", {"metadata": {"name": "leader"}, "spec": {}})
    assert status == 201
    assert (await put(api, "Lease", "leader", lease))[0] == 200


async def put(api: Cluster, kind: str, name: str, body: Object) -> tuple[int, Object]:
    async with api.session.put(api.path(kind, name), json=body) as response:
        return response.status, await response.json()


async def test_what_is_being_deleted_is_in_the_way_and_says_so(api: Cluster) -> None:
    lease = {"metadata": {"name": "leader", "finalizers": ["gco.io/held"]}, "spec": {}}
    await api.create("Lease", lease, manager="gco")
    await api.delete("Lease", "leader")
    with pytest.raises(RefusedError) as refused:
        await api.create("Lease", lease, manager="gco")
    await api.merge("Lease", "leader", {"metadata": {"finalizers": None}})
    assert message(refused.value) == (
        'object is being deleted: leases.coordination.k8s.io "leader" already exists'
    )


async def test_a_scale_to_zero_is_told_by_leaving_the_number_out(api: Cluster) -> None:
    await apply(api, deployment())
    scaled = await api.merge("Deployment", "a", {"spec": {"replicas": 0}}, subresource="scale")
    assert scaled["spec"] == {}
    assert (await api.get("Deployment", "a"))["spec"]["replicas"] == 0


async def test_a_strategic_merge_patch_puts_what_it_adds_first(api: Cluster) -> None:
    await apply(api, deployment({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]}))
    env = [{"name": "B", "value": "2"}, {"name": "C", "value": "2"}]
    side = {"name": "side", "image": "side:1"}
    body = {"spec": {"template": {"spec": {"containers": [side, {"name": "inference", "env": env}]}}}}
    side_now, inference = pod_of(await patch(api, body, STRATEGIC))["containers"]
    assert (side_now["name"], inference["name"]) == ("side", "inference")
    assert [(each["name"], each["value"]) for each in inference["env"]] == [
        ("A", "1"),
        ("B", "2"),
        ("C", "2"),
    ]


async def test_a_json_patch_that_does_not_fit_is_refused_without_saying_why(api: Cluster) -> None:
    await apply(api, deployment())
    with pytest.raises(RefusedError) as refused:
        await patch(api, [{"op": "remove", "path": "/metadata/labels/x"}], JSON)
    assert refused.value.status == 422
    assert message(refused.value) == "the server rejected our request due to an error in our request"


async def test_a_scale_of_what_nobody_owns_makes_nobody_its_owner(api: Cluster) -> None:
    await apply(api, deployment())
    await api.merge("Deployment", "a", {"spec": {"replicas": 3}}, subresource="scale")
    managers = (await api.get("Deployment", "a"))["metadata"]["managedFields"]
    assert "scale" not in {entry.get("subresource") for entry in managers}


async def test_a_deletion_in_the_background_ends_one_in_the_foreground(api: Cluster) -> None:
    held = {**deployment(), "metadata": {"name": "a", "finalizers": ["gco.io/held"]}}
    await api.create("Deployment", held, manager="gco")
    path = api.path("Deployment", "a")
    answers = [
        await api.request("DELETE", path, {"propagationPolicy": policy})
        for policy in ("Foreground", "Background")
    ]
    await api.merge("Deployment", "a", {"metadata": {"finalizers": None}})
    assert [sorted(each["metadata"]["finalizers"]) for each in answers] == [
        ["foregroundDeletion", "gco.io/held"],
        ["gco.io/held"],
    ]


async def test_an_apply_that_only_reorders_is_a_change_of_its_time(api: Cluster) -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]
    await apply(api, deployment({"env": env}))
    reordered = await apply(api, deployment({"env": env[::-1]}), manager="other")
    times = {entry["manager"]: entry.get("time") for entry in reordered["metadata"]["managedFields"]}
    assert times["other"] is not None
