from dataclasses import replace

import pytest

from gco_stream_reconciler.cli.waiting import Goal, judge
from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, RegionStatus
from tests.doubles.planning_story import endpoint

HERE, THERE = "us-east-1", "eu-west-1"


def reports(item: Endpoint, **states: str) -> Endpoint:
    statuses = {
        region: RegionStatus(
            state=state, observed_spec=item.spec_hash, error="no disk" if state == "error" else None
        )
        for region, state in zip((HERE, THERE), states.values(), strict=False)
    }
    return replace(item, region_status=statuses)


def test_running_is_reached_when_every_target_runs_the_present_spec() -> None:
    assert not judge(reports(endpoint(), here="running"), Goal.RUNNING).reached
    assert judge(reports(endpoint(), here="running", there="running"), Goal.RUNNING).reached


def test_a_report_about_an_earlier_spec_does_not_count() -> None:
    item = replace(reports(endpoint(), here="running", there="running"), spec_hash="another")
    progress = judge(item, Goal.RUNNING)
    assert not progress.reached
    assert {each.state for each in progress.regions} == {"running (of an earlier spec)"}


def test_only_the_regions_that_were_named_are_waited_for() -> None:
    item = reports(endpoint(), here="running", there="creating")
    assert judge(item, Goal.RUNNING, (HERE,)).reached
    assert not judge(item, Goal.RUNNING, (THERE,)).reached


@pytest.mark.parametrize("only", [("eu-wst-1",), (HERE, "eu-wst-1")])
@pytest.mark.parametrize("goal", list(Goal))
def test_a_region_that_the_endpoint_does_not_have_ends_the_wait(goal: Goal, only: tuple[str, ...]) -> None:
    item = replace(
        reports(endpoint(), here=goal.value, there="error"),
        desired_state=DesiredState(goal.value),
    )
    progress = judge(item, goal, only)
    assert not progress.reached
    assert progress.failed == "eu-wst-1 is no Region of it; its Regions are eu-west-1, us-east-1"


@pytest.mark.parametrize("goal", [Goal.RUNNING, Goal.STOPPED])
def test_a_region_that_only_reports_will_not_get_there(goal: Goal) -> None:
    item = replace(
        reports(endpoint(target_regions=(HERE,)), here=goal.value, there="deleted"),
        desired_state=DesiredState(goal.value),
    )
    assert judge(item, goal).reached
    progress = judge(item, goal, (HERE, THERE))
    assert (progress.reached, progress.failed) == (
        False,
        "eu-west-1 is no Region of it; its Regions are us-east-1",
    )


def test_a_deletion_is_waited_for_in_a_region_that_is_no_target_any_more() -> None:
    item = replace(
        reports(endpoint(target_regions=(HERE,)), here="deleting", there="deleting"),
        desired_state=DesiredState.DELETED,
    )
    assert judge(item, Goal.DELETED, (THERE,)).failed is None
    item = replace(item, region_status={THERE: RegionStatus("deleted")})
    assert judge(item, Goal.DELETED, (THERE,)).reached


def test_a_region_is_not_called_unknown_where_the_targets_cannot_be_read() -> None:
    item = replace(reports(endpoint(), here="running"), target_regions=None)
    progress = judge(item, Goal.RUNNING, (HERE,))
    assert (progress.reached, progress.failed) == (False, None)


def test_an_error_about_the_present_spec_ends_the_wait_with_its_reason() -> None:
    failed = judge(reports(endpoint(), here="error", there="running"), Goal.RUNNING).failed
    assert failed == "us-east-1 reports an error: no disk"


def test_an_error_about_an_earlier_spec_is_waited_out() -> None:
    item = replace(reports(endpoint(), here="error", there="running"), spec_hash="another")
    assert judge(item, Goal.RUNNING).failed is None


def test_what_the_table_does_not_ask_for_is_not_waited_for() -> None:
    item = replace(endpoint(), desired_state=DesiredState.STOPPED)
    assert "endpoint start llama" in (judge(item, Goal.RUNNING).failed or "")
    assert "endpoint stop llama" in (judge(endpoint(), Goal.STOPPED).failed or "")


def test_a_deletion_is_over_when_the_item_is_gone() -> None:
    item = replace(reports(endpoint(), here="deleted", there="deleted"), desired_state=DesiredState.DELETED)
    assert not judge(item, Goal.DELETED).reached
    assert judge(item, Goal.DELETED, (HERE,)).reached
    assert judge(None, Goal.DELETED).reached
    assert judge(None, Goal.RUNNING).failed == "the endpoint was deleted meanwhile"


def test_a_stop_is_over_when_every_target_has_stopped() -> None:
    item = replace(reports(endpoint(), here="stopped", there="stopping"), desired_state=DesiredState.STOPPED)
    assert not judge(item, Goal.STOPPED).reached
    item = replace(reports(endpoint(), here="stopped", there="stopped"), desired_state=DesiredState.STOPPED)
    assert judge(item, Goal.STOPPED).reached


WRITTEN = "2026-11-21T08:00:00+00:00"


@pytest.mark.parametrize("goal", [Goal.STOPPED, Goal.DELETED])
@pytest.mark.parametrize(
    ("reported", "ends"),
    [
        ("2026-11-21T07:59:59+00:00", False),
        ("2026-11-21T08:00:01+00:00", True),
        (None, False),
    ],
)
def test_an_error_from_before_the_write_says_nothing_about_a_stop_or_a_deletion(
    goal: Goal, reported: str | None, ends: bool
) -> None:
    before = reports(endpoint(), here="error", there=goal.value)
    statuses = {HERE: replace(before.region_status[HERE], last_sync=reported)}
    item = replace(
        before,
        desired_state=DesiredState(goal.value),
        updated_at=WRITTEN,
        region_status={**before.region_status, **statuses},
    )
    failed = "us-east-1 reports an error: no disk" if ends else None
    assert judge(item, goal).failed == failed


@pytest.mark.parametrize("goal", [Goal.RUNNING, Goal.STOPPED])
def test_of_a_deletion_nothing_is_advised_that_would_be_refused(goal: Goal) -> None:
    failed = judge(endpoint(desired_state=DesiredState.DELETED), goal).failed or ""
    assert "endpoint wait NAME --for deleted" in failed
    assert "endpoint start" not in failed
    assert "endpoint stop" not in failed
