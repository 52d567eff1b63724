"""Every way to write an object, with what the API server does to it on its way in. No awaits: each write is atomic."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from gco_stream_reconciler.sandbox.kubernetes import apply as ssa
from gco_stream_reconciler.sandbox.kubernetes import statuses
from gco_stream_reconciler.sandbox.kubernetes.apply import Manager, Ownership, Writer
from gco_stream_reconciler.sandbox.kubernetes.decoding import decoded
from gco_stream_reconciler.sandbox.kubernetes.defaults import allocated, defaulted, empty
from gco_stream_reconciler.sandbox.kubernetes.fields import Tree
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME, Kind
from gco_stream_reconciler.sandbox.kubernetes.objects import Object, Objects
from gco_stream_reconciler.sandbox.kubernetes.schema import root
from gco_stream_reconciler.sandbox.kubernetes.typing_checks import apply_problem, decode_problem
from gco_stream_reconciler.sandbox.kubernetes.validation import Problem, problems

_FOREGROUND = "foregroundDeletion"
_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
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
        new = self._read(kind, namespace, obj)
        meta = new["metadata"]
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + uuid.uuid4().hex[:5]
        name = meta.get("name", "")
        self._check_namespace(kind, namespace, name)
        if (kind.kind, namespace, name) in self.objects:
            raise statuses.already_exists(kind, name)
        if meta.get("resourceVersion"):
            raise statuses.bad_request("resourceVersion should not be set on objects to be created")
        new = defaulted(self._without_status(new, None, kind), kind.kind)
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
        new = self._read(kind, namespace, obj)
        self._check_name(new, name)
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
        self._check_identity(kind, new, old)
        new["metadata"].update(self._identity(old))
        if subresource == "status":
            new = self._status_of(new, old)
        else:
            new = defaulted(self._without_status(new, old, kind), kind.kind)
        if kind.kind == "Service":
            new = allocated(new, old, 0)
        ownership = ssa.update(old, new, root(kind.kind), self._writer(kind, manager, "Update", subresource))
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
            raise self._nothing_to_apply_to(kind, meta, name)
        if old is not None:
            self._check_identity(kind, config, old)
        live = old if old is not None else empty(kind.kind)
        writer = self._writer(kind, manager, "Apply", subresource)
        merged, ownership = ssa.apply(live, config, node, writer, force=force)
        new = self._decoded(kind, merged)
        new = {**new, "metadata": {**new["metadata"], **self._identity(old)}}
        if subresource == "status" and old is not None:
            new = self._status_of(new, old)
        else:
            new = defaulted(self._without_status(new, old, kind), kind.kind)
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
        foreground: bool = False,
        dry_run: bool = False,
    ) -> tuple[Object, bool]:
        """DELETE; returns the object and whether it is gone. Finalizers keep it, with a deletionTimestamp."""
        old = self.get(kind, namespace, name)
        meta = old["metadata"]
        if uid and uid != meta["uid"]:
            raise statuses.wrong_uid(kind, name, uid, meta["uid"])
        if version and version != meta["resourceVersion"]:
            raise statuses.wrong_version(kind, name, version, meta["resourceVersion"])
        finalizers = list(meta.get("finalizers", ()))
        if foreground and _FOREGROUND not in finalizers:
            finalizers.append(_FOREGROUND)
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

    def _read(self, kind: Kind, namespace: str, obj: Object) -> Object:
        """The object in the types of its kind, with a metadata of its own. Raises RefusedError 400."""
        problem = decode_problem(obj, root(kind.kind))
        if problem:
            raise statuses.unreadable(kind, problem)
        stated = (obj.get("apiVersion", kind.api_version), obj.get("kind", kind.kind))
        if stated != (kind.api_version, kind.kind):
            raise statuses.bad_request(
                f"the API version in the data ({stated[0]}) does not match the expected API version ({kind.api_version})"
            )
        new = self._decoded(kind, {**obj, "metadata": obj.get("metadata") or {}})
        meta = dict(new["metadata"])
        if kind.namespaced and meta.setdefault("namespace", namespace) != namespace:
            raise statuses.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        return {**new, "kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta}

    @staticmethod
    def _decoded(kind: Kind, obj: Object) -> Object:
        try:
            return decoded(obj, root(kind.kind))
        except ValueError as error:
            raise statuses.unreadable(kind, error) from error

    @staticmethod
    def _check_name(new: Object, name: str) -> None:
        if new["metadata"].setdefault("name", name) != name:
            raise statuses.bad_request(
                f"the name of the object ({new['metadata']['name']}) does not match the name on the URL ({name})"
            )

    @staticmethod
    def _check_identity(kind: Kind, new: Object, old: Object) -> None:
        meta, name = new["metadata"], old["metadata"]["name"]
        if meta.get("uid") and meta["uid"] != old["metadata"]["uid"]:
            raise statuses.stored_uid(kind, name, meta["uid"], old["metadata"]["uid"])
        version = meta.get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise statuses.modified(kind, name)

    @staticmethod
    def _nothing_to_apply_to(kind: Kind, meta: Object, name: str) -> statuses.RefusedError:
        if not meta.get("uid"):
            return statuses.not_found(kind, name)
        message = (
            f'Operation cannot be fulfilled on {kind.resource} "{name}": uid mismatch: the provided object specified '
            f"uid {meta['uid']}, and no existing object was found"
        )
        details = {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}
        return statuses.RefusedError(409, message, "Conflict", details)

    @staticmethod
    def _identity(old: Object | None) -> Object:
        if old is None:
            return {}
        return {name: old["metadata"][name] for name in _KEPT if name in old["metadata"]}

    @staticmethod
    def _without_status(new: Object, old: Object | None, kind: Kind) -> Object:
        """Only the subresource writes a status."""
        if "status" not in kind.subresources:
            return new
        bare = {key: value for key, value in new.items() if key != "status"}
        return {**bare, "status": old["status"]} if old is not None and "status" in old else bare

    @staticmethod
    def _status_of(new: Object, old: Object) -> Object:
        """Only the status, and the metadata but its labels."""
        meta = {key: value for key, value in new["metadata"].items() if key != "labels"}
        labels = {"labels": old["metadata"]["labels"]} if "labels" in old["metadata"] else {}
        return {**old, "metadata": {**meta, **labels}, "status": new.get("status", {})}

    def _writer(self, kind: Kind, manager: str, operation: str, subresource: str = "") -> Writer:
        # The scale subresource loses the times of its entries.
        time = "" if subresource == "scale" else self.stamp()
        identity = Manager(manager, operation, subresource)
        return Writer(identity, kind.api_version, time, _WITHOUT[subresource])

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
            found += _new_finalizers(meta, old["metadata"])
        if found:
            raise statuses.invalid(kind, meta.get("name", ""), found)
        owners = ssa.managed_fields(ownership)
        bare = {
            name: value for name, value in meta.items() if name not in ("managedFields", "resourceVersion")
        }
        if old is None:
            born = self._born(kind, {**new, "metadata": {**bare, "managedFields": owners}})
            return born if dry_run else self._commit(kind, None, born)
        before = old["metadata"]
        if kind.generation and subresource != "status":
            bare["generation"] = before["generation"] + _counts(kind, new, old)
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


def _counts(kind: Kind, new: Object, old: Object) -> bool:
    """Whether a change counts. A Deployment's annotations do, since they are copied to its replica sets."""
    annotations = new["metadata"].get("annotations") != old["metadata"].get("annotations")
    return new.get("spec") != old.get("spec") or (kind.kind == "Deployment" and annotations)


def _new_finalizers(meta: Object, before: Object) -> list[Problem]:
    added = [name for name in meta.get("finalizers", ()) if name not in before.get("finalizers", ())]
    if not added:
        return []
    listed = ", ".join(f'"{name}"' for name in added)
    problem = (
        "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
        f"[]string{{{listed}}}"
    )
    return [Problem("FieldValueForbidden", "metadata.finalizers", problem)]
