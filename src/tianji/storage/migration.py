"""Brings a database to the form that this version knows. Loads Alembic, which nothing else does."""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from tianji.errors import ConfigurationError, StoreUnavailable
from tianji.storage.engine import Database
from tianji.storage.location import Location

PATIENCE: Final = 3600.0  # seconds for one statement: to index many millions of rows, or until another one has done it


def migrate(location: Location, revision: str = "head") -> None:
    """Upgrade the database at `location`, making it if need be. Whoever comes second waits and finds it done.

    Raises StoreUnavailable when it does not answer or cannot be made, ConfigurationError when a newer version of this
    program has migrated it.
    """
    if location.file is not None:
        _create(location.file)
    asyncio.run(_migrate(location, revision))


def revisions() -> list[str]:
    """Return all revisions, the first one first."""
    scripts = ScriptDirectory.from_config(_config(None))
    return [script.revision for script in scripts.walk_revisions()][::-1]


async def _migrate(location: Location, revision: str) -> None:
    database = Database(location, pool=1, patience=PATIENCE)
    try:
        async with database.writing() as connection:
            await connection.run_sync(_upgrade, revision)
    except CommandError as error:
        raise ConfigurationError(
            f"the database cannot be migrated: {error}. A newer version made it: use that version, or a backup"
        ) from error
    finally:
        await database.close()


def _create(file: Path) -> None:
    """Make the file and its folder, readable by their owner only.

    A file that is there is not touched: closing it would let go of the locks that connections of this process hold
    (fcntl_locking(2)), and whoever else closes his last one would take the journal away from them.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StoreUnavailable(
            f"the data folder cannot be written ({error.strerror}); set TIANJI_DATA_DIR to a folder that can, "
            "or DATABASE_URL to a PostgreSQL server"
        ) from error


def _upgrade(connection: sa.Connection, revision: str) -> None:
    command.upgrade(_config(connection), revision)


def _config(connection: sa.Connection | None) -> Config:
    attributes: dict[str, Any] = {"connection": connection}
    config = Config(attributes=attributes)
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config
