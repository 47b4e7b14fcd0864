"""Marks of `cache_control` at Gemini: what begins requests is cached there once, and they refer to it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.contract.harness import Gateway, events
from tests.fakes.google_account import account
from tests.fakes.vendors import Vendors, plain
from tests.fakes.vendors import events as streamed

LONG = "word " * 1024
MARK = {"cache_control": {"type": "ephemeral"}}
PRICES = {"input_cost_per_token": 1e-6, "cache_read_input_token_cost": 1e-7, "output_cost_per_token": 2e-6}
PROJECT = "/v1/projects/p-1/locations/europe-west1"
KEPT_AT_VERTEX = f"{PROJECT}/cachedContents"
ASKED_AT_VERTEX = f"{PROJECT}/publishers/google/models/gemini-up:generateContent"
KEPT = "/v1beta/cachedContents"
GENERATE = "/v1beta/models/gemini-up:generateContent"
STREAM = "/v1beta/models/gemini-up:streamGenerateContent"
TURN = {"content": {"role": "model", "parts": [{"text": "so"}]}, "finishReason": "STOP", "index": 0}
USED = {"promptTokenCount": 2000, "cachedContentTokenCount": 1500, "candidatesTokenCount": 10, "totalTokenCount": 2010}
SAID = {"candidates": [TURN], "usageMetadata": USED}
GONE = {"error": {"code": 403, "message": "CachedContent not found (or permission denied)"}}


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    with Vendors() as running:
        running.say(GENERATE, plain(SAID))
        running.say(STREAM, streamed(SAID))
        running.say(ASKED_AT_VERTEX, plain(SAID))
        running.say("/token", plain({"access_token": "google-token", "expires_in": 3600, "token_type": "Bearer"}))
        yield running


@pytest.fixture
def made(vendors: Vendors) -> Vendors:
    """Have a list without any, and then one made."""
    vendors.reset()
    vendors.say(KEPT, plain({}), plain({"name": "cachedContents/a", "expireTime": "2999-01-01T00:00:00Z"}))
    return vendors


@pytest.fixture(scope="module")
def gateway(edge: str, vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    params = {"model": "gemini/gemini-up", "api_base": f"{vendors.url}/v1beta", "api_key": "google-key", **PRICES}
    at_vertex = {"model": "vertex_ai/gemini-up", "api_base": vendors.url, "vertex_location": "europe-west1", **PRICES}
    at_vertex |= {"vertex_credentials": account(f"{vendors.url}/token"), "vertex_project": "p-1"}
    config = {
        "model_list": [
            {"model_name": "gemini", "litellm_params": params},
            {"model_name": "vertex", "litellm_params": at_vertex},
        ],
        "router_settings": {"num_retries": 1, "retry_after": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("cached"), edge=edge) as running:
        yield running


def chat(document: str, question: str = "what?", **more: Any) -> dict[str, Any]:
    """Return a request whose document is marked."""
    content = [{"type": "text", "text": document, **MARK}, {"type": "text", "text": question}]
    return {"model": "gemini", "messages": [{"role": "user", "content": content}], **more}


def kept(vendors: Vendors) -> list[str]:
    return [asked.method for asked in vendors.asked if asked.path == KEPT]


def contents(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "parts": [{"text": text}]}]


def test_the_second_request_has_it_made_and_refers_to_it(gateway: Gateway, made: Vendors) -> None:
    document = f"one {LONG}"
    assert gateway.chat(chat(document)).status_code == 200
    assert (kept(made), "cachedContent" in made.last(GENERATE).json) == ([], False)
    answer = gateway.chat(chat(document, "and now?", temperature=0))
    assert answer.status_code == 200
    assert kept(made) == ["GET", "POST"]
    made_of = made.last(KEPT)
    assert made_of.headers["x-goog-api-key"] == "google-key"
    assert made_of.json["model"] == "models/gemini-up"
    assert made_of.json["contents"] == contents(document)
    assert made.last(GENERATE).json == {
        "contents": contents("and now?"),
        "generationConfig": {"temperature": 0},
        "cachedContent": "cachedContents/a",
    }
    # 500 tokens at 1, 1500 at a tenth and 10 at 2 dollars a million
    assert float(answer.headers["x-litellm-response-cost"]) == pytest.approx(0.00067)
    assert answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"] == 1500
    *_, last = events(gateway.chat(chat(document, "third", stream=True)).text)
    assert last == "[DONE]"
    assert made.last(STREAM).json["cachedContent"] == "cachedContents/a"
    assert kept(made) == ["GET", "POST"]


def test_marks_of_messages_do_the_same(gateway: Gateway, made: Vendors) -> None:
    system = [{"type": "text", "text": f"two {LONG}", **MARK}]
    tool = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}
    asked = {"model": "gemini", "max_tokens": 9, "system": system, "tools": [tool]}
    for question in ("a", "b"):
        answer = gateway.post("/v1/messages", {**asked, "messages": [{"role": "user", "content": question}]})
        assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["cache_read_input_tokens"] == 1500
    sent = made.last(GENERATE).json
    assert (sent["cachedContent"], sent["contents"]) == ("cachedContents/a", contents("b"))
    assert not {"systemInstruction", "tools", "toolConfig"} & sent.keys()
    made_of = made.last(KEPT).json
    assert made_of["systemInstruction"]["parts"][0]["text"] == system[0]["text"]
    assert made_of["tools"][0]["functionDeclarations"][0]["name"] == "f"


def test_it_is_made_once_for_all_who_come_together(gateway: Gateway, made: Vendors) -> None:
    document = f"three {LONG}"
    gateway.chat(chat(document))
    with ThreadPoolExecutor(6) as pool:
        answers = [*pool.map(lambda number: gateway.chat(chat(document, str(number))), range(6))]
    assert {answer.status_code for answer in answers} == {200}
    assert kept(made) == ["GET", "POST"]
    sent = [asked.json for asked in made.asked if asked.path == GENERATE][1:]
    assert {one.get("cachedContent") for one in sent} == {"cachedContents/a"}


def test_vertex_ai_has_it_made_beside_its_models(gateway: Gateway, vendors: Vendors) -> None:
    vendors.reset()
    name = "projects/1/locations/europe-west1/cachedContents/a"
    ends = "2999-01-01T00:00:00.123456789Z"  # as exact as Google's clocks
    vendors.say(KEPT_AT_VERTEX, plain({}), plain({"name": name, "expireTime": ends}))
    document = f"seven {LONG}"
    answers = [gateway.chat(chat(document, question, model="vertex")) for question in ("what?", "and now?", "so?")]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    made_of = vendors.last(KEPT_AT_VERTEX)
    assert made_of.headers["authorization"] == "Bearer google-token"
    assert made_of.json["model"] == f"{PROJECT.removeprefix('/v1/')}/publishers/google/models/gemini-up"
    assert made_of.json["contents"] == contents(document)
    sent = [asked.json.get("cachedContent") for asked in vendors.asked if asked.path == ASKED_AT_VERTEX]
    assert sent == [None, name, name]
    assert vendors.last(ASKED_AT_VERTEX).json["contents"] == contents("so?")
    assert float(answers[2].headers["x-litellm-response-cost"]) == pytest.approx(0.00067)
    assert [asked.method for asked in vendors.asked if asked.path == KEPT_AT_VERTEX] == ["GET", "POST"]


def test_what_cannot_be_cached_is_asked_all_the_same(gateway: Gateway, made: Vendors) -> None:
    document = f"four {LONG}"
    made.say(KEPT, plain({}), plain({"error": {"message": "Cached content is too small"}}, 400))
    for question in ("a", "b", "c"):
        assert gateway.chat(chat(document, question)).status_code == 200
        assert "cachedContent" not in made.last(GENERATE).json
    assert kept(made) == ["GET", "POST"]


def test_one_that_is_gone_is_done_without(gateway: Gateway, made: Vendors) -> None:
    document = f"five {LONG}"
    gateway.chat(chat(document))
    gateway.chat(chat(document))
    made.say(GENERATE, plain(GONE, 403), plain(SAID))
    made.say(KEPT, plain({}), plain({"name": "cachedContents/b", "expireTime": "2999-01-01T00:00:00Z"}))
    assert gateway.chat(chat(document, "again")).status_code == 200
    sent = [asked.json.get("cachedContent") for asked in made.asked if asked.path == GENERATE]
    assert sent == [None, "cachedContents/a", "cachedContents/a", "cachedContents/b"]


def test_without_marks_nothing_is_kept(gateway: Gateway, made: Vendors) -> None:
    asked = {"model": "gemini", "messages": [{"role": "user", "content": f"six {LONG}"}]}
    for _ in range(3):
        assert gateway.chat(asked).status_code == 200
    assert kept(made) == []
