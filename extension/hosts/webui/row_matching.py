"""Which picture, side and AND part a line of the UNet's batch is, by the text it is sent with.

Other extensions reorder the batch (Regional Prompter), repeat it for tiles (Tiled Diffusion) or
send some of its lines alone. What stays with a line is its cond.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from modules import prompt_parser
from torch import Tensor

from ...records import Row


@dataclass(frozen=True, slots=True)
class Matched:
    """The lines of one call; `moved` where they come in no order of the webui's.

    `ambiguous` where some of these have equal texts, and LoRAs that are not: told apart by order.
    """

    rows: tuple[Row, ...]
    moved: bool = False
    ambiguous: bool = False


def known_conds(denoiser: Any) -> list[Tensor]:
    """The conds of this step in the webui's order: first the cond lines, then one a picture.

    Each is (lines, tokens, channels), made anew: another extension may have moved what it was
    shown.
    """
    given = denoiser.sampler.sampler_extra_args
    _, cond = prompt_parser.reconstruct_multicond_batch(given["cond"], denoiser.step)
    uncond = prompt_parser.reconstruct_cond_batch(given["uncond"], denoiser.step)
    return [_crossattn(cond), _crossattn(uncond)]


def _crossattn(cond: Any) -> Tensor:
    """Of SDXL, the tokens: its cond is a dictionary."""
    found: Tensor = cond["crossattn"] if isinstance(cond, dict) else cond
    return found


def same_texts(context: Tensor, known: Sequence[Tensor]) -> list[list[bool]]:
    """[line of the context][known line]: whether they are equal, in one read of the device.

    Only as far as both have tokens: the webui fills up the shorter side of the guidance.
    """
    columns = []
    for conds in known:
        tokens = min(context.shape[1], conds.shape[1])
        sent = context[:, :tokens]
        for one in conds[:, :tokens].to(sent):
            columns.append((sent == one).flatten(1).all(1))
    found: list[list[bool]] = torch.stack(columns, dim=1).tolist()
    return found


def match(
    same: Sequence[Sequence[bool]],
    known: Sequence[Row],
    orders: Sequence[Sequence[Row]],
    identity: Sequence[Hashable],
) -> Matched | None:
    """The lines of a call; None where their texts are none of ours.

    Args:
        same: [line of the call][known line], whether their texts are equal.
        known: what each known line is.
        orders: what the lines of the call may be by the webui's own order, the likeliest first.
        identity: equal for two known lines on which all LoRAs act alike.
    """
    candidates = [[i for i, equal in enumerate(line) if equal] for line in same]
    for order in orders:
        if not any(candidates) and len(set(order)) < len(order):
            continue  # texts that are none of ours, and more of them than were announced
        places = [known.index(row) for row in order]
        if all(not found or i in found for i, found in zip(places, candidates, strict=True)):
            return Matched(tuple(order))
    if not all(candidates):
        return None
    taken = _in_turn(candidates)
    usual = [known.index(row) for row in orders[0]] if orders else [-1] * len(taken)
    ambiguous = any(
        took != place and len({identity[i] for i in found}) > 1
        for took, place, found in zip(taken, usual, candidates, strict=True)
    )
    return Matched(tuple(known[i] for i in taken), moved=True, ambiguous=ambiguous)


def _in_turn(candidates: Sequence[Sequence[int]]) -> list[int]:
    """Lines of equal text are taken to come in the order in which the webui has them, again and
    again: so they do where the batch is transposed."""
    turns: Counter[tuple[int, ...]] = Counter()
    taken = []
    for found in map(tuple, candidates):
        taken.append(found[turns[found] % len(found)])
        turns[found] += 1
    return taken
