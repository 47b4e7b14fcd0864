"""Hooks that look at each attempt look at a second one, too, that is made beside the first."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock, eventually
from tests.contract.routing.test_routing_extras import called, first_then_second, in_flight

CODE = """
import asyncio
import os

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger

FOLDER = os.path.dirname(__file__)


def note(word):
    with open(os.path.join(FOLDER, "told"), "a") as file:
        file.write(word + "\\n")


class Mine(CustomLogger):
    async def async_pre_call_deployment_hook(self, kwargs, call_type):
        where = kwargs["metadata"]["model_info"]["id"]
        said = kwargs["messages"][0]["content"]
        note(f"{where} {said}")
        if where == "b" and said == "refuse":
            raise HTTPException(status_code=403, detail="not there")
        if where == "b" and said == "fail":
            raise KeyError("the secret word")
        if where == "b" and said == "wait":
            await asyncio.Event().wait()
        kwargs["messages"][0]["content"] = f"{said} for {where}"
        kwargs["seed"] = 7
        return kwargs

    async def async_post_call_success_hook(self, data, user_api_key_dict, response):
        note("answered")


mine = Mine()
"""


@pytest.fixture
def gateway(start_gateway: StartGateway, mock: Mock, tmp_path: Path) -> Gateway:
    (tmp_path / "mine.py").write_text(CODE)
    settings = {"litellm_settings": {"callbacks": ["mine.mine"]}, "router_settings": {"num_retries": 0}}
    return start_gateway({"model_list": first_then_second(mock, hedge_after=0.05), **settings})


def ask(gateway: Gateway, text: str, **members: Any) -> Any:
    return gateway.chat({"model": "m", "messages": [{"role": "user", "content": text}], **members})


def told(folder: Path) -> list[str]:
    return (folder / "told").read_text().split("\n")[:-1]


def sent(mock: Mock) -> dict[str, dict[str, Any]]:
    return {body["model"]: body for body in (json.loads(one["body"]) for one in mock.requests())}


@pytest.mark.parametrize("stream", [False, True])
def test_each_attempt_is_looked_at_with_its_own(gateway: Gateway, mock: Mock, tmp_path: Path, stream: bool) -> None:
    mock.control({"first_byte_ms": 8000}, model="a")
    answer = ask(gateway, "hi", stream=stream)
    assert (answer.status_code, answer.headers["x-litellm-model-id"]) == (200, "b")
    bodies = sent(mock)
    assert {name: body["messages"][0]["content"] for name, body in bodies.items()} == {"a": "hi for a", "b": "hi for b"}
    assert {body["seed"] for body in bodies.values()} == {7}
    assert told(tmp_path) == ["a hi", "b hi", *([] if stream else ["answered"])]
    mock.wait(aborted=1)
    eventually(lambda: in_flight(gateway) == {"0"}, "nothing is under way")


@pytest.mark.parametrize("text", ["refuse", "wait"])
def test_the_first_goes_on_where_hooks_do_not_let_a_second_be_made(
    gateway: Gateway, mock: Mock, tmp_path: Path, text: str
) -> None:
    mock.control({"first_byte_ms": 700}, model="a")
    answer = ask(gateway, text)
    assert (answer.status_code, answer.headers["x-litellm-model-id"]) == (200, "a")
    assert called(mock) == ["a"]
    assert told(tmp_path) == [f"a {text}", f"b {text}", "answered"]
    eventually(lambda: in_flight(gateway) == {"0"}, "the slot of the second is free again")
    mock.control({"first_byte_ms": 8000}, model="a")
    assert ask(gateway, "hi").headers["x-litellm-model-id"] == "b"


def test_a_hook_that_fails_ends_the_request(gateway: Gateway, mock: Mock) -> None:
    mock.control({"first_byte_ms": 8000}, model="a")
    answer = ask(gateway, "fail")
    assert answer.status_code == 500
    assert "the secret word" not in answer.text
    mock.wait(aborted=1)
    eventually(lambda: in_flight(gateway) == {"0"}, "nothing is under way")


def test_a_first_that_fails_while_hooks_look_is_told(gateway: Gateway, mock: Mock) -> None:
    mock.control({"first_byte_ms": 400, "status": 503}, model="a")
    assert ask(gateway, "wait").status_code == 503
    assert called(mock) == ["a"]
    eventually(lambda: in_flight(gateway) == {"0"}, "nothing is under way")
