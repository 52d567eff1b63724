"""From every desired situation to every other: the end is what a fresh deploy of the second gives, without detours.

Nothing is deleted and made again, nothing is made or deleted twice, and a malformed item changes nothing.
"""

import copy
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import RegionStatus
from gco_stream_reconciler.planning.actions import Apply, Delete, ObjectRef, Plan
from gco_stream_reconciler.planning.plan import plan
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import REGION, SETTINGS

Item = Mapping[str, Any]

VLLM: Item = {"image": "vllm/vllm-openai:v1", "replicas": 2, "env": {"A": "1", "B": "2"}}
SCALED = {"enabled": True, "min_replicas": 3, "max_replicas": 6, "metrics": [{"type": "cpu", "target": 50}]}
CANARY = {"image": "vllm/vllm-openai:v2", "weight": 10, "replicas": 1}
RUNNING: Item = {
    "endpoint_name": "llama",
    "desired_state": "running",
    "target_regions": [REGION],
    "namespace": "gco-inference",
    "spec": VLLM,
    "ingress_path": "/inference/llama",
    "created_at": "2026-11-01T09:00:00+00:00",
    "updated_at": "2026-11-01T09:00:00+00:00",
    "region_status": {},
}


def to_run(**spec: Any) -> Item:
    """The endpoint with some fields of its spec, as the command line writes it."""
    return {**RUNNING, "desired_state": "deploying", "spec": {**VLLM, **spec}}


SITUATIONS: Mapping[str, Item] = {
    "deploying": to_run(),
    "running": RUNNING,
    "scaled": to_run(replicas=4),
    "scaled to 0": to_run(replicas=0),
    "image": to_run(image="vllm/vllm-openai:v3"),
    "image family": to_run(image="ghcr.io/huggingface/text-generation-inference:3"),
    "env": to_run(env={"A": "1"}),
    "port": to_run(port=9000),
    "health path": to_run(health_check_path="/ok"),
    "labels": {**RUNNING, "labels": {"team": "x"}},
    "path": {**RUNNING, "ingress_path": "/other/llama"},
    "autoscaler": to_run(autoscaling=SCALED),
    "canary": to_run(canary=CANARY),
    "canary 25": to_run(canary={**CANARY, "weight": 25}),
    "canary, autoscaler": to_run(canary=CANARY, autoscaling=SCALED),
    "canary, port": to_run(canary=CANARY, port=9000),
    "canary, 0 replicas": to_run(canary=CANARY, replicas=0),
    "stopped": {**RUNNING, "desired_state": "stopped"},
    "stopped with all": {**to_run(canary=CANARY, autoscaling=SCALED), "desired_state": "stopped"},
    "elsewhere": {**RUNNING, "target_regions": ["eu-west-1"]},
    "deleted": {**RUNNING, "desired_state": "deleted"},
}
MALFORMED: Mapping[str, Item] = {
    "canary weight": to_run(canary={**CANARY, "weight": 100}),
    "no image": {**RUNNING, "spec": {"replicas": 2}},
    "desired state": {**RUNNING, "desired_state": "nonsense"},
    "path": {**RUNNING, "ingress_path": "/*"},
    "no targets": {name: value for name, value in RUNNING.items() if name != "target_regions"},
}
STOPPED = {"stopped", "stopped with all"}
GONE = {"elsewhere", "deleted"}
_MOST_PLANS = 60


@dataclass
class Place:
    """A cluster at rest and what it reports."""

    cluster: PlannedCluster
    status: RegionStatus | None = None

    def bring(self, item: Item) -> None:
        """Plan, execute and let time go by until nothing changes any more."""
        endpoint = decode_endpoint({name: TypeSerializer().serialize(value) for name, value in item.items()})
        for _ in range(_MOST_PLANS):
            told = {} if self.status is None else {REGION: self.status}
            decided = self._decide(replace(endpoint, region_status=told))
            self.cluster.execute(decided)
            autoscale(self.cluster)
            self.cluster.make_ready()
            if not decided.stages and decided.status in (None, self.status):
                if decided.requeue_after is None:
                    return
                self.cluster.now += decided.requeue_after + 0.001
            self.status = decided.status or self.status
        raise AssertionError(f"no rest after {_MOST_PLANS} plans; the last one: {decided}")

    def _decide(self, endpoint: Any) -> Plan:
        observed = self.cluster.observed()
        for _ in range(6):
            decided = plan(endpoint, observed, self.cluster.now, SETTINGS)
            if not decided.reads:
                return decided
            observed = replace(observed, fetched=observed.fetched | set(decided.reads))
        raise AssertionError(f"the plan keeps asking for {decided.reads}")

    def made(self) -> Counter[ObjectRef]:
        """How often each object was made."""
        return Counter(each.ref for each in self.cluster.history if is_making(each))

    def deleted(self) -> Counter[ObjectRef]:
        """How often each object was deleted."""
        return Counter(each.ref for each in self.cluster.history if isinstance(each, Delete))


def is_making(action: Any) -> bool:
    return isinstance(action, Apply) and action.reasons == ("absent",)


def autoscale(cluster: PlannedCluster) -> None:
    """What an autoscaler does at once: not fewer replicas than its minimum, unless there are none."""
    for ref, autoscaler in cluster.objects.items():
        if ref.kind == "HorizontalPodAutoscaler":
            deployment = cluster.objects[ObjectRef("Deployment", ref.namespace, ref.name)]
            if 0 < deployment["spec"]["replicas"] < autoscaler["spec"]["minReplicas"]:
                deployment["spec"]["replicas"] = autoscaler["spec"]["minReplicas"]
                deployment["metadata"]["generation"] += 1


@cache
def _reached(*names: str) -> Place:
    if not names:
        return Place(PlannedCluster())
    found = at(*names[:-1])
    found.bring(SITUATIONS[names[-1]])
    found.cluster.history.clear()
    return found


def at(*names: str) -> Place:
    """A cluster that was brought to these situations, one after the other."""
    return copy.deepcopy(_reached(*names))


def shown(cluster: PlannedCluster, *, autoscaled: bool) -> dict[ObjectRef, Any]:
    """What stands, without what differs between a fresh object and a changed one; replicas are an autoscaler's."""
    found = copy.deepcopy(cluster.objects)
    for ref, obj in found.items():
        obj.pop("status", None)
        for field in ("uid", "generation"):
            obj["metadata"].pop(field)
        if autoscaled and ref.kind == "Deployment" and not ref.name.endswith("-canary"):
            del obj["spec"]["replicas"]
    return found


def kinds(refs: Iterable[ObjectRef]) -> set[str]:
    return {ref.kind for ref in refs}


@pytest.mark.parametrize(("first", "second"), [*itertools.permutations(SITUATIONS, 2)])
def test_the_end_is_that_of_a_fresh_deploy_and_each_object_is_made_or_deleted_at_most_once(
    first: str, second: str
) -> None:
    it = at("running", first) if first != "running" else at("running")
    before = set(it.cluster.objects)
    it.bring(SITUATIONS[second])
    fresh = at(second)
    after = set(it.cluster.objects)
    assert it.made() == Counter(after - before)
    assert it.deleted() == Counter(before - after)
    if second in STOPPED:
        assert after == {
            ref for ref in before if ref.kind in {"Deployment", "Service"} and ref.name == "llama"
        }
        assert all(obj["spec"].get("replicas", 0) == 0 for obj in it.cluster.objects.values())
        return
    autoscaled = "autoscaling" in SITUATIONS[second]["spec"]
    assert shown(it.cluster, autoscaled=autoscaled) == shown(fresh.cluster, autoscaled=autoscaled)
    if second not in GONE:
        assert it.status is not None
        assert fresh.status is not None
        assert (it.status.state, it.status.exposure) == (fresh.status.state, fresh.status.exposure)


@pytest.mark.parametrize(("first", "malformed"), [*itertools.product(SITUATIONS, MALFORMED)])
def test_a_malformed_item_changes_nothing(first: str, malformed: str) -> None:
    it = at("running", first) if first != "running" else at("running")
    before = copy.deepcopy(it.cluster.objects)
    it.bring(MALFORMED[malformed])
    assert (it.cluster.objects, it.cluster.history) == (before, [])


def test_the_situations_are_told_apart() -> None:
    """So that no pair compares a situation with itself: each one's objects differ, those that run nothing aside."""
    running = [name for name in SITUATIONS if name not in STOPPED | GONE]
    ends = [shown(at(name).cluster, autoscaled=False) for name in running]
    alike = {
        (one, other)
        for (one, a), (other, b) in itertools.combinations(zip(running, ends, strict=True), 2)
        if a == b
    }
    assert alike == {("deploying", "running")}
    assert kinds(at("canary, autoscaler").cluster.objects) == {
        "Deployment", "Service", "Ingress", "HorizontalPodAutoscaler",
    }  # fmt: skip
