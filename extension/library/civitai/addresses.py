"""Where a request may go: the site that was chosen, or any public https address.

What a site answers can name any address. Names are resolved here, once, and the connection is made
to the address that was checked: a name that resolves otherwise a moment later reaches nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ...errors import OnlineError

Resolve = Callable[..., Sequence[Any]]
PORTS = {"http": 80, "https": 443}
NAT64 = ipaddress.ip_network("64:ff9b::/96")
UNPRINTED = re.compile(r"[\x00-\x20\x7f-\uffff\U00010000-\U0010ffff\\]")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port, as browsers compare them."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of an http or https address; OnlineError for any other text."""
        parts = split(url)
        return cls(parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme])

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def split(url: str) -> Any:
    """The parts of an http or https address without a user's name in it; OnlineError."""
    shown = repr(url[:100])
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise OnlineError("address", f"{shown} is not an address") from error
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise OnlineError("address", f"{shown} is not a web address: only http and https are asked")
    if UNPRINTED.search(url) or "@" in parts.netloc:
        raise OnlineError("address", f"{shown} is not an address that is asked")
    return parts


def addresses(origin: Origin, chosen: Origin, resolve: Resolve = socket.getaddrinfo) -> list[Any]:
    """The socket addresses to connect to; for others than the `chosen` site public ones only.

    OnlineError where the name is unknown, the address is private, or it is not https on its port.
    """
    if origin != chosen and (origin.scheme, origin.port) != ("https", PORTS["https"]):
        raise OnlineError("address", f"{origin} is not asked: elsewhere than {chosen} only https")
    try:
        found = resolve(origin.host, origin.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OnlineError("no-answer", f"the name {origin.host} is not known: {error}") from error
    places = [item[4] for item in found]
    if origin != chosen and not all(is_public(place[0]) for place in places):
        raise OnlineError("address", f"{origin} is not asked: it is not on the public network")
    if not places:
        raise OnlineError("no-answer", f"the name {origin.host} has no address")
    return places


def is_public(address: str) -> bool:
    """Whether it is an address of the public internet, whatever it is wrapped in."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
        if found in NAT64:
            inner.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
        if any(one is not None and not _is_global(one) for one in inner):
            return False
        if found.ipv4_mapped or found in NAT64:
            return True
    return _is_global(found)


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
    )
