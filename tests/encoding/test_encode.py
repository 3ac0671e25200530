"""Conds on tiny pipelines: equal to diffusers' where nothing is marked, and never an exception."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import tiny_models as tiny
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_lora.encoding.emphasised import emphasised
from live_lora.encoding.encode import Cond, WordEncoder, WordLine
from live_lora.encoding.inversions import Vocabulary, WordVectors
from live_lora.encoding.settings import WordSettings
from live_lora.encoding.text_model import text_models
from live_lora.records import Progress, Row

QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MARKS = set("()[]\\:|")


@pytest.fixture(scope="module", params=["sd15", "sdxl"])
def pipe(request: pytest.FixtureRequest) -> Any:
    return getattr(tiny, request.param)()


def cond(pipe: Any, text: str, known: Any = (), **given: Any) -> Cond:
    models = text_models(pipe)
    vocabulary = Vocabulary(models[0].tokenize, known)
    encoder = WordEncoder(
        models, WordSettings(**given), vocabulary, torch.device("cpu"), torch.float32
    )
    line = WordLine((text,) * len(models), Row(), Progress())
    return encoder.encode([[line]], lambda rows, moments: nullcontext())[0][0]


@QUICK
@given(text=st.text(max_size=60))
def test_a_text_without_marks_is_encoded_as_diffusers_does_it(pipe: Any, text: str) -> None:
    text = "".join(c for c in text if c not in MARKS)
    if "BREAK" in text or len(pipe.tokenizer(text, truncation=False).input_ids) > 77:
        return
    want = pipe.encode_prompt(
        text, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
    )
    got = cond(pipe, text)
    assert torch.equal(got.tokens, want[0][0])
    if got.pooled is not None:
        assert torch.equal(got.pooled, want[2][0])


@QUICK
@given(text=st.text(st.sampled_from("ab (),[]:1.\\|<>&🦊é\n"), max_size=300))
def test_any_text_gives_conds(pipe: Any, text: str) -> None:
    found = cond(pipe, text)
    assert len(found.tokens) % 77 == 0


def test_the_mean_of_an_emphasised_text_stays_what_it_was() -> None:
    z = torch.randn(2, 4, 3) + 1
    weights = [[1.0, 1.5, 1.0, 0.5], [1.0, 1.0, 1.0, 2.0]]
    got = emphasised(z, weights, "Original")
    assert got.mean().item() == pytest.approx(z.mean().item(), rel=1e-5)
    assert torch.allclose(got / got[0, 0, 0] * z[0, 0, 0], emphasised(z, weights, "No norm"))
    zero = z - z.mean()
    assert torch.equal(emphasised(zero, weights, "Ignore"), zero)
    assert emphasised(torch.zeros(2, 4, 3), weights, "Original").isfinite().all()


def test_the_ways_of_weighting(pipe: Any) -> None:
    plain = cond(pipe, "a red fox")
    loose = cond(pipe, "a (red:1.6) fox", emphasis="No norm")
    assert torch.allclose(loose.tokens[2], 1.6 * plain.tokens[2])
    assert torch.equal(loose.tokens[1], plain.tokens[1])
    assert torch.equal(cond(pipe, "a (red:1.6) fox", emphasis="Ignore").tokens, plain.tokens)
    assert cond(pipe, "a BREAK b", emphasis="None").tokens.shape[0] == 77
    with pytest.raises(ValueError, match="No norm"):
        WordSettings("Orginal")  # type: ignore[arg-type]


def test_chunks_are_read_one_by_one(pipe: Any) -> None:
    both = cond(pipe, "a red fox BREAK a hill").tokens
    assert torch.equal(both[:77], cond(pipe, "a red fox").tokens)
    assert torch.equal(both[77:], cond(pipe, "a hill").tokens)


def vectors(pipe: Any, name: str, count: int) -> WordVectors:
    torch.manual_seed(count)
    return WordVectors(
        name, {model.component: torch.randn(count, model.width) for model in text_models(pipe)}
    )


def test_the_longest_name_is_found(pipe: Any) -> None:
    names = [vectors(pipe, "red", 1), vectors(pipe, "red fox", 2), vectors(pipe, "Red", 3)]
    vocabulary = Vocabulary(text_models(pipe)[0].tokenize, names)
    (ids,) = text_models(pipe)[0].tokenize(["a red fox, red hat"])
    found = [vocabulary.find(ids, at) for at in range(len(ids))]
    assert [(one[0].name, one[1]) for one in found if one] == [("red fox", 2), ("red", 1)]


def test_an_embedding_stands_in_the_place_of_its_name(pipe: Any) -> None:
    """The same as a word whose vector is that of the embedding."""
    (model, *_) = text_models(pipe)
    (fox,) = model.tokenize(["fox"])[0]
    parts = {
        one.component: one.module.get_input_embeddings().weight[[fox]].detach()
        for one in text_models(pipe)
    }
    word = WordVectors("qqq", parts)
    got = cond(pipe, "a qqq hat", [word])
    assert torch.allclose(got.tokens, cond(pipe, "a fox hat").tokens, atol=1e-6)
    assert not torch.allclose(got.tokens, cond(pipe, "a qqq hat").tokens)
