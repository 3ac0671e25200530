"""The command line, end to end, on a random model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from live_lora.app import cli, opening
from live_lora.app.generate import request_of
from live_lora.library import background
from PIL import Image

ROOT = Path(__file__).parent.parent
MOUNTED = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import conftest; "


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """`main` sets defaults in the environment; they end with the test."""
    for name in cli.SETTINGS:
        monkeypatch.setenv(name, cli.SETTINGS[name])


def generate(model: Path, loras: Path, *arguments: str) -> int:
    options = ["--model", str(model), "--lora-dir", str(loras), "--steps", "2", "--device", "cpu"]
    return cli.main(["generate", *options, *arguments])


def opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.load()
        return picture


def test_generate(
    model: Path, loras: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = {}
    for name, prompt in {"plain": "a fox", "tag": "a fox <lora:ghibli:1>"}.items():
        path = tmp_path / "made" / f"{name}.png"
        assert generate(model, loras, prompt, "-o", str(path), "--seed", "3") == 0
        pictures[name] = opened(path)
    out, told = capsys.readouterr()
    assert out.split() == [str(tmp_path / "made" / name) for name in ("plain.png", "tag.png")]
    assert "seed 3" in told
    assert "ghibli: added to" in told
    assert not np.array_equal(np.asarray(pictures["plain"]), np.asarray(pictures["tag"]))
    assert pictures["tag"].info["parameters"].startswith("a fox <lora:ghibli:1>\nSteps: 2,")
    assert "ghibli: " in pictures["tag"].info["parameters"]


def test_what_is_learned_of_the_library_is_kept(
    model: Path, loras: Path, cache: Path, tmp_path: Path
) -> None:
    arguments = ["--model", str(model), "--lora-dir", str(loras), "--device", "cpu"]
    options = cli.parser().parse_args(["app", *arguments])
    first = opening.open_generator(options).catalog
    background.Background(first).once()
    assert (cache / "live-lora" / "library.sqlite").exists()
    again = opening.open_generator(options).catalog
    assert not again.unread
    assert not again.unhashed


def test_several_prompts_and_a_size(model: Path, loras: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    assert generate(model, loras, "a", "b", "-o", str(path), "--size", "64x96") == 0
    found = sorted(tmp_path.glob("*.png"))
    assert [one.name for one in found] == ["x-1.png", "x-2.png"]
    assert {opened(one).size for one in found} == {(64, 96)}


@pytest.mark.parametrize(
    ("arguments", "pictures"),
    [
        (["a"], 1),
        (["a", "b"], 2),
        (["a", "--count", "3"], 3),
        (["<lora:ghibli:sweep=0;1;2>"], 3),
        (["<lora:ghibli:sweep=0;1;2>", "--count", "1"], 1),
    ],
)
def test_how_many_pictures(arguments: list[str], pictures: int) -> None:
    options = cli.parser().parse_args(["generate", *arguments])
    assert len(request_of(options).prompts) == pictures


def test_problems_are_shown_in_their_place(
    model: Path, loras: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = "a <lora:gibli:1> fox"
    assert generate(model, loras, prompt, "-o", str(tmp_path / "x.png")) == 0
    told = capsys.readouterr().err
    assert prompt in told
    assert "  ^^^^^^^^^^^^^^" in told
    assert "'ghibli'" in told, "the nearest name"


def test_strict(
    model: Path, loras: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.png"
    assert generate(model, loras, "a <lora:gibli:1>", "--strict", "-o", str(path)) == 1
    assert "no LoRA is named 'gibli'" in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "a", "-o", "x.jpg"], "saved as .png"),
        (["generate", "a", "--model", "/no/such"], "there is no such file or folder"),
        (["app", "--lora-dir", "/no/such"], "there is no folder"),
    ],
)
def test_what_cannot_be_done(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["draw"],
        ["generate"],
        ["generate", "a", "--steps", "0"],
        ["generate", "a", "--size", "64"],
        ["generate", "a", "--size", "0x9"],
        ["generate", "a", "--prediction", "x0"],
        ["inspect", "x.safetensors", "--base", "sd9"],
    ],
)
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: live-lora" in capsys.readouterr().err


def test_lora_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = Path("model")
    monkeypatch.setattr(opening, "LORAS", tmp_path / "included")
    assert opening.lora_folders(None, None) == []
    opening.LORAS.mkdir()
    assert opening.lora_folders(None, None) == [opening.LORAS]
    assert opening.lora_folders(None, model) == []
    (tmp_path / "models" / "Lora").mkdir(parents=True)
    assert opening.lora_folders(None, model) == [Path("models/Lora")]
    assert opening.lora_folders([tmp_path], None) == [tmp_path]


@pytest.mark.parametrize(
    ("prompt", "status"), [("a <lora:x:unet=0@0;1@1> fox", 0), ("a <lora:x:one> fox", 1)]
)
def test_explain(prompt: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", prompt, "--steps", "5"]) == status
    assert "'a  fox'" in capsys.readouterr().out
    assert cli.main(["explain", prompt, "--steps", "5", "--json"]) == status
    found = json.loads(capsys.readouterr().out)
    assert found["steps"] == 5
    errors = [one for one in found["problems"] if one["severity"] == "error"]
    assert bool(errors) == bool(status)


def test_inspect(loras: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(loras / "ghibli.safetensors")
    assert cli.main(["inspect", file]) == 1, "it fits no base model known here"
    assert cli.main(["inspect", file, "--base", "SDXL", "--json"]) == 2, "a toy's layers"
    lines, _, facts = capsys.readouterr().out.partition("{")
    assert "ghibli.safetensors" in lines
    assert json.loads("{" + facts)["against"] == "sdxl"
    assert cli.main(["inspect", str(tmp_path / "gone.safetensors")]) == 2


@pytest.mark.parametrize("command", ["explain", "inspect"])
def test_light_commands_start_without_diffusers(command: str) -> None:
    module = {"explain": "explaining", "inspect": "inspecting"}[command]
    program = MOUNTED + (
        f"import live_lora.app.cli, live_lora.app.{module}; "
        "print([name for name in ('diffusers', 'transformers', 'gradio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_measure(model: Path, loras: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    prompt = "a fox <lora:ghibli:1>"
    assert generate(model, loras, prompt, "-o", str(path), "--seed", "3", "--measure") == 0
    (facts,) = json.loads((tmp_path / "out.measured.json").read_text("utf-8"))["passes"]
    assert facts["networks"] == ["ghibli"]
    assert len(facts["moments"]) == 2
    assert facts["pooled"]["ghibli"][1] > 0
    shown = opened(tmp_path / "out.measured.png")
    assert shown.height > 14 * len(facts["blocks"])
    assert len(np.unique(np.asarray(shown.convert("RGB")).reshape(-1, 3), axis=0)) > 10  # shades
    assert generate(model, loras, prompt, "-o", str(path), "--cap", "much") == 1


def test_inspect_with_a_model(model: Path, loras: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(loras / "ghibli.safetensors")
    cli.main(["inspect", file, "--model", str(model), "--overlap", file, "--json"])
    effect = json.loads(capsys.readouterr().out)["effect"]
    assert effect["whole"]["ghibli"] > 0
    assert effect["overlap"]["whole"] == pytest.approx(1.0)
    cli.main(["inspect", file, "--model", str(model)])
    assert "|dW| / |W| over all layers: ghibli 0." in capsys.readouterr().out
    assert cli.main(["inspect", file, "--overlap", file]) == 1
