"""What sd-webui-additional-networks wrote into infotexts."""

from __future__ import annotations

from live_lora.prompt.additional_networks import additional_networks


def test_its_fields_become_tags() -> None:
    fields = {
        "AddNet Enabled": "True",
        "AddNet Module 1": "LoRA",
        "AddNet Model 1": "fox style(1a2b3c4d5e6f)",
        "AddNet Weight A 1": "0.7",
        "AddNet Weight B 1": "1",
        "AddNet Model 2": "old(12345678)",
        "AddNet Weight 2": "0.5",
        "AddNet Model 3": "None",
    }
    assert additional_networks(fields) == [
        "<lora:fox style:1:0.7:hash=1a2b3c4d5e6f>",
        "<lora:old:0.5>",
    ]
    assert additional_networks({**fields, "AddNet Enabled": "False"}) == []
    assert additional_networks({}) == []
