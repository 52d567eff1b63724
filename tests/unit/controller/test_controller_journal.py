"""What the operator's page and the gauges are told about each endpoint, and what a state change's log line says."""

import asyncio
from collections.abc import MutableMapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gco_stream_reconciler.app.endpoint_journal import EndpointJournal
from gco_stream_reconciler.controller.describing import drifted_groups, reason_of_plan
from gco_stream_reconciler.controller.executor import Executor
from gco_stream_reconciler.controller.inventory import Inventory
from gco_stream_reconciler.controller.status import StatusReporter
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import CanaryStatus, Endpoint, Exposure, RegionStatus, State
from gco_stream_reconciler.endpoints.status import encode_region_status
from gco_stream_reconciler.errors import PermissionDeniedError
from gco_stream_reconciler.planning.actions import Apply, Delete, ObjectRef, Plan, SetReplicas
from gco_stream_reconciler.telemetry.metrics import Metrics
from gco_stream_reconciler.workqueue.queue import WorkQueue
from tests.doubles.controller import (
    MemoryCache,
    MemoryCluster,
    MemoryTable,
    RecordingObserver,
    now,
    recording_log,
)
from tests.doubles.workqueue import NullQueueObserver

pytestmark = pytest.mark.looptime

REGION = "us-east-1"
REF = ObjectRef("Deployment", "one", "llama")
RUNNING = RegionStatus(
    State.RUNNING, 2, 2, exposure=Exposure.EXPOSED, canary=CanaryStatus(State.RUNNING, 1, 10, 5)
)


def endpoint(
    name: str = "llama", status: RegionStatus | None = None, targets: tuple[str, ...] = (REGION,)
) -> Endpoint:
    item: dict[str, Any] = {
        "endpoint_name": {"S": name},
        "desired_state": {"S": "running"},
        "target_regions": {"L": [{"S": target} for target in targets]},
        "spec": {"M": {"image": {"S": "vllm/vllm-openai:v1"}}},
    }
    if status is not None:
        item["region_status"] = {"M": {REGION: encode_region_status(status)}}
    return decode_endpoint(item)


def journal() -> EndpointJournal:
    metrics = Metrics(CollectorRegistry(), clock=lambda: 0.0)
    return EndpointJournal(REGION, metrics=metrics, now=lambda: 1000.0)


def gauged(of: EndpointJournal) -> set[str]:
    return {name for (name, _), _ in of._metrics.endpoints.exposures()}


def reporter(to: EndpointJournal, events: list[MutableMapping[str, Any]] | None = None) -> StatusReporter:
    return StatusReporter(
        table=MemoryTable(),
        queue=WorkQueue(name="status", clock=now, random=Random(7), observer=NullQueueObserver()),
        is_busy=lambda: False,
        look_again=lambda _: None,
        look_again_after=lambda _name, _seconds: None,
        region=REGION,
        reads_are_home=True,
        observer=RecordingObserver(),
        clock=now,
        now=lambda: 0.0,
        log=recording_log([] if events is None else events),
        journal=to,
    )


# --- Rows and gauges ------------------------------------------------------------------------------------------


async def test_an_endpoint_that_was_read_has_a_row_and_a_gauge_of_its_last_report() -> None:
    to = journal()
    reporter(to).with_known_status(endpoint(status=RUNNING), 0)
    row = to.rows()["llama"]
    assert (row.state, row.replicas_ready, row.exposure, row.desired_state) == (
        "running",
        2,
        "exposed",
        "running",
    )
    assert row.canary is not None
    assert (row.canary.weight_wanted, row.canary.weight_applied) == (10, 5)
    assert gauged(to) == {"llama"}


async def test_a_new_report_is_shown_before_it_is_written() -> None:
    to = journal()
    reporter(to).report(endpoint(), RegionStatus(State.ERROR, error="no such image"))
    assert (to.rows()["llama"].state, to.rows()["llama"].error) == ("error", "no such image")


async def test_an_endpoint_of_other_regions_is_neither_shown_nor_gauged_until_it_is_ours() -> None:
    to = journal()
    says = reporter(to)
    says.with_known_status(endpoint(targets=("eu-west-1",)), 0)
    assert to.rows() == {}
    assert gauged(to) == set()
    says.with_known_status(endpoint(targets=("eu-west-1",), status=RUNNING), 0)
    assert gauged(to) == {"llama"}


async def test_an_endpoint_that_is_gone_is_forgotten_with_all_that_was_done_for_it() -> None:
    to = journal()
    says = reporter(to)
    says.with_known_status(endpoint(status=RUNNING), 0)
    to.failed("llama", "no")
    says.forget("llama")
    assert to.rows() == {}
    assert gauged(to) == set()
    assert to.history.errors("llama") == ()


async def test_a_complete_scan_ends_what_vanished_unseen_and_nothing_that_came_meanwhile() -> None:
    to, inventory = journal(), Inventory(REGION)
    says = reporter(to)
    for name in ("vanished", "stays"):
        inventory.see(says.with_known_status(endpoint(name, RUNNING), 0))
    inventory.begin_scan()
    inventory.see(says.with_known_status(endpoint("came", RUNNING), 0))
    says.retain(inventory.still_there({"stays"}))
    assert to.rows().keys() == gauged(to) == {"stays", "came"}


def test_after_the_term_nothing_is_shown_and_what_was_done_stays() -> None:
    to = journal()
    to.seen(endpoint(status=RUNNING))
    to.failed("llama", "no")
    to.end_term()
    assert to.rows() == {}
    assert gauged(to) == set()
    assert len(to.history.errors("llama")) == 1


# --- Actions --------------------------------------------------------------------------------------------------


async def test_every_action_is_remembered_with_its_reason_and_how_it_ended() -> None:
    to, cluster = journal(), MemoryCluster()
    cluster.faults["Service"] = [PermissionDeniedError("patch services")]
    executor = Executor(
        cluster=cluster, cache=MemoryCache(), observer=RecordingObserver(), log=recording_log([]), journal=to
    )
    service = ObjectRef("Service", "one", "llama")
    manifests = {ref: {"apiVersion": "v1", "kind": ref.kind, "metadata": {"name": "llama", "namespace": "one"}}
                 for ref in (REF, service)}  # fmt: skip
    with pytest.raises(PermissionDeniedError):
        await executor.execute(
            "llama",
            Plan(stages=(tuple(Apply(ref, manifest, ("absent",)) for ref, manifest in manifests.items()),)),
        )
    found = {each.target: (each.action, each.reason, each.result, each.error, each.at)
             for each in to.history.actions("llama")}  # fmt: skip
    assert found == {
        str(REF): ("apply", "absent", "done", "", 1000.0),
        str(service): ("apply", "absent", "failed", "patch services", 1000.0),
    }


def test_drift_that_was_put_right_is_counted_by_kind_and_group_of_fields() -> None:
    to = journal()
    paths = (
        "spec.template.spec.containers[inference].image",
        "spec.template.spec.volumes",
        "metadata.labels.gco.io/type",
    )
    to.acted("llama", Apply(REF, {}, paths), "")
    to.acted("llama", Apply(REF, {}, paths), "refused")
    registry = to._metrics.registry
    for fields in ("spec.template", "metadata.labels"):
        labels = {"kind": "Deployment", "fields": fields}
        assert registry.get_sample_value("gco_drift_corrections_total", labels) == 1


@pytest.mark.parametrize(
    ("reasons", "groups"),
    [
        (("absent",), set()),
        (("wanted state changed", "spec.replicas"), set()),
        (("spec.ports[80,TCP].port",), {"spec.ports"}),
        (("spec.replicas", "spec.rules"), {"spec.replicas", "spec.rules"}),
        (("metadata.annotations.a.b/c",), {"metadata.annotations"}),
        (("data",), {"data"}),
    ],
)
def test_the_group_of_a_path_is_its_first_two_names(reasons: tuple[str, ...], groups: set[str]) -> None:
    assert drifted_groups(Apply(REF, {}, reasons)) == groups
    assert drifted_groups(Delete(REF, "u", "Foreground", "spec.ports")) == frozenset()


# --- The log line of a state change -----------------------------------------------------------------------------


async def test_a_state_change_is_one_info_line_with_old_new_reason_and_reaction_time() -> None:
    events: list[MutableMapping[str, Any]] = []
    says = reporter(journal(), events)
    known = endpoint(status=replace(RUNNING, state=State.CREATING, canary=None))
    says.report(known, replace(RUNNING, canary=None), reason="apply it: absent", reaction_seconds=0.12345)
    (line,) = events
    assert line["event"] == "endpoint_status_changed"
    assert (line["level"], line["old"], line["new"]) == ("info", "creating", "running")
    assert (line["reason"], line["reaction_seconds"]) == ("apply it: absent", 0.123)


async def test_a_state_that_stays_is_silent() -> None:
    events: list[MutableMapping[str, Any]] = []
    says = reporter(journal(), events)
    for _ in range(3):
        says.report(says.with_known_status(endpoint(status=RUNNING), 0), RUNNING)
        await asyncio.sleep(1)
    assert events == []


def test_the_reason_is_the_plans_first_actions_and_the_cluster_where_there_is_none() -> None:
    assert reason_of_plan(Plan()) == "the cluster has changed"
    scale = SetReplicas(REF, "u", 0, force=True, reason="stopped")
    assert reason_of_plan(Plan(stages=((scale,),))) == "scale to 0 Deployment one/llama: stopped"
    many = Plan(stages=((scale,) * 5,))
    assert reason_of_plan(many).endswith("; 2 more")
