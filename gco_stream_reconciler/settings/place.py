"""Where this process runs, and what it looks after."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from gco_stream_reconciler.kubernetes_names import LABEL
from gco_stream_reconciler.settings.group import Group, split, variable


class PlaceSettings(Group):
    """Where this process runs and where its table is.

    `region` has no default: a wrong one would empty a cluster (rule 6).
    """

    cluster_name: str = Field(
        default="", validation_alias=variable("CLUSTER_NAME"), description="EKS cluster, in every log line"
    )
    region: str = Field(
        validation_alias=variable("REGION"),
        min_length=1,
        description="Region whose cluster is reconciled and whose status is written",
    )
    dynamodb_region: str = Field(
        default="",
        validation_alias=variable("DYNAMODB_REGION"),
        description="home Region of the table: all writes (default REGION)",
    )
    stream_region: str = Field(
        default="",
        validation_alias=variable("STREAM_REGION"),
        description="Region of the stream and the reads (default DYNAMODB_REGION; a global table's users set it to REGION)",
    )
    home_table_endpoint_url: str = Field(
        default="",
        validation_alias=variable("HOME_TABLE_ENDPOINT_URL"),
        description="URL of the table in DYNAMODB_REGION, such as an interface endpoint's (default AWS's own)",
    )
    read_table_endpoint_url: str = Field(
        default="",
        validation_alias=variable("READ_TABLE_ENDPOINT_URL"),
        description="URL of the table in STREAM_REGION, where that is another Region (default AWS's own)",
    )
    stream_endpoint_url: str = Field(
        default="",
        validation_alias=variable("STREAM_ENDPOINT_URL"),
        description="URL of the stream; private subnets need one (default AWS's own)",
    )
    table_name: str = Field(
        default="gco-inference-endpoints",
        validation_alias=variable("INFERENCE_ENDPOINTS_TABLE_NAME"),
        description="the endpoint table",
    )
    namespace: str = Field(
        default="gco-inference",
        validation_alias=variable("INFERENCE_NAMESPACE"),
        description="namespace of the endpoints and of the lease",
    )
    extra_namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        validation_alias=variable("NAMESPACES"),
        description="further namespaces that items may name, comma-separated",
    )

    _split_namespaces = field_validator("extra_namespaces", mode="before")(split)

    @field_validator("namespace", "extra_namespaces")
    @classmethod
    def _can_be_namespaces(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for name in (value,) if isinstance(value, str) else value:
            if LABEL.fullmatch(name) is None:
                raise ValueError(
                    f"{name!r} is no namespace: lower-case letters, digits and - between them, at most 63 characters"
                )
        return value

    @field_validator("home_table_endpoint_url", "read_table_endpoint_url", "stream_endpoint_url")
    @classmethod
    def _can_be_urls(cls, value: str) -> str:
        if value and not _is_url(value):
            raise ValueError(f"{value!r} is no URL: https://HOST, or http://HOST:PORT")
        return value

    @model_validator(mode="after")
    def _reads_have_one_url(self) -> Self:
        if self.read_table_endpoint_url and self.read_region == self.home_region:
            raise ValueError(
                "READ_TABLE_ENDPOINT_URL has no use where STREAM_REGION is DYNAMODB_REGION: reads go to "
                "HOME_TABLE_ENDPOINT_URL there"
            )
        return self

    @property
    def home_region(self) -> str:
        """Region that takes every write of the table."""
        return self.dynamodb_region or self.region

    @property
    def read_region(self) -> str:
        """Region whose stream is read and whose replica answers reads."""
        return self.stream_region or self.home_region

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace that an item may name, the default one first, each once."""
        return tuple(dict.fromkeys((self.namespace, *self.extra_namespaces)))


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for what is no port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
