"""The signature against AWS's published examples, and against botocore's signer byte by byte."""

import json
import string
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.aws.signature import Signer

URLS = (
    "https://dynamodb.us-east-1.amazonaws.com",
    "https://streams.dynamodb.eu-central-1.amazonaws.com/",
    "https://vpce-1.dynamodb.us-east-1.vpce.amazonaws.com:443",
    "http://127.0.0.1:8000",
    "http://[::1]:8000/",
    "http://LOCALHOST:80/dynamodb//a/../b c/~x",
    "http://proxy.example/at?b=2&a=1",
)
PRINTABLE = string.ascii_letters + string.digits + "/+=._-"


# --- https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, the test suite -----

EXAMPLE = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("path", "headers", "body", "listed", "signature"),
    [
        pytest.param(
            "/",
            {},
            b"",
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            id="post-vanilla",
        ),
        pytest.param(
            "/?Param1=value1",
            {},
            b"",
            "host;x-amz-date",
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
            id="post-vanilla-query",
        ),
        pytest.param(
            "/",
            {"My-Header1": "value1"},
            b"",
            "host;my-header1;x-amz-date",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            id="post-header-key-sort",
        ),
        pytest.param(
            "/",
            {"My-Header1": "VALUE1"},
            b"",
            "host;my-header1;x-amz-date",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            id="post-header-value-case",
        ),
        pytest.param(
            "/",
            {"Content-Type": FORM},
            b"Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            id="post-x-www-form-urlencoded",
        ),
    ],
)
def test_the_examples_that_aws_publishes_come_out_as_published(
    path: str, headers: dict[str, str], body: bytes, listed: str, signature: str
) -> None:
    signer = Signer(f"https://example.amazonaws.com{path}", service="service", region="us-east-1")

    sent = signer.signed(headers, body, EXAMPLE, datetime(2015, 8, 30, 12, 36, tzinfo=UTC))

    assert sent["X-Amz-Date"] == "20150830T123600Z"
    assert sent["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={listed}, Signature={signature}"
    )


# --- botocore -----------------------------------------------------------------------------------------------------


def by_botocore(
    url: str,
    service: str,
    region: str,
    headers: dict[str, str],
    body: bytes,
    credentials: ReadOnlyCredentials,
) -> dict[str, str]:
    request = AWSRequest(method="POST", url=url, data=body, headers=headers)
    SigV4Auth(credentials, service, region).add_auth(request)
    return dict(request.headers.items())


def moment_of(headers: dict[str, str]) -> datetime:
    """When botocore signed: it asks the clock itself."""
    return datetime.strptime(headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


@given(
    url=st.sampled_from(URLS),
    service=st.sampled_from(["dynamodb", "execute-api"]),
    region=st.sampled_from(["us-east-1", "cn-north-1"]),
    operation=st.text(string.ascii_letters, min_size=1),
    request=st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4),
    access=st.text(PRINTABLE, min_size=1),
    secret=st.text(min_size=1).filter(lambda text: text.isprintable()),
    token=st.none() | st.text(PRINTABLE + " ", min_size=1, max_size=60),
)
def test_every_header_is_the_one_that_botocore_would_send(
    url: str,
    service: str,
    region: str,
    operation: str,
    request: dict[str, str],
    access: str,
    secret: str,
    token: str | None,
) -> None:
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
    }
    body, credentials = json.dumps(request).encode(), ReadOnlyCredentials(access, secret, token)

    theirs = by_botocore(url, service, region, headers, body, credentials)
    ours = Signer(url, service=service, region=region).signed(headers, body, credentials, moment_of(theirs))

    assert list(ours.items()) == list(theirs.items())


def test_another_day_and_other_credentials_get_a_key_of_their_own() -> None:
    first, second = ReadOnlyCredentials("A", "one", None), ReadOnlyCredentials("A", "two", None)
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    calls = [(first, noon), (second, noon), (second, noon + timedelta(days=1)), (first, noon)]
    signer = Signer(URLS[0], service="dynamodb", region="us-east-1")

    sent = [signer.signed({}, b"{}", credentials, at) for credentials, at in calls]

    fresh = [
        Signer(URLS[0], service="dynamodb", region="us-east-1").signed({}, b"{}", credentials, at)
        for credentials, at in calls
    ]
    assert sent == fresh
    assert len({each["Authorization"] for each in sent}) == 3
