"""URLs of the table and its stream, where they are reached by others than AWS's own."""

import pytest

from gco_stream_reconciler.cli.options import table_settings
from gco_stream_reconciler.errors import ConfigurationError
from gco_stream_reconciler.settings import load_settings

HOME = "https://vpce-1a.dynamodb.us-east-1.vpce.amazonaws.com"
READ = "https://vpce-2b.dynamodb.eu-west-1.vpce.amazonaws.com"
STREAM = "https://vpce-3c.streams.dynamodb.eu-west-1.vpce.amazonaws.com"
OF_A_REPLICA = {
    "REGION": "eu-west-1",
    "DYNAMODB_REGION": "us-east-1",
    "STREAM_REGION": "eu-west-1",
    "HOME_TABLE_ENDPOINT_URL": HOME,
    "READ_TABLE_ENDPOINT_URL": READ,
    "STREAM_ENDPOINT_URL": STREAM,
}


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OF_A_REPLICA.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "name", ["HOME_TABLE_ENDPOINT_URL", "READ_TABLE_ENDPOINT_URL", "STREAM_ENDPOINT_URL"]
)
@pytest.mark.parametrize(
    "value",
    ["localhost:8000", "vpce-1.test", "ftp://a.test", "http://", "http://a.test:80x", "http://a:99999"],
)
def test_what_is_no_url_is_refused_by_its_variable(
    name: str, value: str, replica: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"settings refused: {name}: '{value}' is no URL"):
        load_settings()


@pytest.mark.usefixtures("replica")
def test_table_and_stream_of_two_regions_have_urls_of_their_own() -> None:
    place = load_settings().place
    assert place.home_table_endpoint_url == HOME
    assert place.read_table_endpoint_url == READ
    assert place.stream_endpoint_url == STREAM


def test_a_url_for_reads_is_refused_where_they_go_to_the_home_table() -> None:
    with pytest.raises(ConfigurationError, match=r"READ_TABLE_ENDPOINT_URL .* HOME_TABLE_ENDPOINT_URL"):
        load_settings(region="us-east-1", read_table_endpoint_url=HOME)


@pytest.mark.usefixtures("replica")
def test_a_command_about_the_home_table_asks_nothing_at_the_urls_of_the_replica() -> None:
    place = table_settings(None, None).place
    assert place.home_table_endpoint_url == HOME
    assert (place.read_region, place.read_table_endpoint_url, place.stream_endpoint_url) == (
        "us-east-1",
        "",
        "",
    )
