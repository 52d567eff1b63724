"""A request body that asks for leave when it goes to the socket."""

from collections.abc import Callable

from aiohttp import BytesPayload
from aiohttp.abc import AbstractStreamWriter


class NotSentError(Exception):
    """The leave to send was withdrawn between the making of a request and its sending."""


class CheckedBody(BytesPayload):
    """Written only while that is allowed.

    Between an earlier check and the socket lie a millisecond of work and, for a new connection, a round trip. A process that
    is paused there past its lease would still send. aiohttp holds the head back until the body is there, so of a request
    that is refused here nothing reaches the server.
    """

    def __init__(self, value: bytes, may_send: Callable[[], bool]) -> None:
        super().__init__(value)
        self._may_send = may_send

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Raises NotSentError, which aiohttp makes a ClientConnectionError of."""
        if not self._may_send():
            raise NotSentError("the lease was lost before it was sent")
        await super().write_with_length(writer, content_length)
