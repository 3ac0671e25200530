"""What other programs wrote about LoRAs into a picture's text, as tags."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .render import tag_text

_MODEL = re.compile(r"(.*)\(([0-9a-fA-F]{8,64})\)")


def additional_networks(parameters: Mapping[str, str]) -> list[str]:
    """The tags for sd-webui-additional-networks' fields of an infotext.

    `AddNet Model 1: name(hash)`; Weight A is the UNet's, Weight B the text encoder's. Nothing
    where the extension was switched off.
    """
    if parameters.get("AddNet Enabled", "True").strip().lower() == "false":
        return []
    return [
        _addnet(parameters, number)
        for number in range(1, 6)
        if parameters.get(f"AddNet Model {number}", "None").strip() not in {"", "None"}
    ]


def _addnet(parameters: Mapping[str, str], number: int) -> str:
    model = parameters[f"AddNet Model {number}"].strip()
    found = _MODEL.fullmatch(model)
    unet = parameters.get(
        f"AddNet Weight A {number}", parameters.get(f"AddNet Weight {number}", "1")
    )
    te = parameters.get(f"AddNet Weight B {number}", unet)
    arguments: list[tuple[str | None, str]] = [(None, te)]
    if te != unet:
        arguments.append((None, unet))
    # Its old hashes of 8 digits are of another part of the file: only the long ones find one.
    if found and len(found[2]) >= 10:
        arguments.append(("hash", found[2].lower()))
    return tag_text(found[1] if found else model, arguments)
