"""One conditional change of an item, from the read to what is printed."""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from gco_stream_reconciler.cli.connection import open_table
from gco_stream_reconciler.cli.edits import Edit, RefusedEditError
from gco_stream_reconciler.cli.ending import CommandError, Exit, finish, say
from gco_stream_reconciler.cli.item_files import untagged
from gco_stream_reconciler.cli.options import table_settings
from gco_stream_reconciler.cli.output import ScriptFormat, console, print_json, progress_console
from gco_stream_reconciler.cli.table_access import change_item, item_of
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.printable import escaped
from gco_stream_reconciler.redaction import redacted

Item = dict[str, Any]
MakeEdit = Callable[[Mapping[str, Any], str], Edit]
"""(item as read, the present moment) → edit; raises RefusedEditError."""

Output = Annotated[
    ScriptFormat,
    typer.Option("--output", "-o", help="json prints the item after the write, environment values redacted."),
]


def change(
    name: str,
    make: MakeEdit,
    done: Callable[[Item, Item], str],
    *,
    table_name: str | None,
    home_region: str | None,
    output: ScriptFormat,
) -> None:
    """Read, check, write, say what was done. `done` gets the item before and after."""
    before, after, note = finish(changed(name, make, table_name, home_region))
    if note:
        say(f"note: {note}")
    tell(after, done(before, after), output)


async def changed(
    name: str, make: MakeEdit, table_name: str | None, home_region: str | None
) -> tuple[Item, Item, str]:
    """Read, check, write; returns the item before and after, and the edit's note."""
    settings = table_settings(table_name, home_region)
    async with open_table(settings) as table:
        before = await item_of(table, name)
        try:
            edit = make(before, moment())
        except RefusedEditError as error:
            raise CommandError(f"{name}: {error}") from error
        refuse_new_problems(before, edit.applied(before))
        return before, await change_item(table, name, edit), edit.note


def refuse_new_problems(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Raises CommandError where the controller would refuse the item for what this change brings in."""
    known = set(decode_endpoint(before).problems) if before else set()
    new = [problem for problem in decode_endpoint(after).problems if problem not in known]
    if new:
        listed = "; ".join(str(problem) for problem in new)
        raise CommandError(f"not written, since the controller would refuse it: {listed}", Exit.USAGE)


def tell(item: Mapping[str, Any], sentence: str, output: ScriptFormat) -> None:
    """A sentence for a person, the item for a script."""
    if output is ScriptFormat.JSON:
        print_json(redacted(untagged(item)))
    else:
        console().print(escaped(sentence), markup=False)


def moment() -> str:
    """Now, as GCO's command line writes it."""
    return datetime.now(UTC).isoformat()


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person, on standard error. Raises CommandError where nobody can answer, typer.Abort for a no.

    Whether somebody is there is a matter of standard input: the output of one who is may well go into a pipe.
    """
    if yes:
        return
    if sys.stdin is not None and sys.stdin.isatty():
        where = progress_console()
        where.print(f"{escaped(question)} [y/N]: ", end="", markup=False)
        answer = sys.stdin.readline()
        if answer:
            if answer.strip().lower() not in ("y", "yes"):
                raise typer.Abort
            return
        where.print()  # the end of the input leaves the line unfinished
    raise CommandError(f"{question} Give --yes to say so without being asked", Exit.USAGE)
