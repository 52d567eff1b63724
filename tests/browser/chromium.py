"""A headless Chromium and one tab of it, driven over the DevTools protocol."""

import asyncio
import base64
import itertools
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.grounds.leash import on_a_leash

_START_SECONDS = 60
_ANSWER_SECONDS = 30
_POLL_SECONDS = 0.05
_NAVIGATED = "navigated or closed"


class NavigatedError(Exception):
    """The page was replaced while it was looked at."""


def found() -> str | None:
    """The browser's path, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def started(profile: Path) -> Iterator[int]:
    """A browser with its profile in a folder; the port its DevTools listen on."""
    browser = found()
    assert browser is not None
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--hide-scrollbars",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
    ]
    port = profile / "DevToolsActivePort"
    with on_a_leash(
        command, log=profile / "log", answers=lambda: _is_written(port), start_seconds=_START_SECONDS
    ):
        yield int(port.read_text().splitlines()[0])


def _is_written(port: Path) -> bool:
    return port.exists() and port.read_text().count("\n") > 0


class Tab:
    """One page. Every command has a deadline; what the page logs is kept in `logged`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        # By navigation: the blank page that a tab begins with is loaded too, and perhaps told of late.
        self._loads: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.logged: list[str] = []
        self.requested: list[str] = []

    async def listen(self) -> None:
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            elif said["method"] == "Log.entryAdded":
                self.logged.append(said["params"]["entry"]["text"])
            elif said["method"] == "Runtime.exceptionThrown":
                self.logged.append(str(said["params"]["exceptionDetails"]))
            elif said["method"] == "Network.requestWillBeSent":
                self.requested.append(said["params"]["request"]["url"])
            elif said["method"] == "Page.lifecycleEvent" and said["params"]["name"] == "load":
                self._loads[said["params"]["loaderId"]].set()

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(_ANSWER_SECONDS):
            said = await answer
        if _NAVIGATED in said.get("error", {}).get("message", ""):
            raise NavigatedError
        assert "error" not in said, said
        result: dict[str, Any] = said["result"]
        return result

    async def look(self, expression: str) -> Any:
        """The value of an expression in the page. Works with the page's own script switched off, too."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true."""
        value: Any = None
        async with asyncio.timeout(_ANSWER_SECONDS):
            while not value:
                # A form that was just sent replaces the page, perhaps while it is being looked at.
                with suppress(NavigatedError):
                    value = await self.look(expression)
                if not value:
                    await asyncio.sleep(_POLL_SECONDS)
        return value

    async def until_requested(self, url: str) -> None:
        """Wait until the page has sent a request."""
        async with asyncio.timeout(_ANSWER_SECONDS):
            while url not in self.requested:
                await asyncio.sleep(_POLL_SECONDS)

    async def open(self, url: str) -> None:
        navigation = await self.call("Page.navigate", url=url)
        async with asyncio.timeout(_ANSWER_SECONDS):
            await self._loads[navigation["loaderId"]].wait()

    async def prefer(self, scheme: str) -> None:
        await self.call(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
        )

    async def size(self, width: int, height: int) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def picture(self, path: Path) -> bytes:
        answer = await self.call("Page.captureScreenshot", format="png")
        image = base64.b64decode(answer["data"])
        await asyncio.to_thread(_keep, path, image)
        return image


def _keep(path: Path, image: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(image)


@asynccontextmanager
async def new_tab(port: int) -> AsyncIterator[Tab]:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS)) as session,
        session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer,
    ):
        target = await answer.json()
        async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            tab = Tab(socket)
            listener = asyncio.create_task(tab.listen())
            try:
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await tab.call(f"{domain}.enable")
                await tab.call("Page.setLifecycleEventsEnabled", enabled=True)
                yield tab
            finally:
                listener.cancel()
                with suppress(asyncio.CancelledError):
                    await listener
        async with session.get(f"http://127.0.0.1:{port}/json/close/{target['id']}"):
            pass
