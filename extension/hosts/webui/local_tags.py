"""Tags that another extension switches on in mid-sampling, for a region of its own.

Tiled Diffusion does: before the calls for one of its regions it activates what the region's prompt
names, and deactivates it afterwards. A region's text is the picture's prompt with its own behind
it; so are its LoRAs. They act in the UNet: the region's text was encoded before they were known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import LiveLoraError
from ...session.report import Report
from . import models
from .sampling_pass import Pass
from .state import LIVE


class LocalPass(Pass):
    """The tags of a region, and those of the pass around it."""

    def __init__(self, around: Pass, tags: str) -> None:
        super().__init__(
            [tags + one.source for one in around.prompts],
            [one.source for one in around.negatives],
            sliders=around.sliders,
        )
        self._length = len(tags)
        self._local = {tag.source for tag in LIVE.parse(tags).tags}
        self.encoded = True  # nothing of it is waited for in the webui's cache of conds

    @property
    def reports(self) -> list[Report]:
        """About its own tags alone."""
        reports = super().reports
        for report in reports:
            report.networks = [one for one in report.networks if self._local & set(one.tags)]
            report.problems = [one for one in report.problems if self._is_own(one.problem.span)]
        return reports

    def _is_own(self, span: Any) -> bool:
        return span is None or span.start < self._length


class LocalTags:
    """The passes of such tags in one batch: opened once, entered whenever they are switched on."""

    def __init__(self) -> None:
        self._passes: dict[tuple[Pass, str], LocalPass] = {}

    @property
    def passes(self) -> list[Pass]:
        """Those that were called so far."""
        return [one for one in self._passes.values() if one.calls]

    def pass_of(self, around: Pass, params_list: Sequence[Any]) -> LocalPass:
        """The pass of these tags (the webui's ExtraNetworkParams) in a region of a pass.

        Where strict mode refuses them, the report of the pass around says why.
        """
        tags = "".join(f"<lora:{':'.join(map(str, one.items))}>" for one in params_list)
        key = around, tags
        if key not in self._passes:
            self._passes[key] = made = LocalPass(around, tags)
            core, found = LIVE.core(), models.ours()
            try:
                if core is not None and found is not None:
                    made.bind(core, *found)
            except LiveLoraError as error:  # the webui would only print it
                around.unread.add(str(error))
        return self._passes[key]

    def forget(self) -> None:
        """Another batch, or another checkpoint: they are opened anew."""
        self._passes.clear()
