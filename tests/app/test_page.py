"""What the page says, and that no text of a prompt or a file becomes markup."""

from __future__ import annotations

import socket
from html.parser import HTMLParser

import pytest
from live_lora.app import html, server
from live_lora.app.page_request import request_of
from live_lora.app.request import GenerationRequest, RequestError
from live_lora.errors import LiveLoraError
from live_lora.network import Unused
from live_lora.records import Diagnostic, Span
from live_lora.session.report import NetworkReport, PromptDiagnostic, Report

EVIL = '<img src=x onerror="alert(1)">'


class Tags(HTMLParser):
    """The elements of a piece of HTML, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def network(**facts: object) -> NetworkReport:
    given = {
        "name": EVIL,
        "file": "x.safetensors",
        "tags": (f"<lora:{EVIL}:1>",),
        "base": "SD1",
        "formats": ("kohya",),
        "algorithms": ("LoRA",),
        "matched": 3,
        "ran": {"unet": 2, "text_encoder": 1},
    }
    return NetworkReport(**{**given, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "html",
    [
        html.title(EVIL, EVIL, (EVIL,)),
        html.failed(EVIL),
        html.working(EVIL),
        html.report(
            Report(
                [network(misfit=EVIL, unused=(Unused(EVIL, "unknown-key", EVIL),))],
                [
                    PromptDiagnostic(Diagnostic(EVIL)),
                    PromptDiagnostic(Diagnostic(EVIL, Span(0, 4)), source=EVIL),
                ],
                [EVIL],
            )
        ),
    ],
)
def test_nothing_of_a_text_becomes_markup(html: str) -> None:
    seen = Tags(html)
    assert "img" not in seen.names
    assert EVIL in seen.text


def test_report_counts_the_layers() -> None:
    text = Tags(html.report(Report([network()], [], []))).text
    assert "2 UNet layers, 1 text encoder layers" in text
    assert "nothing" in Tags(html.report(Report([network(ran={})], [], []))).text
    assert "No LoRA" in html.report(Report([], [], []))


def test_what_was_lost_stands_before_what_ran() -> None:
    lost = PromptDiagnostic(Diagnostic("column 3: no such; <lora:x> is ignored", reason="no such"))
    told = PromptDiagnostic(Diagnostic("by the way", severity="warning"))
    seen = Tags(html.report(Report([network(name="neon")], [told, lost], ["a note"])))
    heads = ["Left out of the picture", "No such", "To know", "By the way", "What ran: neon"]
    places = [seen.text.index(one) for one in heads]
    assert places == sorted(places)
    assert "column" not in seen.text
    assert seen.names.index("details") > seen.names.index("section")
    assert "section" not in Tags(html.report(Report([network()], [], []))).names


def test_the_same_mistake_in_each_picture_of_a_sweep_is_told_once() -> None:
    def told(source: str, name: str) -> PromptDiagnostic:
        at = source.index(name)
        span = Span(at, at + len(name))
        return PromptDiagnostic(Diagnostic("no LoRA", span, reason="no LoRA"), source=source)

    texts = ("<lora:a:0> <lora:x> <lora:y>", "<lora:a:0.5> <lora:x> <lora:y>")
    problems = [told(text, name) for text in texts for name in ("<lora:x>", "<lora:y>")]
    assert Tags(html.report(Report([], problems, []))).text.count("No LoRA") == 2


def test_a_long_prompt_is_cut_around_the_place() -> None:
    prompt = "first line\n" + "a " * 100 + "<lora:x:y>" + " b" * 100
    span = Span(prompt.index("<"), prompt.index(">") + 1)
    before, at, after = html.surroundings(prompt, span)
    assert (at, len(before), len(after)) == ("<lora:x:y>", 61, 61)
    assert before.startswith("…")
    assert after.endswith("…")
    assert html.surroundings("a\nb <x> c\nd", Span(4, 7)) == ("…b ", "<x>", " c…")


def ordered(prompt: str, count: int = 1) -> GenerationRequest:
    return request_of(prompt, "", 2, 5, 64, 64, 7, count)


def test_a_sweep_sets_the_number_of_pictures_and_one_seed() -> None:
    request = ordered("<lora:a:sweep=0;0.5;1>", 2)
    assert len(request.prompts) == 3
    assert request.same_seed
    plain = ordered("<lora:a>", 2)
    assert (len(plain.prompts), plain.same_seed) == (2, False)


def test_a_sweep_of_more_pictures_than_the_page_draws() -> None:
    with pytest.raises(RequestError, match="at most 32"):
        ordered(f"<lora:a:sweep={';'.join('1' * 33)}>")


def test_a_port_that_is_taken() -> None:
    with server.listening(0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LiveLoraError, match=str(port)):
            server.listening(port)


def test_the_next_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with server.listening(0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(server, "PORT", port)
        with server.listening(None) as found:
            assert isinstance(found, socket.socket)
            assert found.getsockname()[1] > port


def test_problems_mark_their_place() -> None:
    told = PromptDiagnostic(
        Diagnostic("no such", Span(2, 12), severity="warning"), source="a <lora:x:1> b"
    )
    assert "a <mark>&lt;lora:x:1&gt;</mark> b" in html.problem(told).replace("<code>", "")
    assert "live-lora-warning" in html.problem(told)
    assert "<mark>" not in html.problem(PromptDiagnostic(Diagnostic("elsewhere")))
