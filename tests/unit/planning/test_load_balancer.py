"""An Ingress that no load balancer has taken answers 404 while it stands: that is told, and nothing else is done."""

from dataclasses import replace
from datetime import UTC, datetime

from gco_stream_reconciler.endpoints.model import Exposure
from gco_stream_reconciler.planning.actions import Plan
from gco_stream_reconciler.planning.load_balancer import PATIENCE_SECONDS
from gco_stream_reconciler.planning.plan import plan
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import INGRESS, SETTINGS, running

NOTE = "no load balancer has taken Ingress inference-llama within 120 s"


def looked_at(seconds: float, *, address: bool) -> Plan:
    item, cluster = running()
    made_seconds_ago(cluster, seconds)
    points = [{"hostname": "lb.example"}] if address else []
    cluster.objects[INGRESS]["status"] = {"loadBalancer": {"ingress": points}}
    return plan(item, cluster.observed(), cluster.now, SETTINGS)


def made_seconds_ago(cluster: PlannedCluster, seconds: float) -> None:
    made = datetime.fromtimestamp(cluster.now - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    cluster.objects[INGRESS]["metadata"]["creationTimestamp"] = made


def told(decided: Plan) -> bool:
    assert decided.status is not None
    return NOTE in (decided.status.message or "").split("; ")


def test_one_that_has_its_address_is_not_spoken_of_nor_looked_at_again() -> None:
    decided = looked_at(10 * PATIENCE_SECONDS, address=True)
    assert not told(decided)
    assert decided.requeue_after is None


def test_a_young_one_is_looked_at_again_when_it_should_have_been_taken() -> None:
    decided = looked_at(20, address=False)
    assert not told(decided)
    assert decided.requeue_after == PATIENCE_SECONDS - 20


def test_one_that_is_not_taken_in_time_is_told_and_stays() -> None:
    decided = looked_at(PATIENCE_SECONDS, address=False)
    assert told(decided)
    assert decided.status is not None
    assert decided.status.exposure == Exposure.EXPOSED
    assert not decided.stages
    assert decided.requeue_after is None, "its address comes as a change of the Ingress"


def test_nothing_is_told_of_one_that_is_being_deleted() -> None:
    item, cluster = running()
    made_seconds_ago(cluster, 10 * PATIENCE_SECONDS)
    cluster.objects[INGRESS]["metadata"]["deletionTimestamp"] = "2027-01-15T08:00:00Z"
    observed = cluster.observed()
    reads = plan(item, observed, cluster.now, SETTINGS).reads
    assert not told(plan(item, replace(observed, fetched=frozenset(reads)), cluster.now, SETTINGS))
