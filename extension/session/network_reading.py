"""The files that tags name → networks on the model, with the deltas that a run needs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..engine.layers import Site
from ..errors import InternalError, LiveLoraError
from ..library.catalog import Catalog
from ..records import TargetKey
from .cache import BoundNetwork, NetworkCache, ProgressCallback
from .report import PromptDiagnostic
from .run_plan import ActiveNetwork
from .tag_use import TagUse

LOG = logging.getLogger(__name__)
Networks = dict[BoundNetwork, list[TagUse]]


@dataclass(frozen=True, slots=True)
class NetworkReading:
    """Reads for one model; one file that cannot be used costs nobody else."""

    catalog: Catalog
    cache: NetworkCache
    sites: Mapping[TargetKey, Site]
    allow_pickle: bool
    watch: ProgressCallback

    def of(
        self, uses: Sequence[TagUse], diagnostics: list[PromptDiagnostic]
    ) -> tuple[Networks, list[ActiveNetwork]]:
        """The networks of the tags, and those whose deltas are there.

        A file that is replaced while it is read is read once more, as it is by then.
        """
        for again in (True, False):
            found: list[PromptDiagnostic] = []
            networks = self._networks(uses, found)
            active = [ActiveNetwork(bound, uses) for bound, uses in networks.items()]
            built = [one for one in active if self._built(one, found)]
            if not (again and any(one.code == "changed" for one in found)):
                break
        diagnostics += found
        return networks, built

    def _networks(self, uses: Sequence[TagUse], diagnostics: list[PromptDiagnostic]) -> Networks:
        """The network of each tag; a tag that leads to none is said in `diagnostics`."""
        found: Networks = {}
        # What is written alike is one file in all pictures, be it replaced in the midst of this:
        # words that are written alike are encoded once.
        known: dict[tuple[str, str | None, int | None], BoundNetwork | LiveLoraError] = {}
        for use in uses:
            key = (use.tag.name, use.tag.hash, use.tag.rank)
            if key not in known:
                known[key] = self._network(*key)
            bound = known[key]
            if isinstance(bound, LiveLoraError):
                diagnostics.append(use.failed(bound))
                continue
            found.setdefault(bound, []).append(use)
            for text in bound.network.problems:
                diagnostics.append(use.diagnostic(f"{use.tag.name}: {text}"))
        return found

    def _network(
        self, name: str, hash: str | None, rank: int | None
    ) -> BoundNetwork | LiveLoraError:
        """The file of that name on this model, or why it cannot be used."""
        try:
            file = self.catalog.find(name, hash=hash)
            return self.cache.get(file, rank, allow_pickle=self.allow_pickle)
        except Exception as error:
            return expected(error)

    def _built(self, one: ActiveNetwork, diagnostics: list[PromptDiagnostic]) -> bool:
        """Builds the deltas that the run needs; False where the file cannot be read any more."""
        try:
            one.bound.build(self.sites, one.wanted, self.watch)
        except Exception as error:  # the file has gone, or is another by now
            refusal = expected(error)
            diagnostics += [use.failed(refusal) for use in one.uses]
            return False
        return True


def expected(error: Exception) -> LiveLoraError:
    """An error of one file as that file's refusal: none of ours may end a generation."""
    if isinstance(error, LiveLoraError):
        return error
    LOG.error("a LoRA cannot be used", exc_info=error)
    return InternalError(error)
