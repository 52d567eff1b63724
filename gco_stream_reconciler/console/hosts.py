"""Which Host headers belong here. Pure.

A page of another site can make a browser send requests to this listener under a name of its own that resolves to
loopback (DNS rebinding), and read the answers. Such a request carries that name; so only names and addresses that mean
this machine are served. The port does not count: `kubectl port-forward` may use any.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address

_LOOPBACK_NAMES = frozenset({"localhost", "localhost."})


def is_ours(host: str, *, own_address: str) -> bool:
    """Whether a Host header means this machine. `own_address` is the local address of the connection."""
    name = _without_port(host)
    if name.lower() in _LOOPBACK_NAMES:
        return True
    address = _address(name)
    return address is not None and (address.is_loopback or address == _address(own_address))


def _without_port(host: str) -> str:
    if host.startswith("["):
        name, closed, port = host[1:].partition("]")
        return name if closed and _is_port(port) and ":" in name else ""
    name, colon, port = host.partition(":")
    return name if _is_port(colon + port) else ""


def _is_port(text: str) -> bool:
    return not text or (text.startswith(":") and text[1:].isascii() and (text[1:].isdigit() or text == ":"))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
