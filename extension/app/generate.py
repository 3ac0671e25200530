"""`live-lora generate`: prompts in, pictures out."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from .. import prompt as language
from ..errors import LiveLoraError
from ..library.mask_pictures import MaskPictures
from ..prompt import sweeps
from ..session.report import Report, StrictError
from .drawing_options import followed, infotext_of
from .heatmap import heatmap
from .infotext_reading import ReadInfotext
from .opening import MASKS, named_folders, open_generator
from .pictures import png
from .problems import sentences
from .request import GenerationRequest, GenerationResult, StepPreview

BAR = 30


def run(options: Namespace) -> int:
    """Draws, saves, and says on standard error what ran; the files' names go to standard output."""
    if options.output.suffix.lower() != ".png":
        raise LiveLoraError(f"-o {options.output}: pictures are saved as .png")
    generator = open_generator(options, strict=options.strict)
    try:
        result = generator.draw(request_of(options), bar)
    except StrictError as error:
        if error.result is not None:  # drawn, and something was lost on the way
            save(error.result, options.output)
        tell(*sentences(error.problems))
        return 1
    save(result, options.output)
    tell(*summary(result))
    return 0


def save(result: GenerationResult, output: Path) -> None:
    """Writes the pictures, and their names to standard output."""
    for path, image in zip(paths(output, len(result.images)), result.images, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image))
        print(path)
    for path, passes in zip(paths(output, len(result.images)), result.measured, strict=False):
        facts = path.with_suffix(".measured.json")
        facts.write_text(json.dumps({"passes": passes}), "utf-8")
        print(facts)
        map_of_it = path.with_suffix(".measured.png")
        map_of_it.write_bytes(png(heatmap(passes)))
        print(map_of_it)


def request_of(options: Namespace) -> GenerationRequest:
    """The options as a request."""
    read = ReadInfotext(GenerationRequest(()))
    if options.infotext is not None:
        masks = MaskPictures(named_folders("--mask-dir", options.mask_dir, MASKS))
        read = infotext_of(options.infotext, masks)
        tell(*read.notes)
    request = read.request
    written = options.prompt or request.prompts
    prompts = [
        prompt
        for prompt in written
        for _ in range(options.count or sweeps.picture_count(language.parse(prompt)))
    ]
    request = replace(request, prompts=tuple(prompts), measure=options.measure)
    return followed(request, options, read.begun)


def paths(output: Path, count: int) -> list[Path]:
    """out.png, or out-1.png, out-2.png, …"""
    if count == 1:
        return [output]
    return [output.with_stem(f"{output.stem}-{index + 1}") for index in range(count)]


def summary(result: GenerationResult) -> list[str]:
    """The seed, and the report with the problems shown in their prompts."""
    report: Report = result.report
    ran = [line for network in report.networks for line in network.lines()]
    return [f"seed {result.request.seed}", *ran, *report.notes, *sentences(report.problems)]


def bar(moment: StepPreview) -> None:
    """A progress bar on a terminal, nothing elsewhere."""
    if sys.stderr.isatty():
        filled = BAR * moment.step // moment.steps
        end = "\n" if moment.step == moment.steps else ""
        line = f"\r{'█' * filled}{'░' * (BAR - filled)} {moment.step}/{moment.steps}"
        print(line, end=end, file=sys.stderr, flush=True)


def tell(*lines: str) -> None:
    for line in lines:
        print(line, file=sys.stderr)
