"""The proxy that the environment names, asked once instead of for every request."""

from urllib.parse import urlsplit
from urllib.request import (  # type: ignore[attr-defined]  # typeshed lacks the second
    getproxies_environment,
    proxy_bypass_environment,
)


def environment_proxy(url: str) -> str | None:
    """The proxy for a server's URL by HTTP_PROXY, HTTPS_PROXY and NO_PROXY (either case), None for none."""
    parts = urlsplit(url)
    proxies = getproxies_environment()
    if proxy_bypass_environment(parts.netloc, proxies):
        return None
    return proxies.get(parts.scheme)
