"""Every module of a file, its values read once."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..algorithms import sanity
from ..errors import ModuleError
from ..network.lora_module import Module, Unused
from ..network.network import Network
from ..network.tensor_file import Read


@dataclass(slots=True)
class Examined:
    """The sound modules with their α, the broken ones, and the tensors with NaN or Inf."""

    sound: list[tuple[Module, float | None]] = field(default_factory=list)
    broken: list[Unused] = field(default_factory=list)
    nonfinite: dict[str, int] = field(default_factory=dict)


def examine(network: Network) -> Examined:
    """Reads the whole file, a module at a time."""
    found = Examined()
    with network.open() as read:
        for module in network.modules:
            try:
                found.sound.append((module, _alpha(module, read, found.nonfinite)))
            except ModuleError as error:
                found.broken.append(Unused.because(module.prefix, error))
    return found


def _alpha(module: Module, read: Read, nonfinite: dict[str, int]) -> float | None:
    """α of a module. Raises ModuleError where a tensor is unusable."""
    algorithm = module.build(read)
    counts = {slot: sanity.nonfinite(tensor) for slot, tensor in algorithm.tensors.items()}
    bad = {module.slots[slot]: count for slot, count in counts.items() if count}
    if bad:
        nonfinite |= bad
        raise ModuleError("nonfinite", f"{len(bad)} of its tensors hold NaN or infinite values")
    return algorithm.alpha
