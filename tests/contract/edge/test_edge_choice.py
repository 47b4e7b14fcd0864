"""Which edge serves a configuration where nobody names one."""

import os
import signal
from pathlib import Path
from typing import Any

from tests.contract.harness import MASTER_KEY, Gateway, Mock, eventually, openai_model
from tests.fakes.websocket import Client

TALKS = "native edge: model `voice` holds realtime sessions; --edge granian overrides"
SURPRISE = "a WebSocket is served by Granian"


def is_native(gateway: Gateway) -> bool:
    (worker,) = gateway.workers()
    return "_granian." not in Path(f"/proc/{worker}/maps").read_text()


def config(mock: Mock, *models: dict[str, Any]) -> dict[str, Any]:
    return {"model_list": [openai_model("echo", "echo", mock.url), *models]}


def stored(mock: Mock, folder: Path) -> dict[str, Any]:
    """One whose database holds models, too; the other test migrates none."""
    return {
        **config(mock),
        "general_settings": {"store_model_in_db": True, "database_url": f"sqlite:///{folder / 'test.db'}"},
        "litellm_settings": {"provider_url_destination_allowed_hosts": ["127.0.0.1"]},
    }


def converse(gateway: Gateway) -> Client:
    client = Client(gateway.connect(), "/v1/realtime?model=echo", authorization=f"Bearer {MASTER_KEY}")
    client.drop()
    return client


def test_the_native_one_where_the_file_means_conversations(mock: Mock, tmp_path: Path) -> None:
    voice, named = openai_model("voice", "gpt-realtime", mock.url), tmp_path / "pid"
    with Gateway(config(mock, voice), tmp_path, edge=None, args=["--pid-file", str(named)]) as gateway:
        assert is_native(gateway)
        converse(gateway)
        assert TALKS in gateway.log
        gateway.write(config(mock))
        gateway.process.send_signal(signal.SIGUSR2)
        assert gateway.process.wait(timeout=30) == 0
        successor = int(named.read_text())
        os.kill(successor, signal.SIGTERM)
        eventually(lambda: not named.exists(), "the successor has left", 30)
    assert "native edge: this process takes the place of one that serves with it" in gateway.log
    assert SURPRISE not in gateway.log


def test_granian_where_nothing_does_until_the_database_means_some(mock: Mock, tmp_path: Path) -> None:
    with Gateway(stored(mock, tmp_path), tmp_path, edge=None) as gateway:
        assert not is_native(gateway)
        assert "Granian edge: nothing in the configuration means realtime sessions" in gateway.log
        assert SURPRISE not in gateway.log
        for _ in range(2):
            converse(gateway)
        voice = openai_model("voice", "gpt-realtime", mock.url)
        assert gateway.post("/model/new", voice).status_code == 200
    assert gateway.log.count(SURPRISE) == 1
    with Gateway(gateway.file, tmp_path, edge=None) as again:
        assert is_native(again)
        assert "voice" in again.models()
    assert TALKS in again.log
