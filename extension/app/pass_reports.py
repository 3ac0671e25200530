"""The reports of a drawing's passes, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..session.report import NetworkReport, PictureShare, Report


def merged(reports: Sequence[Report]) -> Report:
    """One report of several passes: each file once, with all layers that any of them changed."""
    if not reports:
        return Report()
    *earlier, last = reports
    for before in reversed(earlier):
        later = {one.file: one for one in last.networks}
        for one in before.networks:
            if one.file in later:
                _add(later[one.file], one)
            else:
                last.networks.append(one)
        last.problems += [one for one in before.problems if one not in last.problems]
    return last


def of_one_picture(report: Report, picture: int) -> Report:
    """The report of a call that drew this picture of the batch alone."""
    for one in report.networks:
        if 0 in one.pictures:
            one.pictures = {picture: one.pictures[0]}
    report.problems = [replace(one, picture=picture) for one in report.problems]
    return report


def _add(later: NetworkReport, before: NetworkReport) -> None:
    """What another pass did with the same file."""
    later.ran = _most(later.ran, before.ran)
    shares: dict[int, PictureShare] = dict(later.pictures)
    for picture, share in before.pictures.items():
        own = shares.get(picture, share)
        shares[picture] = replace(own, ran=_most(own.ran, share.ran))
    later.pictures = shares


def _most(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    """By component, the larger count."""
    return {name: max(first.get(name, 0), second.get(name, 0)) for name in {**first, **second}}
