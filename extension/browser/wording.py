"""What Python itself puts on a page, in the languages of `static/languages/` (see language.mjs).

Messages of errors and reports stay English, each with its code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

LANGUAGES = Path(__file__).parent / "static" / "languages"
FALLBACK = "en"


class Wording:
    """One language's sentences; what it lacks is said in English."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._sentences = {**_sentences(FALLBACK), **_sentences(language)}

    def __call__(self, key: str, **values: str | int) -> str:
        """A sentence with its holes filled; `count` decides its form where a number does."""
        said = self._sentences[key]
        if not isinstance(said, str):
            one = values.get("count") == 1 and "one" in said
            said = said["one" if one else "other"]
        return said.format_map({name: _written(value) for name, value in values.items()})


def pick(wanted: Iterable[str]) -> str:
    """The first that there is: `zh-CN` and `zh_TW` are Chinese; English where there is none."""
    codes = (one.strip().replace("_", "-").partition("-")[0].lower() for one in wanted)
    return next((code for code in codes if code in known()), FALLBACK)


def wording(chosen: str = "", accepted: str = "") -> Wording:
    """The language that was chosen, else the first of an Accept-Language header that there is."""
    return _wording(pick([chosen, *(one.partition(";")[0] for one in accepted.split(","))]))


@cache
def known() -> frozenset[str]:
    """The codes of all languages."""
    return frozenset(path.stem for path in LANGUAGES.glob("*.json"))


@cache
def _wording(language: str) -> Wording:
    return Wording(language)


def _sentences(language: str) -> Mapping[str, str | Mapping[str, str]]:
    found: dict[str, str | Mapping[str, str]] = json.loads(
        (LANGUAGES / f"{language}.json").read_text(encoding="utf-8")
    )
    return found


def _written(value: str | int) -> str:
    return f"{value:,}" if type(value) is int else str(value)


ENGLISH = _wording(FALLBACK)
