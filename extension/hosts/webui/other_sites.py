"""Which web pages may ask our routes: the webui's own, and those of its CORS options.

A browser lets any site send requests to this machine, and answers without a login are anybody's.
Programs send neither header, and may ask. A proxy in front of the webui is honoured: browsers
judge by the address that they see, and the names that a proxy passes on count as well.
Fetch metadata: W3C, https://www.w3.org/TR/fetch-metadata/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from modules import shared

FORWARDED = ("host", "x-forwarded-host", "x-original-host")  # no other site can send these


def refusal(headers: Mapping[str, str]) -> str | None:
    """Why a request with these headers (names in lower case) is refused; None where it is not."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if _is_allowed(origin) or (origin is None and site in (None, "none", "same-origin")):
        return None
    if site == "same-origin" or (site is None and _is_own(str(origin), headers)):
        return None
    return (
        f"requests of other sites are refused ({origin or site}): start the webui with "
        "--cors-allow-origins and that address to allow them"
    )


def _is_own(origin: str, headers: Mapping[str, str]) -> bool:
    """Whether it is the address under which this page is reached, also through a proxy."""
    names = {
        name.strip().lower()
        for header in FORWARDED
        for name in headers.get(header, "").split(",")
        if name.strip()
    }
    address = urlsplit(origin.lower())
    return address.netloc in names or (
        # proxies leave out the port where it is the usual one
        address.hostname in names and address.port in (None, 80, 443)
    )


def _is_allowed(origin: str | None) -> bool:
    """By the webui's two options, as its own middleware reads them."""
    given: Any = getattr(shared.cmd_opts, "cors_allow_origins", None)
    allowed = str(given or "").split(",")
    pattern = getattr(shared.cmd_opts, "cors_allow_origins_regex", None)
    if origin is None:
        return False
    return (
        "*" in allowed or origin in allowed or bool(pattern and re.fullmatch(str(pattern), origin))
    )
