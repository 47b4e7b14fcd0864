from pathlib import Path

import pytest

from tianji.errors import ConfigurationError
from tianji.storage.location import data_folder, locate, parse


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("postgresql://u:p%40@h:5432/n", "postgresql+asyncpg://u:p%40@h:5432/n"),
        ("postgres://h/n?sslmode=require", "postgresql+asyncpg://h/n?ssl=require"),
        ("postgresql://h/n?connection_limit=5&schema=public", "postgresql+asyncpg://h/n"),
        ("postgresql+asyncpg://h/n", "postgresql+asyncpg://h/n"),
    ],
)
def test_addresses_of_servers(written: str, url: str) -> None:
    found = parse(written)
    assert (found.url, found.file, found.exists) == (url, None, True)


def test_addresses_of_files(tmp_path: Path) -> None:
    found = parse(f"sqlite:///{tmp_path}/a.db")
    assert found.file == tmp_path / "a.db"
    assert not found.exists
    found.file.touch()
    assert found.exists
    assert parse("sqlite:///a.db").file == Path.cwd() / "a.db"


@pytest.mark.parametrize("written", ["mysql://u:secret@h/n", "h/n", "sqlite://", "sqlite:///:memory:"])
def test_what_no_engine_serves_is_refused_without_its_password(written: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(written)
    assert "secret" not in caught.value.message


def test_the_setting_wins_over_the_variable_and_both_over_the_folder(tmp_path: Path) -> None:
    environ = {"DATABASE_URL": "postgresql://h/variable"}
    assert locate("postgresql://h/setting", environ, None).url.endswith("/setting")
    assert locate(None, environ, None).url.endswith("/variable")
    assert locate(None, {}, tmp_path / "config.yaml").file == tmp_path / "tianji-data" / "tianji.db"
    assert locate(None, {"TIANJI_DATA_DIR": "/d"}, tmp_path / "c").file == Path("/d/tianji.db")
    assert data_folder({}, None) == Path.cwd() / "tianji-data"
