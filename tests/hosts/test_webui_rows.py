"""Which line of the UNet's batch is whose, while other extensions reorder, tile or split it."""

from __future__ import annotations

import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from live_lora.hosts import webui
from live_lora.hosts.webui.row_matching import match
from live_lora.records import Row
from modules import processing, script_callbacks
from standin_host import StandIn
from torch.utils._python_dispatch import TorchDispatchMode
from webui_rules import CLOSE, difference

OURS = str(Path(str(webui.__file__)).parents[2])
TWO = ["a fox <lora:unet-a:1> AND a cat", "a bird AND a dog <lora:unet-b:0.7:only=part>"]
SIDES = "a fox <lora:unet-a:1:only=cond>"


def transpose(pictures: int) -> None:
    """What Regional Prompter does to the batch, in place: part by part, not picture by picture."""

    def moved(tensor: Any, order: list[int]) -> None:
        tensor[: len(order)] = tensor[: len(order)][order].clone()

    def before(params: Any) -> None:
        parts = len(params.text_cond) // pictures
        order = [a + b * parts for a in range(parts) for b in range(pictures)]
        moved(params.x, order)
        moved(params.text_cond, order)

    def after(params: Any) -> None:
        parts = len(params.x) // pictures - 1
        moved(params.x, [b + a * pictures for b in range(pictures) for a in range(parts)])

    script_callbacks.on_cfg_denoiser(before)
    script_callbacks.on_cfg_denoised(after)


def in_tiles(monkeypatch: pytest.MonkeyPatch, tiles: int) -> None:
    """The whole batch once for every tile, as Tiled Diffusion has it; here tiles are equal."""
    plain = processing.Denoiser.inner_model

    def tiled(self: Any, x: Any, level: Any, context: Any) -> Any:
        out = plain(
            self, x.repeat(tiles, 1, 1, 1), level.repeat(tiles), context.repeat(tiles, 1, 1)
        )
        return out.chunk(tiles)[-1]

    monkeypatch.setattr(processing.Denoiser, "inner_model", tiled)


@pytest.mark.parametrize("together", [True, False])
def test_a_batch_in_another_order(host: StandIn, together: bool) -> None:
    plain = host.generate(TWO, settings={"batch_cond_uncond": together}).samples
    transpose(pictures=2)
    made = host.generate(TWO, settings={"batch_cond_uncond": together})
    assert difference(made.samples, plain) < CLOSE
    assert "order" not in "".join(made.p.comments)


def test_pictures_of_one_text_are_told_apart_by_their_order_and_it_is_said(host: StandIn) -> None:
    """Their conds are equal, their LoRAs are not: so they come with a sweep."""
    prompts = [f"a fox <lora:unet-a:{weight}> AND a cat" for weight in (0, 1)]
    plain = host.generate(prompts).samples
    transpose(pictures=2)
    made = host.generate(prompts)
    assert difference(made.samples, plain) < CLOSE
    assert "told apart by their order" in "".join(made.p.comments)
    assert "told apart by their order" in made.infotexts[0]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("tiles", [1, 2, 3])
@pytest.mark.parametrize("prompt", [TWO, SIDES])
def test_the_batch_in_tiles(
    host: StandIn, monkeypatch: pytest.MonkeyPatch, prompt: Any, tiles: int, together: bool
) -> None:
    settings = {"batch_cond_uncond": together}
    negative = "bad <lora:unet-b:0.5>"
    plain = host.generate(prompt, negative, settings=settings).samples
    in_tiles(monkeypatch, tiles)
    made = host.generate(prompt, negative, settings=settings)
    assert difference(made.samples, plain) < CLOSE
    assert "Live LoRA" not in made.infotexts[0]


def test_lines_that_nobody_can_tell(host: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three lines with a text of their own: said in words, in the picture's own text as well."""
    plain = processing.Denoiser.inner_model

    def extra(self: Any, x: Any, level: Any, context: Any) -> Any:
        plain(self, x[[0, 0, 0]], level[[0, 0, 0]], context[[0, 0, 0]] * 0)
        return plain(self, x, level, context)

    without = host.generate(SIDES).samples
    monkeypatch.setattr(processing.Denoiser, "inner_model", extra)
    made = host.generate(SIDES)
    assert difference(made.samples, without) == 0
    assert "acted on both sides" in "".join(made.p.comments)
    assert "acted on both sides" in made.infotexts[0]


class Reads(TorchDispatchMode):
    """Counts, by step, the reads of a tensor's value that our own frames make."""

    def __init__(self) -> None:
        super().__init__()
        self.step = -1
        self.of_step: Counter[int] = Counter()
        script_callbacks.registered["cfg_denoiser"].insert(0, self.next)

    def next(self, _: Any) -> None:
        self.step += 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            frames = [frame.filename for frame in traceback.extract_stack()]
            self.of_step[self.step] += any(name.startswith(OURS) for name in frames)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("prompt", "most"),
    [
        (TWO, 0),
        (SIDES, 0),
        ("a fox <lora:a:0@0;1@0.5:stop=0.9>", 0),
        ("a fox <lora:a:1:stop=s2>", 1),
        (["a fox <lora:a:1@s8;0@s1>", "a cat <lora:b:1>"], 1),
    ],
)
def test_a_step_waits_for_the_device_once_at_most(
    host: StandIn, monkeypatch: pytest.MonkeyPatch, prompt: Any, most: int
) -> None:
    """Only for the noise level, where a tag asks for it; the first step compares conds."""
    compared = []
    real = webui.batch_rows.same_texts
    monkeypatch.setattr(
        webui.batch_rows, "same_texts", lambda *a: (compared.append(1), real(*a))[1]
    )
    with Reads() as reads:
        host.generate(prompt, steps=4)
    counted = [reads.of_step[step] for step in range(4)]
    assert counted == [most] * 4
    assert len(compared) <= 1


COND = [Row(0, "cond", 0), Row(0, "cond", 1), Row(1, "cond", 0)]
KNOWN = [*COND, Row(0, "uncond"), Row(1, "uncond")]


def equal(line: str, among: str) -> list[bool]:
    return [line == one for one in among]


@pytest.mark.parametrize(
    ("sent", "known", "expected", "found"),
    [
        ("abcuu", "abcuu", "01234", "01234"),
        ("acbuu", "abcuu", "01234", "02134"),  # b and c have changed places
        ("abcuuabcuu", "abcuu", "0123401234", "0123401234"),
        ("ccc", "abcuu", "012", "222"),
        ("aabb", "ababu", "0123", "0213"),  # pictures of one text, transposed
        ("xbcuu", "abcuu", "01234", "01234"),  # a text that somebody has changed in its place
        ("xcbuu", "abcuu", "01234", None),
        ("xyz", "abcuu", "01234", None),
        ("xx", "abcuu", "00", None),
        ("xy", "abcuu", "01", "01"),
    ],
)
def test_match(sent: str, known: str, expected: str, found: str | None) -> None:
    same = [equal(line, known) for line in sent]
    rows = tuple(KNOWN[int(i)] for i in expected)
    matched = match(same, KNOWN, [rows] if len(rows) == len(same) else [], range(5))
    if found is None:
        assert matched is None
    else:
        assert matched is not None
        assert matched.rows == tuple(KNOWN[int(i)] for i in found)
