"""Fixtures of the tests that run on the device which `LIVE_LORA_DEVICE` names."""

from __future__ import annotations

from collections.abc import Iterator

import asked_device
import pytest
from on_device import full_precision


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
def in_full_precision() -> Iterator[None]:
    """As of every test on a device."""
    with full_precision():
        yield
