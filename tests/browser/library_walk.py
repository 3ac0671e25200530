"""Once through the library grown up, on any program's page: looked up, in a set, moved, undone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from library.civitai.site import Site
from live_lora.library.civitai.storing import info_of

if TYPE_CHECKING:
    from playwright.sync_api import Locator

WAIT = 60_000  # ms: on a busy machine


def walk_through(tab: Locator, prompt: Locator, root: Path, name: str, site: Site) -> None:
    """`name` is a LoRA in `root`, which `site` knows as version 7."""
    from playwright.sync_api import expect

    file = root / f"{name}.safetensors"
    tab.get_by_text("Civitai, sets, many files").click()
    tab.get_by_role("searchbox").fill(name)
    civitai = tab.get_by_role("region", name="Civitai")
    expect(civitai).to_contain_text("Nothing is sent but by these buttons", timeout=WAIT)
    assert site.asked == []
    civitai.get_by_role("button", name="Look up shown files").click()
    expect(civitai.get_by_role("status")).to_contain_text("1 of 1 files are known", timeout=WAIT)
    assert info_of(file)["id"] == 7

    sets = tab.get_by_role("region", name="Sets")
    assign = "(area, text) => area.value = text"  # also on another tab of the page, out of sight
    prompt.evaluate(assign, f"a fox <lora:{name}:0.5>")
    sets.get_by_label("Name").fill("Walk")
    sets.get_by_role("button", name="Save the prompt's LoRAs").click()
    expect(sets.get_by_role("listitem")).to_contain_text("Walk", timeout=WAIT)
    prompt.evaluate(assign, "a cat")
    sets.get_by_role("button", name="Use Walk").click()
    expect(prompt).to_have_value(f"a cat <lora:{name}:0.5>")
    sets.get_by_role("button", name="Remove Walk").click()

    files = tab.get_by_role("region", name="Shown files")
    files.get_by_label("Tag, folder or name").fill("walked")
    expect(files).to_contain_text(f"what the search shows: {name}.")
    files.get_by_role("button", name="Move to folder").click()
    expect(files.get_by_role("status")).to_contain_text(f"Done: {name}", timeout=WAIT)
    moved = root / "walked" / file.name
    assert moved.exists()
    assert moved.with_suffix(".civitai.info").exists()
    files.get_by_role("button", name="Delete", exact=True).click()
    expect(files.get_by_role("listitem")).to_contain_text(f"walked/{file.name}", timeout=WAIT)
    assert not moved.exists()
    files.get_by_role("button", name=f"Restore walked/{file.name}").click()
    expect(files.get_by_role("listitem")).to_have_count(0, timeout=WAIT)
    assert moved.exists()
    assert moved.with_suffix(".civitai.info").exists()
