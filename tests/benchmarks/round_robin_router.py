"""What serving_replicas.py compares our router with; Ray imports a router by its module's name."""

from __future__ import annotations

from typing import Any

from live_lora.serving.ray_router import LoraRequestRouter


class RoundRobin(LoraRequestRouter):
    """Jobs go to the replicas by turns, each keeping its own however often Ray asks."""

    def initialize_state(self, **kwargs: Any) -> None:
        super().initialize_state(**kwargs)
        self.turns: dict[str, int] = {}

    async def choose_replicas(self, candidate_replicas: Any, pending_request: Any = None) -> Any:
        if not pending_request or "order" not in pending_request.kwargs:
            return await super().choose_replicas(candidate_replicas, pending_request)
        ordered = sorted(candidate_replicas, key=lambda one: one.replica_id.unique_id)
        turn = self.turns.setdefault(pending_request.kwargs["order"].job, len(self.turns))
        return [[ordered[turn % len(ordered)]], ordered]
