"""Flags that many commands share, and the settings that come of them."""

import os
from collections.abc import Mapping
from typing import Annotated

import typer

from gco_stream_reconciler.errors import ConfigurationError
from gco_stream_reconciler.settings import Settings, load_settings

Name = Annotated[str, typer.Argument(metavar="NAME", help="The endpoint.", show_default=False)]
TableName = Annotated[
    str | None, typer.Option("--table-name", help="The endpoint table (INFERENCE_ENDPOINTS_TABLE_NAME).")
]
HomeRegion = Annotated[
    str | None,
    typer.Option(
        "--dynamodb-region", help="Home Region of the table (DYNAMODB_REGION, else REGION, AWS_REGION)."
    ),
]
Region = Annotated[
    str | None, typer.Option("--region", help="Region of the cluster (REGION); required, no default.")
]
Kubeconfig = Annotated[
    str | None,
    typer.Option(
        "--kubeconfig",
        help="Path of the kubeconfig; wins over a Pod's service account (KUBECONFIG does not).",
    ),
]
Namespace = Annotated[
    str | None, typer.Option("--namespace", help="Namespace of the endpoints (INFERENCE_NAMESPACE).")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_REGION_VARIABLES = ("DYNAMODB_REGION", "REGION", "AWS_REGION", "AWS_DEFAULT_REGION")


def table_settings(
    table_name: str | None, home_region: str | None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """Settings of a command that talks to the home table alone.

    Raises ConfigurationError where nothing says in which Region the table is.
    """
    candidates = (home_region, *(environ.get(name) for name in _REGION_VARIABLES))
    home = next((region for region in candidates if region), None)
    if home is None:
        raise ConfigurationError("no Region of the table: set DYNAMODB_REGION or give --dynamodb-region")
    # What the environment says of a replica's Region does not count here.
    return load_settings(
        region=home,
        dynamodb_region=home,
        stream_region=home,
        read_table_endpoint_url="",
        stream_endpoint_url="",
        table_name=table_name,
    )


def region_settings(
    *,
    region: str | None,
    table_name: str | None = None,
    home_region: str | None = None,
    kubeconfig: str | None = None,
    namespace: str | None = None,
) -> Settings:
    """Settings of a command that looks at one Region's cluster. Raises ConfigurationError without a Region."""
    return load_settings(
        region=region,
        table_name=table_name,
        dynamodb_region=home_region,
        kubeconfig=kubeconfig,
        namespace=namespace,
    )
