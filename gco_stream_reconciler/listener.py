"""One HTTP listener, as a context manager."""

import socket
from typing import Self

from aiohttp import web

from gco_stream_reconciler.errors import ConfigurationError

# A client that reads slowly must not hold up the end of the process.
_SHUTDOWN_SECONDS = 1.0


class Listener:
    """Serves an application at an address.

    host: "" for every address of the machine, IPv4 and IPv6. setting: the variable that chooses the port, for the error's
    remedy.
    """

    def __init__(self, app: web.Application, *, host: str, port: int, setting: str) -> None:
        self._host = host
        self._wanted_port = port
        self._setting = setting
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)

    async def __aenter__(self) -> Self:
        """Listen. Raises ConfigurationError where the port is taken."""
        await self._runner.setup()
        try:
            await self._site().start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigurationError(
                f"cannot listen on {self._host or 'any address'} port {self._wanted_port}: {error.strerror or error}; "
                f"set {self._setting} (0 takes any)"
            ) from error
        return self

    def _site(self) -> web.BaseSite:
        if self._host:
            return web.TCPSite(self._runner, self._host, self._wanted_port)
        # One socket for both families, so that port 0 is one port.
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        everywhere = socket.create_server(("", self._wanted_port), family=family, dualstack_ipv6=dual)
        return web.SockSite(self._runner, everywhere)

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._runner.addresses[0][1])
