"""Textual inversions: files of every kind, in a folder or bundled in a LoRA, on a pipeline."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import live_lora
import pytest
import tiny_models as tiny
import torch
from live_lora.encoding.inversion_files import InversionLibrary
from live_lora.encoding.text_model import text_models
from live_lora.network import pickles
from safetensors.torch import save_file
from torch import Tensor


@pytest.fixture(scope="module", params=["sd15", "sdxl"])
def pipe(request: pytest.FixtureRequest) -> Any:
    return getattr(tiny, request.param)()


def draw(live: Any, prompt: str) -> Tensor:
    noise = torch.Generator().manual_seed(7)
    options: Any = {"num_inference_steps": 1, "height": 32, "width": 32, "output_type": "latent"}
    found: Tensor = live(prompt, generator=noise, **options).images
    return found


def parts(pipe: Any, text: str) -> dict[str, Tensor]:
    """The vectors of a text's own tokens, as an embedding's file holds them."""
    found = []
    for model in text_models(pipe):
        (ids,) = model.tokenize([text])
        found.append(model.module.get_input_embeddings().weight[list(ids)].detach().clone())
    return dict(
        zip(("clip_l", "clip_g") if len(found) == 2 else ("emb_params",), found, strict=True)
    )


def write(folder: Path, name: str, tensors: dict[str, Tensor], kind: str) -> None:
    if kind == "safetensors":
        save_file(tensors, folder / f"{name}.safetensors")
    elif kind == "a1111":
        content = {"string_to_token": {"*": 265}, "string_to_param": {"*": tensors["emb_params"]}}
        torch.save({**content, "name": name, "step": 5}, folder / f"{name}.pt")
    else:
        torch.save({"<word>": tensors["emb_params"][0]}, folder / f"{name}.bin")


def of_2022(vectors: Tensor) -> torch.nn.ParameterDict:
    """As torch 1.10 had it: all its parameters, and every other part of a module, in its state."""
    found = torch.nn.ParameterDict()
    empty = ("_buffers", "_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_modules")
    found.__dict__ = {
        "training": True,
        "_parameters": OrderedDict({"*": torch.nn.Parameter(vectors)}),
        **{name: OrderedDict() for name in empty},
        "_non_persistent_buffers_set": set(),
        "_is_full_backward_hook": None,
    }
    return found


def test_an_embedding_of_2022(tmp_path: Path) -> None:
    """Its ParameterDict is read without making one: nothing but its tensors is taken."""
    vectors = torch.randn(3, 768)
    content = {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": of_2022(vectors)}
    file = tmp_path / "old.pt"
    torch.save(content, file)
    (found,) = InversionLibrary([tmp_path]).scan()
    assert (found.problem, found.base) == ("", "SD1")
    assert torch.equal(found.parts[""], vectors)
    torch.save(content, file, _use_new_zipfile_serialization=False)
    (found,) = InversionLibrary([tmp_path]).scan()
    assert "in the format from before torch 1.6" in found.problem


def test_an_embedding_of_2022_where_torch_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickles, "_TORCH", (2, 1))
    torch.save({"string_to_param": of_2022(torch.randn(3, 768))}, tmp_path / "old.pt")
    (found,) = InversionLibrary([tmp_path]).scan()
    assert "convert it to .safetensors there" in found.problem


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


def test_a_parameter_dict_that_hides_a_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = of_2022(torch.randn(3, 768))
    evil.__dict__["_forward_hooks"] = OrderedDict({"x": Malicious()})
    torch.save({"string_to_param": evil}, tmp_path / "evil.pt")
    (found,) = InversionLibrary([tmp_path]).scan()
    assert "it holds more than tensors" in found.problem
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", ["safetensors", "a1111", "diffusers"])
def test_a_name_stands_for_its_vectors(pipe: Any, tmp_path: Path, kind: str) -> None:
    """An embedding made of words' own vectors gives the picture of these words."""
    if kind != "safetensors" and hasattr(pipe, "text_encoder_2"):
        pytest.skip("SDXL's are .safetensors")
    words = "fox" if kind == "diffusers" else "red fox owl"
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", "qqq-v2", parts(pipe, words), kind)
    with live_lora.attach(pipe, library=[], embeddings=tmp_path) as live:
        got = draw(live, "a qqq-v2 hat")
        assert torch.equal(got, draw(live, f"a {words} hat"))
        assert not torch.equal(got, draw(live, "a qqq hat"))
        draw(live, "a (qqq-v2:1.2) hat")
        assert list(live.used_embeddings) == ["qqq-v2"]
        assert live.report.problems == []


def test_one_that_is_bundled_in_a_lora(pipe: Any, tmp_path: Path) -> None:
    """It is there while its LoRA is, and the user's own file of the name comes first."""
    state = tiny.random_lora(pipe.unet, ["to_q"])
    bundled = {f"bundle_emb.qqq.{part}": v for part, v in parts(pipe, "red fox owl").items()}
    save_file(
        {f"unet.{key}": value for key, value in state.items()} | bundled,
        tmp_path / "x.safetensors",
    )
    with live_lora.attach(pipe, library=tmp_path) as live:
        tag = "<lora:x:0>"
        assert torch.equal(draw(live, f"a qqq hat{tag}"), draw(live, "a red fox owl hat"))
        assert not torch.equal(draw(live, "a qqq hat"), draw(live, "a red fox owl hat"))
    own = tmp_path / "embeddings"
    own.mkdir()
    write(own, "qqq", parts(pipe, "cat"), "safetensors")
    with live_lora.attach(pipe, library=tmp_path, embeddings=[own]) as live:
        assert torch.equal(draw(live, f"a qqq hat{tag}"), draw(live, "a cat hat"))


def test_one_for_another_model_is_told_where_it_is_named(pipe: Any, tmp_path: Path) -> None:
    save_file({"emb_params": torch.randn(2, 768)}, tmp_path / "badhands.safetensors")
    with live_lora.attach(pipe, library=[], embeddings=tmp_path) as live:
        plain = draw(live, "a badhand hat")
        assert live.report.problems == []
        draw(live, "a BadHands hat")
        (message,) = live.report.warnings()
        assert "'badhands'" in message
        assert "768" in message
        assert live.report.ok
        assert plain.isfinite().all()


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"a": torch.zeros(1, 8), "b": torch.zeros(1, 8)}, "2 embeddings"),
        ({"emb_params": torch.zeros(76, 8)}, "76 vectors"),
        ({"emb_params": torch.zeros(2, 8, 8)}, "0 embeddings"),
    ],
)
def test_what_is_no_embedding(tmp_path: Path, tensors: dict[str, Tensor], said: str) -> None:
    save_file(tensors, tmp_path / "x.safetensors")
    (file,) = InversionLibrary([tmp_path]).scan()
    assert said in file.problem
    assert file.parts == {}


def test_broken_files_cost_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"\x80\x02no")
    (tmp_path / "b.safetensors").write_text("<html>")
    (tmp_path / "c.bin").touch()
    (tmp_path / "d.png").write_bytes(b"x")
    save_file({"emb_params": torch.zeros(2, 1024)}, tmp_path / "e.safetensors")
    library = InversionLibrary([tmp_path, tmp_path / "gone"])
    files = library.scan()
    assert [(file.name, bool(file.problem)) for file in files] == [
        ("a", True),
        ("b", True),
        ("e", False),
    ]
    assert (files[2].base, files[2].count, len(files[2].shorthash())) == ("SD2", 2, 12)
    assert library.scan()[2] is files[2]
