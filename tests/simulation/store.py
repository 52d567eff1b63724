"""The sandbox's store, as a simulation needs it: nothing in it by chance, and renewals of leases at little cost."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.kinds import Kind
from gco_stream_reconciler.sandbox.kubernetes.store import Store

Object = dict[str, Any]
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_REMOVED_IF_ABSENT = ("labels", "annotations", "finalizers", "ownerReferences")


class SimulatedStore(Store):
    """A store whose UIDs are counted."""

    def __init__(self, *, now: Callable[[], datetime]) -> None:
        self._born_so_far = 0
        super().__init__(now=now)

    def _born(self, kind: Kind, new: Object) -> Object:
        born = super()._born(kind, new)
        self._born_so_far += 1
        born["metadata"]["uid"] = f"00000000-0000-4000-8000-{self._born_so_far:012d}"
        return born

    def replace(self, kind: Kind, namespace: str, name: str, obj: Object, **options: Any) -> Object:
        """PUT. The commonest by far changes nothing but a lease's time, which needs no schema to be checked by."""
        old = self.objects.get((kind.kind, namespace, name))
        plain = not any(value for option, value in options.items() if option != "manager")
        if kind.kind == "Lease" and old is not None and plain and _only_renews(old, obj):
            return self._commit(kind, old, {**old, "spec": dict(obj["spec"])})
        return super().replace(kind, namespace, name, obj, **options)


def _only_renews(old: Object, new: Object) -> bool:
    before, after = old["metadata"], new["metadata"]
    return (
        old.keys() == new.keys()
        and {**old["spec"], "renewTime": ""} == {**new["spec"], "renewTime": ""}
        and isinstance(time := new["spec"].get("renewTime"), str)
        and _MICRO_TIME.fullmatch(time) is not None
        and time != old["spec"].get("renewTime")
        and all(before.get(field) == value for field, value in after.items())
        and all(before.get(field) == after.get(field) for field in _REMOVED_IF_ABSENT)
        and "resourceVersion" in after
    )
