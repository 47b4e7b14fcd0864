"""Prompts that requests name: put into them before anything else, kept in versions, and seen by whom they are for."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.harness import Gateway, Mock, events, openai_model
from tests.fakes.vendors import Answer, Vendors

FILE = "---\nmodel: gpt-test\ntemperature: 0.25\n---\nSystem: be brief\nUser: tell me of {{ what }}"
SAID = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "tell me of walls"}]
OWN = {"role": "user", "content": "please"}


@pytest.fixture(scope="module")
def source() -> Iterator[Vendors]:
    with Vendors() as vendors:
        vendors.say("/projects/mine/repository/files/greet.prompt/raw", Answer(FILE.encode()))
        yield vendors


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, source: Vendors, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("prompts")
    (folder / "library").mkdir()
    (folder / "library" / "walls.prompt").write_text(FILE)
    (folder / "library" / "walls.v2.prompt").write_text("User: the second, {{ what }}")
    carried = openai_model(
        "carried", "gpt-test", mock_process.url, prompt_id="walls", prompt_variables={"what": "walls"}
    )
    carried["litellm_params"]["model"] = "dotprompt/openai/gpt-test"
    config = {
        "model_list": [
            openai_model("gpt-test", "gpt-test", mock_process.url),
            openai_model("other", "other", mock_process.url),
            carried,
        ],
        "litellm_settings": {
            "global_prompt_directory": "library",
            "global_gitlab_config": {"project": "mine", "access_token": "glpat-canary", "base_url": source.url},
        },
        "prompts": [
            {
                "prompt_id": "inline",
                "litellm_params": {
                    "prompt_integration": "dotprompt",
                    "dotprompt_content": FILE,
                    "ignore_prompt_manager_model": True,
                },
            }
        ],
        "general_settings": {"store_model_in_db": True},
    }
    with Gateway(config, folder, edge=edge) as running:
        yield running


def asked(gateway: Gateway, mock: Mock, **body: Any) -> dict[str, Any]:
    """Return what the upstream got."""
    answer = gateway.chat(body)
    assert answer.status_code == 200, answer.text
    return sent(mock)


def sent(mock: Mock) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mock.last()["body"])
    return found


def test_a_request_gets_the_prompt_that_it_names(gateway: Gateway, mock: Mock) -> None:
    what = {"prompt_variables": {"what": "walls"}}
    got = asked(gateway, mock, model="other", prompt_id="inline", messages=[OWN], **what)
    assert got == {"model": "other", "messages": [*SAID, OWN], "temperature": 0.25}
    got = asked(gateway, mock, model="other", prompt_id="walls", **what)
    assert got == {"model": "gpt-test", "messages": SAID, "temperature": 0.25}
    got = asked(gateway, mock, model="dotprompt/other", prompt_id="walls", prompt_version=2, messages=[], **what)
    assert got == {"model": "other", "messages": [{"role": "user", "content": "the second, walls"}]}
    assert asked(gateway, mock, model="carried", messages=[OWN])["messages"] == [*SAID, OWN]
    assert asked(gateway, mock, model="other", messages=[OWN]) == {"model": "other", "messages": [OWN]}


def test_other_forms_have_prompts_too(gateway: Gateway, mock: Mock) -> None:
    body = {"model": "other", "prompt_id": "walls", "prompt_variables": {"what": "walls"}}
    answer = gateway.post("/v1/responses", body | {"input": "please"})
    assert answer.status_code == 200, answer.text
    assert [turn["role"] for turn in sent(mock).get("messages") or sent(mock)["input"]] == [
        "system", "user", "user",
    ]  # fmt: skip
    answer = gateway.post("/v1/messages", body | {"max_tokens": 9, "messages": [OWN], "stream": True})
    assert answer.status_code == 200, answer.text
    assert "event: message_stop" in answer.text


def test_a_repository_is_asked_once(gateway: Gateway, mock: Mock, source: Vendors) -> None:
    before = len(source.asked)
    for _ in range(3):
        got = asked(gateway, mock, model="gitlab/other", prompt_id="greet", prompt_variables={"what": "walls"})
        assert got["messages"] == SAID
    assert len(source.asked) == before + 1
    assert source.asked[-1].headers["private-token"] == "glpat-canary"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"prompt_id": "nobody"}, 404),
        ({"prompt_id": "walls", "prompt_version": 9}, 404),
        ({"prompt_id": 3}, 400),
        ({"prompt_id": "walls", "prompt_variables": []}, 400),
        ({"prompt_id": "x", "model": "langfuse/other"}, 400),
    ],
)
def test_what_cannot_be_had_is_an_error(gateway: Gateway, mock: Mock, said: dict[str, Any], status: int) -> None:
    answer = gateway.chat({"model": "other", "messages": [OWN], **said})
    assert answer.status_code == status, answer.text
    assert "glpat" not in answer.text
    assert mock.requests() == []


def test_a_key_uses_its_own_prompts_and_models_alone(gateway: Gateway, mock: Mock) -> None:
    made = gateway.post("/key/generate", {"models": ["other"], "prompts": ["inline", "walls"]})
    assert made.status_code == 200, made.text
    bearer = {"authorization": f"Bearer {made.json()['key']}"}
    body = {"model": "other", "messages": [OWN], "prompt_variables": {"what": "walls"}}
    assert gateway.chat(body | {"prompt_id": "inline"}, **bearer).status_code == 200
    assert gateway.chat(body | {"prompt_id": "greet"}, **bearer).status_code == 403
    # the template names a model that the key may not use
    assert gateway.chat(body | {"prompt_id": "walls"}, **bearer).status_code in (401, 403)
    listed = gateway.client.get("/prompts/list", headers=bearer).json()["prompts"]
    assert [one["prompt_id"] for one in listed] == ["inline"]
    assert gateway.client.get("/prompts/kept", headers=bearer).status_code == 400
    assert gateway.client.post("/prompts", json={}, headers=bearer).status_code == 401


def kept(gateway: Gateway, text: str, **more: Any) -> dict[str, Any]:
    params = {"prompt_integration": "dotprompt", "dotprompt_content": text}
    made = gateway.post("/prompts", {"prompt_id": "kept", "litellm_params": params, **more})
    assert made.status_code == 200, made.text
    found: dict[str, Any] = made.json()
    return found


def test_prompts_of_the_database_are_kept_in_versions(gateway: Gateway, mock: Mock) -> None:
    def first(**more: Any) -> Any:
        return asked(gateway, mock, model="other", prompt_id="kept", **more)["messages"][0]["content"]

    assert kept(gateway, "one {{ x }}")["version"] == 1
    assert first(prompt_variables={"x": "y"}) == "one y"
    assert kept(gateway, "two")["version"] == 2
    assert kept(gateway, "live", prompt_info={"environment": "production"})["version"] == 1
    assert first() == "live"
    assert first(prompt_environment="development") == "two"
    assert first(prompt_environment="development", prompt_version=1) == "one "
    put = gateway.client.put(
        "/prompts/kept", json={"litellm_params": {"prompt_integration": "dotprompt", "dotprompt_content": "three"}}
    )
    assert (put.status_code, put.json()["version"]) == (200, 3)
    patched = gateway.client.patch(
        "/prompts/kept.v1?environment=development",
        json={"litellm_params": {"prompt_integration": "dotprompt", "dotprompt_content": "uno"}},
    )
    assert patched.status_code == 200, patched.text
    assert first(prompt_environment="development", prompt_version=1) == "uno"
    found = gateway.client.get("/prompts/kept/versions?environment=development").json()["prompts"]
    assert [one["version"] for one in found] == [3, 2, 1]
    info = gateway.client.get("/prompts/kept/info").json()
    assert info["environments"] == ["production", "development"]
    assert info["raw_prompt_template"] == {"litellm_prompt_id": "kept", "content": "live", "metadata": {}}
    listed = gateway.client.get("/prompts/list").json()["prompts"]
    assert {(one["prompt_id"], one["environment"], one["version"]) for one in listed} == {
        ("inline", "development", 1), ("kept", "development", 3), ("kept", "production", 1),
    }  # fmt: skip
    assert gateway.client.delete("/prompts/kept").status_code == 200
    assert gateway.chat({"model": "other", "prompt_id": "kept", "messages": [OWN]}).status_code == 404
    assert gateway.client.delete("/prompts/kept").status_code == 404


def test_what_would_not_serve_is_not_kept(gateway: Gateway) -> None:
    for params, status in (
        ({"prompt_integration": "dotprompt", "dotprompt_content": "{{"}, 400),
        ({"prompt_integration": "dotprompt", "prompt_file": "/etc/passwd"}, 400),
        ({"prompt_integration": "nobody"}, 400),
        ({"prompt_integration": "generic_prompt_management", "api_base": "http://127.0.0.1:1"}, 400),
    ):
        answer = gateway.post("/prompts", {"prompt_id": "bad", "litellm_params": params})
        assert answer.status_code == status, answer.text
    assert gateway.client.delete("/prompts/inline").status_code == 400  # of the file
    secret = {"prompt_integration": "langfuse", "langfuse_public_key": "pk", "langfuse_secret": "sk-canary-1"}
    made = gateway.post("/prompts", {"prompt_id": "sealed", "litellm_params": secret})
    assert made.status_code == 200, made.text
    for answer in (made, gateway.client.get("/prompts/list"), gateway.client.get("/prompts/sealed")):
        assert "sk-canary-1" not in answer.text


def test_a_prompt_is_tried_before_it_is_kept(gateway: Gateway, mock: Mock) -> None:
    body = {"dotprompt_content": FILE, "prompt_variables": {"what": "walls"}}
    answer = gateway.post("/prompts/test", body)
    assert answer.status_code == 200, answer.text
    assert events(answer.text)[-1] == "[DONE]"
    assert sent(mock)["messages"] == SAID
    gateway.post("/prompts/test", body | {"conversation_history": [OWN]})
    assert sent(mock)["messages"] == [SAID[0], OWN]
    assert gateway.post("/prompts/test", {"dotprompt_content": "no model"}).status_code == 400
    convert = "/utils/dotprompt_json_converter"
    told = gateway.client.post(convert, files={"file": ("walls.prompt", FILE.encode())})
    assert told.json() == {
        "prompt_id": "walls",
        "json_data": {
            "content": "System: be brief\nUser: tell me of {{ what }}",
            "metadata": {"model": "gpt-test", "temperature": 0.25},
        },
    }
    assert gateway.client.post(convert, files={"file": ("walls.txt", b"x")}).status_code == 400
    assert json.loads(gateway.client.get("/routes").text)
