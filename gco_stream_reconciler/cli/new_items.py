"""A new item as GCO's `deploy` writes it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gco_stream_reconciler.cli.ending import CommandError, Exit
from gco_stream_reconciler.cli.item_files import tagged

_MERGED = ("env", "autoscaling")


def new_item(
    name: str,
    spec: Mapping[str, Any],
    *,
    regions: Sequence[str],
    namespace: str,
    labels: Mapping[str, str],
    now: str,
) -> dict[str, Any]:
    """The item in DynamoDB JSON. spec: plain values, without those that were not given."""
    item: dict[str, Any] = {
        "endpoint_name": name,
        "desired_state": "deploying",
        "target_regions": list(regions),
        "namespace": namespace,
        "spec": dict(spec),
        "ingress_path": f"/inference/{name}",
        "created_at": now,
        "updated_at": now,
        "region_status": {},
    }
    if labels:
        item["labels"] = dict(labels)
    return {key: tagged(value) for key, value in item.items()}


def merged_spec(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A spec of a file under the flags that were given; environment and autoscaling are merged name by name.

    What should be a map in the file and is none stays, for the check before the write to refuse.
    """
    found = {**base, **{key: value for key, value in given.items() if value not in (None, [], {})}}
    for field in _MERGED:
        of_file, of_flags = base.get(field), given.get(field)
        if of_file is not None and of_flags:
            found[field] = {**of_file, **of_flags} if isinstance(of_file, Mapping) else of_file
    return found


def pairs(texts: Iterable[str], flag: str) -> dict[str, str]:
    """`NAME=VALUE` as a map. Raises CommandError, without the value: it may be a secret."""
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise CommandError(f"{flag} takes NAME=VALUE; the one given has no `=` or no name", Exit.USAGE)
        found[key] = value
    return found
