"""One training loop for every stage: several processes, an average of the weights, and resuming.

Two processes of one thread beat one of two threads on a shared machine: they wait for each other
once a step, not at every layer.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from .muon import optimizers


class Task(Protocol):
    """What a stage trains: `model`, and the loss of one new batch."""

    @property
    def model(self) -> nn.Module: ...

    def loss(self) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """`steps` at rate `lr`: up, then constant, then down to zero over the last `fall` share.

    A step takes one batch for each of the `workers`; on a GPU one process does all of them.
    """

    steps: int
    lr: float
    workers: int = 2
    warmup: int = 50
    fall: float = 0.35
    average: float = 0.998
    save_seconds: float = 90.0

    def rate(self, step: int) -> float:
        rise = (step + 1) / self.warmup
        fall = (self.steps - step) / max(1.0, self.fall * self.steps)
        return self.lr * max(0.0, min(1.0, rise, fall))


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fit(make: Callable[[int], Task], plan: Plan, checkpoint: Path) -> dict[str, Tensor]:
    """Train what `make(worker)` builds, from `checkpoint` if there is one; the averaged weights."""
    workers = 1 if device().type == "cuda" else plan.workers
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"file://{folder}/meeting"
        if workers == 1:
            _work(0, make, plan, checkpoint, 1, meeting)
        else:
            arguments = (make, plan, checkpoint, workers, meeting)
            spawn(_work, arguments, nprocs=workers)  # type: ignore[no-untyped-call]
    averaged: dict[str, Tensor] = torch.load(checkpoint, weights_only=True)["average"]
    return averaged


def _work(
    worker: int, make: Callable[[int], Task], plan: Plan, path: Path, workers: int, meeting: str
) -> None:
    if workers > 1:
        torch.set_num_threads(1)
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        dist.init_process_group("gloo", init_method=meeting, rank=worker, world_size=workers)
    torch.manual_seed(worker)
    run = _Run(make(worker), plan, path)
    run.resume()
    torch.manual_seed(worker + 1000 * (run.step + 1))
    while run.step < plan.steps:
        run.advance(workers)
        if worker == 0:
            run.report()
    if worker == 0:
        run.save()
    if workers > 1:
        dist.barrier()
        dist.destroy_process_group()


class _Run:
    """The state of a training: weights, their running average, the optimizers and the step."""

    def __init__(self, task: Task, plan: Plan, path: Path) -> None:
        self.task, self.plan, self.path = task, plan, path
        self.step, self.loss, self.began, self.saved = 0, 0.0, time.monotonic(), time.monotonic()
        self.optimizers = optimizers(task.model, plan.lr)
        self.trained = [p for p in task.model.parameters() if p.requires_grad]
        self.average = {k: v.detach().clone() for k, v in task.model.state_dict().items()}

    def advance(self, workers: int) -> None:
        self.loss += (self._gradients(workers) - self.loss) / min(self.step + 1, 50)
        nn.utils.clip_grad_norm_(self.trained, 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.plan.rate(self.step)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self._average()

    def _gradients(self, workers: int) -> float:
        """The mean gradients of the plan's batches, however many workers share them; the loss."""
        batches = self.plan.workers // workers
        for _ in range(batches):
            loss = self.task.loss() / batches
            loss.backward()  # type: ignore[no-untyped-call]
        if workers > 1:
            share_gradients(self.trained, workers)
        return loss.item() * batches

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.plan.average, (1 + self.step) / (10 + self.step))
        for name, value in self.task.model.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - keep)

    def report(self) -> None:
        if self.step % 50 == 0:
            place, seconds = f"{self.step}/{self.plan.steps}", time.monotonic() - self.began
            print(f"{self.path.stem} {place} loss {self.loss:.4f} {seconds:.0f} s", flush=True)
        if time.monotonic() - self.saved > self.plan.save_seconds:
            self.save()

    def save(self) -> None:
        self.saved = time.monotonic()
        state = {
            "step": self.step,
            "model": self.task.model.state_dict(),
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        unfinished = self.path.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.rename(self.path)

    def resume(self) -> None:
        if not self.path.exists():
            return
        state = torch.load(self.path, weights_only=True, map_location="cpu")
        self.step = state["step"]
        self.average = {name: value.to(device()) for name, value in state["average"].items()}
        self.task.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def share_gradients(parameters: list[nn.Parameter], workers: int) -> None:
    """Every worker's gradients become their mean."""
    gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
    flat = torch.cat([g.flatten() for g in gradients]) / workers
    dist.all_reduce(flat)
    parts = torch.split(flat, [p.numel() for p in parameters])
    for parameter, part in zip(parameters, parts, strict=True):
        parameter.grad = part.view(parameter.shape)
