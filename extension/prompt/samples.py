"""Some weights of a model that stand for all: what a tag with block weights makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from ..model.blocks import BLOCKS, block_of
from ..records import Target

TEXT = Target("text_encoder", "encoder_layers_0_self_attn_q_proj", "", "linear", (1, 1))

_LAYERS = {
    "self": "attentions_{layer}_transformer_blocks_0_attn1_to_q",
    "cross": "attentions_{layer}_transformer_blocks_0_attn2_to_q",
    "ff": "attentions_{layer}_transformer_blocks_0_ff_net_2",
    "proj": "attentions_{layer}_proj_in",
    "conv": "resnets_{layer}_conv1",
}


@lru_cache(maxsize=1)
def samples() -> tuple[tuple[str, Target], ...]:
    """(block.element, target) for each block of the UNet and each element in it."""
    found = {f"{block_of(target)}.{name}": target for name, target in _targets()}
    ordered = sorted(found, key=lambda name: BLOCKS.index(name.split(".")[0]))
    return tuple((name, found[name]) for name in ordered)


def _targets() -> Iterator[tuple[str, Target]]:
    places = [("down_blocks", i, j) for i in range(4) for j in range(2)]
    places += [("up_blocks", i, j) for i in range(4) for j in range(3)]
    yield "conv", _target("conv_in")
    for name, layer in _LAYERS.items():
        yield name, _target(f"mid_block_{layer.format(layer=0)}")
        for block, index, number in places:
            yield name, _target(f"{block}_{index}_{layer.format(layer=number)}")
    for index in range(3):
        yield "conv", _target(f"down_blocks_{index}_downsamplers_0_conv")


def _target(key: str) -> Target:
    return Target("unet", key, key.replace("_", "."), "linear", (1, 1))


def labels(names: Sequence[str]) -> str:
    """The names joined: what is there in full is named alone, neighbours are a range.

    `all blocks`, `cross`, `OUT03-OUT05`, `IN01-IN02(self+ff)`.
    """
    chosen = set(names)
    if len(chosen) == len(samples()):
        return "all blocks"
    parts: list[str] = []
    for element in _LAYERS:
        whole = {name for name, _ in samples() if name.endswith(f".{element}")}
        if whole <= chosen:
            parts.append(element)
            chosen -= whole
    by_elements: dict[tuple[str, ...], list[str]] = {}
    for block in BLOCKS:
        here = tuple(name for name in _LAYERS if f"{block}.{name}" in chosen)
        if here:
            by_elements.setdefault(() if here == _elements_of(block) else here, []).append(block)
    for elements, blocks in by_elements.items():
        suffix = f"({'+'.join(elements)})" if elements else ""
        parts += [f"{run}{suffix}" for run in _runs(blocks)]
    return " ".join(parts)


def _elements_of(block: str) -> tuple[str, ...]:
    have = {name for name, _ in samples()}
    return tuple(name for name in _LAYERS if f"{block}.{name}" in have)


def _runs(blocks: Sequence[str]) -> Iterator[str]:
    start = end = ""
    for block in [*blocks, ""]:
        if end and block and BLOCKS.index(block) == BLOCKS.index(end) + 1:
            end = block
            continue
        if start:
            yield start if start == end else f"{start}-{end}"
        start = end = block
