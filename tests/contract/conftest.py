"""The processes of the contract tests: one mock provider, one gateway for most, more on request."""

from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

import pytest
from tests.contract.harness import EDGES, Gateway, Mock, default_config, inherited, refusing_address
from tests.contract.nursery import Nursery
from tests.contract.processes import edge, mock, mock_process
from tests.fakes.ears import Ears
from tests.fakes.judge import Judge
from tests.fakes.vendors import Vendors

__all__ = ["edge", "mock", "mock_process"]

StartGateway = Callable[..., Gateway]


# what an edge does itself, and a story whose parts need each other; everything else lies behind both
OF_EDGES = frozenset({
    "test_broken_upstream", "test_disconnect", "test_edge_places", "test_edge_processes", "test_edge_requests",
    "test_edge_streams", "test_edge_tls", "test_fidelity",
    "test_gateway_restart", "test_half_open", "test_hot_restart", "test_http2", "test_many_streams",
    "test_live", "test_management", "test_memory", "test_openai_client", "test_realtime", "test_reload",
    "test_response_sockets", "test_serve",
    "test_sockets", "test_tasks", "test_uploads", "test_workers",
})  # fmt: skip


# where what is tested is how a gateway starts, what it loads by itself, or what memory it takes
OF_ITS_START = frozenset({
    "test_edge_choice", "test_gateway_restart", "test_hot_restart", "test_ledger", "test_live", "test_many_streams",
    "test_memory", "test_serve", "test_workers",
})  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what is not about edges to one of them, half of the tests to each: both meet tests of every kind."""
    here = Path(__file__).parent
    items[:] = [
        item for item in items if here not in item.path.parents or item.path.stem in OF_EDGES or is_of_its_edge(item)
    ]


def is_of_its_edge(item: pytest.Item) -> bool:
    """Whether an item stands for the edge that its test is left to; one that stands on none does."""
    params = getattr(item, "callspec", None) and item.callspec.params
    if not params or "edge" not in params:
        return True
    edge = params["edge"]
    name = own_gateway(item) or item.nodeid.replace(f"[{edge}-", "[").replace(f"-{edge}]", "]").replace(f"[{edge}]", "")
    return EDGES[crc32(name.encode()) % len(EDGES)] == edge


def own_gateway(item: pytest.Item) -> str:
    """Return the file or folder whose gateway an item shares, which need not be started on both edges; "" for none."""
    fixtures = getattr(item, "_fixtureinfo", None)
    found = fixtures.name2fixturedefs.get("gateway") if fixtures is not None else None
    return found[-1].baseid if found and found[-1].baseid != "tests/contract" else ""


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery(inherited()) as running:
        yield running


@pytest.fixture(autouse=True, scope="module")
def _where_gateways_begin(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fork gateways from one process, but where their start is what is tested."""
    if request.path.stem in OF_ITS_START:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Gateway, "begin", request.getfixturevalue("nursery").begin)
        yield


@pytest.fixture(scope="session")
def judge_process() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


@pytest.fixture
def judge(judge_process: Judge) -> Judge:
    """The vendor of guardrails, with a clean memory."""
    judge_process.reset()
    return judge_process


@pytest.fixture(scope="module")
def ears() -> Iterator[Ears]:
    """Destinations of callbacks and alerts."""
    with Ears() as listening:
        yield listening


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    """Upstreams that answer as they are told to."""
    with Vendors() as running:
        yield running


@pytest.fixture(scope="session")
def dead_url() -> Iterator[str]:
    """An address where nobody listens, and nobody else can."""
    bound, url = refusing_address()
    with bound:
        yield url


@pytest.fixture(scope="session")
def gateway(
    edge: str, mock_process: Mock, dead_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """The gateway that most tests share; see harness.default_config."""
    config = default_config(mock_process.url, dead_url)
    with Gateway(config, tmp_path_factory.mktemp("gateway"), edge=edge) as running:
        yield running


@pytest.fixture
def start_gateway(edge: str, tmp_path: Path) -> Iterator[StartGateway]:
    """Start gateways of the test's own: `start_gateway(config, env=..., workers=..., args=...)`."""
    running: list[Gateway] = []

    def start(config: object, **options: object) -> Gateway:
        running.append(Gateway(config, tmp_path, edge=edge, **options))  # type: ignore[arg-type]  # checked by Gateway
        return running[-1]

    yield start
    for gateway in running:
        gateway.stop()
