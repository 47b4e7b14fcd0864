"""Answers out of the cache: the same as those of an upstream, for those who may have them, and nothing else."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
from tests.contract.cache.caching import KEY, ask, config, hit, key
from tests.contract.crowd import post, statuses
from tests.contract.harness import BOOKS, MASTER_KEY, Gateway, Mock, eventually

TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    wanted = config(mock_process, single_flight=True, max_entry_mb=0.02)
    with Gateway(wanted, tmp_path_factory.mktemp("cache"), edge=edge, env=BOOKS) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_is_known(gateway: Gateway, mock: Mock) -> None:
    assert gateway.client.post("/cache/flushall").json() == {"status": "success"}


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY, max_retries=0) as made:
        yield made


@pytest.fixture
def claude(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=MASTER_KEY, max_retries=0) as made:
        yield made


# -- equal to what an upstream says ---------------------------------------------------------------------------------


def chat(client: openai.OpenAI, *, streamed: bool, **members: Any) -> dict[str, Any]:
    """Return what the official client makes of an answer, in the same form for both kinds."""
    members = {"model": "gpt-test", "messages": [{"role": "user", "content": "one two three"}]} | members
    if not streamed:
        whole = client.chat.completions.create(**members)
    else:
        members["stream_options"] = {"include_usage": True}
        with client.chat.completions.stream(**members) as stream:
            whole = stream.get_final_completion()
    return {
        "id": whole.id,
        "model": whole.model,
        "created": whole.created,
        "choices": [
            (one.message.content, one.finish_reason, one.message.refusal, calls(one.message)) for one in whole.choices
        ],
        "usage": whole.usage and (whole.usage.prompt_tokens, whole.usage.completion_tokens),
    }


def calls(message: Any) -> list[tuple[str, str, str]]:
    return [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]


@pytest.mark.parametrize(
    "members", [{}, {"tools": [TOOL], "tool_choice": "required"}, {"n": 2}], ids=["text", "tools", "two"]
)
@pytest.mark.parametrize("first", [False, True], ids=["whole-first", "stream-first"])
def test_chat_is_the_same(client: openai.OpenAI, mock: Mock, first: bool, members: dict[str, Any]) -> None:
    made = chat(client, streamed=first, **members)
    assert made["choices"][0][0] or made["choices"][0][3]
    assert chat(client, streamed=first, **members) == made
    assert chat(client, streamed=not first, **members) == made
    assert len(mock.requests()) == 1


def test_usage_is_shown_to_whom_it_was_not_hidden_from(gateway: Gateway, client: openai.OpenAI, mock: Mock) -> None:
    hidden = ask(gateway, stream=True).text
    assert '"usage":{' not in hidden
    assert ask(gateway, stream=True).text == hidden
    shown = ask(gateway, stream=True, stream_options={"include_usage": True}).text
    assert shown.count('"usage":{') == 1
    assert chat(client, streamed=True)["usage"] == chat(client, streamed=False)["usage"] == (3, 32)
    assert len(mock.requests()) == 1


@pytest.mark.parametrize("first", [False, True], ids=["whole-first", "stream-first"])
def test_completions_are_the_same(client: openai.OpenAI, mock: Mock, first: bool) -> None:
    def said(*, streamed: bool) -> tuple[str, str]:
        found = client.completions.create(model="gpt-test", prompt="one two three", stream=streamed)
        choices = [choice for chunk in (found if streamed else [found]) for choice in chunk.choices]  # type: ignore[union-attr]
        return "".join(choice.text for choice in choices), choices[-1].finish_reason

    made = said(streamed=first)
    assert made[0]
    assert said(streamed=first) == said(streamed=not first) == made
    assert len(mock.requests()) == 1


@pytest.mark.parametrize("model", ["claude", "gpt-test"])
@pytest.mark.parametrize("first", [False, True], ids=["whole-first", "stream-first"])
def test_messages_are_the_same(claude: anthropic.Anthropic, mock: Mock, first: bool, model: str) -> None:
    members: dict[str, Any] = {
        "model": model, "max_tokens": 20, "messages": [{"role": "user", "content": "one two three"}],
        "tools": [{"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}],
        "tool_choice": {"type": "any"},
    }  # fmt: skip

    def message(*, streamed: bool) -> dict[str, Any]:
        if not streamed:
            return claude.messages.create(**members).to_dict()
        with claude.messages.stream(**members) as stream:
            return {
                name: value for name, value in stream.get_final_message().to_dict().items() if name != "parsed_output"
            }

    made = message(streamed=first)
    assert made["content"]
    assert message(streamed=first) == made
    other = message(streamed=not first)
    same = ("id", "content", "stop_reason", "model", "usage")
    assert [other[name] for name in same] == [made[name] for name in same]
    assert len(mock.requests()) == 1


@pytest.mark.parametrize("model", ["gpt-test", "native"])
@pytest.mark.parametrize("first", [False, True], ids=["whole-first", "stream-first"])
def test_responses_are_the_same(client: openai.OpenAI, mock: Mock, first: bool, model: str) -> None:
    def response(*, streamed: bool) -> dict[str, Any]:
        members: Any = {"model": model, "input": "one two three", "store": False}
        if not streamed:
            return client.responses.create(**members).to_dict()
        with client.responses.stream(**members) as stream:
            found = stream.get_final_response()
        return {"id": found.id, "text": found.output_text, "usage": found.usage and found.usage.to_dict()}

    def told(found: dict[str, Any]) -> tuple[Any, ...]:
        text = (
            found["text"]
            if "text" in found and isinstance(found["text"], str)
            else found["output"][0]["content"][0]["text"]
        )
        return found["id"], text, found["usage"]

    made = told(response(streamed=first))
    assert made[1]
    assert told(response(streamed=first)) == told(response(streamed=not first)) == made
    assert len(mock.requests()) == 1


@pytest.mark.parametrize("streamed", [False, True])
def test_a_response_out_of_the_cache_is_the_one_that_was_stored(
    gateway: Gateway, client: openai.OpenAI, mock: Mock, streamed: bool
) -> None:
    members: Any = {"model": "gpt-test", "input": f"stored {streamed}"}

    def response() -> Any:
        if not streamed:
            return client.responses.create(**members)
        with client.responses.stream(**members) as stream:
            return stream.get_final_response()

    made = response()
    assert response().id == made.id
    client.responses.delete(made.id)
    assert response().id == made.id
    assert client.responses.retrieve(made.id).output_text == made.output_text
    assert len(mock.requests()) == 1
    assert "not stored" not in gateway.log


def test_embeddings_are_kept_one_by_one(client: openai.OpenAI, mock: Mock) -> None:
    def vectors(given: Any) -> tuple[list[list[float]], int]:
        found = client.embeddings.create(model="embed", input=given)
        assert [one.index for one in found.data] == list(range(len(found.data)))
        return [one.embedding for one in found.data], found.usage.prompt_tokens

    (a, b), two = vectors(["a", "b b"])
    assert two == 3
    (c, again, first), three = vectors(["c c c", "b b", "a"])
    assert (again, first, three) == (b, a, 6)
    assert json.loads(mock.last()["body"])["input"] == ["c c c"]
    assert vectors("a") == ([a], 2)  # what a request used is divided evenly
    assert vectors(["b b", "b b", "c c c"]) == ([b, b, c], 1 + 1 + 3)
    assert len(mock.requests()) == 2


def test_numbers_of_tokens_are_one_part_or_several(client: openai.OpenAI, mock: Mock) -> None:
    one = client.embeddings.create(model="embed", input=[1, 2, 3]).data[0].embedding
    several = client.embeddings.create(model="embed", input=[[4], [1, 2, 3]]).data
    assert several[1].embedding == one
    assert json.loads(mock.last()["body"])["input"] == [[4]]


def test_ranks_are_the_same(gateway: Gateway, mock: Mock) -> None:
    body = {"model": "ranks", "query": "red fox", "documents": ["blue dog", "red fox"], "top_n": 1}
    made, again = (gateway.post("/v1/rerank", body) for _ in range(2))
    assert [hit(made), hit(again)] == [False, True]
    assert made.json()["results"] == [{"index": 1, "relevance_score": 1.0}]
    assert again.content == made.content
    assert not hit(gateway.post("/v1/rerank", {**body, "query": "red dog"}))
    assert len(mock.requests()) == 2


# -- which requests are the same ------------------------------------------------------------------------------------


def test_transcripts_are_those_of_the_same_sound(gateway: Gateway, mock: Mock) -> None:
    def listen(sound: bytes, **fields: str) -> httpx.Response:
        form = {"model": "listener", **fields}
        return gateway.client.post("/v1/audio/transcriptions", data=form, files={"file": ("a.wav", sound)})

    for sound in (b"RIFF" + bytes(2000), b"RIFF" + bytes(3 << 20)):  # in memory, and in a file
        made, again = listen(sound), listen(sound)
        assert not hit(made)
        assert hit(again)
        assert again.json() == made.json()
        assert not hit(listen(sound[:-1] + b"x"))  # as long, and called the same
        assert not hit(listen(sound, language="de"))
    for fields in ({"response_format": "text"}, {"stream": "true"}):
        assert not any(hit(listen(b"other", **fields)) for _ in range(2))
    assert "sha256" not in str(mock.last())


def test_headers_say_where_an_answer_is_from(gateway: Gateway) -> None:
    missed = ask(gateway)
    assert not hit(missed)
    assert KEY not in missed.headers
    found = ask(gateway)
    assert hit(found)
    assert found.headers[KEY] == found.headers["x-litellm-cache-key"]
    assert len(found.headers[KEY]) == 64
    assert int(found.headers["age"]) < 60
    assert found.content == missed.content
    assert found.headers["x-litellm-model-group"] == "gpt-test"
    assert found.headers["x-litellm-response-cost"] == "0.0"


def test_what_counts_and_what_does_not(gateway: Gateway) -> None:
    ask(gateway, temperature=0.5, top_p=1)
    said = '[ {"role": "user", "content": "one two three"}]'
    spaced = f'{{ "top_p" : 1,\n"messages":{said}, "temperature":0.5 ,"model":"gpt-test"}}'
    assert hit(gateway.chat(spaced.encode()))
    assert hit(ask(gateway, temperature=0.5, top_p=1, metadata={"a": "b"}, seed=None))
    assert not hit(ask(gateway, temperature=0.6, top_p=1))
    assert not hit(ask(gateway, temperature=0.5, top_p=1, user="someone"))
    assert not hit(ask(gateway, temperature=0.5, top_p=1, messages=[{"role": "user", "content": "one  two three"}]))


def test_another_model_is_another_request_and_an_alias_is_not(gateway: Gateway) -> None:
    ask(gateway)
    assert not hit(ask(gateway, model="twin"))
    found = ask(gateway, model="nickname")
    assert hit(found)
    assert found.json()["model"] == "nickname"
    assert '"model":"nickname"' in ask(gateway, model="nickname", stream=True).text


def test_long_conversations_pass_the_cache_by(gateway: Gateway) -> None:
    said = [{"role": "user", "content": "one, [two], {three}"}] * 5
    assert not any(hit(ask(gateway, messages=said)) for _ in range(2))
    assert [hit(ask(gateway, messages=said[:4])) for _ in range(2)] == [False, True]


# -- what a request wishes ------------------------------------------------------------------------------------------


def test_no_cache_asks_again_and_keeps_the_new_answer(gateway: Gateway, mock: Mock) -> None:
    ask(gateway)
    assert not hit(ask(gateway, cache={"no-cache": True}))
    assert not hit(ask(gateway, caching=False))
    assert len(mock.requests()) == 3
    assert "cache" not in json.loads(mock.last()["body"])
    assert hit(ask(gateway))


def test_no_store_keeps_nothing(gateway: Gateway) -> None:
    assert not hit(ask(gateway, cache={"no-store": True}))
    assert not hit(ask(gateway))
    assert hit(ask(gateway, cache={"no-store": True}))


def test_times_are_heeded(gateway: Gateway) -> None:
    ask(gateway, cache={"ttl": 0})
    assert not hit(ask(gateway))
    assert not hit(ask(gateway, cache={"s-maxage": 0}))
    assert hit(ask(gateway, cache={"s-max-age": 600}))
    headers = {"authorization": f"Bearer {MASTER_KEY}", "cache-control": "max-age=9, s-maxage=0"}
    assert not hit(gateway.chat({"model": "gpt-test", "messages": [], "seed": 7}, **headers))
    assert not hit(ask(gateway, messages=[], seed=7))
    assert not hit(ask(gateway, seed=1))
    assert not hit(ask(gateway, seed=1, cache={"namespace": "mine"}))
    found = ask(gateway, seed=1, cache={"namespace": "mine"})
    assert hit(found)
    assert found.headers[KEY].startswith("mine:")


@pytest.mark.parametrize(
    "wish", [[], "x", {"ttl": -1}, {"ttl": "60"}, {"no-cache": 1}, {"namespace": "a\r\nb"}, {"s-maxage": True}]
)
def test_a_wish_that_means_nothing_is_refused(gateway: Gateway, mock: Mock, wish: object) -> None:
    answer = ask(gateway, cache=wish)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "cache")
    assert mock.requests() == []


def test_a_key_may_be_kept_from_controls_and_have_its_own(gateway: Gateway) -> None:
    bound = key(gateway, allowed_cache_controls=["no-cache"])
    refused = ask(gateway, bound, cache={"ttl": 5})
    assert refused.status_code == 403
    assert "no-cache" in refused.json()["error"]["message"]
    assert not hit(ask(gateway, bound, cache={"no-cache": True}))
    never = key(gateway, metadata={"cache": {"no-cache": True}})
    assert not hit(ask(gateway, never))
    assert hit(ask(gateway, never, cache={"no-cache": False}))


# -- what is not kept -----------------------------------------------------------------------------------------------


def test_errors_cut_streams_and_large_answers_are_not_kept(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 500}, times=1)
    assert ask(gateway).status_code == 500
    assert not hit(ask(gateway))
    mock.control({"cut_at": 900}, times=1)
    assert "[DONE]" not in ask(gateway, stream=True, seed=2).text
    assert not hit(ask(gateway, stream=True, seed=2))
    mock.control({"bytes": 30_000}, times=2)
    for streamed in (False, True):
        assert not hit(ask(gateway, stream=streamed, seed=3, max_tokens=30_000))
    assert not hit(ask(gateway, seed=3, max_tokens=30_000))


def test_a_stream_that_went_on_elsewhere_is_not_kept(gateway: Gateway, mock: Mock) -> None:
    mock.control({"cut_at": 900}, model="pair-up", times=1)
    assert ask(gateway, model="pair", stream=True, num_retries=1).text.endswith("[DONE]\n\n")
    assert len(mock.requests()) == 2
    assert not hit(ask(gateway, model="pair", stream=True))
    assert hit(ask(gateway, model="pair", stream=True))


def test_an_answer_without_content_is_not_kept(gateway: Gateway, mock: Mock) -> None:
    mock.control({"body": '{"id":"x","object":"chat.completion","choices":[]}'}, times=1)
    ask(gateway)
    assert not hit(ask(gateway))
    assert hit(ask(gateway))


def test_what_a_fallback_answers_is_not_kept(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 500}, model="first-up", times=1)
    assert ask(gateway, model="first").json()["model"] == "second"
    assert not hit(ask(gateway, model="first"))
    assert hit(ask(gateway, model="first"))


def test_a_fallback_embeds_all_by_itself(gateway: Gateway, mock: Mock) -> None:
    def embedded(*texts: str) -> Any:
        return gateway.post("/v1/embeddings", {"model": "first", "input": texts}).json()

    embedded("a")
    mock.control({"status": 500}, model="first-up", times=1)
    answer = embedded("a", "b")
    assert (answer["model"], len(answer["data"])) == ("second", 2)
    asked = mock.requests()
    assert [json.loads(one["body"])["input"] for one in asked] == [["a"], ["b"], ["a", "b"]]
    assert not hit(gateway.post("/v1/embeddings", {"model": "first", "input": "b"}))


# -- money and limits -----------------------------------------------------------------------------------------------


def test_a_hit_costs_nothing_and_stands_in_the_ledger(gateway: Gateway) -> None:
    mine = key(gateway)
    costs = [ask(gateway, mine).headers.get("x-litellm-response-cost") for _ in range(2)]
    assert costs[0] is not None
    assert costs[1] == "0.0"

    def both() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = gateway.client.get("/spend/logs", params={"api_key": mine}).json()
        return found if len(found) == 2 else []

    rows = {row["cache_hit"]: row for row in eventually(both, "the ledger has both", 60)}
    assert rows["True"]["spend"] == 0
    assert rows["False"]["spend"] > 0
    assert rows["True"]["total_tokens"] == rows["False"]["total_tokens"] == 35
    assert 'tianji_cache_lookups_total{result="hit"}' in gateway.client.get("/metrics").text


def test_limits_count_hits_and_budgets_do_not(gateway: Gateway) -> None:
    limited = key(gateway, rpm_limit=3)
    assert [ask(gateway, limited).status_code for _ in range(4)] == [200, 200, 200, 429]
    spent = key(gateway, max_budget=0.000_068, budget_duration="1d")  # what one answer costs
    assert [hit(ask(gateway, spent)) for _ in range(3)] == [True, True, True]


def test_a_hit_needs_no_deployment(gateway: Gateway, mock: Mock) -> None:
    ask(gateway, model="one-at-a-time")
    mock.control({"status": 503})
    assert hit(ask(gateway, model="one-at-a-time"))


# -- one call for all -----------------------------------------------------------------------------------------------


def crowd(gateway: Gateway, count: int, **members: object) -> dict[int, int]:
    body = {"model": "gpt-test", "messages": [{"role": "user", "content": "all of us"}], **members}
    return statuses(gateway, [post("/v1/chat/completions", body, MASTER_KEY)] * count)


@pytest.mark.parametrize("streamed", [False, True])
def test_requests_that_are_the_same_share_one_call(gateway: Gateway, mock: Mock, streamed: bool) -> None:
    mock.control({"first_byte_ms": 300})
    assert crowd(gateway, 200, stream=streamed) == {200: 200}
    assert len(mock.requests()) == 1


def test_where_the_shared_call_fails_each_asks_for_itself(gateway: Gateway, mock: Mock) -> None:
    mock.control({"first_byte_ms": 300, "status": 400}, times=1)
    assert crowd(gateway, 5) == {400: 1, 200: 4}
    assert len(mock.requests()) == 5


def test_who_leaves_lets_the_next_one_call(gateway: Gateway, mock: Mock) -> None:
    mock.control({"stall_at": 0}, times=1)
    body = {"model": "gpt-test", "messages": [{"role": "user", "content": "all of us"}]}
    with gateway.connect() as leaving:
        leaving.sendall(post("/v1/chat/completions", body, MASTER_KEY))
        mock.wait(requests=1)
        with gateway.connect() as staying:
            staying.sendall(post("/v1/chat/completions", body, MASTER_KEY))
            in_flight = "tianji_in_flight_requests"
            assert in_flight in gateway.client.get("/metrics").text
            leaving.close()
            assert staying.recv(12).endswith(b" 200")
    assert len(mock.requests()) == 2


# -- for administrators ---------------------------------------------------------------------------------------------


def test_answers_are_forgotten_by_key(gateway: Gateway) -> None:
    ask(gateway)
    ask(gateway, seed=1)
    found = ask(gateway).headers[KEY]
    assert gateway.post("/cache/delete", {"keys": [found]}).json() == {"status": "success"}
    assert not hit(ask(gateway))
    assert hit(ask(gateway, seed=1))
    assert gateway.post("/cache/delete", {"keys": 1}).status_code == 400


def test_only_administrators_see_to_the_cache(gateway: Gateway) -> None:
    told = gateway.client.get("/cache/ping").json()
    assert (told["status"], told["cache_type"]) == ("healthy", "local")
    assert json.loads(told["litellm_cache_params"])["single_flight"] is True
    info = gateway.client.get("/cache/redis/info")
    assert (info.status_code, info.json()["error"]["type"]) == (503, "cache_ping_error")
    bearer = {"authorization": f"Bearer {key(gateway)}"}
    for method, path in (
        ("GET", "/cache/ping"), ("POST", "/cache/delete"), ("POST", "/cache/flushall"), ("GET", "/cache/redis/info"),
    ):  # fmt: skip
        assert gateway.client.request(method, path, headers=bearer).status_code in {401, 403}, path


def test_a_hit_counts_at_no_deployment(gateway: Gateway) -> None:  # B11
    def counted() -> tuple[int, int]:
        states = gateway.client.get("/router/deployments").json()["data"]
        return next((one["in_flight"], one["requests"]) for one in states if one["model"] == "twin")

    assert not hit(ask(gateway, model="twin"))
    _, once = counted()
    assert all(hit(ask(gateway, model="twin")) for _ in range(5))
    in_flight, requests = counted()
    assert in_flight == 0
    assert requests <= once  # which begin anew with the minute
