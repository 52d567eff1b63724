"""The watchdog's clock against a story of readiness."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.planning.watchdog import Clock, Verdict, Watch, decode_clock, watch

THRESHOLD = 300.0
SPEC = "0123456789ab"


def look(clock: Clock | None, *, ready: bool, now: float, exposed: bool = True, spec: str = SPEC) -> Watch:
    return watch(clock, spec=spec, ready=ready, exposed=exposed, now=now, threshold_seconds=THRESHOLD)


def test_the_clock_starts_when_an_exposed_endpoint_loses_its_last_ready_pod() -> None:
    found = look(None, ready=False, now=1000)
    assert found == Watch(Verdict.NO_OBJECTION, Clock(SPEC, 1000), due=300)


def test_an_endpoint_that_was_never_exposed_has_no_clock() -> None:
    assert look(None, ready=False, exposed=False, now=1000) == Watch(Verdict.NO_OBJECTION, None)


def test_it_objects_exactly_at_the_threshold() -> None:
    clock = Clock(SPEC, 1000)
    assert look(clock, ready=False, now=1299.9).verdict is Verdict.NO_OBJECTION
    found = look(clock, ready=False, now=1300)
    assert (found.verdict, found.clock) == (Verdict.REMOVE, replace(clock, removals=1))


def test_flapping_does_not_move_the_clock() -> None:
    clock = look(None, ready=False, now=1000).clock
    for now in range(1010, 1250, 40):
        clock = look(clock, ready=True, now=now).clock
        clock = look(clock, ready=False, now=now + 30).clock
    assert clock == Clock(SPEC, 1000)
    assert look(clock, ready=False, now=1300).verdict is Verdict.REMOVE


def test_a_minute_of_readiness_clears_it() -> None:
    found = look(Clock(SPEC, 1000), ready=True, now=1100)
    assert found == Watch(Verdict.NO_OBJECTION, Clock(SPEC, 1000, ready_since=1100), due=60)
    assert look(found.clock, ready=True, now=1160) == Watch(Verdict.NO_OBJECTION, None)


def test_after_one_removal_recovery_may_be_exposed_at_once() -> None:
    removed = look(Clock(SPEC, 1000), ready=False, now=1300).clock
    assert look(removed, ready=True, exposed=False, now=1400).verdict is Verdict.NO_OBJECTION


def test_after_two_removals_recovery_has_to_last() -> None:
    clock = look(Clock(SPEC, 1000), ready=False, now=1300).clock
    clock = look(clock, ready=True, exposed=False, now=1400).clock
    clock = look(clock, ready=False, exposed=True, now=1420).clock
    assert clock is not None
    assert clock.removals == 2
    found = look(clock, ready=True, exposed=False, now=1430)
    assert (found.verdict, found.due) == (Verdict.WAIT_FOR_RECOVERY, 60)
    assert look(found.clock, ready=True, exposed=False, now=1490) == Watch(Verdict.NO_OBJECTION, None)


def test_looking_again_while_it_is_removed_counts_no_further_removal() -> None:
    removed = look(Clock(SPEC, 1000), ready=False, now=1300).clock
    assert look(removed, ready=False, exposed=False, now=1310).clock == removed


def test_another_spec_starts_it_afresh() -> None:
    clock = Clock(SPEC, 1000, removals=1)
    assert look(clock, ready=False, exposed=False, now=1350, spec="b") == Watch(Verdict.NO_OBJECTION, None)
    assert look(clock, ready=False, exposed=True, now=1350, spec="b").due == THRESHOLD


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"spec":1,"unreadySince":"x"}', "nan"])
def test_an_annotation_that_cannot_be_read_is_no_clock(text: str | None) -> None:
    assert decode_clock(text) is None


@given(
    st.builds(
        Clock,
        spec=st.text(max_size=12),
        unready_since=st.integers(0, 2**32).map(float),
        ready_since=st.none() | st.integers(0, 2**32).map(float),
        removals=st.integers(0, 9),
    )
)
def test_a_clock_survives_being_written_down(clock: Clock) -> None:
    assert decode_clock(clock.encoded()) == clock
