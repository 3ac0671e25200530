"""Which device and dtypes the tests of this folder have."""

from __future__ import annotations

import asked_device
import pytest
import torch


def test_the_device_is_the_one_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVE_LORA_DEVICE", raising=False)
    assert (asked_device.device().type, asked_device.dtypes()) == ("cpu", [torch.bfloat16])
    monkeypatch.setenv("LIVE_LORA_DEVICE", "cpu")  # every dtype, as on any other device
    assert asked_device.device() == torch.device("cpu")
    assert asked_device.dtypes() == [torch.float32, torch.float16, torch.bfloat16]


@pytest.mark.parametrize("name", ["cuda", "nonsense"])
def test_a_device_that_is_not_here_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "cuda" and torch.cuda.is_available():
        pytest.skip("it is here")
    monkeypatch.setenv("LIVE_LORA_DEVICE", name)
    with pytest.raises(RuntimeError, match=f"LIVE_LORA_DEVICE={name}: "):
        asked_device.device()


def test_a_test_gets_it(device: torch.device, dtype: torch.dtype) -> None:
    assert device == asked_device.device()
    assert dtype in asked_device.dtypes()
