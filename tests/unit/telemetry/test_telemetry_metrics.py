from random import Random

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gco_stream_reconciler import __version__
from gco_stream_reconciler.telemetry.metrics import Metrics
from gco_stream_reconciler.workqueue.queue import WorkQueue
from gco_stream_reconciler.workqueue.state import Lane
from tests.doubles.workqueue import NullQueueObserver


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    return Metrics(CollectorRegistry(), clock=clock)


def samples(metrics: Metrics) -> dict[str, float]:
    """Everything that a scrape shows, as `name{label="value"}` → value."""
    found = {}
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def changed(metrics: Metrics, before: dict[str, float]) -> dict[str, float]:
    """What a scrape shows other than before, without buckets and times of creation."""
    return {
        name: value
        for name, value in samples(metrics).items()
        if before.get(name, 0) != value and "_created" not in name and "_bucket" not in name
    }


def queue(metrics: Metrics, clock: Clock, name: str = "endpoints") -> WorkQueue:
    made = WorkQueue(name=name, clock=clock, random=Random(1), observer=metrics.queue(name))
    metrics.watch_queue(made)
    return made


# --- Queues -------------------------------------------------------------------------------------------------------


async def test_a_queues_counters_and_durations_have_the_names_that_client_go_gives_them(
    metrics: Metrics, clock: Clock
) -> None:
    work = queue(metrics, clock)
    work.add("llama")
    clock.now += 2
    key = await work.get()
    clock.now += 3
    work.retry(key, error="no")
    work.done(key)
    found = samples(metrics)
    assert found['workqueue_adds_total{name="endpoints"}'] == 1
    assert found['workqueue_queue_duration_seconds_sum{name="endpoints"}'] == 2
    assert found['workqueue_queue_duration_seconds_count{name="endpoints"}'] == 1
    assert found['workqueue_work_duration_seconds_sum{name="endpoints"}'] == 3
    assert found['workqueue_work_duration_seconds_count{name="endpoints"}'] == 1
    assert found['workqueue_retries_total{name="endpoints"}'] == 1


async def test_a_queues_gauges_are_read_when_the_scrape_comes(metrics: Metrics, clock: Clock) -> None:
    work = queue(metrics, clock)
    for key in ("a", "b", "c"):
        work.add(key)
    work.add_resync("d")
    await work.get()
    clock.now += 5
    await work.get()
    clock.now += 2
    found = samples(metrics)
    assert found['workqueue_depth{name="endpoints"}'] == 2
    assert found['workqueue_unfinished_work_seconds{name="endpoints"}'] == 7 + 2
    assert found['workqueue_longest_running_processor_seconds{name="endpoints"}'] == 7
    assert found['workqueue_oldest_waiting_seconds{name="endpoints"}'] == 7
    clock.now += 1
    assert samples(metrics)['workqueue_unfinished_work_seconds{name="endpoints"}'] == 8 + 3


async def test_the_oldest_row_of_failures_shows_its_age_until_it_ends(metrics: Metrics, clock: Clock) -> None:
    work, gauge = queue(metrics, clock), 'workqueue_longest_failing_seconds{name="endpoints"}'
    assert samples(metrics)[gauge] == 0
    work.retry("a", error="no")
    clock.now += 5
    work.retry("a", error="still no")
    work.retry("b", error="no")
    clock.now += 2
    assert samples(metrics)[gauge] == 7
    work.forget("a")
    assert samples(metrics)[gauge] == 2
    work.shut_down()


def test_waiting_keys_are_shown_by_lane(metrics: Metrics, clock: Clock) -> None:
    work = queue(metrics, clock)
    work.add("a")
    work.add("b", Lane.TIMER)
    work.add_resync("c")
    work.add_resync("d")
    found = samples(metrics)
    lanes = {
        lane: found[f'workqueue_lane_depth{{lane="{lane}",name="endpoints"}}']
        for lane in ("live", "timer", "resync")
    }
    assert lanes == {"live": 1, "timer": 1, "resync": 2}


def test_queues_are_kept_apart_by_their_names(metrics: Metrics, clock: Clock) -> None:
    queue(metrics, clock).add("a")
    queue(metrics, clock, "status")
    found = samples(metrics)
    assert found['workqueue_depth{name="endpoints"}'] == 1
    assert found['workqueue_depth{name="status"}'] == 0
    assert 'workqueue_adds_total{name="status"}' in found


def test_a_new_terms_queue_takes_the_place_of_the_old_one_and_its_counters_go_on(
    metrics: Metrics, clock: Clock
) -> None:
    queue(metrics, clock).add("a")
    queue(metrics, clock)
    found = samples(metrics)
    assert found['workqueue_depth{name="endpoints"}'] == 0
    assert found['workqueue_adds_total{name="endpoints"}'] == 1


# --- Everything else ----------------------------------------------------------------------------------------------


def test_each_observation_of_the_controller_reaches_its_own_series(metrics: Metrics) -> None:
    before = samples(metrics)
    metrics.controller.reconciled("success", 0.5)
    metrics.controller.applied("Deployment", "drift")
    metrics.controller.applied("Deployment", "drift")
    metrics.controller.deleted("Ingress")
    metrics.controller.reacted(0.25)
    metrics.controller.status_written("conflict")
    metrics.controller.resynced("success", 3.0, 7)
    metrics.controller.resynced("failed", 1.0, 0)
    metrics.loop_lag(0.125)
    assert changed(metrics, before) == {
        'gco_reconcile_duration_seconds_count{result="success"}': 1,
        'gco_reconcile_duration_seconds_sum{result="success"}': 0.5,
        'gco_objects_applied_total{kind="Deployment",reason="drift"}': 2,
        'gco_objects_deleted_total{kind="Ingress"}': 1,
        "gco_reaction_seconds_count": 1,
        "gco_reaction_seconds_sum": 0.25,
        'gco_status_writes_total{result="conflict"}': 1,
        'gco_resync_duration_seconds_count{result="success"}': 1,
        'gco_resync_duration_seconds_sum{result="success"}': 3,
        'gco_resync_duration_seconds_count{result="failed"}': 1,
        'gco_resync_duration_seconds_sum{result="failed"}': 1,
        "gco_resync_queued_total": 7,
        "gco_event_loop_lag_seconds_count": 1,
        "gco_event_loop_lag_seconds_sum": 0.125,
    }


class Reading:
    def unpolled_seconds(self) -> float:
        return 0.5

    def lag_seconds(self) -> float:
        return 1.5


def test_a_former_leader_tells_nothing_of_what_only_a_leader_knows(metrics: Metrics, clock: Clock) -> None:
    before = samples(metrics)
    queue = WorkQueue(name="endpoints", clock=clock, random=Random(1), observer=NullQueueObserver())
    queue.add("left")
    metrics.watch_queue(queue)
    metrics.watch_stream(Reading())
    metrics.stream.shards(2, 5)
    metrics.controller.orphans_seen(3)
    metrics.controller.orphans_left("inference_monitor", 2)
    assert len(changed(metrics, before)) > 5
    metrics.term_ended()
    assert changed(metrics, before) == {}
    assert not {"gco_stream_lag_seconds", "gco_stream_last_poll_age_seconds"} & samples(metrics).keys()


def test_the_stream_is_seen_by_pages_records_lag_shards_and_errors(metrics: Metrics) -> None:
    before = samples(metrics)
    metrics.watch_stream(Reading())
    metrics.stream.polled(3)
    metrics.stream.polled(0)
    metrics.stream.failed("ThrottledError")
    metrics.stream.shards(2, 5)
    metrics.stream.resync_requested("start")
    assert changed(metrics, before) == {
        "gco_stream_records_total": 3,
        "gco_stream_polls_total": 2,
        "gco_stream_lag_seconds": 1.5,
        "gco_stream_last_poll_age_seconds": 0.5,
        'gco_stream_failures_total{error="ThrottledError"}': 1,
        "gco_stream_shards_reading": 2,
        "gco_stream_shards_known": 5,
        'gco_stream_resyncs_total{reason="start"}': 1,
    }


def test_the_informers_are_seen_by_kind_in_however_many_namespaces_they_work(metrics: Metrics) -> None:
    before = samples(metrics)
    metrics.informer.listed("Service", "one", 10, 0.25)
    metrics.informer.listed("Service", "two", 4, 0.5)
    metrics.informer.watch_ended("Service", "one", "expired")
    metrics.informer.failed("Service", "two", "UnavailableError")
    assert changed(metrics, before) == {
        'gco_informer_list_seconds_count{kind="Service"}': 2,
        'gco_informer_list_seconds_sum{kind="Service"}': 0.75,
        'gco_informer_listed_objects{kind="Service"}': 4,
        'gco_informer_watches_ended_total{kind="Service",reason="expired"}': 1,
        'gco_informer_failures_total{error="UnavailableError",kind="Service"}': 1,
    }


def test_leadership_is_one_while_it_lasts(metrics: Metrics) -> None:
    assert samples(metrics)["gco_leader"] == 0
    metrics.leadership.leading(leads=True)
    metrics.leadership.renewed(0.5)
    metrics.leadership.failed("renew")
    found = samples(metrics)
    assert found["gco_leader"] == 1
    assert found["gco_lease_renewal_seconds_sum"] == 0.5
    assert found['gco_lease_failures_total{operation="renew"}'] == 1
    metrics.leadership.leading(leads=False)
    assert samples(metrics)["gco_leader"] == 0


def test_the_reaction_histogram_tells_tenths_of_a_second_apart_and_reaches_a_minute(metrics: Metrics) -> None:
    for seconds in (0.02, 0.2, 2, 59, 61):
        metrics.controller.reacted(seconds)
    found = samples(metrics)
    counts = [
        found[f'gco_reaction_seconds_bucket{{le="{edge}"}}']
        for edge in ("0.025", "0.25", "2.5", "60.0", "+Inf")
    ]
    assert counts == [1, 2, 3, 4, 5]


def test_a_scrape_tells_the_version(metrics: Metrics) -> None:
    assert samples(metrics)[f'gco_build_info{{version="{__version__}"}}'] == 1


def test_two_registries_share_nothing(metrics: Metrics, clock: Clock) -> None:
    other = Metrics(CollectorRegistry(), clock=clock)
    queue(metrics, clock).add("a")
    metrics.controller.reacted(1)
    assert samples(other)["gco_reaction_seconds_count"] == 0
    assert not [name for name in samples(other) if name.startswith("workqueue_depth")]


def test_every_series_explains_itself_and_no_label_is_open_ended(metrics: Metrics, clock: Clock) -> None:
    queue(metrics, clock)
    metrics.controller.reconciled("success", 1)
    metrics.controller.applied("Deployment", "absent")
    families = list(text_string_to_metric_families(generate_latest(metrics.registry).decode()))
    assert [family.name for family in families if not family.documentation] == []
    labels = {name for family in families for sample in family.samples for name in sample.labels}
    assert labels <= {
        "name", "lane", "le", "result", "kind", "reason", "error", "operation", "version", "made_by",
    }  # fmt: skip
