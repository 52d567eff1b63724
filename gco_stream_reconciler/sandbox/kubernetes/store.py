"""Every way to write an object, with what the API server does to it on its way in. No awaits: each write is atomic."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from gco_stream_reconciler.sandbox.kubernetes import apply as ssa
from gco_stream_reconciler.sandbox.kubernetes import statuses
from gco_stream_reconciler.sandbox.kubernetes.admission import (
    check_identity,
    check_name,
    counts,
    identity,
    new_finalizers,
    nothing_to_apply_to,
    read,
    status_of,
    typed,
    without_status,
)
from gco_stream_reconciler.sandbox.kubernetes.apply import Manager, Ownership, Writer
from gco_stream_reconciler.sandbox.kubernetes.defaults import allocated, defaulted, empty
from gco_stream_reconciler.sandbox.kubernetes.fields import Tree
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME, Kind
from gco_stream_reconciler.sandbox.kubernetes.objects import Object, Objects
from gco_stream_reconciler.sandbox.kubernetes.schema import root
from gco_stream_reconciler.sandbox.kubernetes.typing_checks import apply_problem
from gco_stream_reconciler.sandbox.kubernetes.validation import Problem, problems

_FOREGROUND = "foregroundDeletion"
_REPLICAS: Tree = {"f:spec": {"f:replicas": {}}}
_WITHOUT: dict[str, Tree] = {
    "": {"f:status": {}},
    "status": {"f:spec": {}, "f:metadata": {"f:labels": {}}},
    "scale": {},
}


class Store(Objects):
    """The cluster's objects, with what the API server does to a write on its way in."""

    def __init__(
        self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), kept: int = 10_000
    ) -> None:
        super().__init__(now=now, kept=kept)
        self.add_namespace("default")

    def add_namespace(self, name: str) -> None:
        """Make a namespace unless it is there."""
        if ("Namespace", "", name) not in self.objects:
            self.create(BY_NAME["Namespace"], "", {"metadata": {"name": name}}, manager="sandbox")

    def create(
        self, kind: Kind, namespace: str, obj: Object, *, manager: str, dry_run: bool = False
    ) -> Object:
        """POST."""
        new = read(kind, namespace, obj)
        meta = new["metadata"]
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + uuid.uuid4().hex[:5]
        name = meta.get("name", "")
        self._check_namespace(kind, namespace, name)
        there = self.objects.get((kind.kind, namespace, name))
        if there is not None:
            raise statuses.already_exists(kind, name, there["metadata"])
        if meta.get("resourceVersion"):
            raise statuses.bad_request("resourceVersion should not be set on objects to be created")
        new = defaulted(without_status(new, None, kind), kind.kind)
        writer = self._writer(kind, manager, "Update")
        ownership = ssa.update(empty(kind.kind), new, root(kind.kind), writer)
        return self._put(kind, None, new, ownership, dry_run=dry_run)

    def replace(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        obj: Object,
        *,
        manager: str,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Object:
        """PUT, and the end of every patch but apply. A resourceVersion in it must be the present one."""
        old = self.objects.get((kind.kind, namespace, name))
        new = read(kind, namespace, obj)
        check_name(new, name)
        asked = new["metadata"].get("resourceVersion")
        if old is None:
            if kind.create_on_update and not asked:
                return self.create(kind, namespace, obj, manager=manager, dry_run=dry_run)
            raise statuses.not_found(kind, name)
        if not asked and not kind.unconditional:
            problem = "Invalid value: 0: must be specified for an update"
            raise statuses.invalid(
                kind, name, [Problem("FieldValueInvalid", "metadata.resourceVersion", problem)]
            )
        check_identity(kind, new, old)
        new["metadata"].update(identity(old))
        if subresource == "status":
            new = status_of(new, old)
        else:
            new = defaulted(without_status(new, old, kind), kind.kind)
        if kind.kind == "Service":
            new = allocated(new, old, 0)
        if subresource == "scale" and not ssa.is_owned(old, _REPLICAS):
            # The API server notes who scales only where somebody owns the number.
            ownership = ssa.ownership_of(old)
        else:
            writer = self._writer(kind, manager, "Update", subresource)
            ownership = ssa.update(old, new, root(kind.kind), writer)
        return self._put(kind, old, new, ownership, subresource=subresource, dry_run=dry_run)

    def apply(
        self,
        kind: Kind,
        namespace: str,
        config: Object,
        *,
        manager: str,
        force: bool,
        subresource: str = "",
        dry_run: bool = False,
    ) -> tuple[Object, bool]:
        """Server-side apply; returns the object and whether it was created. Raises ssa.ConflictsError too."""
        node, meta = root(kind.kind), dict(config.get("metadata") or {})
        name = meta.get("name", "")
        problem = apply_problem(config, node)
        if problem:
            raise statuses.ill_typed_apply(kind, namespace, name, problem)
        if meta.get("managedFields"):
            raise statuses.bad_request("metadata.managedFields must be nil")
        self._check_namespace(kind, namespace, name)
        if kind.namespaced:
            meta["namespace"] = namespace
        config = {**config, "kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta}
        old = self.objects.get((kind.kind, namespace, name))
        if old is None and (meta.get("uid") or subresource):
            raise nothing_to_apply_to(kind, meta, name)
        if old is not None:
            check_identity(kind, config, old)
        live = old if old is not None else empty(kind.kind)
        writer = self._writer(kind, manager, "Apply", subresource)
        merged, ownership = ssa.apply(live, config, node, writer, force=force)
        new = typed(kind, merged)
        new = {**new, "metadata": {**new["metadata"], **identity(old)}}
        if subresource == "status" and old is not None:
            new = status_of(new, old)
        else:
            new = defaulted(without_status(new, old, kind), kind.kind)
        put = self._put(kind, old, new, ownership, subresource=subresource, dry_run=dry_run)
        return put, old is None

    def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        version: str | None = None,
        foreground: bool | None = None,
        dry_run: bool = False,
    ) -> tuple[Object, bool]:
        """DELETE; returns the object and whether it is gone. Finalizers keep it, with a deletionTimestamp.

        foreground: whether its dependents go first, None where the call does not say.
        """
        old = self.get(kind, namespace, name)
        meta = old["metadata"]
        if uid and uid != meta["uid"]:
            raise statuses.wrong_uid(kind, name, uid, meta["uid"])
        if version and version != meta["resourceVersion"]:
            raise statuses.wrong_version(kind, name, version, meta["resourceVersion"])
        finalizers = list(meta.get("finalizers", ()))
        if foreground and _FOREGROUND not in finalizers:
            finalizers.append(_FOREGROUND)
        elif foreground is False:
            finalizers = [each for each in finalizers if each != _FOREGROUND]
        if dry_run:
            return old, not finalizers
        if kind.kind == "Namespace":
            return self._delete_namespace(kind, old), False
        return self._delete(kind, old, finalizers)

    def write_status(
        self, old: Object, status: Object, *, manager: str, annotations: Object | None = None
    ) -> Object:
        """Put a status, and annotations with it, in the way of a controller whose types are never wrong."""
        kind, meta = BY_NAME[old["kind"]], old["metadata"]
        if annotations:
            meta = {**meta, "annotations": {**meta.get("annotations", {}), **annotations}}
        new = {**old, "metadata": meta, "status": status}
        ownership = ssa.update(old, new, root(kind.kind), self._writer(kind, manager, "Update", "status"))
        return self._put(kind, old, new, ownership, subresource="status")

    # --- Steps ------------------------------------------------------------------------------------------------

    def _check_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        if not kind.namespaced:
            return
        found = self.objects.get(("Namespace", "", namespace))
        if found is None:
            raise statuses.no_namespace(namespace)
        if "deletionTimestamp" in found["metadata"] and (kind.kind, namespace, name) not in self.objects:
            raise statuses.terminating_namespace(kind, namespace, name)

    def _writer(self, kind: Kind, manager: str, operation: str, subresource: str = "") -> Writer:
        # The scale subresource loses the times of its entries.
        time = "" if subresource == "scale" else self.stamp()
        return Writer(Manager(manager, operation, subresource), kind.api_version, time, _WITHOUT[subresource])

    def _put(
        self,
        kind: Kind,
        old: Object | None,
        new: Object,
        ownership: Ownership,
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Object:
        """Validate, number and store; an object that did not change is not written."""
        meta = new["metadata"]
        if old is None and kind.kind == "Service":
            new = allocated(new, None, self.version)
        found = problems(new, old, kind.kind)
        if old is not None and "deletionTimestamp" in old["metadata"]:
            found += new_finalizers(meta, old["metadata"])
        if found:
            raise statuses.invalid(kind, meta.get("name", ""), found)
        owners = ssa.managed_fields(ownership, old)
        bare = {
            name: value for name, value in meta.items() if name not in ("managedFields", "resourceVersion")
        }
        if old is None:
            born = self._born(kind, {**new, "metadata": {**bare, "managedFields": owners}})
            return born if dry_run else self._commit(kind, None, born)
        before = old["metadata"]
        if kind.generation and subresource != "status":
            bare["generation"] = before["generation"] + counts(kind, new, old)
        same = {
            name: value for name, value in before.items() if name not in ("managedFields", "resourceVersion")
        }
        unchanged = bare == same and {**new, "metadata": {}} == {**old, "metadata": {}}
        if unchanged and ssa.same_owners(owners, before.get("managedFields", [])):
            return old
        new = {**new, "metadata": {**bare, **({"managedFields": owners} if owners else {})}}
        if dry_run:
            return {**new, "metadata": {**new["metadata"], "resourceVersion": before["resourceVersion"]}}
        if "deletionTimestamp" in bare and not bare.get("finalizers"):
            return self._remove(new)
        return self._commit(kind, old, new)
