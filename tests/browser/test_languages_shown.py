"""The page in Chinese and Japanese: names that are read out, and sentences, are the language's."""

from __future__ import annotations

import re

import pytest

from .conftest import Open, missing
from .page_parts import open_tab, prompt

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("playwright is not installed")

TEXT = "a fox <lora:ghibli:0.7> <lora:nothing at all:1>"


def assert_speaks(page: Page, group: str, remove: str, trouble: str) -> None:
    """The rows under the prompt, by role and name."""
    prompt(page).fill(TEXT)
    rows = page.get_by_role("group", name=group, exact=True)
    expect(rows.get_by_role("button", name=remove, exact=True)).to_be_visible()
    expect(rows.get_by_text(trouble)).to_be_visible()
    assert prompt(page).input_value() == TEXT


CHINESE = ("文生图 中的 LoRA", "移除 ghibli", "没有这个名称的 LoRA。")
JAPANESE = ("txt2img の LoRA", "ghibli を取り除く", "この名前の LoRA はありません。")
ENGLISH = ("LoRAs in txt2img", "Remove ghibli", "No LoRA has this name.")


@pytest.mark.parametrize(
    ("locale", "said"), [("zh-CN", CHINESE), ("ja", JAPANESE), ("fr-FR", ENGLISH)]
)
def test_the_page_speaks_as_the_browser_does(
    visit: Open, locale: str, said: tuple[str, str, str]
) -> None:
    assert_speaks(visit(locale=locale), *said)


def test_the_programs_language_comes_first_and_what_is_chosen_before_it(visit: Open) -> None:
    page = visit(locale="zh-CN")
    page.route("**/live-lora/interface", lambda route: route.fulfill(json={"language": "ja_JP"}))
    page.reload()
    page.wait_for_function("globalThis.liveLora?.library.state === 'ready'")
    assert_speaks(page, *JAPANESE)
    page.evaluate("localStorage['live-lora.language'] = 'en'")
    page.reload()
    page.wait_for_function("globalThis.liveLora?.library.state === 'ready'")
    assert_speaks(page, *ENGLISH)


def test_without_the_files_of_a_language_the_page_speaks_english(visit: Open) -> None:
    page = visit(locale="ja")
    page.route(
        "**/languages/ja.json", lambda route: route.fulfill(json={"row.on": "{name} をオン"})
    )
    page.reload()
    page.wait_for_function("globalThis.liveLora?.library.state === 'ready'")
    assert_speaks(page, *ENGLISH)
    expect(page.get_by_role("switch", name="ghibli をオン", exact=True)).to_be_visible()


def test_the_fold_of_the_tab_in_chinese(visit: Open) -> None:
    page = visit(locale="zh")
    open_tab(page, "LoRA")
    page.get_by_text("Civitai、组合、批量操作").click()
    sets = page.get_by_role("region", name="组合")
    expect(sets.get_by_role("button", name="保存提示词中的 LoRA")).to_be_visible()
    expect(page.get_by_role("region", name=re.compile("当前显示的文件"))).to_contain_text(
        "作用于搜索结果：6 个文件"
    )


def test_cards_search_and_details_in_japanese(visit: Open) -> None:
    page = visit(locale="ja-JP")
    open_tab(page, "LoRA")
    tab = page.get_by_role("region", name="LoRA ライブラリ", exact=True)
    tab.get_by_role("searchbox", name="LoRA を検索").fill("ghibli")
    expect(tab.get_by_text("LoRA 6 個中 1 個")).to_be_visible()
    tab.get_by_role("button", name="ghibli の詳細", exact=True).click()
    details = tab.get_by_role("complementary", name="詳細")
    expect(details.get_by_label("トリガーワード").last).to_have_value("ghibli style")
    expect(details.get_by_role("button", name="保存")).to_be_disabled()


def test_the_language_is_chosen_in_the_fold(visit: Open) -> None:
    page = visit()
    open_tab(page, "LoRA")
    page.get_by_text("Civitai, sets, many files").click()
    page.get_by_label("Language", exact=True).select_option(label="中文")
    expect(page.get_by_text("Load the page anew to see it.")).to_be_visible()
    page.reload()
    page.wait_for_function("globalThis.liveLora?.library.state === 'ready'")
    assert_speaks(page, *CHINESE)
    assert page.context.cookies()[0]["value"] == "zh"
