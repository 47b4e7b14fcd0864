"""The gateways that the rows of the conformance table run in. A row is about routing, so each runs on one edge."""

from collections.abc import Iterator

import pytest
from tests.contract.harness import Mock

from .stage import AHEAD, Rig, Stage
from .table import Row


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
