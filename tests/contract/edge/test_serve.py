"""The program as a whole: the demo that needs nothing, draining, and workers that outlive nobody."""

import json
import os
import re
import signal
from pathlib import Path

import httpx
import openai
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock, Process, client_at, eventually, openai_model

ASK = [{"role": "user", "content": "one two three"}]


def test_the_demo_serves_the_official_client(edge: str, tmp_path: Path) -> None:
    arguments = ["serve", "--quickstart", "--port", "0", "--edge", edge]
    with Process(arguments, tmp_path, {"TIANJI_DATA_DIR": str(tmp_path)}) as demo:
        assert demo.process.stdout is not None
        key = demo.process.stdout.readline().decode().split()[1]
        with openai.OpenAI(base_url=f"{demo.url}/v1", api_key=key, max_retries=0) as client:
            assert [model.id for model in client.models.list()] == ["demo"]
            with client.chat.completions.create(model="demo", messages=ASK, stream=True, max_tokens=5) as stream:
                chunks = list(stream)
        told = demo.process.stdout.read1().decode()  # type: ignore[attr-defined]  # buffered, as any pipe's
    assert sum(bool(chunk.choices[0].delta.content) for chunk in chunks) == 5
    assert f"curl {demo.url}/v1/chat/completions" in told
    assert f'OpenAI(base_url="{demo.url}/v1", api_key="{key}")' in told
    assert re.fullmatch(r"sk-[\w-]{32}", key)
    assert [file.stat().st_mode & 0o077 for file in tmp_path.rglob("*key*")] == [0]


def refused(gateway: Gateway) -> httpx.Response | None:
    """Ask over a new connection; gives the answer once it is a refusal."""
    with client_at(gateway.url, **gateway.client.headers) as client:
        answer = client.get("/v1/models")
    return answer if answer.status_code == 503 else None


def test_draining_finishes_streams_and_refuses_what_is_new(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway({"model_list": [openai_model("m", "m", mock.url)]}, args=["--grace", "20"])
    mock.control({"token_rate": 20, "tokens": 30})
    body = {"model": "m", "messages": [], "stream": True}
    with gateway.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("data: ")
        gateway.process.send_signal(signal.SIGTERM)
        refusal = eventually(lambda: refused(gateway), "new requests are refused")
        rest = [line for line in lines if line]
    assert rest[-1] == "data: [DONE]"
    assert len(rest) == 32
    assert int(refusal.headers["retry-after"]) >= 1
    assert refusal.json()["error"]["type"] == "overloaded_error"
    assert gateway.process.wait(timeout=20) == 0
    mock.wait(in_progress=0)


def test_a_worker_whose_client_does_not_read_leaves_when_its_parent_is_gone(
    start_gateway: StartGateway, mock: Mock
) -> None:
    gateway = start_gateway({"model_list": [openai_model("m", "m", mock.url)]})
    payload = json.dumps({"choices": [{"index": 0, "delta": {"content": "x" * 500_000}}]})
    mock.control({"events": [payload] * 40})
    (worker,) = gateway.workers()
    with gateway.client.stream("POST", "/v1/chat/completions", json={"model": "m", "messages": [], "stream": True}):
        gateway.process.kill()
        gateway.process.wait()
        eventually(lambda: not alive(worker), "the worker has left", 30)


def test_the_demos_mock_leaves_when_its_parent_is_gone(tmp_path: Path) -> None:
    demo = Process(["serve", "--quickstart", "--port", "0"], tmp_path, {"TIANJI_DATA_DIR": str(tmp_path)})
    children = demo.workers()
    assert len(children) == 2, "one worker and the mock"
    demo.process.kill()
    demo.process.wait()
    demo.stop()
    eventually(lambda: not any(map(alive, children)), "worker and mock have left", 30)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
