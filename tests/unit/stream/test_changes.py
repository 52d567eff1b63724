import copy
from typing import Any

import pytest

from gco_stream_reconciler.stream.changes import STEERING, key_to_queue
from tests.samples import sample_item

REGION = "us-east-1"
IMAGE = sample_item("vllm-llama3")
STATUS = {"M": {"state": {"S": "running"}}}


def record(old: dict[str, Any] | None, new: dict[str, Any] | None, event: str = "MODIFY") -> dict[str, Any]:
    change: dict[str, Any] = {"Keys": {"endpoint_name": {"S": "vllm-llama3"}}}
    if old is not None:
        change["OldImage"] = old
    if new is not None:
        change["NewImage"] = new
    return {"eventName": event, "dynamodb": change}


def matters(
    old: dict[str, Any] | None, new: dict[str, Any] | None, event: str = "MODIFY", *, ours: bool = False
) -> bool:
    key = key_to_queue(record(old, new, event), region=REGION, is_last_written_status=lambda *_: ours)
    assert key in (None, "vllm-llama3")
    return key is not None


def with_status(region: str, state: str = "running") -> dict[str, Any]:
    image = copy.deepcopy(IMAGE)
    image["desired_state"] = {"S": state}
    image["region_status"] = {"M": {region: STATUS}}
    return image


@pytest.mark.parametrize("field", STEERING)
def test_every_field_that_steers_matters(field: str) -> None:
    assert matters(IMAGE, {**IMAGE, field: {"S": "other"}})
    assert matters({**IMAGE, field: {"S": "other"}}, IMAGE)


def test_a_write_that_changes_nothing_or_only_its_time_does_not_matter() -> None:
    assert not matters(IMAGE, copy.deepcopy(IMAGE))
    assert not matters(IMAGE, {**IMAGE, "updated_at": {"S": "later"}})


@pytest.mark.parametrize("event", ["INSERT", "MODIFY", "REMOVE"])
def test_a_record_without_both_images_matters(event: str) -> None:
    assert matters(None, None, event)
    assert matters(IMAGE, None, event)
    assert matters(None, IMAGE, event)


def test_a_removal_always_matters() -> None:
    assert matters(IMAGE, IMAGE, "REMOVE")


@pytest.mark.parametrize(
    ("state", "expected"), [("deploying", True), ("deleted", True), ("running", False), ("stopped", False)]
)
def test_another_regions_status_matters_while_something_awaits_it(state: str, expected: bool) -> None:
    before = {**with_status("eu-west-1", state), "region_status": {"M": {}}}
    assert matters(before, with_status("eu-west-1", state)) is expected


@pytest.mark.parametrize("ours", [True, False])
def test_our_own_status_matters_exactly_when_it_is_not_what_we_wrote(ours: bool) -> None:
    before = {**with_status(REGION), "region_status": {"M": {}}}
    assert matters(before, with_status(REGION), ours=ours) is not ours


@pytest.mark.parametrize("value", [{"S": "x"}, {"L": []}, None, "raw"])
def test_a_status_map_of_any_type_breaks_nothing(value: Any) -> None:
    assert not matters({**IMAGE, "region_status": value}, {**IMAGE, "region_status": {"M": {}}})


def test_a_record_without_a_key_is_nothing() -> None:
    assert (
        key_to_queue({"eventName": "MODIFY"}, region=REGION, is_last_written_status=lambda *_: False) is None
    )
