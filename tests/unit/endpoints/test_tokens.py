import json
from types import SimpleNamespace

import pytest

from tianji.accounting.counter import Count
from tianji.edge.routes import RouteTable
from tianji.endpoints.tokens import Tokens
from tianji.errors import InvalidRequest, MalformedJSON


async def ask(body, path=b"/utils/token_counter"):
    async def count(spans, model):
        return Count(len(spans.source), model == "upstream-g", "o200k_base")

    table = RouteTable(Tokens(count, lambda name: f"upstream-{name}").routes())
    match = table.match("POST", path)
    answers = []
    exchange = SimpleNamespace(body=body, call_id="c-1", respond=lambda *answer: answers.append(answer))
    await match.handler(exchange, match)
    return answers[0][0], json.loads(answers[0][2])


@pytest.mark.parametrize("member", ["messages", "contents", "prompt", "input"])
async def test_the_answer_is_the_one_that_clients_know(member):
    body = json.dumps({"model": "g", member: []}).encode()
    assert await ask(body) == (
        200,
        {
            "total_tokens": len(body),
            "request_model": "g",
            "model_used": "upstream-g",
            "encoding": "o200k_base",
            "exact": True,
            "tokenizer_type": "openai_tokenizer",
            "count_source": "local_estimate",
            "original_response": None,
            "error": False,
            "error_message": None,
            "status_code": None,
        },
    )


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"messages":[]}', "model"),
        (b'{"model":"","messages":[]}', "model"),
        (b'{"model":"g"}', "messages"),
        (b'{"model":"g","messages":[],"prompt":"a"}', "prompt"),
    ],
)
async def test_what_is_missing_is_said(body, param):
    with pytest.raises(InvalidRequest) as caught:
        await ask(body)
    assert caught.value.param == param


async def test_a_body_must_be_json():
    with pytest.raises(MalformedJSON):
        await ask(b"nope")


MESSAGES = {"model": "g", "messages": [{"role": "user", "content": "hello"}], "system": "be kind"}


async def test_other_dialects_are_counted_as_the_chat_they_come_to():
    chat = b'{"model":"g","messages":[{"role":"system","content":"be kind"},{"role":"user","content":"hello"}]}'
    found = await ask(json.dumps(MESSAGES).encode(), b"/v1/messages/count_tokens")
    assert found == (200, {"input_tokens": len(chat)})
    body = {"model": "g", "instructions": "be kind", "input": [{"role": "user", "content": "hello"}]}
    found = await ask(json.dumps(body).encode(), b"/v1/responses/input_tokens")
    assert found == (200, {"object": "response.input_tokens", "input_tokens": len(chat)})


async def test_errors_have_the_shape_of_the_dialect():
    status, body = await ask(b'{"model":"g","messages":[]}', b"/v1/messages/count_tokens")
    assert status == 400
    assert (body["type"], body["error"]["type"], body["request_id"]) == ("error", "invalid_request_error", "c-1")
    with pytest.raises(InvalidRequest):
        await ask(b'{"model":"g","input":[]}', b"/v1/responses/input_tokens")
