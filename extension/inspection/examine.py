"""Every module of a file, its values read once and judged as a run would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..algorithms import Algorithm, judgement, sanity
from ..errors import ModuleError
from ..network.lora_module import Module, Unused
from ..network.network import Network
from ..records import Target, TargetKey


@dataclass(slots=True)
class Examined:
    """The sound modules with their α, the broken ones, and the tensors with NaN or Inf."""

    sound: list[tuple[Module, float | None]] = field(default_factory=list)
    broken: list[Unused] = field(default_factory=list)
    nonfinite: dict[str, int] = field(default_factory=dict)


def examine(network: Network, targets: Mapping[TargetKey, Target] | None) -> Examined:
    """Reads the whole file, a module at a time; `targets` are those of a base model it fits."""
    found = Examined()
    with network.open() as read:
        for module in network.modules:
            try:
                algorithm = module.build(read)
                _judge(module, algorithm, targets or {})
                found.sound.append((module, algorithm.alpha))
            except ModuleError as error:
                found.broken.append(Unused.because(module.prefix, error))
                if error.code == "nonfinite":
                    found.nonfinite |= _nonfinite(module, algorithm)
    return found


def _judge(module: Module, algorithm: Algorithm, targets: Mapping[TargetKey, Target]) -> None:
    """ModuleError where its values are unusable; that it does not fit is said elsewhere."""
    target = targets.get((module.component, module.key))
    try:
        if target is not None:
            module.fit(target)
    except ModuleError:
        target = None
    if target is None:
        judgement.demand_sound(algorithm)
    else:
        judgement.demand_sound(algorithm, target.kind, target.shape)


def _nonfinite(module: Module, algorithm: Algorithm) -> dict[str, int]:
    """How many values of which tensors are NaN or infinite."""
    counts = {slot: sanity.nonfinite(tensor) for slot, tensor in algorithm.used.items()}
    return {module.slots[slot]: count for slot, count in counts.items() if count}
