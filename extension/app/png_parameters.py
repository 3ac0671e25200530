"""The line of text that a picture can be made again from, as stable-diffusion-webui writes it."""

from __future__ import annotations

from ..errors import LiveLoraError
from ..library.catalog import Catalog
from ..session.report import Report
from .load_model import Checkpoint
from .request import GenerationRequest


def infotext(
    checkpoint: Checkpoint, catalog: Catalog, request: GenerationRequest, index: int, report: Report
) -> str:
    """The prompt as it was written, and everything else that the picture depends on."""
    lines = [request.prompts[index]]
    if request.negative:
        lines.append(f"Negative prompt: {request.negative}")
    scheduler = type(checkpoint.pipeline.scheduler).__name__.removesuffix("Scheduler")
    facts = {
        "Steps": request.steps,
        "Sampler": scheduler.removesuffix("Discrete"),
        "CFG scale": f"{request.guidance:g}",
        "Seed": request.seeds[index],
        "Size": f"{request.width}x{request.height}",
        "Model": checkpoint.name,
        "Lora hashes": hashes(catalog, report),
    }
    lines.append(", ".join(f"{name}: {value}" for name, value in facts.items() if value != ""))
    return "\n".join(lines)


def hashes(catalog: Catalog, report: Report) -> str:
    """`"name: hash, …"` of the files that really ran; empty where none did."""
    found = []
    for network in report.networks:
        if network.ran_total:
            try:
                found.append(f"{network.name}: {catalog.find(network.name).shorthash}")
            except LiveLoraError:  # removed while the picture was drawn
                continue
    return f'"{", ".join(found)}"' if found else ""
