"""The reports of a drawing's passes, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..session.report import NetworkReport, Report


def merged(reports: Sequence[Report]) -> Report:
    """One report of several passes: each file once, with all layers that any of them changed."""
    if not reports:
        return Report()
    *earlier, last = reports
    for before in reversed(earlier):
        later = {one.file: one for one in last.networks}
        for one in before.networks:
            if one.file not in later:
                last.networks.append(one)
                continue
            _add(later[one.file], one)
        last.problems += [one for one in before.problems if one not in last.problems]
    return last


def _add(later: NetworkReport, before: NetworkReport) -> None:
    """What the same file did in a pass before, in all pictures and in each."""
    _most(later.ran, before.ran)
    for picture, share in before.pictures.items():
        if picture in later.pictures:
            _most(later.pictures[picture].ran, share.ran)
        else:
            later.pictures = {**later.pictures, picture: share}


def _most(ran: dict[str, int], before: Mapping[str, int]) -> None:
    for component, count in before.items():
        ran[component] = max(count, ran.get(component, 0))
