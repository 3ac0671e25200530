"""Ray Serve's request router of ours: jobs by their LoRAs, all else by the replica it names.

The API of request routers is alpha in Ray 2.60, for which this is written. Requests keep to the
replica that was chosen for them: `FIFOMixin` would give it to whoever waits the longest.
"""

from __future__ import annotations

from typing import Any

from ray.serve.request_router import PendingRequest, ReplicaID, RequestRouter, RunningReplica

from .lora_router import LoraRouting
from .replica_messages import DrawingOrder


class LoraRequestRouter(RequestRouter):  # type: ignore[misc]
    """Named in the deployment's `RequestRouterConfig`."""

    def initialize_state(self, **kwargs: Any) -> None:
        """Called once, with `request_router_kwargs`."""
        self.routing = LoraRouting()

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        """Ranks of replicas, the best first; the next one is for where that takes no more."""
        by_id = {one.replica_id.unique_id: one for one in candidate_replicas}
        named = (pending_request.kwargs if pending_request else {}).get("replica")
        if named is not None:
            return [[by_id[named]]] if named in by_id else [list(candidate_replicas)]
        order = _order(pending_request)
        if order is None:
            return [list(candidate_replicas)]
        told = {id: one.routing_stats for id, one in by_id.items()}
        return [[by_id[id]] for id in self.routing.choose(told, order.loras)]

    def on_request_routed(
        self, pending_request: PendingRequest, replica_id: ReplicaID, result: Any
    ) -> None:
        """It is on its way."""
        order, id = _order(pending_request), pending_request.metadata.internal_request_id
        if order is not None:
            self.routing.sent(id, replica_id.unique_id, order.loras, order.pictures)

    def on_request_completed(self, replica_id: ReplicaID, internal_request_id: str) -> None:
        """It came back, whichever way."""
        self.routing.over(internal_request_id)


def _order(pending: PendingRequest | None) -> DrawingOrder | None:
    order = pending.kwargs.get("order") if pending else None
    return order if isinstance(order, DrawingOrder) else None
