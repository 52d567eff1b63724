"""The application as a process of its own: its signals and its garbage collector."""

import asyncio
import gc
import os
import signal

from gco_stream_reconciler.app.application import Application

_EXIT_AT_ONCE = 130
# Objects made and not freed before the collector looks at the youngest. Python's 700 had it look at every request that is
# under way, and took 8% of the processor in a start with 5,000 endpoints; this takes 2%, some milliseconds at a time.
_YOUNG_OBJECTS = 5000


async def run_until_signalled(application: Application) -> None:
    """Run; the first SIGTERM or SIGINT stops in order, the second ends the process at once."""
    _ease_the_collector()
    loop = asyncio.get_running_loop()

    def signalled() -> None:
        if application.stopping:
            os._exit(_EXIT_AT_ONCE)
        application.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled)
    try:
        await application.run()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _ease_the_collector() -> None:
    """What is loaded by now stays to the end: full passes, in which the loop stands, need not walk it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
