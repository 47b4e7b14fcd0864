"""Where a gateway's database is.

1. `general_settings.database_url`, else the variable DATABASE_URL: a PostgreSQL server or an SQLite file.
2. Else `tianji.db` in the data folder: TIANJI_DATA_DIR, or `tianji-data` beside the configuration. It is made when
   something has to be kept for the first time; until then there is no database, and nothing is loaded for one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from tianji.errors import ConfigurationError

FOLDER: Final = "tianji-data"
FILE: Final = "tianji.db"
JOURNALS: Final = "journals"
_POSTGRESQL: Final = ("postgresql", "postgres", "postgresql+asyncpg")
_SQLITE: Final = ("sqlite", "sqlite+aiosqlite")
_PRISMA: Final = frozenset(  # parameters of another client, which ours does not know
    {
        "connection_limit",
        "pool_timeout",
        "pgbouncer",
        "schema",
        "socket_timeout",
        "connect_timeout",
        "statement_cache_size",
    }
)


class Location(msgspec.Struct, frozen=True):
    """One database. `url` is SQLAlchemy's and may hold a password; `file` is the SQLite file, None for a server."""

    url: str
    file: Path | None = None

    @property
    def exists(self) -> bool:
        """Whether there is something to ask: a server that was named, or a file."""
        return self.file is None or self.file.exists()


def locate(database_url: str | None, environ: Mapping[str, str], configuration: Path | None) -> Location:
    """Find the database by the rules above. Raises ConfigurationError for an address that no engine here serves."""
    named = database_url or environ.get("DATABASE_URL")
    if named:
        return parse(named)
    return _file(data_folder(environ, configuration) / FILE)


def data_folder(environ: Mapping[str, str], configuration: Path | None) -> Path:
    """Return the folder for what this gateway keeps. `configuration`: its file, None for the working directory."""
    chosen = environ.get("TIANJI_DATA_DIR")
    if chosen:
        return Path(chosen)
    return (Path.cwd() if configuration is None else configuration.absolute().parent) / FOLDER


def journals(environ: Mapping[str, str], configuration: Path | None) -> Path:
    """Return the folder for what waits to come into the ledger: on this machine, wherever the database is."""
    return data_folder(environ, configuration) / JOURNALS


def parse(url: str) -> Location:
    """Read an address as it is written in configurations. Raises ConfigurationError; the message holds no password."""
    parts = urlsplit(url)
    if parts.scheme in _SQLITE:
        path = parts.path.removeprefix("/")
        if not path or path == ":memory:":
            raise ConfigurationError(
                "database_url names no file; write sqlite:///relative.db or sqlite:////absolute.db"
            )
        return _file(Path(path).absolute())
    if parts.scheme not in _POSTGRESQL:
        raise ConfigurationError(
            f"database_url begins with {parts.scheme or 'no scheme'}; write postgresql://user:password@host/name "
            "or sqlite:////path/to/file.db"
        )
    query = {name: value for name, value in parse_qsl(parts.query) if name not in _PRISMA}
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return Location(urlunsplit(("postgresql+asyncpg", parts.netloc, parts.path, urlencode(query), "")))


def _file(file: Path) -> Location:
    return Location(f"sqlite+aiosqlite:///{file}", file)
