"""A line to a server that can be cut, and counts who tries."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import urlsplit

State = Literal["open", "resets", "silence"]
# Closing with this option sends a reset instead of an end.
_RESET = struct.pack("ii", 1, 0)


class Line:
    """Forwards connections to `target` while it is open.

    resets: every connection is reset, those that stand too. silence: connections are taken, and nothing more is heard
    on any. attempts: when a connection was tried, on the loop's clock.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self.url = ""
        self.attempts: list[float] = []
        self.state: State = "open"
        self._opened = asyncio.Event()
        self._opened.set()
        self._standing: set[asyncio.StreamWriter] = set()

    def cut(self, state: Literal["resets", "silence"]) -> None:
        """Begin an outage."""
        self.state = state
        self._opened.clear()
        if state == "resets":
            for writer in list(self._standing):
                _reset(writer)

    def mend(self) -> None:
        """End the outage. What was sent meanwhile on a silent connection arrives now."""
        self.state = "open"
        self._opened.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.attempts.append(asyncio.get_running_loop().time())
        self._standing.add(writer)
        try:
            if self.state == "resets":
                _reset(writer)
                return
            await self._opened.wait()
            there, back = await asyncio.open_connection(*self._target)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, back))
                group.create_task(self._pass(there, writer))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._standing.discard(writer)
            writer.close()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(2**16):
                await self._opened.wait()
                sink.write(data)
                await sink.drain()
        finally:
            sink.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@contextlib.asynccontextmanager
async def line_to(target: str) -> AsyncIterator[Line]:
    """A line to a server's URL; `url` is that of the line."""
    line = Line(target)
    tasks: set[asyncio.Task[None]] = set()

    def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(line.serve(reader, writer), name="line")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(taken, "127.0.0.1", 0)
    line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
