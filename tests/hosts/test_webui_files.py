"""LoRA files in the webui: when they are read, words they bring, pictures they acted in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from live_lora.hosts import webui
from live_lora.hosts.webui import wrapping
from live_lora.session.session import Core
from modules import sd_hijack
from safetensors.torch import load_file, save_file
from standin_host import StandIn


def test_a_file_is_counted_for_each_picture_that_it_really_acted_in(
    host: StandIn,
) -> None:
    catalog = webui.LIVE.catalog()

    def used() -> dict[str, int]:
        found = {one.name: one.facts.use(one) for one in catalog.entries}
        return {name: use.pictures for name, use in found.items() if use}

    host.generate(["a <lora:a:1>", "b <lora:a:1> <lora:b:0>"], hires=True, hr_prompt="c <lora:c:1>")
    assert used() == {"a": 2, "c": 2}
    host.generate("a fox")
    handle = host.model.model.diffusion_model.out.register_forward_pre_hook(_fails)
    with pytest.raises(RuntimeError, match="out of memory"):
        host.generate("a <lora:d:1>")
    handle.remove()
    assert used() == {"a": 2, "c": 2}


def _fails(*_: Any) -> None:
    raise RuntimeError("out of memory")


def test_files_of_the_next_batch_are_read_while_this_one_is_drawn(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(Core, "prefetch", lambda core, tags: asked.append([t.name for t in tags]))
    prompts = ["a fox <lora:a:1>", "a fox <lora:b:1> <lora:c:1:on=0>", "a fox"]
    host.generate(prompts, batch_size=1)
    assert asked[0] == ["b"]
    assert not any(asked[1:])


def test_the_files_are_read_from_the_first_moment_on(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the webui loads a checkpoint or encodes; on the model that it drew with last."""
    host.generate("a fox <lora:a:1>")
    order: list[Any] = []
    init = wrapping.Job.init

    def first(job: Any, *arguments: Any) -> Any:
        order.append("init")
        return init(job, *arguments)

    monkeypatch.setattr(wrapping.Job, "init", first)
    monkeypatch.setattr(
        Core, "prefetch", lambda core, tags: order.append([tag.name for tag in tags])
    )
    host.generate(["a cat <lora:b:1>", "a fox <lora:a:1:on=0>"])
    assert order[:2] == [["b"], "init"]


class TestBundledEmbeddings:
    """A file that brings a word of its own."""

    @pytest.fixture
    def words(self) -> dict[str, Any]:
        return sd_hijack.model_hijack.embedding_db.word_embeddings

    @pytest.fixture
    def seen(self, host: StandIn, words: dict[str, Any]) -> Iterator[list[list[str]]]:
        """The words that the webui knew at each text that it encoded."""
        tensors = load_file(host.library / "a.safetensors")
        tensors["bundle_emb.foxword.string_to_param.*"] = torch.ones(2, 16)
        save_file(tensors, host.library / "bundle.safetensors")
        encode, known = host.model.get_learned_conditioning, []

        def watched(texts: list[str]) -> Any:
            known.append(list(words))
            return encode(texts)

        host.model.get_learned_conditioning = watched
        yield known
        (host.library / "bundle.safetensors").unlink()

    def test_its_word_is_known_while_it_acts(self, host: StandIn, seen: Any, words: Any) -> None:
        host.generate("a foxword <lora:bundle:1>")
        assert seen == [["foxword"], ["foxword"]]
        assert words == {}

    def test_the_users_own_word_comes_first(self, host: StandIn, seen: Any, words: Any) -> None:
        words["foxword"] = "mine"
        host.generate("a foxword <lora:bundle:1>")
        assert words.pop("foxword") == "mine"
