import pytest

from gco_stream_reconciler.endpoints.model import CanaryStatus, RegionStatus
from gco_stream_reconciler.endpoints.status import decode_region_status, encode_region_status, same_report

FULL = RegionStatus(
    state="running",
    replicas_ready=2,
    replicas_desired=3,
    last_sync="2026-11-01T09:00:00+00:00",
    error="e",
    observed_spec="0123456789ab",
    exposure="exposed",
    message="m",
    canary=CanaryStatus("running", 1, 10, 10),
)


@pytest.mark.parametrize("status", [FULL, RegionStatus(state="pending")])
def test_a_status_survives_its_encoding(status: RegionStatus) -> None:
    assert decode_region_status(encode_region_status(status)) == status


def test_absent_fields_are_left_out() -> None:
    assert set(encode_region_status(RegionStatus(state="pending"))["M"]) == {
        "state",
        "replicas_ready",
        "replicas_desired",
    }


def test_fields_of_the_wrong_type_count_as_absent() -> None:
    entry = {
        "M": {"state": {"N": "1"}, "replicas_ready": {"S": "x"}, "canary": {"S": "x"}, "error": {"L": []}}
    }
    assert decode_region_status(entry) == RegionStatus(state="")


@pytest.mark.parametrize("entry", [None, {"S": "running"}, {"L": []}, {}, "running"])
def test_what_is_no_map_is_no_status(entry: object) -> None:
    assert decode_region_status(entry) is None


def test_only_the_time_of_writing_does_not_count() -> None:
    later = decode_region_status(encode_region_status(FULL))
    assert later is not None
    assert same_report(
        FULL, RegionStatus(**{**{f: getattr(FULL, f) for f in FULL.__slots__}, "last_sync": "later"})
    )
    assert not same_report(
        FULL, RegionStatus(**{**{f: getattr(FULL, f) for f in FULL.__slots__}, "message": None})
    )
