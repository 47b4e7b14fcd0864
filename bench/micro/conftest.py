"""What benchmarks of whole requests stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.inmemory import Worker


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """A worker without sockets."""
    worker = Worker(tmp_path)
    yield worker
    worker.close()
