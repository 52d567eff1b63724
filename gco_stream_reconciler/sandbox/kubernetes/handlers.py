"""One request about one kind: verbs on the store."""

import asyncio
import base64
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from gco_stream_reconciler.sandbox.kubernetes import merge, schema
from gco_stream_reconciler.sandbox.kubernetes.admission import check_types
from gco_stream_reconciler.sandbox.kubernetes.fields import shown
from gco_stream_reconciler.sandbox.kubernetes.kinds import Kind
from gco_stream_reconciler.sandbox.kubernetes.requests import Request, RequestLog
from gco_stream_reconciler.sandbox.kubernetes.selectors import Matches, matcher
from gco_stream_reconciler.sandbox.kubernetes.statuses import RefusedError, conflicts
from gco_stream_reconciler.sandbox.kubernetes.store import Event, Store

Object = dict[str, Any]
_APPLY = "application/apply-patch+yaml"
_BOOKMARK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """What a path names. `namespace` None: all of them, or the kind has none."""

    kind: Kind
    namespace: str | None
    name: str
    subresource: str
    manager: str

    @property
    def place(self) -> str:
        """The namespace of a single object."""
        return self.namespace or ""


@dataclass(slots=True)
class Handlers:
    """Answers requests. `stopping` ends the watches."""

    store: Store
    log: RequestLog
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, call: Call, request: web.Request, body: Any) -> web.StreamResponse:
        """One request; raises RefusedError."""
        watch = request.method == "GET" and request.query.get("watch") in ("1", "true")
        verb = _verb(call, request.method, watch=watch)
        try:
            response = await self._watch(call, request) if watch else self._answer(call, request, verb, body)
        except RefusedError as refusal:
            self._note(call, verb, refusal.code)
            raise
        if not watch:
            self._note(call, verb, response.status)
        return response

    def _note(self, call: Call, verb: str, status: int) -> None:
        self.log.requests.append(
            Request(verb, call.kind.kind, call.place, call.name, call.subresource, call.manager, status)
        )

    def _answer(self, call: Call, request: web.Request, verb: str, body: Any) -> web.Response:  # noqa: PLR0911 - one a verb
        kind, store = call.kind, self.store
        match verb:
            case "get":
                obj = store.get(kind, call.place, call.name)
                return web.json_response(_scale_of(obj) if call.subresource == "scale" else obj)
            case "list":
                return web.json_response(self._list(call, request))
            case "create":
                return web.json_response(
                    store.create(kind, call.place, body or {}, manager=call.manager), status=201
                )
            case "update":
                return web.json_response(
                    store.replace(
                        kind, call.place, call.name, body, manager=call.manager, subresource=call.subresource
                    )
                )
            case "patch":
                return self._patch(call, request, body)
            case "delete":
                return self._delete(call, body or {}, request)
            case "deletecollection":
                return web.json_response(self._delete_all(call, request))
        raise RefusedError(
            405, "the server does not allow this method on the requested resource", "MethodNotAllowed"
        )

    # --- Lists and watches ------------------------------------------------------------------------------------

    def _list(self, call: Call, request: web.Request) -> Object:
        selected = _selected(request)
        found = [obj for obj in self.store.of_kind(call.kind, call.namespace) if selected(obj)]
        meta: Object = {"resourceVersion": str(self.store.version)}
        limit = int(request.query.get("limit", 0) or 0)
        token = request.query.get("continue")
        if token:
            position = json.loads(base64.urlsafe_b64decode(token))
            meta["resourceVersion"] = position["rv"]
            found = [obj for obj in found if _place(obj) > tuple(position["after"])]
        if limit and len(found) > limit:
            found = found[:limit]
            position = {"rv": meta["resourceVersion"], "after": _place(found[-1])}
            meta["continue"] = base64.urlsafe_b64encode(json.dumps(position).encode()).decode()
        items = [
            {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")} for obj in found
        ]
        return {
            "kind": f"{call.kind.kind}List",
            "apiVersion": call.kind.api_version,
            "metadata": meta,
            "items": items,
        }

    async def _watch(self, call: Call, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        self._note(call, "watch", 200)
        refusal = _unwatchable(request)
        since = int(request.query.get("resourceVersion", 0) or 0)
        try:
            past, watcher = self.store.watch(call.kind, since or self.store.version)
        except RefusedError as expired:
            refusal, past, watcher = expired, [], None
        await response.prepare(request)
        if refusal is not None or watcher is None:
            body = refusal.body if refusal is not None else {}
            await response.write(_line("ERROR", body))
            return response
        try:
            with contextlib.suppress(ConnectionResetError):  # the client has left
                await self._send_changes(call, request, response, past, watcher.events)
        finally:
            self.store.unwatch(watcher)
        return response

    async def _send_changes(
        self,
        call: Call,
        request: web.Request,
        response: web.StreamResponse,
        past: list[Event],
        events: "asyncio.Queue[Event]",
    ) -> None:
        selected = _selected(request)
        loop = asyncio.get_running_loop()
        ends = loop.time() + float(request.query.get("timeoutSeconds", 300) or 300)
        for event in past:
            await _send(response, event, call, selected)
        while not self.stopping.is_set():
            left = ends - loop.time()
            if left <= 0:
                return
            try:
                async with asyncio.timeout(min(left, _BOOKMARK_SECONDS, 1.0)):
                    event = await events.get()
            except TimeoutError:
                await self._bookmark(call, request, response)
            else:
                await _send(response, event, call, selected)

    async def _bookmark(self, call: Call, request: web.Request, response: web.StreamResponse) -> None:
        if request.query.get("allowWatchBookmarks") in ("1", "true"):
            meta = {"resourceVersion": str(self.store.version)}
            obj = {"kind": call.kind.kind, "apiVersion": call.kind.api_version, "metadata": meta}
            await response.write(_line("BOOKMARK", obj))

    # --- Writes -----------------------------------------------------------------------------------------------

    def _patch(self, call: Call, request: web.Request, body: Any) -> web.Response:
        kind, place = call.kind, call.place
        if request.content_type == _APPLY:
            if not isinstance(body, dict):
                raise RefusedError(400, "an apply needs an object", "BadRequest")
            body.setdefault("metadata", {}).setdefault("name", call.name)
            check_types(body, kind, schema.root(kind.kind))
            force = request.query.get("force") == "true"
            try:
                obj, created = self.store.apply(kind, place, body, manager=call.manager, force=force)
            except merge.ConflictsError as error:
                raise conflicts([(manager, shown(path)) for manager, path in error.conflicts]) from error
            return web.json_response(obj, status=201 if created else 200)
        old = self.store.get(kind, place, call.name)
        if call.subresource == "scale":
            return web.json_response(self._scale(call, old, body))
        new = _patched(old, body, request.content_type, kind)
        return web.json_response(
            self.store.replace(
                kind, place, call.name, new, manager=call.manager, subresource=call.subresource
            )
        )

    def _scale(self, call: Call, old: Object, body: Any) -> Object:
        replicas = (body.get("spec") or {}).get("replicas")
        new = {**old, "spec": {**old["spec"], "replicas": replicas}}
        return _scale_of(
            self.store.replace(
                call.kind, call.place, call.name, new, manager=call.manager, subresource="scale"
            )
        )

    def _delete(self, call: Call, options: Object, request: web.Request) -> web.Response:
        preconditions = options.get("preconditions") or {}
        policy = options.get("propagationPolicy") or request.query.get("propagationPolicy")
        obj, gone = self.store.delete(
            call.kind,
            call.place,
            call.name,
            uid=preconditions.get("uid"),
            version=preconditions.get("resourceVersion"),
            foreground=policy == "Foreground",
        )
        if not gone:
            return web.json_response(obj)
        details = {"name": call.name, "kind": call.kind.plural, "uid": obj["metadata"]["uid"]}
        if call.kind.group:
            details["group"] = call.kind.group
        return web.json_response(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        )

    def _delete_all(self, call: Call, request: web.Request) -> Object:
        listed = self._list(call, request)
        for item in listed["items"]:
            meta = item["metadata"]
            self.store.delete(
                call.kind, meta.get("namespace", ""), meta["name"], uid=None, version=None, foreground=False
            )
        return listed


def _verb(call: Call, method: str, *, watch: bool) -> str:
    if method == "GET":
        return "watch" if watch else "get" if call.name else "list"
    verbs = {
        "POST": "create",
        "PUT": "update",
        "PATCH": "patch",
        "DELETE": "delete" if call.name else "deletecollection",
    }
    return verbs.get(method, method.lower())


def _selected(request: web.Request) -> Matches:
    return matcher(request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))


def _unwatchable(request: web.Request) -> RefusedError | None:
    if request.query.get("sendInitialEvents") == "true":
        message = "a watch stream was requested by the client but the required storage feature RequestWatchProgress is disabled"
        return RefusedError(500, message, "InternalError")
    return None


def _patched(old: Object, body: Any, content_type: str, kind: Kind) -> Any:
    if content_type == "application/merge-patch+json":
        return merge.merge_patch(old, body)
    if content_type == "application/strategic-merge-patch+json":
        return merge.strategic_patch(old, body, schema.root(kind.kind))
    raise RefusedError(
        415, f"the body of the request was in an unknown format: {content_type}", "UnsupportedMediaType"
    )


async def _send(response: web.StreamResponse, event: Event, call: Call, selected: Matches) -> None:
    if call.namespace is not None and event.obj["metadata"].get("namespace") != call.namespace:
        return
    now = event.type != "DELETED" and selected(event.obj)
    before = event.old is not None and selected(event.old)
    if now:
        await response.write(_line("MODIFIED" if before else "ADDED", event.obj))
    elif before:
        # Also what a label taken off looks like to a watch that selects by it.
        await response.write(_line("DELETED", event.obj))


def _line(kind: str, obj: Object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _scale_of(obj: Object) -> Object:
    meta = obj["metadata"]
    keys = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    selector = ",".join(
        f"{key}={value}" for key, value in obj["spec"]["selector"].get("matchLabels", {}).items()
    )
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: meta[key] for key in keys if key in meta},
        "spec": {"replicas": obj["spec"].get("replicas", 0)},
        "status": {"replicas": (obj.get("status") or {}).get("replicas", 0), "selector": selector},
    }
