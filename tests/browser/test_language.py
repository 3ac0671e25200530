"""The page's words: the same sentences in each language, and none that does not come from them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from live_lora.browser import tab

from .test_modules import ROOT, STATIC, node, run  # noqa: F401  (a fixture)

LANGUAGES = STATIC / "languages"
CODES = ("en", "zh", "ja")
MODULES = sorted(STATIC.glob("*.mjs"))
HOLE = re.compile(r"\{(\w+)\}")
APP = ROOT / "extension" / "app"
PYTHON = [ROOT / "extension" / "browser" / "tab.py"]
PYTHON += [
    APP / name
    for name in ("page.py", "page_drawing.py", "page_reading.py", "page_words.py", "html.py")
]
# Names of keys and the like, and what the program says in English, which the page takes apart.
NO_WORDS = re.compile(
    r"""Arrow\w+ | Page(?:Up|Down) | Home | End | Enter | Escape | Tab | Delete | Backspace
    | Content-Type | Files | Unknown | English | left\ out | unusable\ damaged | live\ lora\ sets
    | label\ span | noopener\ noreferrer | \S+/\S*""",
    re.VERBOSE,
)
WORDS = re.compile(r"[A-Za-z][a-z']+,? [a-z']+(?![\w=-])|^[A-Z][a-z]+(?:[A-Z]?[.…:!?]*)$|[。、：]")
# What a person sees or hears of an element.
SHOWN = r"aria-label|aria-valuetext|aria-description|title|placeholder|alt"
BEFORE_A_TEXT = re.compile(
    rf"""(?: (?:["']?(?:{SHOWN})["']?\s*:) | (?:set\([^;]*?["'](?:{SHOWN})["'],) | say\([^;,]*,
    | textContent\s*=(?!=)[^;"`]* | confirm\( | Error\(
    | \bh\(\s*["']\w+["'],\s*\{{[^{{}}]*\}}, )\s*$""",
    re.VERBOSE | re.DOTALL,
)
SELECTS = re.compile(r"(?:querySelector(?:All)?|matches|closest)\(\s*$")


@cache
def sentences(code: str) -> dict[str, str | dict[str, str]]:
    found: dict[str, str | dict[str, str]] = json.loads((LANGUAGES / f"{code}.json").read_text())
    return found


def forms(said: str | dict[str, str]) -> list[str]:
    return [said] if isinstance(said, str) else list(said.values())


def literals(code: str) -> Iterator[tuple[str, str]]:
    """Each text in a module with the code before it; comments and patterns are no text."""
    token = re.compile(
        r"""(?P<comment>//[^\n]*|/\*.*?\*/) | (?P<text>"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)
        | (?P<pattern>(?<=[(,=:?&|!\s])/(?![/*\s])
            (?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n\[])+/[a-z]*)""",
        re.VERBOSE | re.DOTALL,
    )
    for found in token.finditer(code):
        before = code[max(0, found.start() - 200) : found.start()]
        if found["text"] and not re.search(r"(?:from|import)\s*\(?$", before.rstrip("( ")):
            yield found["text"][1:-1], before


@pytest.mark.parametrize("code", CODES)
def test_every_language_has_every_sentence_with_its_holes(code: str) -> None:
    known = sentences(code)
    assert list(known) == list(sentences("en"))
    for key, english in sentences("en").items():
        holes = {hole for form in forms(english) for hole in HOLE.findall(form)}
        for form in forms(known[key]):
            assert form.strip() == form, key
            assert form, key
            assert set(HOLE.findall(form)) == holes, key
        assert isinstance(known[key], str) == isinstance(english, str), key


def test_plurals_have_the_forms_of_their_language(node: str) -> None:  # noqa: F811
    script = """console.log(JSON.stringify(Object.fromEntries(codes.map(code => [code,
        new Intl.PluralRules(code).resolvedOptions().pluralCategories]))))"""
    wanted = run(node, f"const codes = {json.dumps(CODES)}; {script}")
    for code in CODES:
        for key, said in sentences(code).items():
            if not isinstance(said, str):
                assert set(said) == set(wanted[code]), f"{code}: {key}"
                assert "{count}" in said["other"], key


def test_languages_are_different_and_named() -> None:
    for code in ("zh", "ja"):
        same = [key for key, said in sentences(code).items() if said == sentences("en")[key]]
        letters = [key for key in same if re.search(r"[a-z]{3}", str(sentences("en")[key]))]
        assert len(letters) < 0.05 * len(sentences("en")), letters
    files = {path.stem for path in LANGUAGES.glob("*.json")}
    assert files == set(CODES)


def test_the_place_of_the_tab_says_it_in_the_programs_language() -> None:
    assert "Loading the LoRA tab" in tab.mount("en")
    assert "正在加载" in tab.mount("zh_CN")
    assert "読み込み中" in tab.mount("ja-JP")
    for unknown in ("", "fr", "../secret", "en/../ja"):
        assert tab.mount(unknown) == tab.mount("en")


def test_no_sentence_is_unused_and_none_is_missing() -> None:
    used = {text for path in MODULES for text, _ in literals(path.read_text("utf-8"))}
    used |= {text for path in PYTHON for text in re.findall(r'"([\w.]+)"', path.read_text())}
    assert sorted(set(sentences("en")) - used) == []
    groups = {key.partition(".")[0] for key in sentences("en")} - {"block", "live-lora"}
    keys = {text for text in used if re.fullmatch(r"[a-z_]+\.(?!json)[\w.]+", text)}
    mine = {key for key in keys if key.partition(".")[0] in groups}
    files = {path.name for path in STATIC.iterdir()}
    assert sorted(mine - set(sentences("en")) - files) == []
    for path in MODULES:
        for text, before in literals(path.read_text("utf-8")):
            if re.search(r"\bt\(\s*$", before):
                assert text in sentences("en"), f"{path.name}: {text}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_people_see_comes_from_the_languages(path: Path) -> None:
    """No text of a module looks like words, and none stands where it would be shown."""
    assert unworded(path.read_text(encoding="utf-8")) == []


def test_the_search_for_words_finds_them() -> None:
    """Else the test above would prove nothing."""
    for code in (
        'say(this.note, "loading");',
        'set(this.out, "title", `remove ${name}`);',
        'h("p", { class: "x" }, "note");',
        'h("input", { "aria-label": "search" });',
        "this.note.textContent = 'x' ? \"gone\" : 1;",
        'const HELP = "How many ranks";',
        "return `${count} files are known`;",
        'button("Remove", () => 1);',
    ):
        assert unworded(code), code
    assert unworded('h("p", { class: "live-lora-x" }, t("row.on")); // A comment') == []


def unworded(code: str) -> list[str]:
    """The texts of a module that look like words and are none of the languages' keys."""
    found = []
    for text, before in literals(code):
        said = re.sub(r"\$\{[^{}]*\}|\\u\w{4}|\\n", "", text)
        shown = BEFORE_A_TEXT.search(before) and re.search(r"[^\W\d_]{2}", said)
        words = WORDS.search(said) and "live-lora" not in said
        if NO_WORDS.fullmatch(said) or SELECTS.search(before):
            continue
        if text not in sentences("en") and (shown or words):
            found.append(text)
    return found


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.stem)
def test_what_python_puts_on_a_page_comes_from_the_languages(path: Path) -> None:
    """No label is written out, and no text stands between tags of HTML."""
    found = []
    for part in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(part, ast.Call):
            labels = [one.value for one in part.keywords if one.arg in ("label", "info", "title")]
            if getattr(part.func, "attr", "") in ("Button", "UploadButton", "Accordion", "Tab"):
                labels += part.args[:1]
            found += [one.value for one in labels if isinstance(one, ast.Constant)]
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            found += re.findall(r">([^<>]*[^\W\d_]{3,}[^<>]*)", part.value)
    assert set(found) - set(sentences("en")) <= {"Live LoRA", "live-lora/"}
