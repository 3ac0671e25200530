"""Bad input: a clear message for each, and the rest is applied."""

from __future__ import annotations

import pytest

from .server import Refused, Webui

BAD = {
    "<lora:aa:1>": "no LoRA is named 'aa'; did you mean 'a'",
    "<lora:a:abc>": "found 'abc'",
    "<lora:a:nan>": "not finite",
    "<lora::1>": "expected the name",
    "<lora:other-model:1>": "other-model",
    "<lora:truncated:1>": "truncated",
    "<lora:page:1>": "web page",
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_costs_only_itself(webui: Webui, bad: str) -> None:
    good = webui.txt2img("a red fox <lora:b:0.6>")
    picture = webui.txt2img(f"a red fox {bad}<lora:b:0.6>")
    told = webui.get("/probe")["comments"]
    assert BAD[bad] in told
    assert BAD[bad] in picture.infotext
    if bad != "<lora:other-model:1>":
        assert BAD[bad] in webui.printed()
    assert picture.farthest(good) == 0


def test_the_console_shows_the_place(webui: Webui) -> None:
    webui.txt2img("a red fox <lora:b:what>")
    line, caret = webui.printed().split("Live LoRA: error:\n")[-1].split("\n")[:2]
    assert line[caret.index("^") : caret.rindex("^") + 1] == "what"


def test_strict_mode_stops_instead(webui: Webui) -> None:
    strict = {"override_settings": {"live_lora_strict": True}}
    with pytest.raises(Refused, match="no LoRA is named 'nope'"):
        webui.txt2img("a red fox <lora:nope:1>", **strict)
    webui.txt2img("a red fox <lora:b:1>", **strict)


def test_a_file_removed_between_scan_and_use(webui: Webui) -> None:
    folder = webui.models / "Lora"
    target = folder / "passing.safetensors"
    target.write_bytes((folder / "a.safetensors").read_bytes())
    webui.txt2img("a fox <lora:passing:0.1>", steps=1)
    target.unlink()
    webui.txt2img("a fox <lora:passing:0.1> <lora:b:0.6>", steps=1)
    assert "passing" in webui.get("/probe")["comments"]
