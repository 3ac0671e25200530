"""With `LIVE_LORA_DEVICE`, the tests of what computes on a device have their tensors there.

Whatever such a test, or a fixture of any scope for it, makes without naming a device, is made on
that one: layers, inputs, factors, pipelines. What is to be elsewhere says so (`device="cpu"`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from asked_device import device

TESTS = Path(__file__).parent
MOVED = (
    "engine",
    "algorithms",
    "app",
    "hosts/test_compiled_pipeline.py",
    "hosts/test_diffusers.py",
    "hosts/test_fused_pipeline.py",
    "hosts/test_modules.py",
    "hosts/test_pipeline_words.py",
    "test_oracles.py",
    "test_attach_oracles.py",
)
# Where the CPU itself is what is tested, or stands in for a device.
STAYING = ("test_cached_delta.py", "test_costs.py", "test_mask.py", "test_quantised.py")


class OnDevice:
    """A plugin of pytest."""

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        """Around the import of a file: some layers are made there."""
        with moved(collector.path):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Around set-up, call and tear-down of each test."""
        with moved(item.path):
            return (yield)


@contextmanager
def moved(path: Path) -> Iterator[None]:
    """What is made inside is made on the device, where the tests of this file are to be there."""
    named = any(path.is_relative_to(TESTS / one) for one in MOVED)
    if named and path.name not in STAYING:
        with device(), full_precision():
            yield
    else:
        yield


@contextmanager
def full_precision() -> Iterator[None]:
    """32 bits are 32 bits: on a GPU, convolutions may have 10 bits of mantissa otherwise."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
