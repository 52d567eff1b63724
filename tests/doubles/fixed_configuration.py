"""The way to a stand-in for the API server, instead of a kubeconfig."""

from typing import Any

from kubernetes_asyncio.client import Configuration

from gco_stream_reconciler.kube.configuration import LoadConfiguration


def fixed_configuration(host: str, *, token: str = "") -> LoadConfiguration:
    """An API server at a known address: `host` is a URL such as http://127.0.0.1:8001."""

    async def load() -> Any:
        configuration = Configuration(host=host)
        if token:
            configuration.api_key["BearerToken"] = f"Bearer {token}"
        return configuration

    return load
