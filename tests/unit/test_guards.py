"""The guards of tests/conftest.py do guard."""

import asyncio
import os
import socket
from pathlib import Path

import pytest
from blockbuster import BlockingError

from tianji.config.loader import load

CONFIGURATION = Path(__file__).parents[2] / "examples" / "production.yaml"


async def test_code_that_blocks_its_loop_is_caught() -> None:
    with pytest.raises(BlockingError):
        load(CONFIGURATION, {})
    await asyncio.to_thread(load, CONFIGURATION, {"TIANJI_MASTER_KEY": "sk-0123456789abcdef"})


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 80)])
async def test_no_other_machine_is_reached(address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as plain:
        plain.settimeout(0.01)
        with pytest.raises(AssertionError, match="beyond this machine"):
            plain.connect(address)
        plain.setblocking(False)
        with pytest.raises(AssertionError, match="beyond this machine"):
            await asyncio.get_running_loop().sock_connect(plain, address)
    with pytest.raises(AssertionError, match="beyond this machine"):
        socket.getaddrinfo("api.openai.com", 443)


def test_the_machines_own_settings_are_hidden() -> None:
    assert [name for name in os.environ if name.endswith(("_API_KEY", "_PROXY")) or "TIANJI" in name] == []
