"""Replicas in this process: what Ray does, without Ray; one can be made to die."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from live_lora.app.generator import Generator
from live_lora.serving.drawing_service import DrawingService, ServiceLimits
from live_lora.serving.gatekeeper import AccessRules
from live_lora.serving.http_server import ServerState, application
from live_lora.serving.lora_router import LoraRouting
from live_lora.serving.model_replica import ModelReplica
from live_lora.serving.remote_service import RemoteService, ReplicaDied
from live_lora.serving.replica_messages import DrawingOrder, ReplicaMessage
from live_lora.serving.service_options import options_in_force
from servers import running


class LocalReplicas:
    """`ReplicaSet` over services of this process. `die` says before which message one dies."""

    def __init__(self, services: Sequence[DrawingService]) -> None:
        every = [ModelReplica(one, f"r{index}") for index, one in enumerate(services)]
        self.replicas = {one.id: one for one in every}
        self.routing = LoraRouting()
        self.die: list[int] = []  # messages that are still let through, for each death to come
        self.routed: list[str] = []

    async def draw(self, order: DrawingOrder) -> AsyncIterator[ReplicaMessage]:
        told = {id: one.load() for id, one in self.replicas.items()}
        id = self.routing.choose(told, order.loras)[0]
        self.routing.sent(order.job, id, order.loras, order.pictures)
        self.routed.append(id)
        left = self.die.pop(0) if self.die else None
        stream = self.replicas[id].draw(order)
        try:
            async for message in stream:
                if left is not None and left <= 0:
                    raise ReplicaDied("its replica has died: killed by the test")
                left = None if left is None else left - 1
                yield message
        finally:
            await stream.aclose()  # type: ignore[attr-defined]
            self.routing.over(order.job)

    async def tell(self, replica: str, method: str, *values: Any) -> None:
        getattr(self.replicas[replica], method)(*values)

    async def ask(self, what: str) -> Any:
        return next(iter(self.replicas.values())).ask(what)

    async def ask_all(self, what: str) -> list[Any]:
        return [one.ask(what) for one in self.replicas.values()]


@contextlib.contextmanager
def served_by_replicas(
    generators: Sequence[Generator], limits: ServiceLimits | None = None
) -> Iterator[tuple[str, LocalReplicas, RemoteService]]:
    """The address of a server whose pictures are drawn by these."""
    services = [DrawingService(one, limits, "small.safetensors") for one in generators]
    for one in services:
        one.start()
    replicas = LocalReplicas(services)
    remote = RemoteService(replicas)
    remote.start()
    try:
        options = {**options_in_force(None), "sd_model_checkpoint": "small.safetensors"}
        app = application(ServerState(remote, "ready"), AccessRules(), options, {})
        with running(app) as address:
            yield address, replicas, remote
    finally:
        remote.close()
        for one in services:
            one.close()
