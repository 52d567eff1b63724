"""DynamoDB's JSON protocol without botocore's models, which cost four times as much as the call itself.

Credentials and endpoints stay botocore's; what goes is the walk over every attribute on the way out and in.
Requests and answers are the service's own JSON: numbers for times, base64 text for binary attributes.

Protocol: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
"""

import zlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import aiohttp
from botocore.exceptions import ClientError, HTTPClientError
from yarl import URL

from gco_stream_reconciler import jsontext
from gco_stream_reconciler.aws.answers import UnreadableAnswerError, read_answer
from gco_stream_reconciler.aws.credentials import CallCredentials
from gco_stream_reconciler.aws.service import Service
from gco_stream_reconciler.aws.signature import Signer

_FIRST_FAILURE = HTTPStatus.MULTIPLE_CHOICES


class UnansweredError(HTTPClientError):
    """No whole answer came: no connection, a time-out, a break."""

    fmt = "{error}"


class WireClient:
    """Calls of one service; operations have boto3's names. Raises botocore's ClientError and BotoCoreError.

    `now` tells UTC, for the signatures.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        credentials: CallCredentials,
        service: Service,
        *,
        proxy: str | None,
        now: Callable[[], datetime],
    ) -> None:
        self._session = session
        self._credentials = credentials
        self._service = service
        self._url = URL(service.url)
        self._signer = Signer(service.url, service=service.signing_name, region=service.region)
        self._proxy = proxy
        self._now = now

    def __getattr__(self, name: str) -> Callable[..., Awaitable[dict[str, Any]]]:
        """An operation, by its Python name (`get_item`)."""
        return partial(self._call, "".join(word.capitalize() for word in name.split("_")))

    async def _call(self, operation: str, /, **request: Any) -> dict[str, Any]:
        body = jsontext.encode(request)
        headers = await self._signed(operation, body)
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, proxy=self._proxy, allow_redirects=False
            ) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnansweredError(error=f"{type(error).__name__}: {error}") from error
        _check_sum(operation, response, answer)
        found = read_answer(operation, response.status, answer)
        if response.status >= _FIRST_FAILURE:
            raise _refusal(operation, response.status, found)
        return found

    async def _signed(self, operation: str, body: bytes) -> Mapping[str, str]:
        frozen = await self._credentials.frozen()
        headers = {
            "Content-Type": self._service.content_type,
            "X-Amz-Target": f"{self._service.target_prefix}.{operation}",
        }
        signed = self._signer.signed(headers, body, frozen, self._now())
        # Compressed, the body would no longer be what the service's check sum is about.
        return {**signed, "Accept-Encoding": "identity", "User-Agent": self._service.user_agent}


def _check_sum(operation: str, response: aiohttp.ClientResponse, answer: bytes) -> None:
    stated = response.headers.get("x-amz-crc32", "")
    if stated.isdigit() and int(stated) != zlib.crc32(answer):
        raise UnreadableAnswerError(
            status=response.status, operation=operation, start="the check sum is another one"
        )


def _refusal(operation: str, status: int, found: Mapping[str, Any]) -> ClientError:
    code = str(found.get("__type", status)).rpartition("#")[2]
    message = str(found.get("message") or found.get("Message") or "")
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, operation)
