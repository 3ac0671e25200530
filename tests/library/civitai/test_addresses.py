"""Requests go to the chosen site or to public https addresses."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from live_lora.errors import OnlineError
from live_lora.library.civitai.addresses import Origin, addresses, is_public

PUBLIC = {
    "93.184.216.34": True,
    "2606:2800:220:1:248:1893:25c8:1946": True,
    "64:ff9b::5db8:d822": True,  # 93.184.216.34, through NAT64
    "::ffff:93.184.216.34": True,
    "127.0.0.1": False,
    "127.9.9.9": False,
    "0.0.0.0": False,
    "10.1.2.3": False,
    "172.16.0.1": False,
    "192.168.1.1": False,
    "169.254.169.254": False,  # where clouds keep their secrets
    "100.64.0.1": False,
    "192.0.2.1": False,
    "198.18.0.1": False,
    "224.0.0.1": False,
    "240.0.0.1": False,
    "255.255.255.255": False,
    "::1": False,
    "::": False,
    "fe80::1%eth0": False,
    "fc00::1": False,
    "fd12:3456::1": False,
    "ff02::1": False,
    "::ffff:127.0.0.1": False,
    "::ffff:10.0.0.1": False,
    "64:ff9b::7f00:1": False,
    "64:ff9b::a00:1": False,
    "2002:7f00:1::": False,  # 6to4 around 127.0.0.1
    "not an address": False,
}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(address) is PUBLIC[address]


ORIGINS = {
    "https://civitai.com": "https://civitai.com",
    "HTTPS://CivitAI.com:443/x?y": "https://civitai.com",
    "http://127.0.0.1:8000/": "http://127.0.0.1:8000",
    "http://[::1]:80/": "http://[::1]",
}


@pytest.mark.parametrize("url", ORIGINS)
def test_origins(url: str) -> None:
    assert str(Origin.of(url)) == ORIGINS[url]


NONE = [
    *("file:///etc/passwd", "ftp://x/", "//x/", "x", "", "https://", "https:///x", "http://x:0/"),
    *("https://x:99999/", "https://user:secret@x/", "https://x@y/", "javascript:alert(1)"),
    *("https://x/a b", "https://x/\r\nCookie: y", "https://x\\@y/", "https://[::1/", "data:,x"),
]


@pytest.mark.parametrize("url", NONE)
def test_what_is_no_web_address(url: str) -> None:
    with pytest.raises(OnlineError):
        Origin.of(url)


def names(**known: list[str]) -> Any:
    def resolve(host: str, port: int, type: int = 0) -> list[Any]:
        if host not in known:
            raise socket.gaierror("Name or service not known")
        return [(2, type, 6, "", (address, port)) for address in known[host]]

    return resolve


CHOSEN = Origin.of("http://mirror:8000")
RESOLVE = names(
    mirror=["10.0.0.9"], cdn=["93.184.216.34"], inside=["10.0.0.9"], both=["93.184.216.34", "::1"]
)
ASKED: dict[str, bool] = {
    "http://mirror:8000": True,  # chosen by the user, wherever it is
    "http://mirror:8001": False,
    "https://mirror": False,
    "https://cdn": True,
    "https://cdn:8443": False,
    "http://cdn": False,
    "https://inside": False,
    "https://both": False,
    "https://unknown": False,
}


@pytest.mark.parametrize("url", ASKED)
def test_where_a_request_may_go(url: str) -> None:
    if ASKED[url]:
        assert addresses(Origin.of(url), CHOSEN, RESOLVE)[0][1] == Origin.of(url).port
    else:
        with pytest.raises(OnlineError):
            addresses(Origin.of(url), CHOSEN, RESOLVE)
