"""A sampler in the place of a diffusers pipeline's scheduler.

The pipeline's loop asks its UNet once for every timestep: here each of these is one question of the
sampler, whose answers `step` hands on. The pipeline's latents are the UNet's input at every moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .questions import Answer, Question
from .sampling_task import SamplingTask

# CFG++ (Chung et al. 2024) guides by 0 to 1, which the webui writes as 0 to 12.5. The pipeline is
# told the latter, so that it asks for the negative prompt whatever the guidance is.
CFG_PLUS = 12.5


class PipelineScheduler:
    """For one call of a pipeline, with `latents=scheduler.first` and without a generator."""

    init_noise_sigma = 1.0

    def __init__(self, task: SamplingTask, dtype: torch.dtype, guidance: float) -> None:
        """`dtype` is the UNet's; the sampler itself computes in fp32."""
        self.task = task
        self.guidance = guidance
        self.dtype = dtype
        self.order = task.sampler.calls_per_step
        self.model = task.model()
        self._planned = [] if task.sampler.is_adaptive else _rehearsed(task)
        self._unguided: Tensor | None = None
        self._calls = 0
        self.timesteps: list[Tensor] = []
        self.result: Tensor | None = None  # the latents, once the last question was answered
        x, noise = task.begun()
        self._sampling = task.sampler.function(self.model, x, task.points, noise)
        self._question: Question | None = None
        self.first = self._advanced(None)

    @property
    def asked_guidance(self) -> float:
        """The guidance that the pipeline is to be called with."""
        return CFG_PLUS if self.task.sampler.is_cfg_plus else self.guidance

    @property
    def hear(self) -> Callable[[Tensor], None] | None:
        """Where it is not None, it wants to be told what the UNet said of all rows of a call."""
        return self._heard if self.task.sampler.is_cfg_plus else None

    @property
    def denoised(self) -> Tensor | None:
        """What the last answer says of the picture."""
        return self.model.denoised

    def set_timesteps(self, steps: int, device: Any = None, **_: Any) -> None:
        """As diffusers' schedulers have it; how many there are was known before."""
        questions = self._planned or [one for one in [self._question] if one]
        self.timesteps = [self._timestep(one) for one in questions]

    def scale_model_input(self, sample: Tensor, timestep: Any) -> Tensor:
        return sample

    def step(
        self, model_output: Tensor, timestep: Any, sample: Tensor, return_dict: bool = True
    ) -> tuple[Tensor]:
        """Hands the UNet's answer on; (the next question's input,)."""
        guided, unguided = model_output.float(), self._unguided
        if unguided is not None:
            guided = unguided + (guided - unguided) * (self.guidance / CFG_PLUS**2)
        self._calls += 1
        found = self._advanced(Answer(guided, unguided))
        if self._question is not None and len(self.timesteps) <= self._calls:
            self.timesteps.append(self._timestep(self._question))
        return (found,)

    def _heard(self, noise: Tensor) -> None:
        """The rows of the negative prompts come first."""
        self._unguided = noise[: self.task.shape[0]].float()

    def progress(self) -> dict[str, Any]:
        """step, steps, sigma and call (of the UNet, from 0) of the question that is open."""
        question = self._question
        steps = self._planned[-1].step + 1 if self._planned else self.task.steps
        if question is None:
            return {"step": steps - 1, "steps": steps, "sigma": 0.0, "call": self._calls}
        place = {"step": question.step, "steps": steps}
        return {**place, "sigma": question.sigma, "call": self._calls}

    def _timestep(self, question: Question) -> Tensor:
        return torch.tensor(question.timestep, device=self.task.device)

    def _advanced(self, answer: Answer | None) -> Tensor:
        """The input of the next question, or the latents where there is none."""
        try:
            self._question = next(self._sampling) if answer is None else self._sampling.send(answer)
            return self._question.input.to(self.dtype)
        except StopIteration as ended:
            found: Tensor = ended.value
            self._question = None
            kept = self.task.kept
            self.result = found if kept is None else kept.over(found)
            return self.result.to(self.dtype)


def _rehearsed(task: SamplingTask) -> list[Question]:
    """All questions of a run, which do not depend on the answers."""
    nothing = torch.zeros(1, 1, 1, 1)
    model = task.model()
    model.kept = None
    sampling = task.sampler.function(model, nothing, task.points, lambda high, low: nothing)
    questions = []
    try:
        question = next(sampling)
        while True:
            questions.append(question)
            question = sampling.send(Answer(nothing))
    except StopIteration:
        return questions
