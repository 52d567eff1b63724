"""Whether a table as DescribeTable shows it can carry the controller. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from gco_stream_reconciler.cli.checks import Check, fail, ok, warn
from gco_stream_reconciler.stream.switching import NEW_AND_OLD, disabling, enabling

_READERS = 2
_READERS_OF_GLOBAL = 1
"""A shard serves two readers; of a global table replication is one of them (docs/deploy/global-tables.md)."""


def judged_table(name: str, table: Mapping[str, Any]) -> Iterator[Check]:
    """Its state, its key, its stream."""
    status = str(table.get("TableStatus", ""))
    if status in ("ACTIVE", "UPDATING"):
        yield ok("table", f"{name} is {status}")
    else:
        yield fail("table", f"{name} is {status}", "wait until it is ACTIVE, or make it again")
    yield _key(table)
    yield judged_stream(name, table)


def _key(table: Mapping[str, Any]) -> Check:
    keys = [(key.get("AttributeName"), key.get("KeyType")) for key in table.get("KeySchema") or ()]
    types = {
        each.get("AttributeName"): each.get("AttributeType")
        for each in table.get("AttributeDefinitions") or ()
    }
    if keys == [("endpoint_name", "HASH")] and types.get("endpoint_name") == "S":
        return ok("key", "endpoint_name (S)")
    shown = ", ".join(f"{name} ({kind}, {types.get(name)})" for name, kind in keys) or "none"
    remedy = "is this GCO's endpoint table? Its key is endpoint_name, a string: check INFERENCE_ENDPOINTS_TABLE_NAME"
    return fail("key", shown, remedy)


def judged_stream(name: str, table: Mapping[str, Any]) -> Check:
    """Whether the stream is on and shows both images."""
    specification = table.get("StreamSpecification") or {}
    view = str(specification.get("StreamViewType", ""))
    if not specification.get("StreamEnabled"):
        return fail("stream", "the table has no stream", enabling(name))
    if view != NEW_AND_OLD:
        remedy = (
            f"works, but every heartbeat is looked at; to change it: {disabling(name)}, then {enabling(name)}"
        )
        return warn("stream", f"on, but with {view}", remedy)
    return ok("stream", f"on, {view}")


def judged_readers(
    table: Mapping[str, Any], targets: Collection[str], *, home: str, region: str, read_region: str
) -> Iterator[Check]:
    """Whether a stream would have more Regions reading it than AWS allows.

    targets: every Region that endpoints name. A Region with a replica is taken to read that one.
    """
    replicas = {str(each.get("RegionName")) for each in table.get("Replicas") or ()} - {home}
    regions = sorted({*targets, region})
    sharing = [each for each in regions if each == home or each not in replicas]
    limit = _READERS_OF_GLOBAL if replicas else _READERS
    found = f"{len(sharing)} of {limit} readers at the stream in {home}: {', '.join(sharing) or 'none'}"
    if len(sharing) > limit:
        outside = ", ".join(each for each in sharing if each != home)
        remedy = (
            f"add replicas of the table in {outside} and set STREAM_REGION to the Region itself there "
            "(docs/deploy/global-tables.md)"
        )
        yield fail("stream readers", found, remedy)
    else:
        yield ok("stream readers", found)
    if region in replicas and read_region != region:
        remedy = f"set STREAM_REGION={region}"
        yield warn("replica", f"{region} has a replica, but the stream in {read_region} is read", remedy)
