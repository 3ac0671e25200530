"""Fixtures of the tests that run on the device which `LIVE_LORA_DEVICE` names."""

from __future__ import annotations

from collections.abc import Iterator

import asked_device
import pytest
import torch


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test in each dtype, on the one device."""
    if "device" in metafunc.fixturenames:
        try:
            metafunc.parametrize("device", [asked_device.device()], ids=str)
        except RuntimeError as error:  # nothing is tested on another one in silence
            raise pytest.UsageError(str(error)) from error
    if "dtype" in metafunc.fixturenames:
        metafunc.parametrize("dtype", asked_device.dtypes(), ids=str)


@pytest.fixture(autouse=True)
def full_precision() -> Iterator[None]:
    """32 bits are 32 bits: on a GPU, convolutions may have 10 bits of mantissa otherwise."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before
