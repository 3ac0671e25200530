"""The pure functions of tensors, one by one, against the papers' formulas written as plain sums."""

from __future__ import annotations

import torch
from asked_device import seeded
from live_lora.algorithms import boft, dora, glora, ia3, loha, lokr, lora, oft, peft_oft
from torch import Tensor

OUT, IN, RANK, KERNEL = 6, 4, 3, (3, 2)


def draw(*shape: int) -> Tensor:
    return seeded(*shape, seed=sum(shape), dtype=torch.float64)


def close(got: Tensor, want: Tensor) -> bool:
    return got.shape == want.shape and torch.allclose(got, want, atol=1e-12)


def test_lora_is_up_times_down() -> None:
    down, up = draw(RANK, IN), draw(OUT, RANK)
    want = torch.stack([sum(up[o, q] * down[q] for q in range(RANK)) for o in range(OUT)])
    assert close(lora.delta_weight(down, up), want)


def test_lora_with_a_core_is_a_sum_over_both_ranks() -> None:
    down, up, mid = draw(RANK, IN, 1, 1), draw(OUT, RANK), draw(RANK, RANK, *KERNEL)
    want = torch.zeros(OUT, IN, *KERNEL, dtype=torch.float64)
    for p in range(RANK):
        for q in range(RANK):
            want += up[:, p, None, None, None] * mid[p, q] * down[q, :, 0, 0, None, None]
    assert close(lora.delta_weight(down, up, mid), want)


def test_a_low_rank_delta_keeps_its_core_only_for_a_kernel_of_its_size() -> None:
    down, up, mid = draw(RANK, IN, 1, 1), draw(OUT, RANK), draw(RANK, RANK, *KERNEL)
    assert lora.low_rank(down, up, mid, (OUT, IN, *KERNEL)).mid is mid
    padded = lora.low_rank(down, up, mid[..., :1, :1], (OUT, IN, 3, 3))
    assert padded.mid is None
    assert padded.down.shape == (RANK, IN, 3, 3)


def test_loha_is_a_product_entry_by_entry() -> None:
    first, second = (
        (draw(OUT, RANK), draw(RANK, IN), None),
        (draw(OUT, RANK + 1), draw(RANK + 1, IN), None),
    )
    want = (first[0] @ first[1]) * (second[0] @ second[1])
    assert close(loha.delta_weight(first, second), want)


def test_the_products_of_rows_are_lohas_factors() -> None:
    (a1, b1), (a2, b2) = (draw(OUT, RANK), draw(RANK, IN)), (draw(OUT, 2), draw(2, IN))
    up, down = loha.row_products(a1.t(), a2.t()).t(), loha.row_products(b1, b2)
    assert close(up @ down, (a1 @ b1) * (a2 @ b2))


def test_lokr_is_a_matrix_of_scaled_copies() -> None:
    w1, w2 = draw(2, 3), draw(RANK, IN, *KERNEL)
    flat = w2.flatten(1)
    want = torch.cat([torch.cat([w1[a, c] * flat for c in range(3)], 1) for a in range(2)])
    assert close(lokr.delta_weight(w1, w2), want)


def test_glora_goes_through_w() -> None:
    weight, a1, a2, b = (
        draw(OUT, IN, *KERNEL),
        draw(IN, RANK),
        draw(RANK, IN),
        draw(OUT, IN, *KERNEL),
    )
    want = torch.stack([weight[:, :, y, x] @ a1 @ a2 for y in range(3) for x in range(2)], -1)
    assert close(glora.delta_weight(weight, a1, a2, b), want.view_as(b) + b)


def test_doras_gain_brings_rows_or_columns_to_their_lengths() -> None:
    whole = draw(OUT, IN, *KERNEL)
    for by_output, axis in ((True, 0), (False, 1)):
        length = dora.lengths(whole, by_output, torch.float64)
        assert close(length, torch.stack([part.norm() for part in whole.unbind(axis)]))
        magnitude = draw(whole.shape[axis]).abs()
        gain = dora.gain_of(magnitude, length)
        view = [-1 if at == axis else 1 for at in range(4)]
        scaled = whole * (1 + gain).view(view)
        assert close(dora.lengths(scaled, by_output, torch.float64), magnitude)


def test_a_row_of_zeros_stays_one() -> None:
    gain = dora.gain_of(torch.ones(2), torch.tensor([0.0, 2.0]))
    assert gain.tolist() == [0.0, -0.5]


def test_ia3_scales_rows_or_columns() -> None:
    weight = draw(OUT, IN, *KERNEL)
    rows, columns = draw(OUT), draw(IN)
    assert close(ia3.delta_weight(weight, rows, True), torch.einsum("o...,o->o...", weight, rows))
    want = torch.einsum("oi...,i->oi...", weight, columns)
    assert close(ia3.delta_weight(weight, columns, False), want)


def test_oft_turns_the_rows_and_pefts_the_columns() -> None:
    weight, blocks = draw(OUT, 4), draw(2, 3, 3)
    whole = torch.block_diag(*blocks)
    assert close(oft.delta_weight(weight, blocks), whole.t() @ weight)
    by_columns = draw(5, OUT)
    assert close(peft_oft.delta_weight(by_columns, blocks), by_columns @ whole.t())


def test_one_block_serves_for_all() -> None:
    weight, block = draw(OUT, 4), draw(1, 3, 3)
    whole = torch.block_diag(block[0], block[0])
    assert close(oft.delta_weight(weight, block), whole.t() @ weight)


def test_a_butterfly_is_the_product_of_its_stages() -> None:
    stages = draw(2, 4, 4, 4) / 4
    values = draw(16)
    mixed = values
    for stage, apart in enumerate((2, 4)):
        order = torch.arange(16).view(-1, 2, apart).transpose(1, 2).flatten()
        whole = torch.block_diag(*(stages[stage] + torch.eye(4, dtype=torch.float64)))
        turned = torch.empty(16, dtype=torch.float64)
        turned[order] = mixed[order] @ whole
        mixed = turned
    assert close(boft.butterfly(values, stages), mixed - values)


def test_the_series_of_rotations_nears_the_exact_one() -> None:
    skew = draw(3, 3) / 50
    skew = skew - skew.t()
    identity = torch.eye(3, dtype=torch.float64)
    exact = (identity + skew) @ torch.linalg.inv(identity - skew) - identity
    assert torch.equal(peft_oft.neumann(skew, 1), torch.zeros_like(skew))
    errors = [float((peft_oft.neumann(skew, terms) - exact).norm()) for terms in (1, 2, 5, 8)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-5 * errors[0]
