"""The table of guardrails: what each mode makes of each verdict, plain and streamed, in every dialect."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, openai_model
from tests.fakes.judge import MASK, REASON, Judge


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, judge_process: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    def guardrail(mode: str, verdict: str, path: str = "") -> dict[str, Any]:
        about = {"guardrail": "generic_guardrail_api", "mode": mode, "api_base": judge_process.url + path}
        return {"guardrail_name": f"{mode} {verdict}", "litellm_params": about}

    config = {
        "model_list": [openai_model("gpt-test", "gpt-test", mock_process.url)],
        "guardrails": [
            *(guardrail(mode, verdict) for mode in ("pre_call", "during_call", "logging_only") for verdict in SAID),
            *(guardrail("post_call", verdict, path) for verdict, path in AFTER.items()),
        ],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("matrix"), edge=edge) as running:
        yield running


SAID = {"allow": "hello there", "block": "something forbidden", "mask": "tell a secret"}
"""What a user says, by the verdict on it."""
AFTER = {"allow": "", "block": "/refuses", "mask": "/shouts"}
"""Who judges an answer, by his verdict."""
Body = Callable[[str], dict[str, Any]]
GOOGLE = "/v1beta/models/gpt-test:"


def chat(text: str) -> dict[str, Any]:
    return {"model": "gpt-test", "max_tokens": 99, "messages": [{"role": "user", "content": text}]}


def contents(text: str) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


# path of a plain and of a streamed request, what its body is, and which of its streams are no events
DIALECTS: dict[str, tuple[str, str, Body]] = {
    "chat": ("/v1/chat/completions", "/v1/chat/completions", chat),
    "completions": (
        "/v1/completions",
        "/v1/completions",
        lambda text: {"model": "gpt-test", "max_tokens": 99, "prompt": text},
    ),
    "responses": ("/v1/responses", "/v1/responses", lambda text: {"model": "gpt-test", "input": text, "store": False}),
    "messages": ("/v1/messages", "/v1/messages", chat),
    "gemini": (f"{GOOGLE}generateContent", f"{GOOGLE}streamGenerateContent?alt=sse", contents),
    "gemini array": (f"{GOOGLE}generateContent", f"{GOOGLE}streamGenerateContent", contents),
}
MODES = ("pre_call", "during_call", "post_call", "logging_only")


def ask(gateway: Gateway, dialect: str, text: str, guardrail: str, *, streamed: bool) -> httpx.Response:
    plain, stream, body = DIALECTS[dialect]
    members: dict[str, Any] = {} if "gemini" in dialect or not streamed else {"stream": True}
    names = [guardrail] if guardrail else []
    return gateway.post(stream if streamed else plain, {**body(text), **members, "guardrails": names})


def words_of(judge: Judge) -> str:
    """Return a word of the answer that was judged last."""
    return str(judge.texts()[-1][0].split()[0])


def passes(mode: str, verdict: str) -> bool:
    """Whether an answer goes out: what is masked beside a call is refused, and who looks at logs refuses nothing."""
    return verdict == "allow" or mode == "logging_only" or (verdict == "mask" and mode != "during_call")


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("verdict", SAID)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_verdict_does_what_its_mode_says(
    gateway: Gateway, mock: Mock, judge: Judge, dialect: str, mode: str, verdict: str, streamed: bool
) -> None:
    text = SAID["allow"] if mode == "post_call" else SAID[verdict]
    answer = ask(gateway, dialect, text, f"{mode} {verdict}", streamed=streamed)
    applied = None if mode == "logging_only" else f"{mode} {verdict}"
    assert answer.headers.get("x-litellm-applied-guardrails") == applied
    if not passes(mode, verdict):
        assert answer.status_code == 400, answer.text
        reason = REASON if verdict == "block" else "can only be refused"
        assert reason in answer.json()["error"]["message"]
        if mode == "post_call":
            assert words_of(judge) not in answer.text
        return
    assert answer.status_code == 200, answer.text
    sent = json.dumps(json.loads(mock.last()["body"]))
    shown = answer.text  # each word of the mock's stands in one piece of a stream
    if mode == "post_call":
        word = words_of(judge)
        assert (word.upper() if verdict == "mask" else word) in shown
        assert (word in shown) is (verdict != "mask")
    else:
        masked = mode == "pre_call" and verdict == "mask"
        assert (MASK in sent, "secret" in sent) == (masked, verdict == "mask" and not masked)
