"""Pictures drawn in a mixed batch are those drawn alone; what goes wrong costs itself only."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from distances import distance
from drawing_wishes import at_once, drawn, held, pixels, wish
from live_lora.app.generator import Generator
from live_lora.app.request import HiresFix, RequestError
from live_lora.errors import LiveLoraError
from live_lora.serving.admission import QueueFull, QueueLimits
from live_lora.serving.batch_limits import BatchLimits
from live_lora.serving.drawing_service import DrawingService, ServiceLimits
from live_lora.serving.jobs import DrawingJob, JobFailed, TaskState
from live_lora.serving.request_limits import RequestLimits
from servers import serving

# What different users ask for: words of different lengths, LoRA sets, curves, negatives, AND.
WISHES = [
    ("a fox", ""),
    ("a fox <lora:ghibli:0.8>", "blurry"),
    ("an owl in the snow, at night <lora:owl:0.2@0,1@1> <lora:ink:-0.5>", ""),
    ("(a castle:1.3) <lora:words:0.7> <lora:ghibli:0.3:only=unet>", "<lora:owl:0.5> bad"),
    ("a cat AND a dog :0.6 <lora:ink:1>", "ugly"),
    ("[a sea:a desert:0.5] <lora:ghibli:1:0.5>", "x " * 90),
    ("a ship <lora:ghibli:0@0,1@1>", ""),  # nothing while its words are encoded
    ("a tree <lora:owl:1:mask=left> <lora:ink:0.5:mask=0,0,0.5,0.5>", ""),
]


@pytest.fixture
def latents(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """What the autoencoder is given, picture by picture."""
    seen: list[torch.Tensor] = []
    vae = generator.checkpoint.pipeline.vae
    decode = vae.decode

    def listening(values: torch.Tensor, *args: Any, **options: Any) -> Any:
        seen.extend(values.detach().clone())
        return decode(values, *args, **options)

    monkeypatch.setattr(vae, "decode", listening)
    return seen


@pytest.mark.parametrize("sampler", ["", "Euler a", "DPM++ 2M SDE", "Heun", "UniPC"])
def test_a_mixed_batch_is_its_pictures_drawn_alone(
    service: DrawingService, latents: list[torch.Tensor], sampler: str
) -> None:
    requests = [
        wish(prompt, negative, seed=100 + 7 * i, sampler=sampler)
        for i, (prompt, negative) in enumerate(WISHES)
    ]
    mixed = at_once(service, requests)
    assert {one.batch for one in mixed} == {len(WISHES)}
    mixed_latents = latents[-len(WISHES) :]
    for request, picture, latent in zip(requests, mixed, mixed_latents, strict=True):
        (alone,) = drawn(service.submit("alone", request))
        assert alone.batch == 1
        assert distance(latent, latents[-1]) < 1e-4
        assert np.abs(pixels(alone) - pixels(picture)).max() <= 2
        assert picture.infotext == alone.infotext
        assert [one.as_dict() for one in picture.report.networks] == [
            one.as_dict() for one in alone.report.networks
        ]
        assert [one.as_dict() for one in picture.report.problems] == [
            one.as_dict() for one in alone.report.problems
        ]
    different = {one.image.tobytes() for one in mixed}
    assert len(different) == len(WISHES)


def test_a_mixed_batch_with_hires_fix(service: DrawingService) -> None:
    more: dict[str, Any] = {"hires": HiresFix(1.5, 0.6, 2), "sampler": "Euler"}
    requests = [wish(text, bad, seed=i, **more) for i, (text, bad) in enumerate(WISHES[:3])]
    mixed = at_once(service, requests)
    assert [(one.batch, one.image.size) for one in mixed] == [(3, (96, 96))] * 3
    for request, picture in zip(requests, mixed, strict=True):
        (alone,) = drawn(service.submit("alone", request))
        assert np.abs(pixels(alone) - pixels(picture)).max() <= 2
        assert picture.infotext == alone.infotext
        assert [one.as_dict() for one in picture.report.networks] == [
            one.as_dict() for one in alone.report.networks
        ]


def test_a_job_of_several_pictures_in_several_batches(generator: Generator) -> None:
    limits = ServiceLimits(batch=BatchLimits(pictures=2), linger=0)
    with serving(generator, limits) as service:
        request = replace(wish("a fox <lora:ghibli:0.8>"), prompts=("a fox",) * 5)
        pictures = drawn(service.submit("anna", request))
    assert [one.seed for one in pictures] == [7, 8, 9, 10, 11]
    assert [one.batch for one in pictures] == [2, 2, 2, 2, 1]
    assert len({one.image.tobytes() for one in pictures}) == 5
    assert "Seed: 10," in pictures[3].infotext


def test_each_picture_has_its_own_report(service: DrawingService) -> None:
    texts = ["a <lora:ghibli:1>", "b", "c <lora:nope:1>", "d <lora:owl:1> <lora:ghibli:0>"]
    reports = [one.report for one in at_once(service, [wish(text) for text in texts])]
    assert [[one.name for one in report.networks] for report in reports] == [
        *(["ghibli"], [], [], ["owl"])
    ]
    assert [report.ok for report in reports] == [True, True, False, True]
    (problem,) = reports[2].problems
    assert problem.problem.span is not None
    assert (problem.picture, "nope" in problem.problem.message) == (0, True)


def test_a_curve_that_is_nothing_while_words_are_encoded(service: DrawingService) -> None:
    """Another picture's tag of the same file acts on its own words only."""
    texts = ["a <lora:ghibli:0@0,1@1>", "b <lora:ghibli:1>"]
    curve, whole = (one.report.networks[0] for one in at_once(service, [wish(t) for t in texts]))
    assert set(curve.ran) == {"unet"}
    assert set(whole.ran) == {"text_encoder", "unet"}
    assert curve.ran["unet"] == whole.ran["unet"]


def test_a_bad_picture_costs_itself_only(
    service: DrawingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is that goes wrong: here the words of one prompt cannot be encoded."""
    pipeline = service.generator.checkpoint.pipeline
    forward = pipeline.text_encoder.forward
    poison = pipeline.tokenizer("poison").input_ids[1]

    def failing(ids: torch.Tensor, *args: Any, **options: Any) -> Any:
        if (ids == poison).any():
            raise RuntimeError("this cannot be read")
        return forward(ids, *args, **options)

    monkeypatch.setattr(pipeline.text_encoder, "forward", failing)
    gate = held(service)
    texts = ["a", "b", "poison", "c", "d"]
    jobs = [service.submit(f"user {text}", wish(f"{text} <lora:owl:1>")) for text in texts]
    gate()
    for text, job in zip(texts, jobs, strict=True):
        if text == "poison":
            with pytest.raises(JobFailed, match="this cannot be read"):
                drawn(job)
        else:
            assert len(drawn(job)) == 1
    assert len(drawn(service.submit("after", wish("e")))) == 1


def test_no_memory_makes_batches_smaller(
    service: DrawingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    unet = service.generator.checkpoint.pipeline.unet
    forward = unet.forward

    def small(sample: torch.Tensor, *args: Any, **options: Any) -> Any:
        if len(sample) > 4:  # two pictures, both sides
            raise torch.OutOfMemoryError("no room")
        return forward(sample, *args, **options)

    monkeypatch.setattr(unet, "forward", small)
    pictures = at_once(service, [wish("a", seed=i) for i in range(4)])
    assert [one.batch for one in pictures] == [2] * 4
    again = at_once(service, [wish("a", seed=i) for i in range(4)])
    assert {one.batch for one in again} == {2}, "it is known from now on"
    assert service.queue.batches.memory.ceiling == 2 * 64 * 64


def test_interrupting_one_of_a_batch(service: DrawingService) -> None:
    gate = held(service)
    stopped = service.submit("anna", wish("a", steps=6))
    other = service.submit("bert", wish("b", steps=6))
    stopped.listeners.append(
        lambda job: service.queue.interrupt(job) if job.tasks[0].step == 2 else None
    )
    gate()
    (half,), (whole,) = drawn(stopped), drawn(other)
    assert (half.stopped, whole.stopped) == (True, False)
    assert whole.batch == 2
    (alone,) = drawn(service.submit("alone", wish("b", steps=6)))
    assert np.abs(pixels(alone) - pixels(whole)).max() <= 2


def test_a_batch_that_nobody_wants_is_not_drawn_to_its_end(service: DrawingService) -> None:
    gate = held(service)
    job = service.submit("anna", wish("a", steps=150))
    steps: list[int] = []

    def leave(one: DrawingJob) -> None:
        steps.append(one.tasks[0].step)
        service.queue.cancel(one)

    job.listeners.append(leave)
    gate()
    assert len(drawn(service.submit("bert", wish("b")))) == 1
    assert job.state is TaskState.CANCELLED
    assert max(steps) == 1


def test_a_lora_that_is_being_read_holds_up_nobody(
    service: DrawingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, read = threading.Event(), service.loading._read

    def reading(load: Any) -> Any:
        if load.file.name == "ghibli":
            slow.wait(60)
        return read(load)

    monkeypatch.setattr(service.loading, "_read", reading)
    waiting = service.submit("anna", wish("a <lora:ghibli:1>"))
    assert len(drawn(service.submit("bert", wish("b <lora:owl:1>")))) == 1
    assert waiting.state is TaskState.LOADING
    slow.set()
    (picture,) = drawn(waiting)
    assert picture.report.networks[0].ran_total > 0


def test_what_is_not_wanted_may_go(service: DrawingService) -> None:
    """Pins of the LoRAs of jobs are let go, whichever way they end."""
    assert service.generator.live.core is not None
    cache = service.generator.live.core.cache
    cache.limit = 0
    gate = held(service)
    jobs = [service.submit("anna", wish(f"a <lora:{name}:1>")) for name in ("owl", "ink", "owl")]
    service.queue.cancel(jobs[1])
    gate()
    for job in (jobs[0], jobs[2]):
        assert drawn(job)[0].report.networks[0].ran_total > 0
    drawn(service.submit("anna", wish("b")))
    assert not cache.pinned
    assert list(cache) == []


def test_limits_of_a_request(generator: Generator) -> None:
    most = RequestLimits(pictures=2, pixels=64 * 64, steps=5, loras=1, prompt=100)
    service = DrawingService(generator, ServiceLimits(most, QueueLimits(pictures=2)))
    for more, complaint in {
        "3 pictures: this server allows 2": {"prompts": ("a",) * 3},
        "8192 pixels a picture": {"width": 128},
        "9216 pixels a picture": {"hires": HiresFix(1.5)},
        "6 steps": {"steps": 6},
        "150 letters": {"prompts": ("a" * 150,)},
        "2 LoRAs in a prompt": {"prompts": ("<lora:a:1><lora:b:1>",)},
        "at least one": {"prompts": ()},
        "no sampler is called": {"sampler": "nope"},
    }.items():
        with pytest.raises(RequestError, match=more):
            service.submit("anna", replace(wish("a"), **complaint))  # type: ignore[arg-type]
    for _ in range(2):
        service.submit("anna", wish("a"))
    with pytest.raises(QueueFull):
        service.submit("bert", wish("a"))
    service.close()


def test_time_limits_are_kept_while_drawing(service: DrawingService) -> None:
    job = service.submit("anna", wish("a", steps=150), seconds=0.2)
    with pytest.raises(JobFailed, match="time limit"):
        drawn(job)
    assert len(drawn(service.submit("bert", wish("b")))) == 1


def test_a_replaced_file_is_drawn_and_named_as_what_it_is(
    generator: Generator, lora_folder: Path, tmp_path: Path
) -> None:
    """The infotext never has the hash of another file than the one that was used."""
    file = lora_folder / "swap.safetensors"
    file.write_bytes((lora_folder / "owl.safetensors").read_bytes())
    generator.catalog.scan()
    try:
        with serving(generator) as service:
            (before,) = drawn(service.submit("anna", wish("a <lora:swap:1>")))
            gate = held(service)
            job = service.submit("anna", wish("a <lora:swap:1>"))
            file.unlink()
            (tmp_path / "new").write_bytes((lora_folder / "ghibli.safetensors").read_bytes())
            (tmp_path / "new").rename(file)
            gate()
            (after,) = drawn(job)
            (owl,) = drawn(service.submit("anna", wish("a <lora:owl:1>")))
            (ghibli,) = drawn(service.submit("anna", wish("a <lora:ghibli:1>")))
    finally:
        file.unlink()
        generator.catalog.scan()
    same_as = {owl.image.tobytes(): owl, ghibli.image.tobytes(): ghibli}
    for one in (before, after):
        twin = same_as[one.image.tobytes()]
        assert hash_in(one.infotext) == hash_in(twin.infotext)
    assert before.image.tobytes() == owl.image.tobytes()


def hash_in(infotext: str) -> str:
    return infotext.rpartition('Lora hashes: "')[2].split(": ")[1]


def test_an_error_of_ours_is_told(service: DrawingService, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise LiveLoraError("the queue's own drawer is broken")

    monkeypatch.setattr(service.drawer, "draw", broken)
    with pytest.raises(JobFailed, match="broken"):
        drawn(service.submit("anna", wish("a")))
    assert service.alive
