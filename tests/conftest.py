"""What all tests share."""

import asyncio
import signal

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.grounds.plugin"]


def pytest_configure(config: pytest.Config) -> None:
    """Leave the main thread without an event loop of its own.

    pytest-asyncio otherwise has one made before the first async test, and leaks it: the garbage collector then fails
    whichever test happens to run (unclosed sockets).
    """
    asyncio.set_event_loop(None)
    # A shell's background job ignores SIGINT, and so would every process that the tests start and interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A loaded machine generates slowly and misses deadlines; neither says anything about the code.
    settings.register_profile(
        "project",
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )
    settings.load_profile("project")
