"""The clients for Node.js: each file beside this one is a run of node's own test runner."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.clients.conftest import CLAUDE, GEMINI, GPT, READY, RESPONSES
from tests.contract.harness import MASTER_KEY, Gateway, Mock

HERE = Path(__file__).parent
HOME = READY / "node"


@pytest.mark.parametrize("file", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_node(gateway: Gateway, mock: Mock, file: str) -> None:
    ended = subprocess.run(
        # a module is looked for beside its link, where the packages are
        [
            str(HOME / "bin" / "node"),
            "--test-reporter=tap",
            "--preserve-symlinks",
            "--preserve-symlinks-main",
            "--import",
            "./tests/loopback.mjs",
            f"tests/{file}",
        ],
        cwd=HOME,
        env={
            "PATH": os.environ["PATH"],
            "GATEWAY": gateway.url,
            "MOCK": mock.url,
            "KEY": MASTER_KEY,
            "MODELS": f"{GPT} {CLAUDE} {GEMINI} {RESPONSES}",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "# fail 0" in ended.stdout
