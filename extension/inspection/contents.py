"""The facts about a network: what it holds, and for what of it a base model has a place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import Code, ModuleError
from ..model.base_targets import NAMES, base_targets
from ..network.base_model import CANDIDATES
from ..network.lora_module import Module, Unused
from ..network.misfit import by_modules
from ..network.network import Network
from ..records import Target, TargetKey
from .examine import Examined, examine

Facts = dict[str, Any]
Sound = tuple[Module, float | None]


def facts_of_network(network: Network, against: str | None) -> Facts:
    """The facts of schema 1 that only a LoRA has."""
    base = network.base
    against = against or (CANDIDATES.get(base.name) if base.fits else None)
    targets = base_targets(against) if against else None
    examined = examine(network, targets)
    matched, unmatched = _match(examined.sound, targets)
    lost = [*unmatched, *examined.broken, *network.unused]
    model = NAMES[against] if against else None
    misfit = by_modules(base, model, len(unmatched), len(network.modules))
    error = misfit or (None if matched or network.embeddings else "nothing in it can be used")
    usable = "unknown" if network.modules and targets is None else "partly" if lost else "yes"
    return {
        "kind": "LoRA",
        "usable": "no" if error else usable,
        "error": error,
        "code": _code(misfit, lost) if error else None,
        "problems": [*network.problems, *_problems(lost, examined)],
        "base": base.name,
        "base_how": base.how,
        "against": against,
        "formats": list(network.formats),
        "algorithms": list(network.algorithms),
        "parts": _parts(examined.sound),
        "counts": {
            "keys": len(network.source.header.tensors),
            "modules": len(network.modules),
            "matched": len(matched),
            "unmatched": len(lost),
            "nonfinite": len(examined.nonfinite),
            "embeddings": len(network.embeddings),
        },
        "matched": matched,
        "unmatched": [item.as_dict() for item in lost],
        "nonfinite": [{"key": k, "values": n} for k, n in examined.nonfinite.items()],
        "embeddings": list(_embeddings(network)),
    }


def _match(
    sound: Iterable[Sound], targets: Mapping[TargetKey, Target] | None
) -> tuple[list[Facts], list[Unused]]:
    """Without a base model every module counts as matched, its layer known by its name alone."""
    matched, unmatched = [], []
    for module, alpha in sound:
        path = module.key
        try:
            if targets is not None:
                path = module.on(targets).path
        except ModuleError as error:
            unmatched.append(Unused.because(module.prefix, error))
            continue
        matched.append(
            {
                "key": module.prefix,
                "target": f"{module.component}.{path}",
                "component": module.component,
                "algorithm": module.algorithm.name,
                "rank": module.rank,
                "alpha": alpha,
            }
        )
    return matched, unmatched


def _code(misfit: str | None, lost: Sequence[Unused]) -> Code:
    """Why nothing is used; the most frequent reason, where there are several."""
    if misfit:
        return "other-base"
    return Counter(item.code for item in lost).most_common(1)[0][0]


def _problems(lost: Sequence[Unused], examined: Examined) -> Iterable[str]:
    if lost:
        yield f"{len(lost)} of its modules and keys are not used"
    if examined.nonfinite:
        yield f"{len(examined.nonfinite)} tensors hold NaN or infinite values"


def _parts(sound: Iterable[Sound]) -> list[Facts]:
    """The modules counted by component, dialect and algorithm, with their ranks and alphas."""
    groups: dict[tuple[str, str, str], list[Sound]] = {}
    for module, alpha in sound:
        kind = (module.component, module.format, module.algorithm.name)
        groups.setdefault(kind, []).append((module, alpha))
    return [
        {
            "component": component,
            "format": dialect,
            "algorithm": algorithm,
            "modules": len(members),
            "ranks": _counted(module.rank for module, _ in members),
            "alphas": _counted(alpha for _, alpha in members),
        }
        for (component, dialect, algorithm), members in groups.items()
    ]


def _counted(values: Iterable[float | None]) -> dict[str, int]:
    """How often each value occurs, the most frequent first; JSON wants text for its keys."""
    counts = Counter(f"{value:g}" for value in values if value is not None)
    return dict(counts.most_common())


def _embeddings(network: Network) -> Iterable[Facts]:
    tensors = network.source.header.tensors
    for embedding in network.embeddings:
        shapes = {part: list(tensors[key].shape) for part, key in embedding.keys.items()}
        yield {"name": embedding.name, "parts": shapes}
