"""Operators' reads and conditional writes of items in the home Region, with what a person can do where they fail."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gco_stream_reconciler.aws.item_reads import Item
from gco_stream_reconciler.cli.connection import TableSide
from gco_stream_reconciler.cli.edits import Edit
from gco_stream_reconciler.cli.ending import CommandError, Exit
from gco_stream_reconciler.errors import ConditionFailedError, UnavailableError


async def item_of(table: TableSide, name: str) -> Item:
    """The item, read consistently. Raises CommandError where there is none, and what EndpointTable raises."""
    item = await table.endpoints.get_home(name)
    if item is None:
        raise CommandError(
            f"no endpoint {name!a} in {table.operator.where}: `gco-stream-reconciler status` lists those there are",
            Exit.NOT_FOUND,
        )
    return item


async def create_item(table: TableSide, item: Mapping[str, Any]) -> None:
    """Put an item that is not there yet. Raises CommandError where it is, and what OperatorTable raises."""
    try:
        with _unclear():
            await table.operator.create(item)
    except ConditionFailedError as error:
        raise CommandError(
            f"endpoint {item['endpoint_name']['S']} exists already in {table.operator.where}: change it with "
            "`endpoint update-image` or `endpoint scale`, or delete it first",
            Exit.ALREADY_EXISTS,
        ) from error


async def change_item(table: TableSide, name: str, edit: Edit) -> Item:
    """Carry an edit out; returns the item after it.

    Raises ConditionFailedError where it was changed meanwhile, and what OperatorTable raises.
    """
    try:
        with _unclear():
            return await table.operator.change(name, edit.request())
    except ConditionFailedError as error:
        raise ConditionFailedError(
            f"endpoint {name} was changed by somebody else in this very moment, so nothing was written: "
            "look at `status` and run the command again"
        ) from error


@contextmanager
def _unclear() -> Iterator[None]:
    try:
        yield
    except UnavailableError as error:
        raise UnavailableError(f"{error}; whether it was written is unknown, `status` tells") from error
