import itertools

import pytest

from gco_stream_reconciler.planning.exposure import Route, decide_route

EXPECTED = {
    # (wants replicas, ready, service stands, exposed now): route
    (False, False, False, False): Route.NONE,
    (False, False, False, True): Route.NONE,
    (False, False, True, False): Route.NONE,
    (False, False, True, True): Route.NONE,
    (False, True, False, False): Route.NONE,
    (False, True, False, True): Route.NONE,
    (False, True, True, False): Route.NONE,
    (False, True, True, True): Route.NONE,
    (True, False, False, False): Route.NONE,
    (True, False, False, True): Route.PRIMARY,
    (True, False, True, False): Route.NONE,
    (True, False, True, True): Route.PRIMARY,
    (True, True, False, False): Route.NONE,
    (True, True, False, True): Route.PRIMARY,
    (True, True, True, False): Route.PRIMARY,
    (True, True, True, True): Route.PRIMARY,
}


@pytest.mark.parametrize("case", list(itertools.product([False, True], repeat=4)))
def test_every_combination_has_its_route(case: tuple[bool, bool, bool, bool]) -> None:
    wants, ready, stands, exposed = case
    route = decide_route(
        wanted_replicas=2 if wants else 0,
        ready_replicas=1 if ready else 0,
        service_stands=stands,
        exposed_now=exposed,
    )
    assert route is EXPECTED[case]
