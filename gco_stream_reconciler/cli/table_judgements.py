"""Whether a table as DescribeTable shows it can carry the controller. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from gco_stream_reconciler.cli.checks import Check, fail, ok, warn
from gco_stream_reconciler.stream.switching import NEW_AND_OLD, disabling, enabling, region_of

_READERS = 2
_READERS_OF_GLOBAL = 1
"""A shard serves two readers; of a global table replication is one of them (docs/deploy/global-tables.md)."""


def judged_table(name: str, table: Mapping[str, Any], *, region: str = "") -> Iterator[Check]:
    """Its state, its key, its stream. region: of a replica; its lines and their commands name it."""
    yield from judged_state_and_key(name, table, region=region)
    yield _stream(name, table, region)


def judged_state_and_key(name: str, table: Mapping[str, Any], *, region: str = "") -> Iterator[Check]:
    """What a table needs whose stream is not read."""
    status, line = str(table.get("TableStatus", "")), line_about("table", region)
    if status in ("ACTIVE", "UPDATING"):
        yield ok(line, f"{name} is {status}")
    else:
        yield fail(line, f"{name} is {status}", "wait until it is ACTIVE, or make it again")
    yield _key(table, region)


def line_about(what: str, region: str) -> str:
    """A line's name. region: of a replica, empty for the home Region."""
    return f"{what} in {region}" if region else what


def _key(table: Mapping[str, Any], region: str) -> Check:
    line = line_about("key", region)
    keys = [(key.get("AttributeName"), key.get("KeyType")) for key in table.get("KeySchema") or ()]
    types = {
        each.get("AttributeName"): each.get("AttributeType")
        for each in table.get("AttributeDefinitions") or ()
    }
    if keys == [("endpoint_name", "HASH")] and types.get("endpoint_name") == "S":
        return ok(line, "endpoint_name (S)")
    shown = ", ".join(f"{name} ({kind}, {types.get(name)})" for name, kind in keys) or "none"
    remedy = "is this GCO's endpoint table? Its key is endpoint_name, a string: check INFERENCE_ENDPOINTS_TABLE_NAME"
    return fail(line, shown, remedy)


def _stream(name: str, table: Mapping[str, Any], region: str) -> Check:
    """Whether the stream is on and shows both images."""
    line = line_about("stream", region)
    where = region or region_of(table.get("TableArn", ""))
    enable, disable = enabling(name, where), disabling(name, where)
    specification = table.get("StreamSpecification") or {}
    view = str(specification.get("StreamViewType", ""))
    if not specification.get("StreamEnabled"):
        return fail(line, "the table has no stream", enable)
    if view != NEW_AND_OLD:
        remedy = f"works, but every heartbeat is looked at; to change it: {disable}, then {enable}"
        return warn(line, f"on, but with {view}", remedy)
    return ok(line, f"on, {view}")


def judged_readers(
    table: Mapping[str, Any], targets: Collection[str], *, home: str, region: str, read_region: str
) -> Iterator[Check]:
    """Whether a stream would have more Regions reading it than AWS allows, and whether `read_region` has one to read.

    targets: every Region that endpoints name. A Region with a replica is taken to read that one, and `region` to read
    what it is set to.
    """
    replicas = {str(each.get("RegionName")) for each in table.get("Replicas") or ()} - {home}
    elsewhere = {*replicas, region} if read_region != home else replicas
    sharing = sorted({*targets, region} - elsewhere)
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
    yield from _own_stream(home, replicas, region=region, read_region=read_region)


def _own_stream(home: str, replicas: Collection[str], *, region: str, read_region: str) -> Iterator[Check]:
    """Whether `region` reads the stream that is meant for it: that of its own replica, else the home Region's."""
    own = "" if region in {home, *replicas} else f"add a replica in {region} and "
    if read_region not in {home, *replicas}:
        found = f"STREAM_REGION is {read_region}, where the table in {home} has no replica"
        remedy = (
            f"add a replica in {read_region}, or leave STREAM_REGION empty: then the stream in {home} is read"
        )
        yield fail("replica", found, remedy)
    elif read_region not in {home, region}:
        found = f"{region} reads the stream in {read_region}, which has a reader of its own"
        yield fail(
            "replica", found, f"{own}set STREAM_REGION={region}: a stream of a global table takes one reader"
        )
    elif region in replicas and read_region != region:
        found = f"{region} has a replica, but the stream in {read_region} is read"
        yield warn("replica", found, f"set STREAM_REGION={region}")
