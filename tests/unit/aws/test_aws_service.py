"""Where calls go, against botocore itself: the host that it would send the same call to."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import aiobotocore.session
import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import EndpointVariantError
from yarl import URL

from gco_stream_reconciler.aws.service import Service
from gco_stream_reconciler.aws.session import open_clients
from gco_stream_reconciler.errors import ConfigurationError
from gco_stream_reconciler.settings import PlaceSettings
from tests.doubles.scripted_aws import CREDENTIALS, only_variables

# One of each: reading botocore's lists of endpoints takes longer than everything else here.
OURS = aiobotocore.session.get_session()
BOTOCORE = botocore.session.Session()

OPERATIONS = {"dynamodb": "list_tables", "dynamodbstreams": "list_streams"}
VARIANTS: Mapping[str, Mapping[str, str]] = {
    "plain": {},
    "dual stack": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "FIPS": {"AWS_USE_FIPS_ENDPOINT": "true"},
    "FIPS and dual stack": {"AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_USE_FIPS_ENDPOINT": "true"},
}


def regions() -> Iterator[str]:
    """One of each partition."""
    for partition in BOTOCORE.get_available_partitions():
        yield from sorted(BOTOCORE.get_available_regions("dynamodb", partition))[:1]


class OnItsWayError(Exception):
    """A request that would be sent now."""


def asked_by_botocore(service: str, region: str) -> URL:
    """Where a request is on its way to when it is stopped."""

    def stop(request: AWSPreparedRequest, **_: Any) -> None:
        raise OnItsWayError(request.url)

    client = BOTOCORE.create_client(service, region_name=region)  # type: ignore[call-overload]  # by a variable name
    client.meta.events.register("before-send", stop)
    with pytest.raises(OnItsWayError) as stopped:
        getattr(client, OPERATIONS[service])()
    return URL(str(stopped.value))


async def asked_by_us(service: str, region: str = "us-east-1") -> URL:
    return URL((await Service.of(OURS, service, region)).url)


@pytest.mark.parametrize("service", OPERATIONS)
@pytest.mark.parametrize(
    ("region", "variant"),
    [pytest.param(*each, id=" ".join(each)) for each in itertools.product(regions(), VARIANTS)],
)
async def test_a_service_is_asked_where_botocore_would_ask_it(
    service: str, region: str, variant: str
) -> None:
    with only_variables({**CREDENTIALS, **VARIANTS[variant]}):
        try:
            expected = asked_by_botocore(service, region)
        except EndpointVariantError:  # some partitions have no dual stack
            with pytest.raises(EndpointVariantError):
                await asked_by_us(service, region)
        else:
            assert await asked_by_us(service, region) == expected


async def test_a_region_without_the_wanted_kind_of_endpoint_is_a_mistake_in_the_settings() -> None:
    with (
        only_variables(VARIANTS["dual stack"]),
        pytest.raises(ConfigurationError, match=r"eu-isoe-west-1.*AWS_USE_DUALSTACK_ENDPOINT"),
    ):
        async with open_clients(PlaceSettings(region="eu-isoe-west-1")):
            pass


async def test_over_dual_stack_the_stream_has_the_host_that_aws_lists() -> None:
    # https://docs.aws.amazon.com/general/latest/gr/ddb.html
    with only_variables(VARIANTS["dual stack"]):
        assert await asked_by_us("dynamodbstreams") == URL("https://streams-dynamodb.us-east-1.api.aws")
    with only_variables(VARIANTS["FIPS and dual stack"]):
        assert await asked_by_us("dynamodbstreams") == URL("https://streams-dynamodb-fips.us-east-1.api.aws")


@pytest.mark.parametrize("service", OPERATIONS)
@pytest.mark.parametrize(
    "url",
    ["http://localhost:8000", "http://[::1]:8000/", "https://vpce-1.test:443/", "http://a.test/at?b=2&a=1"],
)
async def test_an_endpoint_of_the_users_own_stays_as_it_is_whatever_the_variant(
    service: str, url: str
) -> None:
    with only_variables({**CREDENTIALS, **VARIANTS["FIPS and dual stack"], "AWS_ENDPOINT_URL": url}):
        assert await asked_by_us(service) == asked_by_botocore(service, "us-east-1") == URL(url)
