"""Vendors that speak OpenAI's form with differences: what is written, and how what they say is read."""

import json
from typing import Any

import msgspec
import pytest

from tianji.errors import InvalidRequest, UnsupportedParams, UpstreamProtocolError
from tianji.lazy import load
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Outbound, StreamFailed, Target

ASK = [{"role": "user", "content": "q"}]
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def outbound(vendor: str, model: str = "m", **members: Any) -> Outbound:
    known = {name: value for name, value in members.items() if name in Request.__struct_fields__}
    extra = {name: value for name, value in members.items() if name not in known}
    request = msgspec.convert({"model": "x", "messages": ASK, **known, "extra": extra or None}, Request)
    made: Outbound = load(f"tianji.protocol.vendors.{vendor}").outbound(request, Target(provider=vendor, model=model))
    return made


def body(vendor: str, model: str = "m", **members: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outbound(vendor, model, **members).body)
    return found


def whole(vendor: str, answer: Any, **members: Any) -> Any:
    return outbound(vendor, **members).answer(json.dumps(answer).encode())


def streamed(vendor: str, *chunks: Any, **members: Any) -> Any:
    decoder = outbound(vendor, **members).stream()
    found = [chunk for each in chunks for chunk in decoder.event("", json.dumps(each).encode())]
    assert decoder.finished
    return collect([*found, *decoder.end()])


def said(message: Any, reason: str | None = "stop") -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": USAGE}


def piece(delta: Any, reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


class TestMistral:
    def test_reasoning_is_told_from_the_answer(self) -> None:
        found = whole("mistral", said({"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "a"}]}))
        message = found.choices[0].message
        assert (message.content, message.reasoning_content) == ("a", "hm")
        other = streamed(
            "mistral",
            piece({"role": "assistant", "content": [THOUGHT]}),
            piece({"content": "a"}),
            piece({"content": ""}, "stop") | {"usage": USAGE},
        )
        assert (other.choices[0].message.content, other.choices[0].message.reasoning_content) == ("a", "hm")
        assert other.usage == found.usage

    def test_reasoning_goes_back(self) -> None:
        turn = {"role": "assistant", "content": "a", "reasoning_content": "hm"}
        found = body("mistral", messages=[*ASK, turn])
        assert found["model"] == "m"
        assert found["messages"][1] == {"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "a"}]}


class TestDatabricks:
    def test_reasoning_keeps_its_signature(self) -> None:
        summary = [{"type": "summary_text", "text": "hm", "signature": "sig"}]
        content = [{"type": "reasoning", "summary": summary}, {"type": "text", "text": "a"}]
        message = whole("databricks", said({"role": "assistant", "content": content})).choices[0].message
        assert (message.content, message.reasoning_content) == ("a", "hm")
        assert message.thinking_blocks[0].signature == "sig"
        back = {"role": "assistant", "content": "a", "thinking_blocks": msgspec.to_builtins(message.thinking_blocks)}
        assert body("databricks", messages=[*ASK, back])["messages"][1]["content"] == content


class TestWatsonx:
    def test_names_and_places(self) -> None:
        found = outbound("watsonx", "ibm/granite", project_id="p", tool_choice="auto", tools=[FUNCTION], stream=True)
        assert found.suffix == "/ml/v1/text/chat_stream"
        sent = json.loads(found.body)
        assert sent == {
            "model_id": "ibm/granite",
            "project_id": "p",
            "messages": ASK,
            "tools": [FUNCTION],
            "tool_choice_option": "auto",
        }

    def test_deployments_know_their_model(self) -> None:
        found = outbound("watsonx", "deployment/d 1", project_id="p")
        assert found.suffix == "/ml/v1/deployments/d%201/text/chat"
        assert json.loads(found.body) == {"messages": ASK}


class TestWatsonxText:
    def test_what_is_asked(self) -> None:
        found = outbound("watsonx_text", "ibm/granite", project_id="p", max_tokens=5, seed=1, decoding_method="greedy")
        assert found.suffix == "/ml/v1/text/generation"
        assert json.loads(found.body) == {
            "model_id": "ibm/granite",
            "input": "q",
            "project_id": "p",
            "parameters": {"max_new_tokens": 5, "random_seed": 1, "decoding_method": "greedy"},
        }

    def test_it_has_to_say_that_it_is_finished(self) -> None:
        for reason in ("not_finished", None):
            with pytest.raises(UpstreamProtocolError, match="finished"):
                whole("watsonx_text", {"results": [{"generated_text": "a", "stop_reason": reason}]})
        answer = {"results": [{"generated_text": "a", "stop_reason": "max_tokens"}]}
        assert whole("watsonx_text", answer).choices[0].finish_reason == "length"


class TestGigaChat:
    def test_each_call_has_its_result_behind_it(self) -> None:
        calls = [CALL, {**CALL, "id": "c2"}]
        turns = [
            {"role": "system", "content": "a"},
            *ASK,
            {"role": "assistant", "content": "ok", "tool_calls": calls},
            {"role": "tool", "tool_call_id": "c2", "content": '{"r": 2}'},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "developer", "content": "b"},
        ]
        called = {"name": "f", "arguments": {"x": 1}}
        found = body("gigachat", messages=turns, tools=[FUNCTION], tool_choice="required", temperature=0)
        assert found["messages"] == [
            {"role": "system", "content": "a\n\nb"},
            *ASK,
            {"role": "assistant", "content": "ok", "function_call": called},
            {"role": "function", "name": "f", "content": '{"result":"one"}'},
            {"role": "assistant", "content": "", "function_call": called},
            {"role": "function", "name": "f", "content": '{"r": 2}'},
        ]
        assert found["functions"] == [{"name": "f", "parameters": {"type": "object"}}]
        assert found["function_call"] == {"name": "f"}
        assert found["top_p"] == 0
        assert "temperature" not in found

    def test_calls_are_read(self) -> None:
        call = {"function_call": {"name": "f", "arguments": {"x": 1}}, "functions_state_id": "s"}
        found = whole("gigachat", said({"role": "assistant", "content": "", **call}, "function_call"))
        choice = found.choices[0]
        assert choice.finish_reason == "tool_calls"
        assert choice.message.tool_calls[0].function.name == "f"
        assert json.loads(choice.message.tool_calls[0].function.arguments) == {"x": 1}
        other = streamed("gigachat", piece(call), piece({}, "function_call"))
        assert other.choices[0].message.tool_calls[0].function == choice.message.tool_calls[0].function

    def test_a_schema_is_a_function_that_has_to_be_called(self) -> None:
        form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
        assert body("gigachat", response_format=form)["function_call"] == {"name": "n"}
        called = {"function_call": {"name": "n", "arguments": {"x": 1}}}
        choice = whole("gigachat", said(called, "function_call"), response_format=form).choices[0]
        assert (choice.message.content, choice.finish_reason) == ('{"x":1}', "stop")

    def test_what_is_filtered(self) -> None:
        assert whole("gigachat", said({"content": "no"}, "blacklist")).choices[0].finish_reason == "content_filter"

    def test_what_it_lacks(self) -> None:
        with pytest.raises(UnsupportedParams, match="seed"):
            outbound("gigachat", seed=1)
        image = {"type": "image_url", "image_url": {"url": "data:,"}}
        with pytest.raises(InvalidRequest, match="GigaChat does not take"):
            outbound("gigachat", messages=[{"role": "user", "content": [image]}])


class TestSap:
    def test_everything_has_its_place_in_the_envelope(self) -> None:
        found = body("sap", "gpt-4o", max_tokens=5, tools=[FUNCTION], stream=True, masking={"x": 1})
        assert found == {
            "config": {
                "modules": {
                    "prompt_templating": {
                        "prompt": {"template": ASK, "tools": [FUNCTION]},
                        "model": {"name": "gpt-4o", "version": "latest", "params": {"max_tokens": 5}},
                    },
                    "masking": {"x": 1},
                },
                "stream": {"enabled": True},
            },
            "placeholder_values": {},
        }

    def test_answers_are_taken_out_of_it(self) -> None:
        answer = {"request_id": "r", "intermediate_results": {}, "final_result": said({"content": "a"})}
        assert whole("sap", answer).choices[0].message.content == "a"
        other = streamed(
            "sap",
            {"request_id": "r", "intermediate_results": {"templating": []}},
            {"final_result": piece({"content": "a"})},
            {"final_result": piece({}, "stop") | {"usage": USAGE}},
        )
        assert other.choices[0].message.content == "a"
        assert other.usage.total_tokens == 3
        with pytest.raises(StreamFailed):
            whole("sap", {"error": {"message": "no"}})


@pytest.mark.parametrize("vendor", ["mistral", "databricks", "watsonx", "gigachat", "sap"])
def test_nonsense_is_said_to_be_so(vendor: str) -> None:
    for answer in ({}, {"choices": 7}, [], "x"):
        with pytest.raises(UpstreamProtocolError, match=vendor):
            whole(vendor, answer)
