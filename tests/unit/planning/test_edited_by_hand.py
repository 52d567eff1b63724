"""What people write into annotations, and what they copy our labels onto: no look ever fails over it."""

import copy
from dataclasses import replace

import pytest

from gco_stream_reconciler.endpoints.model import DesiredState, State
from gco_stream_reconciler.planning.actions import ObjectRef
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.watchdog import ANNOTATION_WATCHDOG
from tests.doubles.planning_story import (
    DEPLOYMENT,
    INGRESS,
    NAMESPACE,
    SERVICE,
    SETTINGS,
    reported,
    reporting,
    running,
    settle,
)
from tests.unit.planning.test_canary_story import running_with_canary, weight

WEIGHTS = "alb.ingress.kubernetes.io/actions.weighted-routing"
DEEP = "[" * 100_000
"""Deeper than a parser that calls itself can go."""


@pytest.mark.parametrize(
    "text", [DEEP, '{"spec":"%s","unreadySince":-1e300,"removals":1}'], ids=["deep", "early"]
)
def test_a_watchdogs_clock_that_cannot_be_is_no_clock(text: str) -> None:
    item, cluster = running()
    cluster.make_ready(ready=0)
    annotations = cluster.objects[SERVICE]["metadata"]["annotations"]
    annotations[ANNOTATION_WATCHDOG] = text.replace("%s", item.spec_hash)
    _, plans = settle(item, cluster, ready=False)
    assert plans[-1].requeue_after == pytest.approx(300), "its time begins now"
    assert INGRESS in cluster.objects


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        '{"forwardConfig":{"targetGroups":[{"serviceName":"llama-canary","weight":Infinity}]}}',
    ],
    ids=["deep", "infinite"],
)
def test_weights_that_cannot_be_read_are_written_anew(text: str) -> None:
    item, cluster = running_with_canary()
    cluster.objects[INGRESS]["metadata"]["annotations"][WEIGHTS] = text
    settle(item, cluster)
    assert weight(cluster) == 10


def test_a_template_revision_that_is_no_number_restarts_no_pod() -> None:
    item, cluster = running()
    before = copy.deepcopy(cluster.objects[DEPLOYMENT]["spec"]["template"])
    cluster.objects[DEPLOYMENT]["metadata"]["annotations"]["gco.io/template-revision"] = "1" * 5000
    settle(item, cluster)
    assert cluster.objects[DEPLOYMENT]["spec"]["template"] == before


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_cannot_be_reckoned_with_stops_nobody(stamp: str) -> None:
    item, cluster = running()
    status = replace(reported(item), observed_spec=None, last_sync=stamp)
    cluster.make_ready(ready=0)
    item = reporting(replace(item, updated_at=stamp, created_at=stamp), status)
    item, _ = settle(item, cluster, ready=False)
    assert reported(item).state != State.ERROR


@pytest.mark.parametrize("state", [DesiredState.STOPPED, DesiredState.DELETED])
def test_an_object_of_another_name_is_not_ours_whatever_labels_were_copied_onto_it(
    state: DesiredState,
) -> None:
    """`kubectl expose` and copied manifests take the labels along."""
    item, cluster = running()
    theirs = {
        ObjectRef("Service", NAMESPACE, "llama-debug"): SERVICE,
        ObjectRef("Deployment", NAMESPACE, "llama-debug"): DEPLOYMENT,
        ObjectRef("Ingress", NAMESPACE, "llama-internal"): INGRESS,
    }
    for ref, source in theirs.items():
        obj = copy.deepcopy(cluster.objects[source])
        obj["metadata"].update(name=ref.name, uid=f"theirs-{ref.kind}")
        cluster.objects[ref] = obj
    before = copy.deepcopy({ref: cluster.objects[ref] for ref in theirs})
    item, _ = settle(replace(item, desired_state=state), cluster)
    assert reported(item).state == state.value
    assert {ref: cluster.objects.get(ref) for ref in theirs} == before


@pytest.mark.parametrize("text", [DEEP, "1" * 5000, "-1e300", "NaN", '{"a":Infinity}'])
@pytest.mark.parametrize("ref", [DEPLOYMENT, SERVICE, INGRESS], ids=str)
def test_no_annotation_whatever_its_text_makes_a_plan_fail(ref: ObjectRef, text: str) -> None:
    item, cluster = running_with_canary()
    annotations = cluster.objects[ref]["metadata"]["annotations"]
    for name in annotations:
        changed = copy.deepcopy(cluster.objects)
        changed[ref]["metadata"]["annotations"][name] = text
        observed = replace(cluster.observed(), objects=changed)
        for state in DesiredState:
            plan(replace(item, desired_state=state), observed, cluster.now, SETTINGS)
