"""Ray Serve: `serve run live_lora.serving.ray_app:build` with a YAML (docs/serving.md).

Two deployments. `LiveLoraModel` is the single server's queue, once in each replica: neither
`@serve.batch` nor `@serve.multiplexed`, which both make batches of one LoRA. `LiveLoraFront` is
the HTTP server; it knows jobs by itself, so there is one of it.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Mapping, Sequence
from threading import Thread
from typing import Any

from ray import serve
from ray.serve.config import RequestRouterConfig

from ..app.cli import parser
from .http_server import ServerState, application
from .model_replica import ModelReplica
from .ray_replicas import RayReplicas
from .ray_router import LoraRequestRouter
from .remote_service import RemoteService
from .replica_messages import DrawingOrder, ReplicaMessage
from .service_options import flags_of, open_service, options_in_force, rules_of
from .structured_log import start_logging

MODEL, FRONT = "LiveLoraModel", "LiveLoraFront"
NO_LIMIT = 100_000  # requests under way: what waits is bounded by our queue, which answers 429
STATS_EVERY = 0.5  # seconds between two looks of the router at what a replica holds
GRACE = 30.0  # seconds beyond the longest request, for a replica that is taken away
OF_BUILD = ("replicas", "max_replicas", "cpus", "gpus")


class RayModel:
    """One replica. `words` are options of `live-lora serve`."""

    def __init__(self, words: Sequence[str]) -> None:
        options = options_of(words)
        start_logging(options.log)
        id = serve.get_replica_context().replica_id.unique_id
        self.replica = ModelReplica(open_service(options), id)

    async def draw(self, order: DrawingOrder) -> AsyncIterator[ReplicaMessage]:
        """The whole life of a job: while one is under way, a replica is not taken away."""
        async for message in self.replica.draw(order):
            yield message

    async def tell(self, method: str, values: Sequence[Any], replica: str) -> None:
        """`replica` is for the router."""
        await asyncio.to_thread(getattr(self.replica, method), *values)

    async def ask(self, what: str) -> Any:
        """One of the model's facts."""
        return await asyncio.to_thread(self.replica.ask, what)

    def record_routing_stats(self) -> dict[str, Any]:
        """For the router."""
        return self.replica.load()

    def check_health(self) -> None:
        """Raises where it has to be replaced."""
        self.replica.demand_health()

    def __del__(self) -> None:
        if hasattr(self, "replica"):  # where the model could be read
            self.replica.service.close()


class RayFront:
    """The HTTP server of a cluster."""

    def __init__(self, model: Any, words: Sequence[str]) -> None:
        options = options_of(words)
        start_logging(options.log)
        self.options, self.state = options, ServerState(phase="reading the model")
        self.service = RemoteService(RayReplicas(model))
        Thread(target=self._open, name="opening", daemon=True).start()

    def _open(self) -> None:
        self.service.start()
        self.state.service, self.state.phase = self.service, "ready"

    def __serve_build_asgi_app__(self) -> Any:
        options = self.options
        told = options_in_force(options.model), flags_of(options)
        return application(self.state, rules_of(options), *told)


def build(settings: Mapping[str, Any]) -> Any:
    """The application. `settings` are options of `live-lora serve`, with _ for - (`lora_dir`),
    and `replicas`, `max_replicas`, `cpus` and `gpus` of each replica.

    Raises LiveLoraError where anybody could ask.
    """
    words = words_of({name: one for name, one in settings.items() if name not in OF_BUILD})
    rules_of(options_of(words))
    model = model_deployment(
        words, **{name: settings[name] for name in OF_BUILD if name in settings}
    )
    front = serve.deployment(
        serve.ingress()(RayFront),
        name=FRONT,
        num_replicas=1,
        max_ongoing_requests=NO_LIMIT,
        # It waits most of the time, and must find a place beside replicas on all processors.
        ray_actor_options={"num_cpus": 0},
    )
    return front.bind(model, words)


def model_deployment(
    words: Sequence[str],
    replicas: int = 1,
    max_replicas: int | None = None,
    cpus: float = 1,
    gpus: float = 0,
    model: type[RayModel] = RayModel,
    router: type[Any] | None = LoraRequestRouter,
    variables: Mapping[str, str] | None = None,
) -> Any:
    """The replicas, bound. With `max_replicas`, as many as what waits asks for."""
    options = options_of(words)
    routing = {"request_router_class": router} if router else {}
    return serve.deployment(
        model,
        name=MODEL,
        **_how_many(replicas, max_replicas, options.batch),
        max_ongoing_requests=NO_LIMIT,
        request_router_config=RequestRouterConfig(
            **routing, request_routing_stats_period_s=STATS_EVERY
        ),
        health_check_period_s=5,
        health_check_timeout_s=30,
        graceful_shutdown_wait_loop_s=1,
        graceful_shutdown_timeout_s=options.time_limit + GRACE,
        ray_actor_options={
            "num_cpus": cpus,
            "num_gpus": gpus,
            "runtime_env": {"env_vars": dict(variables or {})},
        },
    ).bind(list(words))


def _how_many(least: int, most: int | None, batch: int) -> dict[str, Any]:
    """A replica should have a batch to draw and one that waits."""
    if most is None:
        return {"num_replicas": least}
    scale = {"min_replicas": least, "max_replicas": most, "target_ongoing_requests": 2 * batch}
    return {"autoscaling_config": scale}


def options_of(words: Sequence[str]) -> Namespace:
    """As the command line reads them."""
    return parser().parse_args(["serve", *words])


def words_of(settings: Mapping[str, Any]) -> list[str]:
    """The settings of a YAML as words of a command line."""
    found = []
    for name, value in settings.items():
        option = f"--{name.replace('_', '-')}"
        for one in value if isinstance(value, list) else [value]:
            found += [option] if one is True else [] if one in (None, False) else [option, str(one)]
    return found
