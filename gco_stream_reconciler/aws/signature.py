"""AWS Signature Version 4 of POST requests to one URL. Pure but for the key of the day, which is remembered.

botocore's signer derives that key and takes the URL apart anew for every call, for a quarter of the call's price. What
is signed of the URL is still what botocore says.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

_ALGORITHM = "AWS4-HMAC-SHA256"
_LAST = "aws4_request"


class Signer:
    """Signs for one service in one Region. Invariant: `_key` is that of `_key_of`, a secret and a day."""

    def __init__(self, url: str, *, service: str, region: str) -> None:
        self._service = service
        self._region = region
        botocore = SigV4Auth(ReadOnlyCredentials("", "", None), service, region)
        request = AWSRequest(method="POST", url=url)
        _, self._path, self._query, *_ = botocore.canonical_request(request).split("\n")
        self._host = botocore.headers_to_sign(request)["host"]
        self._key_of: tuple[str | None, str] | None = None
        self._key = b""

    def signed(
        self, headers: Mapping[str, str], body: bytes, credentials: ReadOnlyCredentials, at: datetime
    ) -> dict[str, str]:
        """The headers, every one of them signed, with X-Amz-Date, X-Amz-Security-Token and Authorization.

        at: now, in UTC.
        """
        moment = at.strftime("%Y%m%dT%H%M%SZ")
        sent = {**headers, "X-Amz-Date": moment}
        if credentials.token:
            sent["X-Amz-Security-Token"] = credentials.token
        counted = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
        counted["host"] = self._host
        names = sorted(counted)
        listed = ";".join(names)
        lines = [f"{name}:{counted[name]}" for name in names]
        canonical = "\n".join(
            ("POST", self._path, self._query, *lines, "", listed, sha256(body).hexdigest())
        ).encode()
        scope = f"{moment[:8]}/{self._region}/{self._service}/{_LAST}"
        text = f"{_ALGORITHM}\n{moment}\n{scope}\n{sha256(canonical).hexdigest()}"
        signature = _mac(self._key_for(credentials.secret_key, moment[:8]), text).hex()
        sent["Authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={listed}, Signature={signature}"
        )
        return sent

    def _key_for(self, secret: str | None, day: str) -> bytes:
        if self._key_of != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, _LAST):
                key = _mac(key, part)
            self._key_of, self._key = (secret, day), key
        return self._key


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
