"""A gateway whose upstream keys are canaries: texts that must never be seen anywhere but upstream."""

from collections.abc import Iterator

import pytest
from tests.contract.harness import Gateway, Mock, default_config, refusing_address


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mock]:
    with Mock(tmp_path_factory.mktemp("mock")) as mock:
        yield mock


@pytest.fixture(scope="module")
def gateway(mock: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """It logs all that it can, in JSON."""
    bound, dead = refusing_address()
    arguments = ["--access-log", "--log-format", "json", "--detailed_debug"]
    with bound, Gateway(default_config(mock.url, dead), tmp_path_factory.mktemp("gateway"), args=arguments) as running:
        yield running
