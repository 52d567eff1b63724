import asyncio
import json
import math
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import structlog

from gco_stream_reconciler.console.server import ConsoleServer
from gco_stream_reconciler.console.views import About, Depth, EndpointRow
from tests.browser.chromium import Tab
from tests.doubles.console_source import NOW, SECRET, MemorySource, fleet

ABOUT = About("gco-us-east-1", "us-east-1", "gco-inference-endpoints", "0.0.0")
LINKS = "[...document.querySelectorAll('.s-endpoints tbody th a')]"
ROWS = f"{LINKS}.map(each => each.textContent)"
COUNT = "document.querySelector('.count').textContent"


@asynccontextmanager
async def served(source: MemorySource) -> AsyncIterator[str]:
    """The console with five minutes of samples: a resync four minutes ago, a few live changes all along."""
    server = ConsoleServer(source=source, about=ABOUT, port=0, now=lambda: NOW, log=structlog.get_logger())
    for second in range(300):
        source.current_depth = Depth(
            live=round(4 + 4 * math.sin(second / 9)),
            timer=3 if second % 60 < 8 else 0,
            resync=max(0, min(200, 200 - (second - 80) * 3)) if second >= 80 else 0,
        )
        server._take_sample(NOW - 299 + second)
    async with server:
        yield f"http://localhost:{server.port}"


def first_pixel(png: bytes) -> tuple[int, ...]:
    """The colour of the upper left corner: of a PNG's first pixel no filter takes anything away."""
    data, at = b"", 8
    while at < len(png):
        length, kind = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        if kind == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    return tuple(zlib.decompress(data)[1:4])


async def test_the_page_is_light_or_dark_as_the_person_prefers(tab: Tab, artefacts: Path) -> None:
    async with served(fleet()) as url:
        await tab.size(1280, 1500)
        await tab.open(url)
        brightness = {}
        for scheme in ("light", "dark"):
            await tab.prefer(scheme)
            brightness[scheme] = sum(first_pixel(await tab.picture(artefacts / f"console-{scheme}.png")))
        assert brightness["light"] > 600
        assert brightness["dark"] < 150


async def test_the_page_fits_a_narrow_window_without_scrolling_sideways(tab: Tab, artefacts: Path) -> None:
    async with served(fleet()) as url:
        await tab.size(390, 1600)
        await tab.open(url)
        assert await tab.look("document.documentElement.scrollWidth") <= 390
        await tab.picture(artefacts / "console-narrow.png")


async def test_an_endpoints_page_shows_its_plan_actions_and_errors_but_no_secret(
    tab: Tab, artefacts: Path
) -> None:
    async with served(fleet()) as url:
        await tab.size(1280, 1500)
        await tab.open(f"{url}/")
        await tab.look("document.querySelector('.s-endpoints tbody a').click()")
        await tab.until(
            "location.pathname === '/endpoints/mixtral-8x7b' && document.readyState === 'complete'"
        )
        await tab.look("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        shown = await tab.look("document.body.innerText")
        for words in (
            "wanted state changed",
            "Required value",
            "Ingress gco-inference/inference-mixtral-8x7b",
        ):
            assert words in shown
        assert '"HF_TOKEN": "[redacted]"' in shown
        assert SECRET not in await tab.look("document.documentElement.outerHTML")
        for scheme in ("light", "dark"):
            await tab.prefer(scheme)
            await tab.picture(artefacts / f"console-endpoint-{scheme}.png")


async def test_without_script_the_tables_are_there_and_the_filter_works(tab: Tab) -> None:
    async with served(fleet()) as url:
        await tab.call("Emulation.setScriptExecutionDisabled", value=True)
        await tab.open(f"{url}/")
        assert len(await tab.look(ROWS)) == 200
        assert await tab.look("document.querySelectorAll('.s-stream tbody tr').length") == 5
        assert await tab.look("document.querySelectorAll('.s-failing tbody tr').length") == 1
        assert await tab.look("document.querySelector('svg.chart .lane-resync') !== null")
        assert await tab.look("document.getElementById('pause').hidden")
        await tab.look("document.getElementById('q').focus()")
        await tab.call("Input.insertText", text="mixtral")
        await press_enter(tab)
        await tab.until("location.search === '?q=mixtral' && document.readyState === 'complete'")
        assert await tab.look(ROWS) == ["mixtral-8x7b"]


async def test_typing_filters_at_once_and_the_address_can_be_shared(tab: Tab) -> None:
    async with served(fleet()) as url:
        await tab.open(f"{url}/")
        await tab.look("document.getElementById('q').focus()")
        await tab.call("Input.insertText", text="canary 70b")
        await tab.until(f"{COUNT} === '1 of 200 endpoints'")
        assert await tab.look(ROWS) == ["llama3-70b"]
        assert await tab.look("location.search") == "?q=canary+70b"
        assert await tab.look("document.activeElement.id") == "q"


async def test_the_page_renews_itself_and_keeps_the_focus_and_what_is_open(tab: Tab) -> None:
    source = fleet()
    async with served(source) as url:
        await tab.open(f"{url}/")
        await tab.look("document.querySelector('.s-endpoints tbody a').focus()")
        source.rows[20] = replace(source.rows[20], name="appeared-meanwhile", state="error", error="new")
        await tab.until(f"{ROWS}.includes('appeared-meanwhile')")
        assert await tab.look("document.activeElement.textContent") == "mixtral-8x7b"

        await tab.open(f"{url}/endpoints/mixtral-8x7b")
        await tab.look("document.querySelector('details').open = true")
        source.details["mixtral-8x7b"] = replace(source.details["mixtral-8x7b"], desired={"changed": "now"})
        await tab.until("document.querySelector('pre').textContent.includes('changed')")
        assert await tab.look("document.querySelector('details').open")


async def test_updates_can_be_paused(tab: Tab) -> None:
    source = fleet()
    async with served(source) as url:
        await tab.open(f"{url}/")
        await tab.look("document.getElementById('pause').click()")
        assert await tab.look("document.getElementById('pause').textContent") == "Resume updates"
        # A renewal that was under way when the button was pressed is told of before this request.
        await tab.look("fetch('/?last').then(() => true)")
        await tab.until_requested(f"{url}/?last")
        tab.requested.clear()
        await asyncio.sleep(3)  # longer than the interval: nothing announces that nothing is asked
        assert tab.requested == []
        source.rows.clear()
        await tab.look("document.getElementById('pause').click()")
        await tab.until(f"{COUNT} === '0 endpoints'")


async def test_a_controller_that_does_not_answer_is_said_and_forgiven(tab: Tab) -> None:
    async with served(fleet()) as url:
        await tab.open(f"{url}/")
        await tab.call("Network.emulateNetworkConditions", **network(offline=True))
        await tab.until("document.body.classList.contains('lost')")
        await tab.call("Network.emulateNetworkConditions", **network(offline=False))
        await tab.until("!document.body.classList.contains('lost')")


async def test_markup_in_names_and_errors_is_shown_as_text(tab: Tab) -> None:
    attack = """<script>window.hit = 1</script><img src=x onerror="window.hit = 1">'"&amp;"""
    source = fleet()
    source.rows.append(EndpointRow(attack, attack, attack, "error", error=attack, message=attack))
    async with served(source) as url:
        await tab.open(f"{url}/")
        assert attack in await tab.look(ROWS)
        # Once more as the script writes it.
        source.rows[-1] = replace(source.rows[-1], error=f"{attack} again")
        await tab.until("document.querySelector('.s-endpoints').textContent.includes(' again')")
        await tab.look(f"{LINKS}.find(each => each.textContent === {json.dumps(attack)}).click()")
        await tab.until("location.pathname !== '/' && document.readyState === 'complete'")
        assert await tab.look("document.querySelector('h1').textContent") == attack
        assert not await tab.look("'hit' in window")
        assert await tab.look("document.querySelectorAll('img, main script').length") == 0


async def test_the_page_breaks_none_of_its_own_rules_and_asks_nobody_else(tab: Tab) -> None:
    async with served(fleet()) as url:
        for path in ("/", "/?q=a&page=9", "/endpoints/mixtral-8x7b", "/endpoints/llama3-70b"):
            await tab.open(f"{url}{path}")
        await tab.open(f"{url}/")
        await tab.until(
            "performance.getEntriesByName(location.origin + document.body.dataset.fragment).length > 0"
        )
        assert tab.logged == []
        assert all(asked.startswith((url, "about:")) for asked in tab.requested), tab.requested


async def test_every_text_has_enough_contrast_in_light_and_dark(tab: Tab) -> None:
    async with served(fleet()) as url:
        await tab.open(f"{url}/")
        for scheme in ("light", "dark"):
            await tab.prefer(scheme)
            weak = await tab.look(WEAK_CONTRAST)
            assert weak == [], scheme


async def test_tables_controls_and_pictures_have_names(tab: Tab) -> None:
    async with served(fleet()) as url:
        for path in ("/", "/endpoints/mixtral-8x7b"):
            await tab.open(f"{url}{path}")
            nodes = (await tab.call("Accessibility.getFullAXTree"))["nodes"]
            named = {
                role: [node["name"]["value"] for node in nodes if node.get("role", {}).get("value") == role]
                for role in ("table", "columnheader", "rowheader", "searchbox", "button", "image", "region")
            }
            assert named["table"]
            assert all(name for names in named.values() for name in names), named
            assert await tab.look("document.querySelectorAll('th:not([scope])').length") == 0
            assert await tab.look("document.documentElement.lang") == "en"


def network(*, offline: bool) -> dict[str, object]:
    return {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


async def press_enter(tab: Tab) -> None:
    for kind in ("rawKeyDown", "char", "keyUp"):
        await tab.call("Input.dispatchKeyEvent", type=kind, key="Enter", text="\r", windowsVirtualKeyCode=13)


# WCAG 2.2, 1.4.3: 4.5 to 1 between a text and the ground behind it.
WEAK_CONTRAST = """
(() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = numbers(colour).map((each) => each / 255)
      .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if ((numbers(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const weak = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || element.closest("script, title")) continue;
    const style = getComputedStyle(element);
    const one = light(element.closest("svg") ? style.fill : style.color);
    const other = light(ground(element));
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) weak.add(`${element.tagName}.${element.getAttribute("class")}: ${ratio.toFixed(2)}`);
  }
  return [...weak];
})()
"""
