"""Over TLS: the name is proved for the address that was checked, and slow answers end as well."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_lora.errors import OnlineError
from live_lora.library.civitai.access import Access
from live_lora.library.civitai.addresses import Origin
from live_lora.library.civitai.transport import Asked, Stopping, Transport, read_all

from .site import Handler, Server, Site
from .test_transport import slow, slow_head

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="there is no openssl on this machine")
MAKE = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of cdn.test."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    key = path.with_name("key.pem")
    made = ["-subj", "/CN=cdn.test", "-addext", "subjectAltName=DNS:cdn.test"]
    command = [str(OPENSSL), *MAKE.split(), *made, "-keyout", str(key), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + key.read_text())
    return path


@pytest.fixture
def cdn(certificate: Path) -> Iterator[Site]:
    """A site that speaks TLS."""
    site = Site()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Server(("127.0.0.1", 0), type("Ours", (Handler,), {"site": site})) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        site.url = str(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield site
        server.shutdown()
        thread.join()


def get(cdn: Site, trusted: Path | None, host: str = "cdn.test", **options: Any) -> bytes:
    def resolve(name: str, port: int, type: int = 0) -> Any:
        return [(2, 1, 6, "", ("93.184.216.34", port))]

    def connect(place: Any, timeout: float) -> socket.socket:
        assert place == ("93.184.216.34", 443)
        return socket.create_connection(("127.0.0.1", int(cdn.url)), timeout)

    context = ssl.create_default_context(cafile=trusted) if trusted else None
    transport = Transport(Access(), resolve=resolve, connect=connect, context=context)
    until, chosen = time.monotonic() + options.pop("seconds", 5), Origin.of("https://civitai.com")
    with transport.open(Asked(f"https://{host}/a.png"), chosen, until, **options) as answer:
        return read_all(answer, 200_000)


def test_a_proved_name(cdn: Site, certificate: Path) -> None:
    assert get(cdn, certificate).startswith(b"\x89PNG")
    assert cdn.headers[0]["Host"] == "cdn.test"


@pytest.mark.parametrize("host", ["other.test", "cdn.test.evil.test"])
def test_another_name_is_not_believed(cdn: Site, certificate: Path, host: str) -> None:
    with pytest.raises(OnlineError, match="cannot prove"):
        get(cdn, certificate, host)
    assert cdn.asked == []


def test_nor_is_a_certificate_of_ones_own(cdn: Site) -> None:
    with pytest.raises(OnlineError, match="cannot prove"):
        get(cdn, None)
    assert cdn.asked == []


@pytest.mark.parametrize("fault", [slow, slow_head])
def test_a_slow_answer_ends(cdn: Site, certificate: Path, fault: Any) -> None:
    cdn.faults.append(fault)
    began = time.monotonic()
    with pytest.raises(OnlineError):
        get(cdn, certificate, seconds=0.5)
    assert time.monotonic() - began < 1.5


def test_a_stop_is_heard(cdn: Site, certificate: Path) -> None:
    cdn.faults.append(slow)
    told = threading.Event()
    threading.Timer(0.2, told.set).start()
    began = time.monotonic()
    with pytest.raises(Stopping):
        get(cdn, certificate, stopped=told.is_set)
    assert time.monotonic() - began < 1.5
