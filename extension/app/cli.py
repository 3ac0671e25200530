"""The command `live-lora`: each of its commands imports what it needs, no more."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import FileError, LiveLoraError
from ..model.base_targets import base_named
from .drawing_options import add_drawing
from .library_options import add_civitai, add_library, add_word_folders
from .serve_options import add_serving
from .single_file import Prediction

PREDICTIONS: dict[str, Prediction] = {"epsilon": "epsilon", "v": "v_prediction"}
# Libraries that would print advice, or call home, if they were not told before their import.
SETTINGS = {
    "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_OFFLINE": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "TQDM_DISABLE": "1",  # loading bars of several libraries, one after the other
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 where the command could not be carried out (2 for its usage)."""
    commands = parser()
    options = commands.parse_args(arguments)
    if options.module == "generate" and not options.prompt and options.infotext is None:
        commands.error("generate: a prompt is required, or --infotext")
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # consoles that lack some letter of a prompt
    try:
        demand_model(getattr(options, "model", None))
        command = import_module(f".{options.module}", __package__)
        return int(command.run(options))
    except LiveLoraError as error:
        print(f"live-lora: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def demand_model(path: Path | None) -> None:
    """Raises FileError where `--model` is not there: seconds before the libraries are imported."""
    if path is not None and not path.exists():
        raise FileError("gone", path, f"there is no such file or folder: {path.absolute()}")


def parser() -> ArgumentParser:
    """Every command and option."""
    top = ArgumentParser("live-lora", description="LoRA files, applied live.")
    top.add_argument("--version", action="version", version=f"live-lora {__version__}")
    commands = top.add_subparsers(metavar="command", required=True)
    add_app(commands)
    add_generate(commands)
    add_inspect(commands)
    add_explain(commands)
    add_civitai(commands)
    add_library(commands)
    add_report(commands)
    add_serve(commands)
    return top


PAGE_AND_API = ".serving.page_and_api"  # another room, which knows this one


def add_app(commands: Any) -> None:
    """`live-lora app`."""
    app = commands.add_parser("app", help="open the page")
    add_model(app)
    app.add_argument("--port", type=int, help="default: 7860, or the next one that is free")
    app.add_argument(
        "--no-browser", action="store_true", help="print the page's address and open no browser"
    )
    app.add_argument(
        "--output-dir",
        type=Path,
        metavar="FOLDER",
        help="keeps the pictures; default: a folder of the user's, which is printed",
    )
    app.add_argument(
        "--checkpoint-dir",
        type=Path,
        action="append",
        metavar="FOLDER",
        help="shown in the library, too; can be given several times",
    )
    app.add_argument(
        "--api",
        action="store_const",
        const=PAGE_AND_API,
        default="server",
        dest="module",
        help="the HTTP API of `serve` at the same address; page and API share one queue",
    )


def add_generate(commands: Any) -> None:
    """`live-lora generate`."""
    generate = commands.add_parser("generate", help="draw a picture")
    generate.add_argument("prompt", nargs="*", help="several prompts make several pictures at once")
    generate.add_argument("-o", "--output", type=Path, default=Path("out.png"), help="a .png file")
    generate.add_argument("-n", "--negative", metavar="PROMPT")
    generate.add_argument(
        "--count",
        type=at_least_one,
        help="pictures of each prompt; default: 1, or as many as its sweep= has values",
    )
    generate.add_argument("--steps", type=at_least_one, help="default: 20")
    generate.add_argument("--seed", type=int, help="default: a random one, which is printed")
    generate.add_argument("--size", type=size, metavar="WxH", help="default: the model's own")
    generate.add_argument("--guidance", type=float, help="default: the model's own")
    generate.add_argument("--strict", action="store_true", help="stop at a tag that cannot be used")
    generate.add_argument(
        "--measure",
        action="store_true",
        help="how strongly each LoRA acted, as a heatmap and as JSON beside the picture",
    )
    add_drawing(generate)
    add_model(generate)
    generate.set_defaults(module="generate")


def add_serve(commands: Any) -> None:
    """`live-lora serve`, whose code is another room's, which knows this one."""
    serve = commands.add_parser("serve", help="draw for many, over HTTP")
    add_model(serve)
    add_serving(serve)
    serve.set_defaults(module=".serving.command")


def add_model(command: ArgumentParser) -> None:
    """What `app` and `generate` draw with."""
    command.add_argument(
        "--model",
        type=Path,
        help="a diffusers folder or a .safetensors checkpoint; default: the included small model",
    )
    command.add_argument(
        "--lora-dir",
        type=Path,
        action="append",
        metavar="FOLDER",
        help="can be given several times; default: models/Lora, or the LoRAs of the included model",
    )
    add_word_folders(command)
    command.add_argument(
        "--cap", default="", help="how strongly LoRAs may act together, such as 0.8; default: any"
    )
    command.add_argument("--device", help="cuda, mps or cpu; default: the best there is")
    command.add_argument(
        "--executor",
        choices=("automatic", "hooked", "folded"),
        default="automatic",
        help="how LoRAs are applied: beside each layer, in its place, or whichever costs less",
    )
    command.add_argument(
        "--compile", action="store_true", help="compile the model: the first pictures take longer"
    )
    command.add_argument(
        "--prediction", choices=PREDICTIONS, help="default: what the checkpoint says about itself"
    )


def add_inspect(commands: Any) -> None:
    """`live-lora inspect`."""
    inspect = commands.add_parser(
        "inspect",
        help="what a LoRA file is",
        epilog="Exit status: 0 usable, 1 in part or not known, 2 not.",
    )
    inspect.add_argument("file", type=Path)
    inspect.add_argument(
        "--base", type=base, help="match it to this model: sd15, sd21, sdxl, sdxl-refiner, …"
    )
    inspect.add_argument(
        "--model", type=Path, help="compare it with this model's weights, block by block"
    )
    inspect.add_argument(
        "--overlap", type=Path, metavar="FILE", help="with --model: how much it does the same"
    )
    inspect.add_argument("--json", action="store_true", help="for programs")
    inspect.set_defaults(module="inspecting")


def add_explain(commands: Any) -> None:
    """`live-lora explain`."""
    explain = commands.add_parser(
        "explain",
        help="what a prompt means, step by step",
        epilog="Exit status: 1 where something of it is not understood, else 0.",
    )
    explain.add_argument("prompt")
    explain.add_argument("--steps", type=at_least_one, default=20)
    explain.add_argument("--negative", action="store_true", help="it is a negative prompt")
    explain.add_argument("--json", action="store_true", help="for programs")
    explain.set_defaults(module="explaining")


def add_report(commands: Any) -> None:
    """`live-lora report`."""
    report = commands.add_parser(
        "report", help="versions, settings and what ran last, for an issue"
    )
    report.add_argument("--json", action="store_true", help="for programs")
    report.add_argument("--with-prompts", action="store_true", help="the last prompts too")
    report.add_argument("--with-paths", action="store_true", help="folders too, not only names")
    report.set_defaults(module="diagnosis")


def at_least_one(text: str) -> int:
    """A count. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def base(text: str) -> str:
    """The name of a base model. Raises ArgumentTypeError."""
    try:
        return base_named(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def size(text: str) -> tuple[int, int]:
    """Width and height in pixels from "640x512". Raises ArgumentTypeError."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ArgumentTypeError(f"{text!r} is not a size such as 640x512")
    return int(width), int(height)


if __name__ == "__main__":
    sys.exit(main())
