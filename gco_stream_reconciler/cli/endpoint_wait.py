"""`endpoint wait`: follow an endpoint until it is where it should be."""

import asyncio
from collections.abc import Coroutine
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from gco_stream_reconciler.aws.endpoint_table import EndpointTable
from gco_stream_reconciler.cli.connection import open_table
from gco_stream_reconciler.cli.ending import CommandError, Exit, finish
from gco_stream_reconciler.cli.options import HomeRegion, Name, TableName, table_settings
from gco_stream_reconciler.cli.output import (
    ScriptFormat,
    console,
    grid,
    is_watched,
    print_json,
    progress_console,
    styled,
)
from gco_stream_reconciler.cli.table_access import item_of
from gco_stream_reconciler.cli.waiting import Goal, WaitProgress, judge
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.errors import RetryableError

_LOOK_SECONDS = 1.0


def wait(
    name: Name,
    goal: Annotated[Goal, typer.Option("--for", help="What to wait for.")] = Goal.RUNNING,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at most.")] = 600,
    region: Annotated[
        list[str] | None, typer.Option("--in", help="Wait only for these Regions; repeatable.")
    ] = None,
    table_name: TableName = None,
    home_region: HomeRegion = None,
    output: Annotated[
        ScriptFormat, typer.Option("--output", "-o", help="json prints how far it came, at the end.")
    ] = ScriptFormat.TEXT,
) -> None:
    """Follow an endpoint until every target Region runs the present spec (or has stopped, or deleted it).

    Progress goes to standard error: a picture on a terminal, a line for each change elsewhere.
    """
    only = tuple(region or ())

    async def work() -> WaitProgress:
        settings = table_settings(table_name, home_region)
        screen = _Screen(progress_console(), name)
        async with open_table(settings) as table:
            if goal is not Goal.DELETED:  # which one that is not there has reached
                await item_of(table, name)
            with screen:
                return await _follow(table.endpoints, name, goal, only, timeout, screen)

    progress = finish(_ended(name, goal, timeout, work()))
    if output is ScriptFormat.JSON:
        print_json({"name": name, "reached": goal, "regions": [asdict(each) for each in progress.regions]})
    else:
        console().print(f"{name}: {goal}", markup=False)


async def _ended(
    name: str, goal: Goal, seconds: float, work: Coroutine[Any, Any, WaitProgress]
) -> WaitProgress:
    progress = await work
    if progress.failed is not None:
        raise CommandError(f"{name}: {progress.failed}")
    if not progress.reached:
        left = ", ".join(
            f"{each.region}: {each.state}" + (f" ({each.said})" if each.said else "")
            for each in progress.regions
            if not each.reached
        )
        raise CommandError(
            f"{name}: not {goal} within {seconds:g} s; {left or 'the item is still there'}; "
            f"`gco-stream-reconciler explain {name}` tells why",
            Exit.TIMED_OUT,
        )
    return progress


async def _follow(
    table: EndpointTable, name: str, goal: Goal, only: tuple[str, ...], seconds: float, screen: "_Screen"
) -> WaitProgress:
    """Look once a second. A table that is out of reach for a while is waited for."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        try:
            item = await table.get_home(name)
            progress = judge(None if item is None else decode_endpoint(item), goal, only)
        except RetryableError as error:
            if loop.time() >= end:
                raise
            screen.trouble(str(error))
        else:
            screen.show(progress)
            if progress.reached or progress.failed is not None or loop.time() >= end:
                return progress
        await asyncio.sleep(min(_LOOK_SECONDS, max(0.0, end - loop.time())))


class _Screen:
    """A picture that lives on a terminal; elsewhere a line for each Region that changed."""

    def __init__(self, where: Console, name: str) -> None:
        self._console = where
        self._name = name
        self._live = Live(console=where, transient=True) if is_watched(where) else None
        self._told: dict[str, str] = {}

    def __enter__(self) -> None:
        if self._live is not None:
            self._live.start()

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, progress: WaitProgress) -> None:
        """What is known now."""
        if self._live is not None:
            self._live.update(self._picture(progress))
            return
        for each in progress.regions:
            line = f"{self._name} {each.region}: {each.state} {each.ready}/{each.wanted} {each.said}".rstrip()
            if self._told.get(each.region) != line:
                self._told[each.region] = line
                self._console.print(styled(line))

    def trouble(self, sentence: str) -> None:
        """The table did not answer."""
        self._console.print(styled(f"waiting on: {sentence}"))

    def _picture(self, progress: WaitProgress) -> Table:
        rows = [
            (each.region, each.state, f"{each.ready}/{each.wanted}", each.said) for each in progress.regions
        ]
        picture = Table.grid(padding=(0, 1))
        picture.add_row(Spinner("dots"), grid(("REGION", "STATE", "READY", "MESSAGE"), rows))
        return picture
