"""The page's own words in the language of who looks: labels when it opens, sentences as said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import gradio as gr

from ..browser.wording import ENGLISH, Wording, wording

Made = TypeVar("Made")
COOKIE = "live-lora-language"  # set by static/language_choice.mjs
SAID = ("label", "info", "value")


def wording_of(page: gr.Request | None) -> Wording:
    """That of a request: what was chosen on the page, else the browser's."""
    if page is None:
        return ENGLISH
    cookies, headers = _mapping(page, "cookies"), _mapping(page, "headers")
    return wording(cookies.get(COOKIE, ""), headers.get("accept-language", ""))


def _mapping(page: gr.Request, name: str) -> Mapping[str, str]:
    found: Mapping[str, str] | None = getattr(page, name, None)
    return found or {}


class PageWords:
    """Components whose label, info or button text has a key: made in English, told otherwise."""

    def __init__(self) -> None:
        self.components: list[Any] = []
        self._updates: list[Callable[[Wording], Any]] = []

    def make(self, kind: Callable[..., Made], *settings: Any, **named: Any) -> Made:
        """A component; `label`, `info` and `value` are keys where they begin with `app.`."""
        keys = {name: named[name] for name in SAID if str(named.get(name)).startswith("app.")}
        made = kind(*settings, **named | {name: ENGLISH(key) for name, key in keys.items()})
        self.add(made, lambda say: gr.update(**{name: say(key) for name, key in keys.items()}))
        return made

    def add(self, made: Any, update: Callable[[Wording], Any]) -> None:
        """A component that says something else in other languages."""
        self.components.append(made)
        self._updates.append(update)

    def said(self, page: gr.Request) -> Any:
        """What becomes of the components on this page."""
        say = wording_of(page)
        skip = say.language == ENGLISH.language
        found = [gr.skip() if skip else update(say) for update in self._updates]
        return found[0] if len(found) == 1 else found
