"""What a real kube-apiserver 1.36 answered, asked again in the same order: the sandbox, and a real one if there is one.

The recording was made with the Deployment controllers running; here they are paused, so what they write (status, the
revision annotation, their managedFields entry, their watch events) is left out of the comparison, as are the values
that differ from run to run: UIDs, resourceVersions, times, cluster addresses.
"""

import asyncio
import itertools
import json
import re
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from tests.grounds import transcript
from tests.grounds.api_server import why_no_real_api_server
from tests.grounds.cluster import reached
from tests.grounds.plugin import REAL_API_SERVER, SANDBOX, note_ground

EXCHANGES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "kubernetes-transcript.json").read_text("utf-8")
)["exchanges"]
DISCOVERY = range(54, 62)
VERSION = 54
INITIAL_EVENTS = 48
GROUNDS = [SANDBOX] if why_no_real_api_server() else [SANDBOX, REAL_API_SERVER]
NAMESPACE = "rec"
CONTROLLER = ("kube-controller-manager", "status")
REVISION = "deployment.kubernetes.io/revision"

Reply = tuple[int, Any]


class Replay:
    """Sends the exchanges with this run's UIDs, versions and tokens in the place of the recorded ones."""

    def __init__(self, ground: str, namespace: str = NAMESPACE) -> None:
        self.ground = ground
        self.namespace = namespace
        places = ("/namespaces/{}", '"namespace": "{}"', '"metadata": {{"name": "{}"}}')
        self.ours = {place.format(NAMESPACE): place.format(namespace) for place in places}
        self.replies: list[Reply] = []

    async def run(self, kubeconfig: Path) -> None:
        async with reached(kubeconfig) as session:
            for exchange in EXCHANGES:
                reply = await self._send(session, exchange["request"])
                self.replies.append(reply)
                self._learn(exchange["response"]["body"], reply[1])

    async def _send(self, session: aiohttp.ClientSession, request: dict[str, Any]) -> Reply:
        body = None if request["body"] is None else self._renamed(json.dumps(request["body"]))
        headers = {"Content-Type": request["contentType"]} if request["contentType"] else {}
        agent = request["userAgent"]
        headers["User-Agent"] = agent or ""
        path = self._renamed(request["path"])
        async with session.request(request["method"], path, data=body, headers=headers) as response:
            text = (await response.text()).replace(self.namespace, NAMESPACE)
        watch = "watch=true" in path
        return response.status, [json.loads(line) for line in text.splitlines()] if watch else json.loads(
            text
        )

    def _renamed(self, text: str) -> str:
        for theirs, ours in self.ours.items():
            text = text.replace(theirs, ours)
        return text

    def _learn(self, theirs: Any, ours: Any) -> None:
        if not isinstance(theirs, dict) or "metadata" not in theirs:
            return
        for name, form in (("uid", "{}"), ("resourceVersion", '"resourceVersion": "{}"'), ("continue", "{}")):
            recorded, found = theirs["metadata"].get(name), ours["metadata"].get(name)
            if recorded and found:
                self.ours[form.format(recorded)] = form.format(found)
                if name == "resourceVersion":
                    self.ours[f"resourceVersion={recorded}"] = f"resourceVersion={found}"
                    self.ours[f'"/metadata/resourceVersion", "value": "{recorded}"'] = (
                        f'"/metadata/resourceVersion", "value": "{found}"'
                    )


@pytest.fixture(scope="module", params=GROUNDS)
def recorded_again(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    if request.param == REAL_API_SERVER:
        found = Replay(request.param, f"rec-{uuid.uuid4().hex}")
        asyncio.run(found.run(request.getfixturevalue("real_server")))
        return found
    found = Replay(request.param)
    asyncio.run(_in_the_sandbox(found, tmp_path_factory.mktemp("sandbox") / "kubeconfig"))
    return found


async def _in_the_sandbox(replay: Replay, kubeconfig: Path) -> None:
    async with KubernetesServer(simulate=False) as server:
        await asyncio.to_thread(kubeconfig.write_text, json.dumps(server.kubeconfig()), "utf-8")
        await replay.run(kubeconfig)


@pytest.fixture
def replay(recorded_again: Replay, request: pytest.FixtureRequest) -> Replay:
    """The replies; those of another version of Kubernetes say nothing."""
    note_ground(request, recorded_again.ground)
    if "number" in request.fixturenames:
        request.node.user_properties.append((transcript.PROPERTY, recorded_again.ground))
    theirs = EXCHANGES[VERSION]["response"]["body"]["minor"]
    ours = recorded_again.replies[VERSION][1]["minor"]
    if ours != theirs:
        pytest.skip(f"recorded from Kubernetes 1.{theirs}, and this is 1.{ours}")
    return recorded_again


def meaning(body: Any) -> Any:
    """A body without what differs from run to run or comes from the controllers."""
    if isinstance(body, list):
        return [
            (line["type"], meaning(line["object"])) for line in body if not _by_controller(line["object"])
        ]
    if body["kind"] == "Status":
        return {**body, "message": _anonymous(body.get("message", "")), **_details(body)}
    if "items" in body:
        keys = sorted(key for key in body["metadata"] if key != "remainingItemCount")
        return {**body, "metadata": keys, "items": [meaning({"kind": "", **item}) for item in body["items"]]}
    return _object(body)


def _details(body: dict[str, Any]) -> dict[str, Any]:
    return {"details": {**body["details"], "uid": ""}} if "details" in body else {}


def _anonymous(text: str) -> str:
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "UID", text)
    return re.sub(r"too old resource version: 1 \(\d+\)", "too old resource version: 1 (N)", text)


def _by_controller(obj: dict[str, Any]) -> bool:
    return obj["kind"] == "Deployment" and bool(obj["status"])


def _object(body: dict[str, Any]) -> dict[str, Any]:
    meta = dict(body["metadata"])
    for name in ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp"):
        if name in meta:
            meta[name] = bool(meta[name])
    annotations = {key: value for key, value in meta.pop("annotations", {}).items() if key != REVISION}
    managers = meta.pop("managedFields", [])
    spec = dict(body.get("spec", {}))
    for name in ("clusterIP", "clusterIPs"):
        if name in spec:
            spec[name] = type(spec[name])
    status = {} if body["kind"] in ("Deployment", "") else body.get("status")
    return {
        **{key: value for key, value in body.items() if key not in ("kind", "spec")},
        "metadata": meta,
        "annotations": annotations,
        "managers": [
            {**entry, "time": "time" in entry}
            for entry in sorted(managers, key=_manager)  # their order depends on the second (see below)
            if (entry["manager"], entry.get("subresource")) != CONTROLLER
        ],
        "spec": spec,
        "status": status,
    }


def _manager(entry: dict[str, Any]) -> tuple[str, str, str]:
    return entry["operation"], entry["manager"], entry.get("subresource", "")


def _managers(body: Any) -> list[list[dict[str, Any]]]:
    """The managedFields of every object in a body."""
    if isinstance(body, list):
        return [found for line in body for found in _managers(line["object"])]
    objects = body.get("items", [body])
    return [obj.get("metadata", {}).get("managedFields", []) for obj in objects]


def test_managers_stand_in_the_order_of_operation_second_and_name(replay: Replay) -> None:
    recorded = [_managers(exchange["response"]["body"]) for exchange in EXCHANGES]
    found = [_managers(body) for _, body in replay.replies]
    for managers in itertools.chain(*recorded, *found):
        ordered = sorted(
            managers, key=lambda entry: (entry["operation"], entry.get("time", ""), entry["manager"])
        )
        assert managers == ordered
    assert max(len(managers) for managers in itertools.chain(*found)) > 1


@pytest.mark.parametrize(
    "number",
    [number for number in range(len(EXCHANGES)) if number not in DISCOVERY],
    ids=lambda number: f"{number}-{EXCHANGES[number]['why'].split(':')[0][:60]}",
)
def test_the_answer_is_the_recorded_one(replay: Replay, number: int) -> None:
    recorded = EXCHANGES[number]["response"]
    status, body = replay.replies[number]
    assert status == recorded["status"], body
    if number == INITIAL_EVENTS and body[0]["type"] != "ERROR":
        pytest.skip("this server's etcd tells how far a watch is, the recorded one's was too old for that")
    assert meaning(body) == meaning(recorded["body"])


@pytest.mark.parametrize("number", DISCOVERY, ids=lambda number: EXCHANGES[number]["request"]["path"])
def test_discovery_says_what_was_recorded_about_the_kinds_that_are_here(replay: Replay, number: int) -> None:
    """The recorded server has more kinds, and hashes of its storage versions."""
    recorded = EXCHANGES[number]["response"]["body"]
    status, body = replay.replies[number]
    assert status == 200
    if "resources" in recorded:
        theirs = {each["name"]: each for each in recorded["resources"]}
        for ours in body["resources"]:
            expected = {
                key: value for key, value in theirs[ours["name"]].items() if key != "storageVersionHash"
            }
            assert {key: value for key, value in ours.items() if key != "storageVersionHash"} == expected
        assert body["groupVersion"] == recorded["groupVersion"]
    elif "groups" in recorded:
        names = {each["name"]: each for each in recorded["groups"]}
        for group in body["groups"]:
            assert set(map(str, group["versions"])) <= set(map(str, names[group["name"]]["versions"]))
    else:
        assert set(body) <= set(recorded)
        assert (body.get("major"), body.get("minor")) == (recorded.get("major"), recorded.get("minor"))


def test_an_apply_that_changes_nothing_writes_nothing(replay: Replay) -> None:
    (_, second), (_, third) = replay.replies[2:4]
    assert second == third
