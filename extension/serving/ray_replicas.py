"""Replicas in Ray Serve: a `ReplicaSet` by the handle of their deployment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from ray.exceptions import RayActorError
from ray.serve.exceptions import RequestCancelledError
from ray.serve.handle import DeploymentHandle

from .remote_service import ReplicaDied
from .replica_messages import DrawingOrder, ReplicaMessage


class RayReplicas:
    """`handle` is that of the deployment of `RayModel`. Ray repeats nothing by itself."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self.handle = handle

    async def draw(self, order: DrawingOrder) -> AsyncIterator[ReplicaMessage]:
        """Raises ReplicaDied."""
        response = self.handle.options(stream=True, method_name="draw").remote(order=order)
        try:
            async for message in response:
                yield message
        except RayActorError as error:  # ActorDiedError, ActorUnavailableError
            raise ReplicaDied(f"its replica has died: {_first_line(error)}") from error
        except (asyncio.CancelledError, GeneratorExit):
            response.cancel()
            raise
        except RequestCancelledError as error:
            raise asyncio.CancelledError from error

    async def tell(self, replica: str, method: str, *values: Any) -> None:
        """Nothing happens where it is gone: the replica that is asked instead knows no such job."""
        call = self.handle.options(method_name="tell")
        try:
            await call.remote(method, values, replica=replica)
        except RayActorError:
            return

    async def ask(self, what: str) -> Any:
        """Any of them; another one where that dies meanwhile."""
        call = self.handle.options(method_name="ask")
        try:
            return await call.remote(what)
        except RayActorError:
            return await call.remote(what)

    async def ask_all(self, what: str) -> list[Any]:
        """Of those that answer."""
        response = self.handle.broadcast("ask", what)
        found = await response.results_async(return_exceptions=True)
        return [one for one in found if not isinstance(one, BaseException)]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
