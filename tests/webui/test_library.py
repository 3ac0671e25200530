"""The library in a real webui: the folders of other kinds that its settings name."""

from __future__ import annotations

from . import words_checkpoints as words
from .server import Webui


def test_folders_of_embeddings_and_checkpoints_are_shown(webui: Webui) -> None:
    """The webui's own ones, named as people do: a path, and one that is relative to its data."""
    words.add_embeddings(webui.data, "sd1")
    names = {path.stem for path in (webui.data / "embeddings").glob("*.safetensors")}
    assert names
    checkpoints = webui.models / "Stable-diffusion"
    assert webui.get("/live-lora/shelf")["files"] == []
    webui.settings(live_lora_inversions="embeddings", live_lora_checkpoints=str(checkpoints))
    try:
        shown = webui.get("/live-lora/shelf?again=1")
        assert shown["problems"] == []
        found = {(one["what"], one["name"]): one for one in shown["files"]}
        assert {name for what, name in found if what == "inversion"} == names
        assert {one["base"] for key, one in found.items() if key[0] == "inversion"} == {"SD1"}
        files = {
            path.name for end in ("safetensors", "ckpt") for path in checkpoints.glob(f"*.{end}")
        }
        told = {one["relative"] for one in found.values() if one["what"] == "checkpoint"}
        assert told == files
    finally:
        webui.settings(live_lora_inversions="", live_lora_checkpoints="")
