"""Answers that are none: botocore takes a body that is no JSON for an empty answer, and an empty answer for a good one.

A page that was cut on the way would so be an empty table, a cut item a deleted endpoint, cut records a drained shard.
"""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError

# What DynamoDB always says. An absent item and a write are answered with an empty object.
_MEMBERS = {
    "DescribeStream": "StreamDescription",
    "DescribeTable": "Table",
    "GetRecords": "Records",
    "GetShardIterator": "ShardIterator",
    "Scan": "Items",
}
_FIRST_FAILURE = 300
_SHOWN = 100


class UnreadableAnswerError(BotoCoreError):
    """The body is not what the service would say."""

    fmt = "HTTP {status} with a body that is no answer to {operation}: {start}"


def check_answer(*, operation_model: Any, response_dict: Mapping[str, Any], **_: object) -> None:
    """A handler of botocore's event `before-parse`. Raises UnreadableAnswerError."""
    operation, status, body = operation_model.name, response_dict["status_code"], response_dict["body"]
    failed = status >= _FIRST_FAILURE
    if failed and not body:
        return  # the status says enough
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if isinstance(found, dict) and (failed or _MEMBERS.get(operation) in (None, *found)):
        return
    raise UnreadableAnswerError(status=status, operation=operation, start=ascii(body[:_SHOWN]))
