"""What a fault makes of an answer."""

from collections.abc import AsyncGenerator, AsyncIterator

from aiohttp import web

from gco_stream_reconciler.sandbox.kubernetes.faults import Fault
from gco_stream_reconciler.sandbox.kubernetes.statuses import RefusedError


class NoAnswer(web.Response):
    """Stands for an answer that the client never gets."""


def cut(request: web.Request) -> NoAnswer:
    """Cut the connection."""
    if request.transport is not None:
        request.transport.abort()
    return NoAnswer()


def refusal(fault: Fault, status: int) -> web.Response:
    """The answer that a fault gives in the place of the true one."""
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    if fault.plain:
        return web.Response(status=status, text=fault.message, headers=headers)
    body = RefusedError(status, fault.message, fault.reason).body
    return web.json_response(body, status=status, headers=headers)


async def distorted(
    lines: AsyncIterator[list[bytes]], fault: Fault
) -> AsyncGenerator[list[bytes] | None, None]:
    """A watch's lines as the fault lets them through; None when it is time to hang or to cut."""
    intact, lost, twice = fault.after_events, fault.drop_events, fault.repeat_events
    ends = fault.hang or fault.reset is not None
    async for batch in lines:
        through: list[bytes] = []
        for line in batch:
            if intact:
                intact -= 1
                through.append(line)
            elif lost:
                lost -= 1
            elif twice:
                twice -= 1
                through += [line, line]
            elif not ends:
                through.append(line)
        yield through
        if ends and not (intact or lost or twice):
            yield None
            return
