"""The line of text that a picture can be made again from, as stable-diffusion-webui writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import LiveLoraError
from ..session.report import Report

if TYPE_CHECKING:
    from .generator import GenerationRequest, Generator


def infotext(studio: Generator, order: GenerationRequest, index: int, report: Report) -> str:
    """The prompt as it was written, and everything else that the picture depends on."""
    lines = [order.prompts[index]]
    if order.negative:
        lines.append(f"Negative prompt: {order.negative}")
    scheduler = type(studio.checkpoint.pipeline.scheduler).__name__.removesuffix("Scheduler")
    facts = {
        "Steps": order.steps,
        "Sampler": scheduler.removesuffix("Discrete"),
        "CFG scale": f"{order.guidance:g}",
        "Seed": order.seeds[index],
        "Size": f"{order.width}x{order.height}",
        "Model": studio.checkpoint.name,
        "Lora hashes": hashes(studio, report),
    }
    lines.append(", ".join(f"{name}: {value}" for name, value in facts.items() if value != ""))
    return "\n".join(lines)


def hashes(studio: Generator, report: Report) -> str:
    """`"name: hash, …"` of the files that really ran; empty where none did."""
    found = []
    for network in report.networks:
        if network.ran_total:
            try:
                found.append(f"{network.name}: {studio.catalog.find(network.name).shorthash}")
            except LiveLoraError:  # removed while the picture was drawn
                continue
    return f'"{", ".join(found)}"' if found else ""
