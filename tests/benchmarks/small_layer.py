"""Thread CPU time that LoRAs add to a small layer, beside a hook written by hand.

python tests/benchmarks/small_layer.py
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)
from engine_run import applied
from live_lora.deltas import LowRank


def main(pairs: int = 40, calls: int = 2000) -> None:
    """Thread CPU time that a hook adds to a Linear 8 → 8, beside one written by hand."""
    layer, x = nn.Linear(8, 8), torch.randn(2, 4, 8)

    def timed() -> float:
        start = time.thread_time()
        for _ in range(calls):
            layer(x)
        return (time.thread_time() - start) / calls * 1e6

    for count in (1, 4):
        lows = [LowRank(torch.randn(4, 8), torch.randn(8, 4)) for _ in range(count)]
        down = torch.cat([low.down for low in lows])
        up_t = torch.cat([0.7 * low.up for low in lows], 1).t()

        def by_hand(
            module: nn.Module, args: Any, out: Tensor, down: Any = down, up_t: Any = up_t
        ) -> Tensor:
            out.view(-1, 8).addmm_(F.linear(args[0], down).view(-1, len(down)), up_t)
            return out

        bare, hand, ours = [], [], []
        with torch.no_grad():
            for _ in range(pairs):
                bare.append(timed())
                handle = layer.register_forward_hook(by_hand)
                hand.append(timed())
                handle.remove()
                with applied(layer, lows, 0.7):
                    ours.append(timed())
        base = min(bare)
        print(
            f"{count} LoRAs: bare {base:.2f} µs, by hand +{min(hand) - base:.2f}, live "
            f"+{min(ours) - base:.2f}: {(min(ours) - base) / (min(hand) - base):.3f} of by hand"
        )


if __name__ == "__main__":
    main()
