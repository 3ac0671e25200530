"""What of a run was one picture's: the tags that name a file, and where that was added."""

from __future__ import annotations

from collections.abc import Collection

from ..records import COMPONENTS, TargetKey
from .report import PictureShare
from .run_plan import ActiveNetwork, RunPlan


def share_of(
    plan: RunPlan, one: ActiveNetwork, picture: int, targets: Collection[TargetKey]
) -> PictureShare:
    """`targets` are those on which the picture's tags may act."""
    acted = {
        key
        for key, terms in one.terms.items()
        if key in targets and plan.acted(key, terms, picture)
    }
    return PictureShare(_tags(one, picture), ran_on(one, acted), _place(one, picture))


def ran_on(one: ActiveNetwork, targets: Collection[TargetKey]) -> dict[str, int]:
    """On how many of these targets the network was really added, per component."""
    ran: dict[str, int] = dict.fromkeys(COMPONENTS, 0)
    for key, terms in one.terms.items():
        ran[key[0]] += any(term.ran for term in terms) and key in targets
    return {component: count for component, count in ran.items() if count}


def _tags(one: ActiveNetwork, picture: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(use.tag.source for use in one.uses if use.picture == picture))


def _place(one: ActiveNetwork, picture: int) -> tuple[bool, int]:
    """Where its first tag stands: the negative prompt comes last."""
    uses = [use for use in one.uses if use.picture == picture]
    return min((use.side == "uncond", use.tag.span.start) for use in uses)
