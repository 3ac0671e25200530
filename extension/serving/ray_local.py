"""`live-lora serve --replicas N`: a Ray of its own on this machine, gone when the server ends."""

from __future__ import annotations

import logging
import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..errors import LiveLoraError

STORE = 256 << 20  # bytes for pictures on their way between processes
APP = "live-lora"
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # it would report to its makers
    "RAY_raylet_start_wait_time_s": "120",  # 30 are too few for a machine that is busy
}


@contextmanager
def local_replicas(options: Namespace) -> Iterator[Any]:
    """A `ReplicaSet` of as many replicas as `--replicas` says. Raises LiveLoraError without Ray."""
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise LiveLoraError("--replicas needs Ray: pip install 'live-lora[cluster]'") from error
    from .ray_app import model_deployment
    from .ray_replicas import RayReplicas

    count = options.replicas
    start_ray(count + 1)
    try:
        serve.start(proxy_location="Disabled")
        model = model_deployment(
            words_given(options), count, gpus=gpus_each(options), variables=threads_each(count)
        )
        yield RayReplicas(serve.run(model, name=APP, route_prefix=None))
    finally:
        serve.shutdown()
        ray.shutdown()


def start_ray(cpus: int) -> None:
    """One of our own, on this machine; where RAY_ADDRESS names one that runs, that one."""
    import ray

    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    if os.environ.get("RAY_ADDRESS"):
        ray.init(logging_level=logging.WARNING)
        return
    ray.init(
        address="local",
        num_cpus=cpus,
        include_dashboard=False,
        object_store_memory=STORE,
        logging_level=logging.WARNING,
        _node_ip_address="127.0.0.1",
    )


def words_given(options: Namespace) -> list[str]:
    """The words of the command line that a replica reads: all but where the server listens."""
    from .ray_app import words_of

    ours = (
        *("module", "replicas"),
        *("port", "listen", "api_auth", "api_auth_file", "token_file"),
    )
    return words_of({name: _plain(one) for name, one in vars(options).items() if name not in ours})


def gpus_each(options: Namespace) -> float:
    """A replica's share of the GPUs that Ray has found."""
    import ray

    found = ray.cluster_resources().get("GPU", 0.0)
    return 0.0 if options.device == "cpu" else min(1.0, found / options.replicas)


def threads_each(count: int) -> Mapping[str, str]:
    """Ray would give each replica one; what the caller has set stays."""
    each = max(1, (os.cpu_count() or 1) // count)
    return {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(each))}


def _plain(value: Any) -> Any:
    """A path relative to here means nothing in another process' folder."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value.absolute()) if hasattr(value, "absolute") else value
