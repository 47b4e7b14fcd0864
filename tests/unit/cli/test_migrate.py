"""`tianji migrate`."""

import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from tianji.cli import main, migrate
from tianji.storage.migrations import HEAD

CONFIG = "general_settings: {{database_url: 'sqlite:///{}'}}\nmodel_list: []\n"


def run(*arguments: str, **environ: str) -> tuple[int, str]:
    names = ("DATABASE_URL", "TIANJI_DATA_DIR", "TIANJI_MASTER_KEY")
    result = CliRunner().invoke(main, ["migrate", *arguments], env={**dict.fromkeys(names), **environ})
    return result.exit_code, result.output


def revision(file: Path) -> str:
    with sqlite3.connect(file) as connection:
        (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    connection.close()
    return str(found)


def test_the_folder_gets_a_database(tmp_path: Path) -> None:
    assert run(TIANJI_DATA_DIR=str(tmp_path / "data")) == (0, "the database is up to date\n")
    assert revision(tmp_path / "data" / "tianji.db") == HEAD


def test_the_configuration_names_it(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG.format(tmp_path / "named.db"))
    code, _ = run("--config", str(tmp_path / "config.yaml"), TIANJI_DATA_DIR=str(tmp_path / "other"))
    assert code == 0
    assert revision(tmp_path / "named.db") == HEAD
    assert not (tmp_path / "other").exists()


def test_what_cannot_be_used_ends_with_2() -> None:
    code, output = run(DATABASE_URL="mysql://u:secret@h/n")
    assert code == 2
    assert "mysql" in output
    assert "secret" not in output


def test_a_database_that_is_away_ends_with_1() -> None:
    code, output = run(DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert (code, "does not answer" in output) == (1, True)


@pytest.mark.parametrize(
    ("flags", "code", "asked"), [((), 1, 1), (("--wait",), 0, 3), (("--wait", "--timeout", "0"), 1, 1)]
)
def test_waiting(monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], code: int, asked: int) -> None:
    answers = [migrate.Outcome(unavailable="away"), migrate.Outcome(unavailable="away"), migrate.Outcome()]
    monkeypatch.setattr(migrate, "migrate", lambda *_: answers.pop(0))
    monkeypatch.setattr(migrate, "PAUSE", 0.0)
    assert run(*flags)[0] == code
    assert len(answers) == 3 - asked


def test_a_start_goes_on_without_a_database(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("model_list: []\n")
    migrate.at_start(tmp_path / "config.yaml", {"DATABASE_URL": "postgresql://127.0.0.1:1/none"}, asks=True)
    assert "was not migrated" in capfd.readouterr().err
