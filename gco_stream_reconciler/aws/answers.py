"""Answers that are none must not pass for empty ones.

A page that was cut on the way would be an empty table, a cut item a deleted endpoint, cut records a drained shard.
"""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError

from gco_stream_reconciler import jsontext

# What DynamoDB always says. The answer to a write is an empty object.
_MEMBERS: Mapping[str, tuple[str, type]] = {
    "BatchGetItem": ("Responses", dict),
    "DescribeStream": ("StreamDescription", dict),
    "DescribeTable": ("Table", dict),
    "GetRecords": ("Records", list),
    "GetShardIterator": ("ShardIterator", str),
    "Scan": ("Items", list),
}
# What it leaves out where there is none, and never says in another way.
_ABSENT_OR: Mapping[str, tuple[str, type]] = {"GetItem": ("Item", dict)}
_FIRST_FAILURE = 300
_SHOWN = 100


class UnreadableAnswerError(BotoCoreError):
    """The body is not what the service would say."""

    fmt = "HTTP {status} with a body that is no answer to {operation}: {start}"


def read_answer(operation: str, status: int, body: bytes) -> dict[str, Any]:
    """The body as an object. Raises UnreadableAnswerError."""
    failed = status >= _FIRST_FAILURE
    if failed and not body:
        return {}  # the status says enough
    try:
        found = jsontext.parse(body)
    except ValueError:
        found = None
    if isinstance(found, dict) and (failed or _has_member(operation, found)):
        return found
    raise UnreadableAnswerError(status=status, operation=operation, start=ascii(body[:_SHOWN]))


def _has_member(operation: str, found: Mapping[str, Any]) -> bool:
    if operation in _ABSENT_OR:
        name, kind = _ABSENT_OR[operation]
        return name not in found or isinstance(found[name], kind)
    if operation not in _MEMBERS:
        return True
    name, kind = _MEMBERS[operation]
    return isinstance(found.get(name), kind)
