"""A hot restart of the whole gateway: streams of upstreams go on, and a bad configuration changes nothing."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock, eventually, openai_model

pytestmark = [
    pytest.mark.usefixtures("mock"),
    pytest.mark.parametrize("edge", ["native"], indirect=True, scope="session"),  # Granian has no restart
]


def config(mock: Mock, *names: str) -> dict[str, object]:
    return {"model_list": [openai_model(name, name, mock.url) for name in names]}


@pytest.fixture
def gateway(start_gateway: StartGateway, mock: Mock, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway on the native edge; whichever process is in charge at the end ends well."""
    file = tmp_path / "gateway.pid"
    native = start_gateway(config(mock, "old"), args=["--pid-file", str(file), "--grace", "20"])
    yield native
    native.client.close()  # an idle connection is let go of by who keeps it
    if native.process.poll() is None and in_charge(file) == native.process.pid:
        return
    os.kill(in_charge(file), signal.SIGTERM)
    eventually(lambda: not file.exists(), "the last process ends")


def in_charge(file: Path) -> int:
    return int(file.read_text())


def test_a_stream_outlives_the_process_that_began_it(gateway: Gateway, mock: Mock, tmp_path: Path) -> None:
    mock.control({"token_rate": 20, "tokens": 30}, model="old")
    body = {"model": "old", "messages": [], "stream": True}
    with gateway.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("data: ")
        gateway.process.send_signal(signal.SIGUSR2)
        eventually(lambda: in_charge(tmp_path / "gateway.pid") != gateway.process.pid, "another one is in charge")
        rest = [line for line in lines if line]
    assert rest[-1] == "data: [DONE]"
    assert len(rest) == 32
    assert gateway.process.wait(timeout=20) == 0
    assert gateway.models() == ["old"]


def test_a_bad_configuration_is_refused_and_the_old_process_goes_on(
    gateway: Gateway, mock: Mock, tmp_path: Path
) -> None:
    gateway.write("model_list: 5")
    gateway.process.send_signal(signal.SIGUSR2)
    eventually(lambda: "left with exit code 2 before it served" in gateway.log, "it is refused")
    assert f"{gateway.file}:1" in gateway.log
    assert in_charge(tmp_path / "gateway.pid") == gateway.process.pid
    assert gateway.models() == ["old"]
    gateway.write(config(mock, "new"))
    gateway.process.send_signal(signal.SIGUSR2)
    assert gateway.process.wait(timeout=20) == 0
    assert gateway.models() == ["new"]
