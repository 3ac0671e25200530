"""The line of text that a picture can be made again from, as stable-diffusion-webui writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from ..errors import LiveLoraError
from ..library.catalog import Catalog
from ..session.report import Report
from .load_model import Checkpoint
from .request import GenerationRequest
from .samplers import name_of
from .start_choices import RESIZE_MODES

MASKS = "Live LoRA masks"


def infotext(
    checkpoint: Checkpoint,
    catalog: Catalog,
    request: GenerationRequest,
    index: int,
    report: Report,
    inversions: Mapping[str, str],
    masks: Mapping[str, str] | None = None,
) -> str:
    """The prompt as it was written, and everything else that the picture depends on.

    `inversions` are the embeddings that were used, `masks` the mask pictures, with their hashes.
    """
    lines = [request.prompts[index]]
    if negative := request.negatives[index]:
        lines.append(f"Negative prompt: {negative}")
    facts = {
        "Steps": request.steps,
        "Sampler": request.sampler or name_of(checkpoint.pipeline.scheduler),
        "Schedule type": request.schedule if request.sampler else "",
        "CFG scale": f"{request.guidance:g}",
        "Seed": request.seeds[index],
        "Size": f"{request.width}x{request.height}",
        "Model": checkpoint.name,
        **dict(_passes(request)),
        "Clip skip": request.clip_skip if request.clip_skip > 1 else "",
        "Lora hashes": hashes(catalog, report),
        "TI hashes": _listed(inversions),
        MASKS: _listed(masks or {}),
        "Emphasis": request.emphasis if _weighted(request) else "",
    }
    lines.append(
        ", ".join(f"{name}: {_quoted(value)}" for name, value in facts.items() if value != "")
    )
    return "\n".join(lines)


def _passes(request: GenerationRequest) -> Iterator[tuple[str, object]]:
    """How a picture was begun with, and hires fix."""
    if (start := request.start) is not None:
        yield "Denoising strength", f"{start.strength:g}"
        yield "Resize mode", "" if start.resize == RESIZE_MODES[0] else start.resize
        if start.mask is not None:
            yield "Mask blur", f"{start.blur:g}" if start.blur else ""
            yield "Masked content", "" if start.fill == "original" else start.fill
            yield "Mask mode", "Inpaint not masked" if start.inverted else ""
            yield "Inpaint area", "Only masked" if start.only_masked else ""
            yield "Masked area padding", start.padding if start.only_masked else ""
    if (hires := request.hires) is not None:
        if request.start is None:
            yield "Denoising strength", f"{hires.strength:g}"
        yield "Hires upscale", f"{hires.scale:g}"
        if hires.steps is not None:
            yield "Hires steps", hires.steps
        yield "Hires upscaler", hires.upscaler
        yield "Hires sampler", hires.sampler
        yield "Hires schedule type", hires.schedule
        yield "Hires prompt", hires.prompt
        yield "Hires negative prompt", hires.negative


def _weighted(request: GenerationRequest) -> bool:
    """Whether the way of weighting matters, and is not the usual one."""
    texts = (*request.prompts, *request.negatives)
    return request.emphasis != "Original" and any("(" in text or "[" in text for text in texts)


def hashes(catalog: Catalog, report: Report) -> str:
    """`"name: hash, …"` of the files that really ran; empty where none did."""
    found = {}
    for network in report.networks:
        if network.ran_total:
            try:
                entry = network.entry or catalog.find(network.name)
                found[network.name] = entry.shorthash
            except LiveLoraError:  # removed, or replaced, while the picture was drawn
                continue
    return _listed(found)


def _listed(hashes: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in hashes.items())


def _quoted(value: object) -> str:
    """In quotation marks where the webui would read it as several values."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(sign in text for sign in ",\n:") else text
