"""Text modules of SDXL's second encoder, where a dialect has one word for all encoders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..errors import ModuleError
from ..model.base_targets import base_targets
from .lora_module import Module

FIRST = ("sd15", "sd21")  # whose only encoders have 768 and 1024 channels


def on_second_encoder(modules: Iterable[Module]) -> tuple[Module, ...]:
    """The modules, with those of `text_encoder` moved where one of them is of bigG's width."""
    found = tuple(modules)
    texts = [module for module in found if module.component == "text_encoder"]
    if any(module.component == "text_encoder_2" for module in found) or not any(map(_wide, texts)):
        return found
    return tuple(
        replace(m, component="text_encoder_2") if m.component == "text_encoder" else m
        for m in found
    )


def _wide(module: Module) -> bool:
    """Does it fit the encoder of 1280 channels and no other?"""
    return _fits(module, "sdxl", "text_encoder_2") and not any(
        _fits(module, base, "text_encoder") for base in FIRST
    )


def _fits(module: Module, base: str, component: str) -> bool:
    target = base_targets(base).get((component, module.key))
    try:
        if target is not None:
            module.fit(target)
    except ModuleError:
        return False
    return target is not None
