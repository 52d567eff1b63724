"""What the cluster has of an endpoint, in the form that plans are made from."""

from gco_stream_reconciler.controller.ports import ClusterCache
from gco_stream_reconciler.planning.actions import ObjectRef
from gco_stream_reconciler.planning.observed import KubeObject, Observed


def observe(cache: ClusterCache, key: str, *, stale: bool) -> Observed:
    """What the cache holds for an endpoint."""
    objects: dict[ObjectRef, KubeObject] = {}
    for kind, obj in cache.for_endpoint(key):
        meta = obj["metadata"]
        objects[ObjectRef(kind, meta["namespace"], meta["name"])] = obj
    return Observed(objects=objects, stale=stale)
