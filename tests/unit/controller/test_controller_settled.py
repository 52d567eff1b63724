"""What a resync need not look at again, and every change that makes it look."""

from dataclasses import replace
from typing import Any

import pytest

from gco_stream_reconciler.controller.settled import Settled, fingerprint
from gco_stream_reconciler.planning.rivals import NO_RIVALS, Claim, Rivals
from tests.samples import sample_item

ITEM = sample_item("vllm-llama3")
OBJECT: dict[str, Any] = {"metadata": {"uid": "u", "resourceVersion": "7"}}
OBJECTS = [("Deployment", OBJECT), ("Service", {"metadata": {"uid": "v", "resourceVersion": "3"}})]
RIVAL = Claim("other", "gco-inference", None, "/inference", has_canary=False)


def mark(item: dict[str, Any] = ITEM, objects: Any = OBJECTS, rivals: Rivals = NO_RIVALS) -> int | None:
    return fingerprint(item, objects, rivals)


def at_rest() -> Settled:
    settled = Settled()
    settled.note("a", mark(), at_rest=True)
    return settled


def test_what_was_at_rest_and_has_not_changed_is_at_rest() -> None:
    assert at_rest().holds("a", mark(objects=list(reversed(OBJECTS))))


CHANGES: dict[str, Any] = {
    "another write": {"item": {**ITEM, "updated_at": {"S": "2026-11-02T09:00:00+00:00"}}},
    "another report": {"item": {**ITEM, "region_status": {"M": {"us-east-1": {"M": {}}}}}},
    "an object gone": {"objects": OBJECTS[:1]},
    "an object changed": {
        "objects": [("Deployment", {"metadata": {"uid": "u", "resourceVersion": "8"}}), OBJECTS[1]]
    },
    "an object made again": {
        "objects": [("Deployment", {"metadata": {"uid": "w", "resourceVersion": "7"}}), OBJECTS[1]]
    },
    "a rival": {"rivals": replace(NO_RIVALS, by_path=(RIVAL,))},
    "a namesake": {"rivals": Rivals(canary_name_is_an_item=True)},
    "binary data": {"item": {**ITEM, "blob": {"B": b"0"}}},
}


@pytest.mark.parametrize("what", CHANGES)
def test_any_change_is_looked_at(what: str) -> None:
    assert not at_rest().holds("a", mark(**CHANGES[what]))


def test_what_was_not_at_rest_is_looked_at_again() -> None:
    settled = at_rest()
    settled.note("a", mark(), at_rest=False)
    assert not settled.holds("a", mark())


def test_nothing_is_remembered_of_what_is_gone() -> None:
    settled = at_rest()
    settled.retain({"b"})
    assert not settled.holds("a", mark())
