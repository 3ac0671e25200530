"""What one network of a run did, as far as it has gone."""

from __future__ import annotations

from ..network.misfit import by_modules
from .picture_shares import ran_on, share_of
from .report import NetworkReport
from .run_plan import ActiveNetwork, RunPlan


def network_report(one: ActiveNetwork, plan: RunPlan, base: str | None) -> NetworkReport:
    """What ran of a network until now; `base` is the loaded model's."""
    bound, network = one.bound, one.bound.network
    return NetworkReport(
        name=bound.file.name,
        file=bound.file.relative,
        tags=tuple(dict.fromkeys(use.tag.source for use in one.uses)),
        base=network.base.name,
        formats=network.formats,
        algorithms=network.algorithms,
        matched=len(bound.match.matched),
        ran=ran_on(one, one.terms),
        unmatched=(*bound.match.unmatched, *bound.failed.values()),
        unused=network.unused,
        bypassed=tuple(plan.bypassed(one)),
        misfit=by_modules(network.base, base, len(bound.match.unmatched), len(network.modules)),
        pictures={
            picture: share_of(plan, one, picture, targets)
            for picture, targets in one.pictures.items()
        },
        entry=bound.file,
    )
