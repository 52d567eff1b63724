"""What in the caller's environment would have a process talk past the sandbox."""

from collections.abc import Mapping

FOREIGN = (
    # In a Pod the service account wins over KUBECONFIG, which is all that many a process is told.
    "KUBERNETES_SERVICE_HOST",
    # A service's own URL wins over AWS_ENDPOINT_URL.
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_DYNAMODB_STREAMS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    # An account of the caller's; a profile must exist, even where other credentials win over it.
    "AWS_DEFAULT_PROFILE",
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    # Everything here is plain HTTP on loopback.
    "ALL_PROXY",
    "HTTP_PROXY",
    "all_proxy",
    "http_proxy",
)
"""Variables that lead to a cluster, an account or a proxy of the caller's own."""


def without_foreign(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without them."""
    return {name: value for name, value in environ.items() if name not in FOREIGN}
