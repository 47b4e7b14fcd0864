"""The gateways that the rows of the conformance table run in.

A row is about routing, which knows no edge, so each runs on one of them: the next row on the other. That takes half of
the time, and both edges still meet rows of every kind.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.conftest import is_of_its_edge
from tests.contract.harness import Mock

from .stage import AHEAD, Rig, Stage
from .table import Row


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave each row to one edge."""
    here = Path(__file__).parent
    items[:] = [item for item in items if here not in item.path.parents or _on_its_edge(item)]


def _on_its_edge(item: pytest.Item) -> bool:
    params = getattr(item, "callspec", None) and item.callspec.params
    return not params or "row" not in params or is_of_its_edge(item)


@pytest.fixture(scope="session")
def rig(edge: str, mock_process: Mock, dead_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The gateways of an edge."""
    made = Rig(edge, mock_process, dead_url, [tmp_path_factory.mktemp(f"stage-{edge}") for _ in range(AHEAD)])
    yield made
    made.stop()


@pytest.fixture
def stage(request: pytest.FixtureRequest, rig: Rig, mock: Mock, row: Row) -> Stage:
    """A gateway that has the configuration of the test's row; those of the next tests are on their way."""
    items = request.session.items
    following = items[items.index(request.node) + 1 :][:AHEAD]
    rig.prepare([row, *(item.callspec.params["row"] for item in following if _has_row(item, request))])
    return rig.stage(row)


def _has_row(item: pytest.Item, request: pytest.FixtureRequest) -> bool:
    """Whether a test that comes later is for a row on the same edge."""
    params = getattr(item, "callspec", None) and item.callspec.params
    return bool(params) and "row" in params and params.get("edge") == request.node.callspec.params["edge"]
