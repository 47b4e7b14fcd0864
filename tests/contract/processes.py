"""Fixtures of those who test a gateway with nothing else behind it: the edges, and one mock provider."""

from collections.abc import Iterator

import pytest
from tests.contract.harness import EDGES, Mock


@pytest.fixture(scope="session", params=EDGES)
def edge(request: pytest.FixtureRequest) -> str:
    """The edge that gateways stand on. Of the session, so that tests run edge by edge and share their gateway."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def mock_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mock]:
    with Mock(tmp_path_factory.mktemp("mock")) as mock:
        yield mock


@pytest.fixture
def mock(mock_process: Mock) -> Iterator[Mock]:
    """The mock provider, with a clean memory; what comes after may ask it without this and gets the usual answers."""
    mock_process.reset()
    yield mock_process
    mock_process.drop_rules()
