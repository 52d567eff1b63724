"""The proxy that the environment names, asked once instead of for every request."""

from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import (  # type: ignore[attr-defined]  # typeshed lacks the second
    getproxies_environment,
    proxy_bypass_environment,
)


def environment_proxy(url: str) -> str | None:
    """The proxy for a server's URL by HTTP_PROXY, HTTPS_PROXY and NO_PROXY (either case), None for none.

    NO_PROXY holds names, which count for what ends in them too, addresses and networks (CIDRs). AWS sets networks for the
    address at which Pods reach the API server; Go's programs know them, Python's library does not:
    https://repost.aws/knowledge-center/eks-http-proxy-configuration-automation
    """
    parts = urlsplit(url)
    proxies = getproxies_environment()
    exempt = proxies.get("no", "")
    if proxy_bypass_environment(parts.netloc, proxies) or _in_a_network(parts.hostname or "", exempt):
        return None
    return proxies.get(parts.scheme)


def _in_a_network(host: str, networks: str) -> bool:
    """Whether a host that is an address lies in one of the networks, which stand with other things between commas."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    for entry in networks.split(","):
        try:
            if address in ip_network(entry.strip(), strict=False):
                return True
        except ValueError:  # a name, or malformed
            continue
    return False
