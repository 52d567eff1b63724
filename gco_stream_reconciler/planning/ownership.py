"""Whose an object is (rule 12). Only our own are ever changed or deleted."""

from enum import Enum

from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning.observed import KubeObject, metadata

FIELD_MANAGER = "gco-stream-reconciler"
_IDENTITY = {names.LABEL_PROJECT: names.PROJECT, names.LABEL_TYPE: names.TYPE_INFERENCE}


class Owner(Enum):
    """Who may change an object."""

    OURS = "made by this program for this endpoint"
    PREDECESSOR = "made by inference_monitor for this endpoint, or our own labels were taken off"
    FOREIGN = "not made for this endpoint"


def owner_of(obj: KubeObject, endpoint_name: str, *, canary_name_is_an_item: bool = False) -> Owner:
    """Decide by labels, then by managedFields where the object has them (a read by name does, the cache does not).

    An object that names another endpoint is foreign even if this program made it: the canary of `x` and the endpoint
    `x-canary` would share a name. The predecessor's objects name no endpoint; what it called `x-canary` is the canary of `x`
    only if the table has no item `x-canary`.
    """
    labels = metadata(obj).get("labels") or {}
    named = labels.get(names.LABEL_ENDPOINT)
    if named is not None and named != endpoint_name:
        return Owner.FOREIGN
    if labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY and named == endpoint_name:
        return Owner.OURS
    app = labels.get(names.LABEL_APP)
    if app == names.object_name(endpoint_name, Role.CANARY) and canary_name_is_an_item:
        return Owner.FOREIGN
    if _we_applied(obj):
        return Owner.OURS
    ours = {names.object_name(endpoint_name, role) for role in Role}
    if app in ours and all(labels.get(key) == value for key, value in _IDENTITY.items()):
        return Owner.PREDECESSOR
    return Owner.FOREIGN


def _we_applied(obj: KubeObject) -> bool:
    return any(
        entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
        for entry in metadata(obj).get("managedFields") or ()
    )
