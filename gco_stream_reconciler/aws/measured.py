"""A client that tells how each of its calls went. One place for all of them: no method of ours can be forgotten."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from gco_stream_reconciler.aws.errors import is_known

_SERVER_ERROR = 500


class CallObserver(Protocol):
    """Measurements."""

    def called(self, operation: str, code: str, seconds: float) -> None:
        """A call has ended as `success`, an error code of AWS, `4xx`, `5xx`, `unreachable` or `cancelled`."""


class MeasuredClient:
    """Passes every call on to an aiobotocore client. `clock` is monotonic seconds."""

    def __init__(self, client: Any, observer: CallObserver, clock: Callable[[], float]) -> None:
        self._client = client
        self._observer = observer
        self._clock = clock

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Mapping[str, Any]]]:
        """An operation, by its Python name (`get_item`)."""
        return partial(self._call, _operation(name), getattr(self._client, name))

    async def _call(
        self, operation: str, call: Callable[..., Awaitable[Mapping[str, Any]]], /, **request: Any
    ) -> Mapping[str, Any]:
        began = self._clock()
        code = "success"
        try:
            return await call(**request)
        except ClientError as error:
            code = _code(error.response)
            raise
        except (BotoCoreError, OSError):
            code = "unreachable"
            raise
        except asyncio.CancelledError:
            code = "cancelled"
            raise
        finally:
            self._observer.called(operation, code, self._clock() - began)


def _operation(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _code(response: Mapping[str, Any]) -> str:
    """The error's code if it is a known one, else the class of the HTTP status: the label must stay bounded."""
    code = str(response.get("Error", {}).get("Code", ""))
    if is_known(code):
        return code
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) or 0)
    return "5xx" if status >= _SERVER_ERROR else "4xx"
