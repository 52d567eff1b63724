"""The gauges about endpoints: what this Region reported last of each."""

from dataclasses import replace

from gco_stream_reconciler.endpoints.model import CanaryStatus, Exposure, RegionStatus, State
from gco_stream_reconciler.telemetry.endpoint_gauges import EndpointGauges

RUNNING = RegionStatus(State.RUNNING, replicas_ready=2, replicas_desired=2, exposure=Exposure.EXPOSED)
DOWN = replace(RUNNING, replicas_ready=0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def gauges() -> tuple[EndpointGauges, Clock]:
    clock = Clock()
    return EndpointGauges(clock), clock


def zero_ready(found: EndpointGauges) -> dict[str, float]:
    return {name: seconds for (name,), seconds in found.zero_ready_seconds()}


def test_an_endpoint_has_one_exposure_at_a_time() -> None:
    found, _ = gauges()
    found.show("llama", RUNNING)
    found.show("llama", replace(RUNNING, exposure=Exposure.REMOVED_BY_WATCHDOG))
    assert [*found.exposures()] == [(("llama", "removed-by-watchdog"), 1.0)]


def test_endpoints_are_counted_by_state_and_exposure() -> None:
    found, _ = gauges()
    for name in ("a", "b"):
        found.show(name, RUNNING)
    found.show("c", RegionStatus(State.ERROR))
    assert dict(found.counts()) == {("running", "exposed"): 2, ("error", "none"): 1}


def test_states_and_exposures_of_another_writer_are_one_label() -> None:
    found, _ = gauges()
    for number in range(5):
        found.show(f"e{number}", RegionStatus(f"odd-{number}", exposure=f"strange-{number}"))
    assert dict(found.counts()) == {("other", "other"): 5}


def test_time_without_a_ready_replica_runs_from_the_first_report_of_it_until_one_is_ready() -> None:
    found, clock = gauges()
    found.show("llama", RUNNING)
    assert zero_ready(found) == {"llama": 0}
    clock.now = 10
    found.show("llama", DOWN)
    clock.now = 25
    found.show("llama", replace(DOWN, message="still down"))
    assert zero_ready(found) == {"llama": 15}
    found.show("llama", replace(RUNNING, replicas_ready=1))
    assert zero_ready(found) == {"llama": 0}


def test_an_endpoint_that_is_to_run_nothing_is_not_down() -> None:
    found, clock = gauges()
    found.show("llama", RegionStatus(State.STOPPED, exposure=Exposure.STOPPED))
    clock.now = 100
    assert zero_ready(found) == {"llama": 0}


def test_weights_are_told_of_endpoints_with_a_canary_only() -> None:
    found, _ = gauges()
    found.show("plain", RUNNING)
    found.show("split", replace(RUNNING, canary=CanaryStatus(State.CREATING, 0, 10, 0)))
    assert [*found.weights_wanted()] == [(("split",), 10.0)]
    assert [*found.weights_applied()] == [(("split",), 0.0)]


def test_the_series_of_an_endpoint_end_when_it_is_forgotten_deleted_or_not_ours() -> None:
    found, _ = gauges()
    for name in ("gone", "deleted", "elsewhere", "stays"):
        found.show(name, RUNNING)
    found.forget("gone")
    found.show("deleted", RegionStatus(State.DELETED))
    found.show("elsewhere", None)
    assert [name for (name, _), _ in found.exposures()] == ["stays"]
    found.clear()
    assert len(found) == 0
    found.forget("stays")
