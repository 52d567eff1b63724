"""Objects that are being made: two endpoints that want one name do not make it over each other (rule 9).

A server-side apply cannot say "only if there is none", so a plan that found a name free would take over what another
endpoint's worker has made since. Only the leader acts, so it is enough that its own workers know of each other.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from gco_stream_reconciler.controller.ports import ClusterCache
from gco_stream_reconciler.errors import ConflictError
from gco_stream_reconciler.manifests.names import LABEL_ENDPOINT
from gco_stream_reconciler.planning.actions import ObjectRef


class Making:
    """Who is making what.

    Invariant: an object is held from before its apply is sent until the answer is in the cache, or there is none.
    """

    def __init__(self, cache: ClusterCache) -> None:
        self._cache = cache
        self._makers: dict[ObjectRef, str] = {}

    @contextmanager
    def of(self, ref: ObjectRef, key: str) -> Iterator[None]:
        """Hold a name that the plan of an endpoint found free. Raises ConflictError where it no longer is."""
        other = self._makers.get(ref) or self._owner(ref)
        if other is not None and other != key:
            raise ConflictError(f"{ref}: is made for endpoint {other!a} at this moment; it is tried again")
        self._makers[ref] = key
        try:
            yield
        finally:
            self._makers.pop(ref, None)  # a plan may make an object in two steps

    def _owner(self, ref: ObjectRef) -> str | None:
        obj = self._cache.get(ref.kind, ref.namespace, ref.name)
        labels = {} if obj is None else obj["metadata"].get("labels") or {}
        return labels.get(LABEL_ENDPOINT)
