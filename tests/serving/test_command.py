"""`live-lora serve`: who may ask, and one server as a person starts it."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_asking import until
from live_lora.app.cli import parser
from live_lora.errors import LiveLoraError
from live_lora.serving.service_options import (
    flags_of,
    limits_of,
    model_file,
    options_in_force,
    rules_of,
)
from live_lora.serving.structured_log import JsonFormatter

TESTS = str(Path(__file__).parent.parent)


def options(*words: str) -> Any:
    return parser().parse_args(["serve", *words])


def test_it_is_safe_by_default() -> None:
    rules = rules_of(options())
    assert rules.names == {"127.0.0.1", "localhost", "[::1]"}
    assert not rules.closed
    assert not rules.origins


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--listen"], "--listen lets everybody in"),
        (["--api-auth", "anna"], "--api-auth: each is written as USER:SECRET"),
        (["--token-file", "/nowhere"], "nowhere"),
        (["--cors-allow-origins", "*"], "name the sites"),
    ],
)
def test_what_would_not_be_safe(words: list[str], complaint: str) -> None:
    with pytest.raises(LiveLoraError, match=complaint):
        rules_of(options(*words))


def test_logins_and_tokens(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("cleo:cherry\n\n")
    words = ["--listen", "--api-auth", "anna:apple,bert:be:rry", "--token-file", str(file)]
    rules = rules_of(options(*words))
    assert rules.logins == {"anna": "apple", "bert": "be:rry"}
    assert rules.tokens == {"cherry": "cleo"}
    assert rules.names is None


def test_limits() -> None:
    limits = limits_of(options("--batch", "3", "--max-pixels", "0.5", "--queue", "9"))
    assert limits.batch.pictures == 3
    assert limits.request.pixels == 1 << 19
    assert limits.queue.pictures == 9


def test_no_path_is_told() -> None:
    assert model_file(Path("/secret/place/x.safetensors")) == "x.safetensors"
    told = json.dumps([options_in_force(Path("/secret/x")), flags_of(options())])
    assert "secret/" not in told


def test_logs_are_json_a_line() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "job", (), None)
    record.facts = {"user": 'a "b"\n', "seconds": 0.5}
    written = JsonFormatter().format(record)
    assert "\n" not in written
    assert json.loads(written)["user"] == 'a "b"\n'
    assert json.loads(written).keys() == {"time", "level", "message", "user", "seconds"}


def test_a_server_as_a_person_starts_it(model_folder: Path, lora_folder: Path) -> None:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    program = (
        f"import sys; sys.path.insert(0, {TESTS!r}); import conftest; "
        "from live_lora.app.cli import main; sys.exit(main())"
    )
    words = ["--model", str(model_folder), "--lora-dir", str(lora_folder), "--device", "cpu"]
    server = subprocess.Popen(
        [sys.executable, "-c", program, "serve", *words, "--port", str(port)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as ask:

            def phase() -> str:
                assert server.poll() is None, server.stderr and server.stderr.read()
                try:
                    return str(ask.get("/live-lora/v1/status").json()["phase"])
                except httpx.TransportError:
                    return ""

            until(phase, 240)
            until(lambda: phase() == "ready", 240)
            asked = {"prompt": "a <lora:owl:1>", "steps": 1, "width": 64, "height": 64}
            assert ask.post("/sdapi/v1/txt2img", json=asked).status_code == 200
    finally:
        server.send_signal(signal.SIGINT)
        _, told = server.communicate(timeout=60)
    records = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    jobs = [one for one in records if one["message"] == "job"]
    assert [one["state"] for one in jobs] == ["done"]
    assert "a <lora:owl:1>" not in told, "prompts are nobody's business"
