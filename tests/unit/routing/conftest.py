"""Simulated gateways for the tests of routing."""

from pathlib import Path
from typing import Any

import pytest

from .simulation import Make, World


@pytest.fixture
def world(tmp_path: Path) -> Make:
    """Make a gateway of the conformance table's notation; see simulation.World."""

    def make(groups: str, **options: Any) -> World:
        return World(tmp_path, groups, **options)

    return make
