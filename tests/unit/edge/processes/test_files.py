"""The files that are watched, and the one that is written."""

import os

import pytest

from tianji.edge.processes.pid_file import PidFile
from tianji.edge.processes.watch import Watch
from tianji.errors import ConfigurationError


@pytest.mark.parametrize("after", ["longer than before", None], ids=["changed", "gone"])
def test_a_change_is_seen_once(tmp_path, after):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("1")
    watch = Watch((first, second))
    assert not watch.changed()
    if after is None:
        first.unlink()
    else:
        first.write_text(after)
    assert watch.changed()
    assert not watch.changed()
    second.write_text("it comes")
    assert watch.changed()


def test_a_pid_file_is_written_by_who_serves_and_removed_by_who_wrote_it(tmp_path):
    file = tmp_path / "run.pid"
    file.write_text("4711\n")
    own = PidFile(file)
    assert file.read_text() == "4711\n"
    own.claim()
    assert file.read_text() == f"{os.getpid()}\n"
    own.release()
    assert list(tmp_path.iterdir()) == []


def test_a_pid_file_of_a_successor_stays(tmp_path):
    file = tmp_path / "run.pid"
    own = PidFile(file)
    own.claim()
    file.write_text("4711\n")
    own.release()
    assert [path.name for path in tmp_path.iterdir()] == ["run.pid"]


def test_who_never_served_leaves_the_file_alone(tmp_path):
    file = tmp_path / "run.pid"
    file.write_text("4711\n")
    PidFile(file).release()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["4711\n"]


def test_a_pid_file_that_cannot_be_written_is_told_before_anything_is_served(tmp_path):
    with pytest.raises(ConfigurationError, match=r"pid file .*nowhere/run\.pid cannot be written \(No such file"):
        PidFile(tmp_path / "nowhere" / "run.pid")


def test_without_a_pid_file_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = PidFile(None)
    own.claim()
    assert not list(tmp_path.iterdir())
    own.release()
