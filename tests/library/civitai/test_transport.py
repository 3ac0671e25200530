"""What another site's answer cannot do: lead elsewhere, take the key, hold us for ever."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest
from live_lora.errors import OnlineError
from live_lora.library.civitai.addresses import Origin
from live_lora.library.civitai.transport import Asked, Stopping, Transport, read_all, read_json

from .site import Handler, Site, running

KEY = "abcdef0123456789"


def get(site: Site, path: str = "/img/a.png", seconds: float = 5, **options: Any) -> bytes:
    key, most = options.pop("key", None), options.pop("most", 1000)
    asked = Asked(site.url + path, options.pop("body", None))
    stopped = options.pop("stopped", lambda: False)
    transport = Transport(site.access(key=key), **options)
    until = time.monotonic() + seconds
    with transport.open(asked, Origin.of(site.url), until, stopped) as answer:
        return read_all(answer, most)


def redirect(site: Site, target: str, status: int = 302) -> None:
    def fault(handler: Handler) -> bool:
        if handler.path.startswith("/img"):
            handler.say(status, b"", Location=target)
            return True
        return False

    site.faults.append(fault)


def test_a_picture_is_fetched(site: Site) -> None:
    assert get(site).startswith(b"\x89PNG")
    assert site.headers[0]["User-Agent"].startswith("LiveLoRA/")
    assert "Authorization" not in site.headers[0]


FORBIDDEN = [
    *("file:///etc/passwd", "http://127.0.0.1:1/", "https://127.0.0.1/", "https://localhost/"),
    *("https://10.0.0.1/", "https://169.254.169.254/latest", "https://[::1]/", "ftp://x/"),
    *("https://2130706433/", "https://0x7f.1/", "https://user@civitai.com/", "gopher://x"),
    "http://civitai.com/",
    "https://inside.test/",
    "https://civitai.com:8443/",
]


@pytest.mark.parametrize("target", FORBIDDEN)
def test_redirects_lead_to_no_private_place(site: Site, target: str) -> None:
    connected: list[Any] = []

    def connect(place: Any, timeout: float) -> socket.socket:
        connected.append(place)
        return socket.create_connection(place, timeout)

    def resolve(host: str, port: int, type: int = 0) -> Any:
        if host == "inside.test":  # a public name for a private address
            return [(2, 1, 6, "", ("192.168.0.1", port))]
        return socket.getaddrinfo(host, port, socket.AF_UNSPEC, type, 0, socket.AI_NUMERICHOST)

    redirect(site, target)
    with pytest.raises(OnlineError):
        get(site, connect=connect, resolve=resolve)
    assert connected == [("127.0.0.1", Origin.of(site.url).port)]


class PlainContext:
    """Stands for TLS: notes the name that is checked, and changes nothing."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def wrap_socket(self, sock: socket.socket, server_hostname: str) -> socket.socket:
        self.names.append(server_hostname)
        return sock


def test_a_public_redirect_is_followed_to_the_address_that_was_checked(site: Site) -> None:
    """A name that is private at a second look is not looked at twice; the key stays here."""
    looks: list[str] = []

    def resolve(host: str, port: int, type: int = 0) -> Any:
        looks.append(host)
        if host == "cdn.test":
            address = "93.184.216.34" if looks.count("cdn.test") == 1 else "127.0.0.1"
            return [(2, 1, 6, "", (address, port))]
        return socket.getaddrinfo(host, port, type=type)

    with running() as cdn:
        connected = []

        def connect(place: Any, timeout: float) -> socket.socket:
            connected.append(place[0])
            if place[0] == "93.184.216.34":
                place = ("127.0.0.1", Origin.of(cdn.url).port)
            return socket.create_connection(place, timeout)

        context = PlainContext()
        redirect(site, "https://cdn.test/real.png?signed=1")
        content = get(site, key=KEY, connect=connect, resolve=resolve, context=context)
        assert content.startswith(b"\x89PNG")
        assert looks.count("cdn.test") == 1
        assert connected == ["127.0.0.1", "93.184.216.34"]
        assert context.names == ["cdn.test"]
        assert cdn.asked == ["GET /real.png?signed=1"]
        assert cdn.headers[0]["Host"] == "cdn.test"
        assert "Authorization" not in cdn.headers[0]
    assert site.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_the_key_is_not_sent_after_a_redirect_back_either(site: Site) -> None:
    redirect(site, "/other/b.png")
    get(site, key=KEY)
    assert [("Authorization" in one) for one in site.headers] == [True, False]


def test_the_key_is_not_sent_to_the_second_site(site: Site) -> None:
    with running() as other:
        transport = Transport(site.access(key=KEY, fallback=Origin.of(other.url)))
        asked = Asked(f"{other.url}/img/a.png")
        with transport.open(asked, Origin.of(other.url), time.monotonic() + 5) as answer:
            read_all(answer, 1000)
        assert "Authorization" not in other.headers[0]


def test_circles_end(site: Site) -> None:
    redirect(site, "/img/again.png")
    with pytest.raises(OnlineError, match="circles"):
        get(site)
    assert len(site.asked) == 6


@pytest.mark.parametrize(("status", "where"), [(302, "/x.png"), (307, "https://1.1.1.1/")])
def test_what_is_told_goes_nowhere_else(site: Site, status: int, where: str) -> None:
    redirect(site, where, status)
    with pytest.raises(OnlineError, match="elsewhere"):
        get(site, body=b"[]")
    assert len(site.asked) == 1


def test_a_post_follows_within_its_site(site: Site) -> None:
    redirect(site, "/x.png", 307)
    get(site, body=b"[1]")
    assert site.asked == ["POST /img/a.png", "POST /x.png"]


def test_no_network_sends_nothing(site: Site) -> None:
    transport = Transport(site.access(offline=True))
    with (
        pytest.raises(OnlineError, match="switched off"),
        transport.open(Asked(site.url), Origin.of(site.url), time.monotonic() + 5),
    ):
        pass
    assert site.asked == []


def endless(handler: Handler) -> bool:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        while True:
            handler.wfile.write(b"x" * 65536)
    except OSError:
        return True


def endless_head(handler: Handler) -> bool:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    try:
        while True:
            handler.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")
    except OSError:
        return True


def slow(handler: Handler) -> bool:
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(100):
            handler.wfile.write(b"x")
            time.sleep(0.02)
    except OSError:
        pass
    return True


def slow_head(handler: Handler) -> bool:
    try:
        for letter in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500:
            handler.wfile.write(bytes([letter]))
            time.sleep(0.02)
    except OSError:
        pass
    return True


def silent(handler: Handler) -> bool:
    time.sleep(0.6)
    return True


def cut(handler: Handler) -> bool:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nabc")
    handler.close_connection = True
    return True


def chunks(handler: Handler) -> bool:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc")
    handler.close_connection = True
    return True


def no_http(handler: Handler) -> bool:
    handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")
    handler.close_connection = True
    return True


def nothing(handler: Handler) -> bool:
    handler.close_connection = True
    return True


FAULTS = [endless, endless_head, slow, slow_head, silent, cut, chunks, no_http, nothing]


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_ends_in_time_and_size(site: Site, fault: Any) -> None:
    site.faults.append(fault)
    began = time.monotonic()
    with pytest.raises(OnlineError) as raised:
        get(site, seconds=0.3)
    assert time.monotonic() - began < 1
    assert raised.value.code in ("no-answer", "nonsense")


def test_a_site_that_says_nothing_is_given_up(site: Site) -> None:
    site.faults.append(silent)
    with pytest.raises(OnlineError, match="slowly"):
        get(site, patience=0.2)


def test_a_stop_is_heard_while_nothing_comes(site: Site) -> None:
    site.faults.append(slow)
    told = threading.Event()
    threading.Timer(0.1, told.set).start()
    began = time.monotonic()
    with pytest.raises(Stopping):
        get(site, stopped=told.is_set)
    assert time.monotonic() - began < 1


def test_nobody_listening(site: Site) -> None:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        site.url = f"http://127.0.0.1:{place.getsockname()[1]}"
        with pytest.raises(OnlineError, match="does not answer"):
            get(site)


def test_errors_do_not_repeat_what_an_address_holds(site: Site) -> None:
    site.faults.append(nothing)
    with pytest.raises(OnlineError) as raised:
        get(site, "/img/a.png?token=secret")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("raw", [b"<html>", b"", b"[" * 100_000, b"\xff\xfe", b"\x1f\x8b\x08"])
def test_what_is_no_json(site: Site, raw: bytes) -> None:
    site.faults.append(lambda handler: handler.say(200, raw) is None)
    transport = Transport(site.access())
    until = time.monotonic() + 5
    with (
        pytest.raises(OnlineError),
        transport.open(Asked(site.url), Origin.of(site.url), until) as answer,
    ):
        read_json(answer, 1 << 20)
