"""The reports of a drawing's passes, put together."""

from __future__ import annotations

from collections.abc import Sequence

from ..session.report import Report


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
            ran = later[one.file].ran
            for component, count in one.ran.items():
                ran[component] = max(count, ran.get(component, 0))
        last.problems += [one for one in before.problems if one not in last.problems]
    return last
