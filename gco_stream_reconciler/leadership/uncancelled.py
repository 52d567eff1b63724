"""Work that goes on to its end although the task that waits for it is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def to_its_end(work: Coroutine[Any, Any, None], name: str) -> bool:
    """Run `work`, which must be bounded, as a task of that name; whether the caller was cancelled meanwhile.

    The caller owes its own cancellation then. Raises what the work raises.
    """
    task = asyncio.create_task(work, name=name)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    return cancelled
