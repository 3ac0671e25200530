"""Mask pictures in the webui: the folder, the infotext, what is told when it is pasted, crops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from forge_model import ForgeCheckpoint
from live_lora.hosts.webui import paste, sampling_pass
from live_lora.library.mask_pictures import MaskPictures
from model import Checkpoint
from PIL import Image
from standin_host import StandIn, changed
from webui_rules import difference

Save = Callable[..., Path]


@pytest.fixture(params=[Checkpoint, ForgeCheckpoint])
def host(request: pytest.FixtureRequest, fresh_webui: Path) -> StandIn:
    return StandIn(fresh_webui, request.param)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """A black picture with a white box, in the folder that is looked at without a setting."""

    def save(name: str, box: tuple[int, int, int, int] | None = (0, 0, 20, 30)) -> Path:
        picture = Image.new("L", (40, 30))
        if box is not None:
            picture.paste(255, box)
        folder = tmp_path / "masks"
        folder.mkdir(exist_ok=True)
        picture.save(folder / f"{name}.png")
        return folder

    return save


def test_a_picture_is_as_the_box_that_is_drawn_in_it(host: StandIn, save: Save) -> None:
    save("face")
    drawn = host.generate("a fox <lora:unet-a:1:mask=face>")
    assert (
        difference(drawn.samples, host.generate("a fox <lora:unet-a:1:mask=left>").samples) < 1e-9
    )
    folder = save("face")
    digits = MaskPictures([folder]).open("face").hash
    assert len(digits) == 8
    assert f"Live LoRA masks: face: {digits}" in drawn.infotexts[0].replace('"', "")


def test_a_folder_of_the_users_own(host: StandIn, save: Save) -> None:
    folder = save("mine").rename(save("mine").parent / "elsewhere")
    with changed(live_lora_masks=str(folder)):
        made = host.generate("a fox <lora:unet-a:1:mask=mine>")
    assert "mine: " in made.infotexts[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no mask picture is named 'face'"),
        (b"", "no picture that can be read"),
        (b"\x89PNG\r\n\x1a\n broken", "no picture that can be read"),
    ],
)
def test_a_mask_that_cannot_be_had_costs_its_tag_alone(
    host: StandIn, save: Save, content: bytes | None, said: str
) -> None:
    folder = save("other")
    if content is not None:
        (folder / "face.png").write_bytes(content)
    made = host.generate("a fox <lora:unet-a:1:mask=face> <lora:unet-b:1>")
    alone = host.generate("a fox  <lora:unet-b:1>")
    assert difference(made.samples, alone.samples) == 0
    assert said in made.infotexts[0]


def test_a_black_mask_is_off_everywhere_and_a_white_one_is_none(host: StandIn, save: Save) -> None:
    save("black", None)
    save("white", (0, 0, 40, 30))
    bare = host.generate("a fox ").samples
    assert difference(host.generate("a fox <lora:a:1:mask=black>").samples, bare) == 0
    whole = host.generate("a fox <lora:a:1>").samples
    assert difference(host.generate("a fox <lora:a:1:mask=white>").samples, whole) == 0


def test_pasting_tells_of_masks_that_are_others_or_gone(
    host: StandIn, save: Save, capsys: pytest.CaptureFixture[str]
) -> None:
    save("face")
    text = host.generate("a fox <lora:unet-a:1:mask=face>").infotexts[0]
    digits = text.partition("Live LoRA masks: ")[2].replace('"', "").split(",")[0]
    told(text, digits)
    assert "mask" not in capsys.readouterr().out
    folder = save("face", (0, 0, 10, 10))
    told(text, digits)
    assert "the mask face is another picture" in capsys.readouterr().out
    (folder / "face.png").unlink()
    told(text, digits)
    assert "no mask picture is named 'face'" in capsys.readouterr().out


def told(infotext: str, digits: str) -> None:
    paste.pasted(infotext, {"Prompt": "a fox", "Live LoRA masks": digits})


def test_an_inpaint_crop_is_a_part_of_the_picture() -> None:
    whole = SimpleNamespace(size=(400, 200))
    p: Any = SimpleNamespace(
        init_images=[whole], inpaint_full_res=True, paste_to=(100, 50, 200, 100)
    )
    assert sampling_pass.shown_part(p) == (0.25, 0.25, 0.75, 0.75)
    p.paste_to = None
    assert sampling_pass.shown_part(p) == (0, 0, 1, 1)
    assert sampling_pass.shown_part(SimpleNamespace()) == (0, 0, 1, 1)


def test_masks_are_cut_by_the_crop(host: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture's left half, of which its left half is shown, is all of it."""
    monkeypatch.setattr(sampling_pass, "shown_part", lambda p: (0.0, 0.0, 0.5, 1.0))
    shown = host.generate("a fox <lora:unet-a:1:mask=left>").samples
    assert difference(shown, host.generate("a fox <lora:unet-a:1>").samples) < 1e-9
    hidden = host.generate("a fox <lora:unet-a:1:mask=right>").samples
    assert difference(hidden, host.generate("a fox ").samples) < 1e-9
