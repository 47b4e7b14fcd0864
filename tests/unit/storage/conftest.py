"""The two engines that hold the same tables: SQLite in a file, and a real PostgreSQL out of a wheel."""

from pathlib import Path

import pytest

from tianji.storage.location import Location, parse

ENGINES = ("sqlite", "postgresql")


@pytest.fixture(params=ENGINES)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An empty database."""
    if request.param == "sqlite":
        return parse(f"sqlite:///{tmp_path / 'test.db'}")
    server = request.getfixturevalue("postgresql")
    name = f"t{abs(hash(tmp_path)):x}"
    server.psql(f"CREATE DATABASE {name};")
    return parse(server.get_uri(name))
