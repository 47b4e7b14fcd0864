"""What holds for every unit test: nothing of a call outlives its module. And databases, made once and copied."""

import gc
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tianji._core.requests.attempt import Attempt
from tianji._core.requests.forward import Forward
from tianji._core.streams.sse import ChatStream
from tianji._core.upstreams.http1 import Call, Connection
from tianji._core.upstreams.multiplex import Stream
from tianji._core.upstreams.pool import Shelf
from tianji.storage.location import Location, parse
from tianji.storage.migration import migrate

# what migrations put into tables is kept beside them
KEEP_FORM = """
\\set ON_ERROR_STOP on
CREATE SCHEMA form;
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('CREATE TABLE form.%I AS SELECT * FROM public.%I', name, name);
  END LOOP;
END $$;
"""
EMPTIED_FORM = """
\\set ON_ERROR_STOP on
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$ DECLARE every text; name text; BEGIN
  SELECT string_agg(format('public.%I', tablename), ', ') INTO every FROM pg_tables WHERE schemaname = 'public';
  EXECUTE 'TRUNCATE ' || every || ' RESTART IDENTITY CASCADE';
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'form' LOOP
    EXECUTE format('INSERT INTO public.%I SELECT * FROM form.%I', name, name);
  END LOOP;
END $$;
"""
SHORT_LIVED = (Call, Connection, Stream, Shelf, Forward, Attempt, ChatStream)


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_left() -> Iterator[None]:
    """Fail when calls, connections or streams of a module's tests are still referred to after the last one."""
    gc.freeze()  # what modules before this one have loaded need not be looked through again
    yield
    gc.collect()
    left = Counter(type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, SHORT_LIVED))
    assert not left, "something still refers to what should be gone"


@pytest.fixture(scope="session")
def form(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a database in the form of this version: to migrate one takes longer than most tests of them."""
    file = tmp_path_factory.mktemp("form") / "form.db"
    migrate(parse(f"sqlite:///{file}"))
    assert [path.name for path in file.parent.iterdir()] == [file.name], "all of it is in the one file"
    return file


@pytest.fixture(scope="session")
def form_on_server(postgresql: Any) -> str:
    """The address of such a database on a server, which `EMPTIED_FORM` empties again."""
    postgresql.psql("CREATE DATABASE form;")
    address: str = postgresql.get_uri("form")
    migrate(parse(address))
    postgresql.psql(f"\\c form\n{KEEP_FORM}")
    return address


@pytest.fixture(params=("sqlite", "postgresql"))
def migrated(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """A database in the form of this version, with nothing in it."""
    return migrated_on(request.param, request, tmp_path)


def migrated_on(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """Copy a database in the form of this version, with nothing in it."""
    if engine == "sqlite":
        return parse(f"sqlite:///{shutil.copy(request.getfixturevalue('form'), tmp_path / 'test.db')}")
    address = request.getfixturevalue("form_on_server")
    request.getfixturevalue("postgresql").psql(f"\\c form\n{EMPTIED_FORM}")
    return parse(address)
