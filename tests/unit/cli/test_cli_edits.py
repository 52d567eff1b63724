from typing import Any

import pytest

from gco_stream_reconciler.cli import edits
from gco_stream_reconciler.cli.edits import Edit, RefusedEditError
from gco_stream_reconciler.endpoints.model import DesiredState
from tests.samples import sample_item

NOW = "2026-11-21T08:00:00+00:00"


def item(**changes: Any) -> dict[str, Any]:
    return {**sample_item("vllm-llama3"), **changes}


def with_canary() -> dict[str, Any]:
    return edits.start_canary(item(), "vllm/vllm-openai:v2", 20, 1, NOW).applied(item())


def test_an_edit_names_every_attribute_by_a_placeholder_and_binds_what_was_read() -> None:
    edit = Edit(
        {("spec", "replicas"): {"N": "4"}, ("status",): {"S": "x"}},
        {("spec", "replicas"): {"N": "2"}, ("created_at",): None},
    )
    request = edit.request()
    assert request["UpdateExpression"] == "SET #n1.#n2 = :v0, #n3 = :v1"
    assert request["ConditionExpression"] == (
        "attribute_exists(#key) AND #n1.#n2 = :v2 AND attribute_not_exists(#n4)"
    )
    assert request["ExpressionAttributeNames"] == {
        "#key": "endpoint_name",
        "#n1": "spec",
        "#n2": "replicas",
        "#n3": "status",
        "#n4": "created_at",
    }
    assert request["ExpressionAttributeValues"] == {":v0": {"N": "4"}, ":v1": {"S": "x"}, ":v2": {"N": "2"}}


def test_the_item_after_an_edit_is_known_before_it_is_written() -> None:
    before = item()
    after = edits.scale(before, 7, NOW).applied(before)
    assert after["spec"]["M"]["replicas"] == {"N": "7"}
    assert after["spec"]["M"]["image"] == before["spec"]["M"]["image"]
    assert after["updated_at"] == {"S": NOW}
    assert before == item()


@pytest.mark.parametrize("state", [DesiredState.STOPPED, DesiredState.RUNNING, DesiredState.DELETED])
def test_a_state_is_written_if_the_item_is_still_the_one_that_was_read(state: DesiredState) -> None:
    edit = edits.set_state(item(), state, NOW)
    assert edit.sets == {("desired_state",): {"S": state.value}, ("updated_at",): {"S": NOW}}
    assert edit.unchanged[("created_at",)] == item()["created_at"]
    assert edit.unchanged[("desired_state",)] == item()["desired_state"]


@pytest.mark.parametrize(
    "make",
    [
        lambda found: edits.set_state(found, DesiredState.RUNNING, NOW),
        lambda found: edits.set_state(found, DesiredState.STOPPED, NOW),
        lambda found: edits.scale(found, 3, NOW),
        lambda found: edits.update_image(found, "image:2", NOW),
        lambda found: edits.start_canary(found, "image:2", 10, 1, NOW),
    ],
)
def test_what_is_being_deleted_is_not_brought_back_to_life(make: Any) -> None:
    with pytest.raises(RefusedEditError, match="being deleted"):
        make(item(desired_state={"S": "deleted"}))


def test_a_deletion_may_be_asked_for_twice() -> None:
    assert edits.set_state(item(desired_state={"S": "deleted"}), DesiredState.DELETED, NOW)


def test_a_new_image_replaces_the_whole_spec_that_was_read_and_deploys_it() -> None:
    edit = edits.update_image(item(), "vllm/vllm-openai:v2", NOW)
    assert edit.unchanged[("spec",)] == item()["spec"]
    assert edit.sets[("desired_state",)] == {"S": "deploying"}
    assert edit.sets[("spec",)]["M"] == {**item()["spec"]["M"], "image": {"S": "vllm/vllm-openai:v2"}}


def test_a_new_image_of_a_stopped_endpoint_says_that_it_starts() -> None:
    assert "started" in edits.update_image(item(desired_state={"S": "stopped"}), "image:2", NOW).note


def test_scaling_under_an_autoscaler_says_that_the_autoscaler_decides() -> None:
    scaled = {"M": {"enabled": {"BOOL": True}, "min_replicas": {"N": "2"}, "max_replicas": {"N": "8"}}}
    found = item(spec={"M": {**item()["spec"]["M"], "autoscaling": scaled}})
    assert "2 to 8" in edits.scale(found, 4, NOW).note


def test_a_promotion_takes_the_canarys_image_and_the_canary_away() -> None:
    spec = edits.promote(with_canary(), NOW).sets[("spec",)]["M"]
    assert spec["image"] == {"S": "vllm/vllm-openai:v2"}
    assert "canary" not in spec


def test_a_rollback_keeps_the_image_and_takes_the_canary_away() -> None:
    spec = edits.rollback(with_canary(), NOW).sets[("spec",)]["M"]
    assert spec == item()["spec"]["M"]


@pytest.mark.parametrize("make", [edits.promote, edits.rollback])
def test_without_a_canary_there_is_nothing_to_promote_or_roll_back(make: Any) -> None:
    with pytest.raises(RefusedEditError, match="has no canary"):
        make(item(), NOW)


def test_a_reconcile_request_leaves_updated_at_alone() -> None:
    edit = edits.request_reconcile(item(), NOW)
    assert edit.sets == {("reconcile_requested_at",): {"S": NOW}}


TARGETS = {"L": [{"S": "us-east-1"}, {"S": "eu-west-1"}]}


class TestForgetRegion:
    def test_the_region_is_marked_as_gone_and_is_no_target_any_more(self) -> None:
        status = {"M": {"state": {"S": "creating"}}}
        found = item(target_regions=TARGETS, region_status={"M": {"eu-west-1": status}})
        edit = edits.forget_region(found, "eu-west-1", "ann", NOW)
        marked = edit.sets[("region_status", "eu-west-1")]["M"]
        assert marked["state"] == {"S": "deleted"}
        assert "ann" in marked["message"]["S"]
        assert edit.sets[("target_regions",)] == {"L": [{"S": "us-east-1"}]}
        assert edit.unchanged[("region_status", "eu-west-1")] == status
        assert edit.unchanged[("target_regions",)] == TARGETS

    def test_targets_of_a_deleted_endpoint_stay_since_purge_asks_for_reports_alone(self) -> None:
        found = item(target_regions=TARGETS, region_status={"M": {}}, desired_state={"S": "deleted"})
        edit = edits.forget_region(found, "eu-west-1", "ann", NOW)
        assert ("target_regions",) not in edit.sets
        assert edit.unchanged[("region_status", "eu-west-1")] is None

    def test_a_missing_map_of_reports_is_made_whole(self) -> None:
        found = item(target_regions=TARGETS)
        found.pop("region_status", None)
        edit = edits.forget_region(found, "eu-west-1", "ann", NOW)
        assert set(edit.sets[("region_status",)]["M"]) == {"eu-west-1"}
        assert edit.unchanged[("region_status",)] is None

    def test_a_region_that_the_endpoint_never_had_is_refused_with_those_it_has(self) -> None:
        found = item(target_regions=TARGETS, region_status={"M": {}})
        with pytest.raises(RefusedEditError, match="eu-west-1, us-east-1"):
            edits.forget_region(found, "ap-south-1", "ann", NOW)
