"""The library in the place of the program's own page of LoRA cards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from live_lora.hosts import webui
from live_lora.hosts.webui import builtin_page, options
from modules import script_callbacks, shared

CARDS = "<div class='card'>a</div>"
PLACE = '<div class="live-lora-place">'


class ExtraNetworksPage:
    """As the webui has it; every page inherits how it is built."""

    def create_html(self, tabname: str, *, empty: bool = False) -> str:
        return f"{tabname}: {'Loading...' if empty else CARDS}"


@pytest.fixture(params=["inherited", "its own"])
def page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The builtin's page of LoRA cards, as the webui makes it at every start."""
    own = {"create_html": lambda self, tabname, empty=False: f"{tabname}, its own: {CARDS}"}
    body = own if request.param == "its own" else {}
    module = ModuleType(builtin_page.MODULE)
    kind = type(builtin_page.CLASS, (ExtraNetworksPage,), body)
    setattr(module, builtin_page.CLASS, kind)
    monkeypatch.setitem(sys.modules, builtin_page.MODULE, module)
    monkeypatch.setattr(shared.opts, "data", dict(shared.opts.data))
    script_callbacks.registered.clear()
    webui.start()
    options.register()
    yield kind()
    script_callbacks.registered.clear()
    webui.stop()


def test_ours_stands_in_both_prompts_pages(page: Any) -> None:
    script_callbacks.call("before_ui")
    for tabname in ("txt2img", "img2img"):
        assert page.create_html(tabname, empty=True).startswith(PLACE)
        assert CARDS not in page.create_html(tabname)
    assert CARDS in ExtraNetworksPage().create_html("txt2img")  # of other networks


def test_the_page_is_given_back(page: Any) -> None:
    """At Reload UI, once and for all where our extension was switched off."""
    before = page.create_html("txt2img"), dict(vars(type(page)))
    for _ in range(2):
        script_callbacks.call("before_ui")
        script_callbacks.call("before_ui")
        assert page.create_html("txt2img").startswith(PLACE)
        webui.stop()
        assert (page.create_html("txt2img"), dict(vars(type(page)))) == before


def test_the_setting(page: Any) -> None:
    before = page.create_html("txt2img", empty=True)
    script_callbacks.call("before_ui")
    assert shared.opts.live_lora_page is True
    shared.opts.data["live_lora_page"] = False
    assert page.create_html("txt2img", empty=True) == before


def test_without_the_builtin_there_is_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, builtin_page.MODULE, raising=False)
    place = builtin_page.Place()
    place.take()
    place.give_back()
