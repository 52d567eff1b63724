"""Every case of the one decision about exposure."""

import itertools

import pytest

from gco_stream_reconciler.planning.exposure import NONE, PRIMARY, Backend, Route, decide_route, weighted
from gco_stream_reconciler.planning.watchdog import Verdict

GOOD, UNREADY, MISSING = Backend(True, True), Backend(True, False), Backend(False, False)
UNNAMED = Backend(stands=False, ready=True)
FINE, REMOVE, WAIT = Verdict.NO_OBJECTION, Verdict.REMOVE, Verdict.WAIT_FOR_RECOVERY

CASES = [
    # wanted, primary, canary, exposed now, watchdog, expected
    (2, GOOD, None, False, FINE, PRIMARY),
    (2, GOOD, None, True, FINE, PRIMARY),
    (2, UNREADY, None, False, FINE, NONE),  # never before the first readiness
    (2, UNREADY, None, True, FINE, PRIMARY),  # the watchdog's grace
    (2, UNREADY, None, True, REMOVE, NONE),
    (2, UNREADY, None, False, REMOVE, NONE),
    (2, GOOD, None, False, WAIT, NONE),  # removed twice
    (2, GOOD, None, True, WAIT, PRIMARY),
    (2, UNNAMED, None, False, FINE, NONE),  # a Service is named only while it stands
    (2, MISSING, None, True, FINE, PRIMARY),  # it is made again; taking the Ingress down would not help
    (0, GOOD, None, True, FINE, NONE),  # scaled to 0
    (0, GOOD, GOOD, True, FINE, NONE),
    (2, GOOD, GOOD, False, FINE, weighted(10)),
    (2, GOOD, GOOD, True, FINE, weighted(10)),
    (2, GOOD, UNREADY, True, FINE, PRIMARY),  # a canary loses its traffic at once
    (2, GOOD, UNNAMED, True, FINE, PRIMARY),  # its Service is gone: naming it breaks the whole group
    (2, GOOD, MISSING, False, FINE, PRIMARY),
    (2, UNREADY, GOOD, True, FINE, weighted(10)),  # the weights stay until the watchdog objects
    (2, UNREADY, GOOD, True, REMOVE, NONE),  # a canary does not keep a dead primary exposed
    (2, UNREADY, GOOD, False, FINE, NONE),
    (2, UNNAMED, GOOD, True, FINE, PRIMARY),  # a weighted forward to a missing Service breaks the whole group
    (2, MISSING, GOOD, True, FINE, PRIMARY),
    (2, MISSING, GOOD, True, REMOVE, NONE),
    (2, MISSING, GOOD, True, WAIT, PRIMARY),
    (2, UNNAMED, GOOD, False, FINE, NONE),
    (2, MISSING, UNNAMED, True, FINE, PRIMARY),
    (0, MISSING, GOOD, True, FINE, NONE),
    (2, GOOD, GOOD, False, WAIT, NONE),
]


@pytest.mark.parametrize(("wanted", "primary", "canary", "exposed", "verdict", "expected"), CASES)
def test_the_table_of_cases(
    wanted: int, primary: Backend, canary: Backend | None, exposed: bool, verdict: Verdict, expected: Route
) -> None:
    found = decide_route(
        wanted_replicas=wanted,
        primary=primary,
        canary=canary,
        canary_weight=None if canary is None else 10,
        exposed_now=exposed,
        verdict=verdict,
    )
    assert found == expected


def test_in_no_case_is_a_service_named_first_that_does_not_stand_with_a_ready_pod() -> None:
    backends = [Backend(*flags) for flags in itertools.product((True, False), repeat=2)]
    for wanted, primary, canary, exposed, verdict in itertools.product(
        (0, 1), backends, [None, *backends], (True, False), Verdict
    ):
        found = decide_route(
            wanted_replicas=wanted,
            primary=primary,
            canary=canary,
            canary_weight=25,
            exposed_now=exposed,
            verdict=verdict,
        )
        if found.exposed and not exposed:
            assert primary.usable
        if found.canary_weight is not None:
            assert canary is not None
            assert canary.usable
            assert primary.stands
        if wanted == 0 or verdict is Verdict.REMOVE:
            assert found == NONE
