"""Which endpoint an object counts for, and objects without an item that are not ours to delete (rule 13)."""

from collections.abc import Container
from enum import StrEnum

from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning.observed import KubeObject, Observed, annotation, metadata
from gco_stream_reconciler.planning.ownership import Owner, owner_of
from gco_stream_reconciler.planning.situation import is_named

_CANARY_SUFFIX = names.object_name("", Role.CANARY)


class Maker(StrEnum):
    """Who made objects that are left alone when their item is gone."""

    PREDECESSOR = "inference_monitor"
    OTHER_TABLE = "another_table"


def endpoint_of(obj: KubeObject, items: Container[str]) -> str | None:
    """The one endpoint that an object counts for, None for a stranger's object. items: the names that the table has.

    The predecessor's objects name no endpoint; what it called `x-canary` is the canary of `x` unless there is an item
    `x-canary`.
    """
    labels = metadata(obj).get("labels") or {}
    endpoint = str(labels.get(names.LABEL_ENDPOINT) or "")
    if not endpoint:
        app = str(labels.get(names.LABEL_APP) or "")
        endpoint = app if app in items else app.removesuffix(_CANARY_SUFFIX)
    return endpoint if owner_of(obj, endpoint) is not Owner.FOREIGN else None


def makers(name: str, observed: Observed, table_id: str, items: Container[str]) -> frozenset[Maker]:
    """Who made those of an endpoint's objects that no clean-up of ours takes, though their item is gone."""
    return frozenset(
        _maker(obj, name)
        for ref, obj in observed.objects.items()
        if is_named(ref, name)
        and endpoint_of(obj, items) == name
        and not (owner_of(obj, name) is Owner.OURS and annotation(obj, names.ANNOTATION_TABLE_ID) == table_id)
    )


def _maker(obj: KubeObject, name: str) -> Maker:
    return Maker.OTHER_TABLE if owner_of(obj, name) is Owner.OURS else Maker.PREDECESSOR
