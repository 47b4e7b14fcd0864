"""The two engines that hold the same tables: SQLite in a file, and a real PostgreSQL out of a wheel."""

from pathlib import Path

import pytest

from tianji.storage.location import Location, parse

ENGINES = ("sqlite", "postgresql")
EMPTIED = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
"""


@pytest.fixture(params=ENGINES)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An empty database."""
    if request.param == "sqlite":
        return parse(f"sqlite:///{tmp_path / 'test.db'}")
    server = request.getfixturevalue("emptied")
    server.psql(f"\\c emptied\n{EMPTIED}")
    return parse(server.get_uri("emptied"))
