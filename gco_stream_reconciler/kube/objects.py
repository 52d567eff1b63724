"""Single objects: read, server-side apply, delete one incarnation, list the Pods of one."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Literal

from gco_stream_reconciler.errors import (
    ConflictError,
    InvalidObjectError,
    LeaseNotHeldError,
    NamespaceNotFoundError,
    NotFoundError,
    UnavailableError,
)
from gco_stream_reconciler.kube.client import KubeClient, Query
from gco_stream_reconciler.kube.resources import RESOURCES, resource
from gco_stream_reconciler.planning.ownership import FIELD_MANAGER
from gco_stream_reconciler.retries import with_retries
from gco_stream_reconciler.settings import KubernetesSettings

APPLY_PATCH = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
# How the API server words a failed UID precondition. Any other 409 on a delete says nothing about the UID.
_UID_MISMATCH = "UID in the precondition"


class KubeObjects:
    """Reads and writes of single objects, each with a deadline that covers its quick retries.

    `may_write` is asked before every write, and again when it goes to the socket; `False` refuses it with
    LeaseNotHeldError. It is where a process that was paused past its lease finds out before it writes.

    Every method raises the errors of `answers.error_of`; each says below what it turns into a value instead.
    """

    def __init__(
        self,
        client: KubeClient,
        settings: KubernetesSettings,
        *,
        random: Random,
        may_write: Callable[[], bool],
    ) -> None:
        self._client = client
        self._settings = settings
        self._random = random
        self._may_write = may_write

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object as the API server has it now, or None when it says that there is none."""
        try:
            return await self._read(resource(kind).path(namespace, name))
        except NotFoundError:
            return None

    async def apply(
        self, manifest: Mapping[str, Any], *, field_manager: str = FIELD_MANAGER, force: bool = True
    ) -> dict[str, Any]:
        """Server-side apply of a manifest with apiVersion, kind, metadata.name and .namespace; returns the object.

        With `metadata.uid` it changes that incarnation only and raises ConflictError when it is gone.
        """
        path = _path_of(manifest)
        query = {"fieldManager": field_manager, "force": "true" if force else "false"}
        return await self._write("PATCH", path, dict(manifest), query=query, content_type=APPLY_PATCH)

    async def delete(
        self,
        kind: str,
        namespace: str,
        name: str,
        *,
        uid: str,
        propagation: Literal["Foreground", "Background"],
    ) -> dict[str, Any] | None:
        """Delete the incarnation `uid`.

        Returns the object while finalizers or a grace period keep it, else None: it is gone now, was gone before, or
        another incarnation has its name.
        """
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {"uid": _given(uid, f"uid of {kind} {namespace}/{name}")},
        }
        try:
            answer = await self._write("DELETE", resource(kind).path(namespace, name), options)
        except (NotFoundError, NamespaceNotFoundError):
            return None
        except ConflictError as error:
            if _UID_MISMATCH in str(error):
                return None
            raise
        return answer if _lingers(answer, uid) else None

    async def replace_managed_fields(
        self, obj: Mapping[str, Any], managed_fields: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Put other managedFields on the object as it was read; raises ConflictError when it has changed since.

        The resourceVersion in the patch is the guard, as in client-go's csaupgrade.
        """
        metadata = obj.get("metadata") or {}
        version = _given(metadata.get("resourceVersion"), "resourceVersion of the object")
        patch: list[dict[str, Any]] = [
            {"op": "replace", "path": "/metadata/managedFields", "value": list(managed_fields)},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        ]
        return await self._write("PATCH", _path_of(obj), patch, content_type=JSON_PATCH)

    async def list_pods(self, namespace: str, label_selector: str, limit: int) -> list[dict[str, Any]]:
        """The first `limit` Pods that match."""
        query: dict[str, str | int] = {"labelSelector": label_selector, "limit": limit}
        answer = await self._read(resource("Pod").path(namespace), query=query)
        items = answer.get("items")
        if not isinstance(items, list):
            raise UnavailableError(f"Pods of {namespace}: the answer holds no list")
        return items

    async def _read(self, path: str, *, query: Query | None = None) -> dict[str, Any]:
        async def attempt(seconds: float) -> dict[str, Any]:
            return await self._client.request("GET", path, query=query, timeout_seconds=seconds)

        seconds = self._settings.call_timeout_seconds
        return await with_retries(attempt, timeout_seconds=seconds, random=self._random)

    async def _write(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | list[dict[str, Any]],
        *,
        query: Query | None = None,
        content_type: str | None = None,
    ) -> dict[str, Any]:
        async def attempt(seconds: float) -> dict[str, Any]:
            if not self._may_write():
                raise LeaseNotHeldError(
                    f"{method} {path} not sent: this process does not hold the lease (any more)"
                )
            return await self._client.request(
                method,
                path,
                query=query,
                body=body,
                content_type=content_type,
                timeout_seconds=seconds,
                may_send=self._may_write,
            )

        seconds = self._settings.write_timeout_seconds
        return await with_retries(attempt, timeout_seconds=seconds, random=self._random)


def _path_of(manifest: Mapping[str, Any]) -> str:
    kind = str(manifest.get("kind"))
    metadata = manifest.get("metadata") or {}
    if manifest.get("apiVersion") != resource(kind).api_version:
        wanted = RESOURCES[kind].api_version
        raise InvalidObjectError(f"{kind}: apiVersion {manifest.get('apiVersion')!r} is not {wanted}")
    return RESOURCES[kind].path(
        _given(metadata.get("namespace"), f"namespace of the {kind}"),
        _given(metadata.get("name"), f"name of the {kind}"),
    )


def _given(value: object, what: str) -> str:
    # An empty name would turn the request into one about the whole collection.
    if not isinstance(value, str) or not value:
        raise InvalidObjectError(f"{what} is missing")
    return value


def _lingers(answer: Mapping[str, Any], uid: str) -> bool:
    """Whether a delete's answer shows the object as still there.

    Most kinds answer with a Status once they are gone; Services and Pods with their last state.
    """
    metadata = answer.get("metadata") or {}
    return (
        answer.get("kind") != "Status"
        and metadata.get("uid") == uid
        and bool(metadata.get("deletionTimestamp"))
        and bool(metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds"))
    )
