"""OpenAI's recorded forms are forms that its own client knows, and a stream says what the whole answer says."""

from typing import Any

import openai.types.responses
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter
from tests.contract.translation.recorded import CHAT, RESPONSES, joined

EVENT: TypeAdapter[Any] = TypeAdapter(openai.types.responses.ResponseStreamEvent)


@pytest.mark.parametrize("name", CHAT)
def test_chat(name: str) -> None:
    form = CHAT[name]
    whole, (*chunks, usage, done) = form["whole"], form["stream"]
    ChatCompletion.model_validate(whole)
    for chunk in (*chunks, usage):
        ChatCompletionChunk.model_validate(chunk)
    assert form["source"].startswith("https://platform.openai.com/docs/api-reference/chat/object")
    assert done == "[DONE]"
    assert (usage["choices"], usage["usage"]) == ([], whole["usage"])
    (choice,) = whole["choices"]
    assert chunks[-1]["choices"][0]["finish_reason"] == choice["finish_reason"]
    said, message = joined(chunks), choice["message"]
    assert (said["content"] or None, said.get("refusal") or None) == (message["content"], message["refusal"])
    called = [(call["id"], call["name"], call["arguments"]) for call in said.get("tool_calls", {}).values()]
    whole_calls = [
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls", ())
    ]
    assert called == whole_calls


@pytest.mark.parametrize("name", RESPONSES)
def test_responses(name: str) -> None:
    form = RESPONSES[name]
    openai.types.responses.Response.model_validate(form["whole"])
    for at, event in enumerate(form["stream"]):
        assert EVENT.validate_python(event).sequence_number == at
    first, second, *between, last = form["stream"]
    assert form["source"].startswith("https://platform.openai.com/docs/api-reference/responses/object")
    assert (first["type"], second["type"]) == ("response.created", "response.in_progress")
    assert (last["type"], last["response"]) == (f"response.{form['whole']['status']}", form["whole"])
    done = [event["item"] for event in between if event["type"] == "response.output_item.done"]
    assert done == form["whole"]["output"]
    kinds = {event["type"] for event in form["stream"]}
    assert {kind.removesuffix(".delta") + ".done" for kind in kinds if kind.endswith(".delta")} <= kinds or not done
