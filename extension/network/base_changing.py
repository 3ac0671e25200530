"""Trainings that change the base model's weights before they begin, by PEFT's configuration.

Their adapter is right on W − s·B₀A₀ only: added to W itself, the principal part is in it twice.
PEFT converts such an adapter as it saves it, and says `init_lora_weights: true` in its
configuration from then on (`save_pretrained(…, path_initial_model_for_weight_conversion=…)`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ModuleError

STARTS: Mapping[str, str] = {  # what `init_lora_weights` begins with
    "pissa": "PiSSA",
    "olora": "OLoRA",
    "corda": "CorDA",
    "loftq": "LoftQ",
    "lora_ga": "LoRA-GA",
}
VARIANTS: Mapping[str, str] = {  # settings of LoRA whose formula is another
    "kasa_config": "KaSA",
    "monteclora_config": "MonteCLoRA",
    "arrow_config": "Arrow",
    "use_bdlora": "BD-LoRA",
    "use_qalora": "QA-LoRA",
}


def refuse(config: Mapping[str, Any]) -> None:
    """Raises ModuleError where the adapter is not for the unchanged base model."""
    start = str(config.get("init_lora_weights", "")).lower()
    for beginning, name in STARTS.items():
        if start.startswith(beginning):
            raise ModuleError(
                "changed-base",
                f"was trained on a base model that {name} had changed, and would be wrong on this "
                "one: save it with PEFT's path_initial_model_for_weight_conversion",
            )
    for setting, name in VARIANTS.items():
        if config.get(setting):
            raise ModuleError("other-algorithm", f"is {name}, a kind of LoRA that is not read here")
