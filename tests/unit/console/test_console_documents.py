import random

import pytest

from gco_stream_reconciler.console.documents import (
    endpoint_document,
    endpoints_document,
    queue_document,
    shards_document,
)
from gco_stream_reconciler.console.plain import text
from gco_stream_reconciler.console.snapshots import queue_view
from gco_stream_reconciler.console.views import (
    DelayedKey,
    FailingKey,
    KeyInProcess,
    LeadershipView,
    QueueView,
    StreamView,
    WaitingKey,
)
from gco_stream_reconciler.workqueue.queue import WorkQueue
from gco_stream_reconciler.workqueue.state import Lane
from tests.doubles.console_source import NOW, SECRET, busy_queue, fleet, stream
from tests.doubles.workqueue import NullQueueObserver


async def test_a_work_queues_own_snapshot_becomes_a_view() -> None:
    time = [0.0]
    queue = WorkQueue(
        name="endpoints", clock=lambda: time[0], random=random.Random(1), observer=NullQueueObserver()
    )
    queue.add("busy")
    await queue.get()
    queue.add("waits", Lane.RESYNC)
    queue.add_after("later", 30)
    time[0] = 4.0
    queue.retry("fails", error="no", retry_after_seconds=40)
    time[0] = 6.0
    queue.retry("fails", error="still no", retry_after_seconds=40)
    assert queue_view(queue.snapshot()) == QueueView(
        waiting=(WaitingKey("waits", "RESYNC", 6.0),),
        in_process=(KeyInProcess("busy", 6.0),),
        delayed=(DelayedKey("later", "TIMER", 24.0), DelayedKey("fails", "TIMER", 38.0)),
        failing=(FailingKey("fails", 2, "still no", terminal=False, failing_for_seconds=2.0),),
    )
    queue.shut_down()


def test_the_queue_says_when_a_delayed_key_is_due_and_when_a_failing_one_is_tried_again() -> None:
    document = queue_document(busy_queue(), now=NOW)
    assert document["at"] == "2025-11-21T16:00:00Z"
    assert document["counts"] == {"waiting": 4, "in_process": 2, "delayed": 2, "failing": 1}
    assert document["waiting"][3] == {"key": "vllm-model-040", "lane": "RESYNC", "age_seconds": 3.75}
    assert document["delayed"][0] == {
        "key": "vllm-model-012",
        "lane": "TIMER",
        "due_in_seconds": 12.0,
        "due_at": "2025-11-21T16:00:12Z",
    }
    (failing,) = document["failing"]
    assert failing["next_try_in_seconds"] == 214.0
    assert failing["failing_for_seconds"] == 1260.0
    assert failing["error"].startswith("the API server refuses")


async def test_an_endpoint_shows_desired_observed_plan_actions_why_and_its_place_without_its_secrets() -> (
    None
):
    source = fleet()
    detail = await source.endpoint("mixtral-8x7b")
    assert detail is not None
    document = endpoint_document(detail, source.queue(), now=NOW)
    assert SECRET not in text(document)
    assert document["desired"]["spec"]["env"].keys() == {"HF_TOKEN", "VLLM_LOGGING_LEVEL"}
    assert document["observed"]["Deployment gco-inference/mixtral-8x7b"]["status"]["replicas"] == 2
    assert document["plan"]["stages"][1][0]["reasons"] == ["absent"]
    assert document["actions"][0]["at"] == "2025-11-21T15:59:19Z"
    assert document["actions"][0]["result"] == "failed"
    assert document["queue"].keys() == {"delayed", "failing"}
    assert document["why"]


def test_the_shards_come_with_the_stream_and_its_leader() -> None:
    document = shards_document(stream(), LeadershipView(leads=True, holder="me"), now=NOW)
    assert document["lag_seconds"] == 0.4
    assert [shard["phase"] for shard in document["shards"]] == ["READING"] * 3 + ["WAITING", "DRAINED"]
    assert document["leadership"]["holder"] == "me"
    assert shards_document(StreamView(), LeadershipView(), now=NOW)["lag_seconds"] is None


def test_a_page_of_endpoints_says_which_page_it_is() -> None:
    rows = tuple(fleet(20).rows)
    document = endpoints_document(rows, matching=20, page=1, pages=1)
    assert len(document["endpoints"]) == document["matching"] == 20


@pytest.mark.parametrize("name", ["vllm-model-021", "vllm-model-013"])
async def test_a_waiting_key_and_one_in_process_are_found_in_the_queue(name: str) -> None:
    source = fleet()
    detail = await source.endpoint(name)
    assert detail is not None
    assert len(endpoint_document(detail, source.queue(), now=NOW)["queue"]) == 1
