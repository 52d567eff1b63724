import time
from collections.abc import Iterator

import pytest


@pytest.fixture(params=["UTC0", "JST-9", "EST5"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """The host's time zone; written so that no database of zones is needed."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()
