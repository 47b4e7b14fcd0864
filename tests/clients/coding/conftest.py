"""Coding agents: a folder to work in, a home of their own, and no way out but the gateway."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from tests.clients.conftest import READY

Run = Callable[[Sequence[str], Mapping[str, str]], str]
WORD = "heron-7f3a"  # what nobody says who has not read the file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    return made


@pytest.fixture
def work(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    (made / "note.txt").write_text(f"the word is {WORD}\n")
    return made


@pytest.fixture
def outside() -> Iterator[str]:
    """The address of a proxy for all that is not on this machine; nobody may have asked it for anything."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.fixture
def run(home: Path, work: Path, outside: str) -> Run:
    """Run an agent to its end and return what it printed: `run(command line, environment)`."""

    def ran(line: Sequence[str], env: Mapping[str, str]) -> str:
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), outside)
        ended = subprocess.run(
            [str(READY / "node" / "node_modules" / ".bin" / line[0]), *line[1:]],
            cwd=work,
            env={
                "PATH": f"{READY / 'node' / 'bin'}:{os.environ['PATH']}",
                "HOME": str(home),
                **proxies,
                "NO_PROXY": "127.0.0.1,localhost",
                **env,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    return ran
