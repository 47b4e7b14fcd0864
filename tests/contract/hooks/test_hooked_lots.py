"""Hooks and rules of the operator's own meet requests that come many at a time, each as if it had come by itself."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.contract.conftest import StartGateway
from tests.contract.guardrails.test_guarded_lots import batch, line, said, sent, upload
from tests.contract.harness import BOOKS, UPSTREAM_KEY, Gateway, Mock, openai_model

CODE = """
from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger


class Mine(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        text = data["messages"][0]["content"]
        if text == "change":
            data["messages"][0]["content"] = f"{call_type} {data['model']} {user_api_key_dict.user_id}"
            data["stream"] = True
        if text == "answer":
            return "I would rather not"
        if text == "status":
            raise HTTPException(status_code=418, detail="a teapot")
        if text == "elsewhere":
            data["model"] = "nobody"
        if text == "fails":
            raise KeyError("the secret word")

    async def async_moderation_hook(self, data, user_api_key_dict, call_type):
        if data["messages"][0]["content"] == "refused beside":
            raise HTTPException(status_code=403, detail="refused beside")


def may_be_asked(text):
    return {"decision": "ruled out" not in text, "message": "the rule says no"}


mine = Mine()
"""
WORDS = {"guardrail": "litellm_content_filter", "mode": "pre_call", "default_on": True,
         "blocked_words": [{"keyword": "completion", "action": "MASK"}]}  # fmt: skip


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("lots")
    (folder / "mine.py").write_text(CODE)
    claude = {"model": "anthropic/claude-up", "api_base": mock_process.url, "api_key": UPSTREAM_KEY}
    config = {
        "model_list": [
            openai_model("gpt-test", "upstream-name", mock_process.url),
            {"model_name": "sonnet", "litellm_params": claude},
        ],
        "guardrails": [{"guardrail_name": "words", "litellm_params": WORDS}],
        "litellm_settings": {"callbacks": ["mine.mine"], "pre_call_rules": ["mine.may_be_asked"]},
    }
    with Gateway(config, folder, edge=edge, env=BOOKS) as running:
        yield running


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["message"]


def test_lines_go_on_as_hooks_and_then_guardrails_leave_them(gateway: Gateway, mock: Mock) -> None:
    mock.reset()
    assert upload(gateway, line("as it is"), line("change", temperature=0.5)).status_code == 200
    first, second = (one["body"] for one in sent(mock))
    assert first == {"model": "upstream-name", "messages": [{"role": "user", "content": "as it is"}]}
    text = second["messages"][0]["content"]
    assert text.endswith(" gpt-test default_user_id")
    assert "completion" not in text, "guardrails look at what hooks have left"
    assert (second["temperature"], "stream" in second) == (0.5, False)
    assert batch(gateway, said("change")).status_code == 200
    (request,) = mock.last()["json"]["requests"]
    assert request["params"]["messages"][0]["content"] == "anthropic_messages sonnet default_user_id"


@pytest.mark.parametrize(
    ("text", "status", "why"),
    [
        ("answer", 400, "I would rather not"),
        ("status", 418, "a teapot"),
        ("refused beside", 403, "refused beside"),
        ("ruled out", 400, "the rule says no"),
        ("fails", 500, "the hook mine.mine of this gateway failed, so this was stopped"),
    ],
)
def test_one_that_is_refused_refuses_all(gateway: Gateway, mock: Mock, text: str, status: int, why: str) -> None:
    mock.reset()
    told = upload(gateway, line("well"), line(text, name="b"))
    assert refused(told) == (status, f"line 2 'b': {why}")
    assert refused(batch(gateway, said("well"), said(text)))[0] == status
    assert mock.requests() == []
    assert "the secret word" not in json.dumps(refused(upload(gateway, line(text))))


def test_a_hook_leads_no_line_where_the_file_does_not_go(gateway: Gateway, mock: Mock) -> None:
    mock.reset()
    assert upload(gateway, line("elsewhere")).status_code == 200
    (only,) = sent(mock)
    assert only["body"] == {"model": "upstream-name", "messages": [{"role": "user", "content": "elsewhere"}]}


def test_what_was_answered_is_read_as_it_came_where_there_are_no_guardrails(
    start_gateway: StartGateway, mock: Mock, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(CODE)
    gateway = start_gateway(
        {
            "model_list": [openai_model("gpt-test", "upstream-name", mock.url)],
            "litellm_settings": {"callbacks": ["mine.mine"]},
        },
        env=BOOKS,
    )
    made = upload(gateway, line("change"))
    assert made.status_code == 200, made.text
    text = "completion gpt-test default_user_id"
    assert sent(mock)[0]["body"]["messages"][0]["content"] == text
    answer = gateway.client.get(f"/v1/files/{made.json()['id']}/content")
    assert (answer.status_code, text in answer.text) == (200, True)
    assert refused(upload(gateway, line("status"))) == (418, "line 1 'r': a teapot")
