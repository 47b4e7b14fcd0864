"""What stands where in each form, and that a change of it changes nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.guardrails.content import Direction, Kind, Text, ToolCall
from tianji.guardrails.slots.forms import FORMS, form_at, form_of
from tianji.guardrails.slots.texts import Mismatched, Unmaskable, Unreadable
from tianji.guardrails.verdict import Rewrite

ASKED, ANSWERED = Direction.REQUEST, Direction.RESPONSE
WEATHER = {"name": "weather", "description": "tells it", "parameters": {"type": "object"}}
ARGUMENTS = r'{ "city": "Par\u0069s", "days": [1, "two"] }'

BODIES: dict[str, tuple[str, Direction, Any, list[str]]] = {
    "chat": (
        "chat",
        ASKED,
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "be kind"},
                {"role": "user", "name": "ann", "content": [
                    {"type": "text", "text": "see"},
                    {"type": "image_url", "image_url": {"url": "https://i/1.png", "detail": "low"}},
                    {"type": "image_url", "image_url": "data:image/png;base64,AAAA"},
                    {"type": "file", "file": {"file_data": "data:a/pdf;base64,AA==", "filename": "cv.pdf"}},
                ]},
                {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": ARGUMENTS}},
                    {"id": "c2", "type": "custom", "custom": {"name": "run", "input": "ls"}},
                ]},
                {"role": "tool", "tool_call_id": "c1", "name": "weather", "content": "rain"},
            ],
            "prediction": {"type": "content", "content": "foreseen"},
            "documents": [{"title": "t", "text": "retrieved"}],
            "user": "u1", "metadata": {"a": "b"}, "stop": ["x"],
        },
        ["be kind", "ann", "see", "cv.pdf", "hm", "Paris", "two", "city\ndays\n1", "ls", "rain", "foreseen", "t",
         "retrieved"],
    ),
    "chat answer": (
        "chat",
        ANSWERED,
        {
            "id": "x", "object": "chat.completion", "model": "m", "citations": ["https://c/"],
            "choices": [
                {"index": 0, "finish_reason": "stop", "logprobs": {"content": [{"token": "sure"}]}, "message": {
                    "role": "assistant", "content": "sure", "refusal": None,
                    "annotations": [{"type": "url_citation", "url_citation": {"title": "page", "start_index": 0}}],
                }},
                {"index": 1, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": ARGUMENTS}}]}},
            ],
            "usage": {"prompt_tokens": 1},
        },
        ["sure", "page", "Paris", "two", "city\ndays\n1", "https://c/"],
    ),
    "completions": ("completions", ASKED, {"model": "m", "prompt": ["a", "b"], "suffix": "c"}, ["a", "b", "c"]),
    "completions answer": (
        "completions", ANSWERED, {"choices": [{"text": "said", "logprobs": {"tokens": ["said"]}}]}, ["said"],
    ),
    "embeddings": ("embeddings", ASKED, {"model": "m", "input": "a", "encoding_format": "float"}, ["a"]),
    "embeddings answer": ("embeddings", ANSWERED, {"data": [{"embedding": "AAAA"}]}, []),
    "moderations": ("moderations", ASKED, {"input": [{"type": "text", "text": "a"}, "b"]}, ["a", "b"]),
    "messages": (
        "messages",
        ASKED,
        {
            "model": "m", "max_tokens": 9,
            "system": [{"type": "text", "text": "be kind", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                    {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris", "days": 2}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "rain"}]},
                    {"type": "tool_result", "tool_use_id": "t2", "content": "sun"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    {"type": "image", "source": {"type": "url", "url": "https://i/1.png"}},
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a page"}},
                ]},
            ],
        },
        ["be kind", "hello", "hm", "Paris", "city\ndays\n2", "rain", "sun", "a page"],
    ),
    "messages answer": (
        "messages",
        ANSWERED,
        {"type": "message", "content": [
            {"type": "text", "text": "sure"},
            {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris"}},
        ], "stop_reason": "tool_use"},
        ["sure", "Paris", "city"],
    ),
    "responses": (
        "responses",
        ASKED,
        {"model": "m", "instructions": "be kind", "input": "hello", "previous_response_id": "r"},
        ["be kind", "hello"],
    ),
    "responses items": (
        "responses",
        ASKED,
        {"model": "m", "prompt": {"id": "p", "variables": {"who": "Ann"}}, "input": [
            {"role": "developer", "content": "be kind"},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "https://i/1.png"}]},
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}],
             "encrypted_content": "AAAA"},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": ARGUMENTS},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "sun"}]},
            {"type": "item_reference", "id": "i"},
        ]},
        ["be kind", "see", "hm", "Paris", "two", "city\ndays\n1", "rain", "sun", "Ann"],
    ),
    "responses answer": (
        "responses",
        ANSWERED,
        {"id": "r", "instructions": "be kind", "output": [
            {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [
                {"type": "output_text", "text": "sure", "annotations": [], "logprobs": [{"token": "sure"}]},
                {"type": "refusal", "refusal": "no"}]},
            {"type": "custom_tool_call", "call_id": "c", "name": "run", "input": "ls"},
        ]},
        ["sure", "no", "ls"],
    ),
    "gemini": (
        "gemini",
        ASKED,
        {
            "system_instruction": {"parts": {"text": "be kind"}},
            "contents": [
                {"role": "user", "parts": [
                    {"text": "see"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                    {"fileData": {"mimeType": "video/mp4", "fileUri": "https://f/1"}}]},
                {"role": "model", "parts": [
                    {"functionCall": {"name": "weather", "args": {"city": "Paris"}}, "thoughtSignature": "AAAA"}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"sky": "rain"}}}]},
            ],
            "generationConfig": {"stopSequences": ["x"]},
        },
        ["be kind", "see", "Paris", "city", "rain"],
    ),
    "gemini batch": ("gemini", ASKED, {"requests": [{"content": {"parts": [{"text": "a"}]}, "title": ""}]}, ["a"]),
    "gemini answer": (
        "gemini",
        ANSWERED,
        {"candidates": [{
            "content": {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "sure"}]},
            "finishReason": "STOP", "logprobsResult": {"chosenCandidates": [{"token": "sure"}]},
            "groundingMetadata": {"groundingSupports": [{"segment": {"text": "sure"}}]},
        }], "modelVersion": "g"},
        ["hm", "sure", "sure"],
    ),
    "gemini pieces": ("gemini", ANSWERED, [{"candidates": [{"content": {"parts": [{"text": "a"}]}}]}], ["a"]),
    "image": ("image_generation", ASKED, {"model": "m", "prompt": "a cat", "size": "1x1"}, ["a cat"]),
    "image answer": ("image_generation", ANSWERED, {"data": [{"b64_json": "A", "revised_prompt": "cat"}]}, ["cat"]),
    "speech": ("audio_speech", ASKED, {"model": "m", "input": "hello", "voice": "v", "instructions": "slow"},
               ["hello", "slow"]),
    "transcript": ("transcription", ANSWERED, {"text": "ab", "segments": [{"id": 0, "text": "a"}]}, ["ab", "a"]),
    "assistant": ("assistants", ASKED, {"model": "m", "name": "n", "instructions": "be kind", "tools": [WEATHER],
                                        "tool_resources": {"file_search": {"vector_store_ids": ["vs"]}}},
                  ["tells it", "n", "be kind"]),
    "run": ("assistants", ASKED, {
        "assistant_id": "asst_1", "additional_instructions": "be brief", "stream": True,
        "thread": {"own": "o", "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a"}], "metadata": {"x": "y"},
             "attachments": [{"file_id": "f", "tools": [{"type": "file_search"}]}]},
        ]},
        "additional_messages": [{"role": "assistant", "content": "b"}],
        "tool_outputs": [{"tool_call_id": "c", "output": "rain"}],
    }, ["be brief", "o", "a", "b", "rain"]),
    "message": ("assistants", ASKED, {"role": "user", "content": "hello", "metadata": {"x": "y"}}, ["hello"]),
    "rerank": ("rerank", ASKED, {"model": "m", "query": "q", "documents": ["a", {"text": "b"}]}, ["q", "a", "b"]),
    "ocr": ("ocr", ANSWERED, {"pages": [{"index": 0, "markdown": "# a"}], "document_annotation": "c"}, ["# a", "c"]),
    "unknown": ("passthrough", ASKED, {"a": ["b", {"c": "d"}]}, ["b", "d"]),
}  # fmt: skip


def written(value: object) -> bytes:
    """A body as no encoder of ours writes it."""
    return json.dumps(value, indent=1).encode()


@pytest.mark.parametrize("name", BODIES)
def test_every_text_is_found_in_order(name: str) -> None:
    operation, direction, body, expected = BODIES[name]

    content = form_of(operation).read(direction, written(body)).content

    assert [text.text for text in content.texts] == expected
    assert content.direction is direction


@pytest.mark.parametrize("name", BODIES)
def test_a_rewrite_that_changes_nothing_leaves_the_bytes(name: str) -> None:
    operation, direction, body, expected = BODIES[name]
    document = form_of(operation).read(direction, written(body))

    assert document.written(Rewrite(texts=dict(enumerate(expected)))) == written(body)
    assert document.written(Rewrite(tools=document.content.tools)) == written(body)


@pytest.mark.parametrize("name", BODIES)
def test_each_text_can_be_another_and_nothing_else_changes(name: str) -> None:
    operation, direction, body, expected = BODIES[name]
    form = form_of(operation)
    for index, text in enumerate(expected):
        document = form.read(direction, written(body))
        if "\n" in text or text == "city":  # names and numbers of arguments
            with pytest.raises(Unmaskable):
                document.written(Rewrite(texts={index: "*"}))
            continue
        changed = form.read(direction, document.written(Rewrite(texts={index: '"*" \\ é'})))

        assert [one.text for one in changed.content.texts] == [
            '"*" \\ é' if at == index else one for at, one in enumerate(expected)
        ]
        assert changed.content.images == document.content.images


def test_roles_kinds_and_messages_are_told() -> None:
    content = form_of("chat").read(ASKED, written(BODIES["chat"][2])).content

    assert content.texts[0] == Text("be kind", "system", Kind.INSTRUCTIONS, 0)
    assert content.texts[2] == Text("see", "user", Kind.SAID, 1)
    assert content.texts[5] == Text("Paris", "assistant", Kind.TOOL_ARGUMENTS, 2)
    assert content.texts[9] == Text("rain", "tool", Kind.TOOL_RESULT, 3)
    assert content.last_turn() == "ann see cv.pdf"
    assert content.images == ("https://i/1.png", "data:image/png;base64,AAAA")
    custom = ToolCall("run", "ls", "c2", 2, ("custom", "function"))
    assert content.calls == (ToolCall("weather", ARGUMENTS, "c1", 2), custom)


def test_images_of_other_forms() -> None:
    shown = ("data:image/png;base64,AAAA", "https://i/1.png")

    assert form_of("messages").read(ASKED, written(BODIES["messages"][2])).content.images == shown
    assert form_of("gemini").read(ASKED, written(BODIES["gemini"][2])).content.images == shown[:1]
    assert form_of("responses").read(ASKED, written(BODIES["responses items"][2])).content.images == shown[1:]


def test_tool_results_are_told_from_what_is_said() -> None:
    for operation, name, result in (("messages", "messages", "rain"), ("responses", "responses items", "rain"),
                                    ("gemini", "gemini", "rain"), ("rerank", "rerank", "a"),
                                    ("assistants", "run", "rain")):  # fmt: skip
        texts = form_of(operation).read(ASKED, written(BODIES[name][2])).content.texts
        assert next(text for text in texts if text.text == result).kind is Kind.TOOL_RESULT


def test_arguments_are_masked_inside_their_string_and_keep_their_shape() -> None:
    body = written(BODIES["chat answer"][2])
    document = form_of("chat").read(ANSWERED, body)

    changed = json.loads(document.written(Rewrite(texts={2: "<CITY>"})))

    assert changed["choices"][1]["message"]["tool_calls"][0]["function"]["arguments"] == (
        '{ "city": "<CITY>", "days": [1, "two"] }'
    )


def test_arguments_that_are_no_json_are_one_text() -> None:
    message = {"tool_calls": [{"function": {"name": "f", "arguments": '{"a": tru'}}]}
    document = form_of("chat").read(ANSWERED, written({"choices": [{"message": message}]}))

    assert [text.text for text in document.content.texts] == ['{"a": tru']
    changed = json.loads(document.written(Rewrite(texts={0: "gone"})))["choices"][0]["message"]
    assert changed["tool_calls"][0]["function"]["arguments"] == "gone"


def test_probabilities_of_tokens_go_with_the_text_that_they_repeat() -> None:
    for operation, name, index in (("chat", "chat answer", 0), ("completions", "completions answer", 0),
                                   ("responses", "responses answer", 0), ("gemini", "gemini answer", 1)):  # fmt: skip
        document = form_of(operation).read(ANSWERED, written(BODIES[name][2]))
        assert b'"token' in document.body
        assert b'"token' not in document.written(Rewrite(texts={index: "*"}))


def test_calls_are_replaced_and_taken_out() -> None:
    calls = [{"id": f"c{n}", "type": "function", "function": {"name": f"f{n}", "arguments": "{}"}} for n in range(2)]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    body = written({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
    document = form_of("chat").read(ANSWERED, body)

    other = json.loads(document.written(Rewrite(calls={0: ToolCall("g", '{"a":1}', "c0"), 1: None})))["choices"][0]
    none = json.loads(document.written(Rewrite(calls={0: None, 1: None})))["choices"][0]

    function = {"name": "g", "arguments": '{"a":1}'}
    assert other["message"]["tool_calls"] == [{"id": "c0", "type": "function", "function": function}]
    assert other["finish_reason"] == "tool_calls"
    assert none == {"message": {"role": "assistant", "content": None}, "finish_reason": "stop"}


def test_calls_of_messages_are_replaced_and_taken_out() -> None:
    document = form_of("messages").read(ANSWERED, written(BODIES["messages answer"][2]))

    none = json.loads(document.written(Rewrite(calls={0: None})))
    other = json.loads(document.written(Rewrite(calls={0: ToolCall("weather", '{"city":"Rome"}', "t1")})))

    assert none == {"type": "message", "content": [{"type": "text", "text": "sure"}], "stop_reason": "end_turn"}
    assert other["content"][1]["input"] == {"city": "Rome"}
    with pytest.raises(Mismatched):
        document.written(Rewrite(calls={0: ToolCall("weather", "no json", "t1")}))


@pytest.mark.parametrize(
    "rewrite",
    [
        Rewrite(texts={6: "x"}),
        Rewrite(texts={-1: "x"}),
        Rewrite(calls={1: None}),
        Rewrite(tools=({"type": "function"},)),
        Rewrite(texts={2: "x"}, calls={0: None}),
        Rewrite(texts={0: "\ud800"}),
    ],
)
def test_a_rewrite_of_what_is_not_there_is_an_error(rewrite: Rewrite) -> None:
    document = form_of("chat").read(ANSWERED, written(BODIES["chat answer"][2]))

    with pytest.raises(Mismatched):
        document.written(rewrite)


@pytest.mark.parametrize(
    ("operation", "declared"),
    [
        ("chat", [{"type": "function", "function": WEATHER}, {"type": "web_search"}]),
        ("messages", [{"name": "weather", "description": "tells it", "input_schema": {"type": "object"}},
                      {"type": "web_search"}]),
        ("responses", [{"type": "function", **WEATHER}, {"type": "web_search"}]),
    ],
)  # fmt: skip
def test_declared_tools_have_one_form_and_keep_their_own(operation: str, declared: list[dict[str, Any]]) -> None:
    document = form_of(operation).read(ASKED, written({"tools": declared}))
    tools = document.content.tools

    assert tools == ({"type": "function", "function": WEATHER}, {"type": "web_search"})
    assert json.loads(document.written(Rewrite(tools=tools[1:])))["tools"] == declared[1:]
    renamed = {"type": "function", "function": {**WEATHER, "name": "sky"}}
    assert json.loads(document.written(Rewrite(tools=(renamed,))))["tools"] == [{**declared[0], "name": "sky"}] or (
        operation == "chat"
    )


def test_declared_tools_of_gemini_may_stand_in_several_places() -> None:
    a, b = ({"name": name, "description": "", "parameters": {"type": "OBJECT"}} for name in "ab")
    document = form_of("gemini").read(
        ASKED, written({"tools": [{"functionDeclarations": [a]}, {"googleSearch": {}}, {"function_declarations": [b]}]})
    )

    assert [tool["function"]["name"] for tool in document.content.tools] == ["a", "b"]
    assert json.loads(document.written(Rewrite(tools=document.content.tools[1:])))["tools"] == [
        {"functionDeclarations": [b]}, {"googleSearch": {}}, {"function_declarations": []},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "body", "member", "expected"),
    [
        ("chat", {"messages": [{"role": "user", "content": "a"}]}, "messages",
         [{"role": "system", "content": "heed"}, {"role": "user", "content": "a"}]),
        ("messages", {"model": "m"}, "system", [{"type": "text", "text": "heed"}]),
        ("messages", {"system": "own"}, "system", [{"type": "text", "text": "heed"}, {"type": "text", "text": "own"}]),
        ("responses", {"instructions": "own"}, "instructions", "heed\n\nown"),
        ("responses", {}, "instructions", "heed"),
        ("gemini", {"system_instruction": {"parts": {"text": "own"}}}, "system_instruction",
         {"parts": [{"text": "heed"}, {"text": "own"}]}),
        ("gemini", {"contents": []}, "systemInstruction", {"parts": [{"text": "heed"}]}),
    ],
)  # fmt: skip
def test_instructions_are_put_before_those_that_are_there(
    operation: str, body: dict[str, Any], member: str, expected: object
) -> None:
    assert json.loads(form_of(operation).read(ASKED, written(body)).advised("heed")) == {**body, member: expected}


def test_where_there_is_no_place_for_instructions() -> None:
    with pytest.raises(Unmaskable):
        form_of("embeddings").read(ASKED, b'{"input":"a"}').advised("heed")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"messages":[}',
        b'{"messages":[{"content":"safe","content":"evil"}]}',
        b'{"messages":[],"m\\u0065ssages":[{"content":"evil"}]}',
        b"[" * 100_000,
        b'{"a":' * 129 + b"1" + b"}" * 129,
        b'{"a":"\xff"}',
        b'{"a":NaN}',
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        form_of("chat").read(ASKED, body)


@pytest.mark.parametrize("asked", [[1, 2], [[1, 2], [3]]])
def test_tokens_are_no_text(asked: object) -> None:
    for operation, member in (("completions", "prompt"), ("embeddings", "input")):
        with pytest.raises(Unreadable, match="tokens"):
            form_of(operation).read(ASKED, written({member: asked}))


def test_half_a_character_is_read_and_stays() -> None:
    body = rb'{"messages":[{"content":"a\ud83d b\\ud83d \ud83d\ude00"},{"content":"c"}]}'
    document = form_of("chat").read(ASKED, body)

    assert [text.text for text in document.content.texts] == ["a\ufffd b\\ud83d 😀", "c"]
    assert document.written(Rewrite(texts={1: "d"})) == body.replace(b'"c"', b'"d"')


def test_a_transcript_may_be_plain_text() -> None:
    document = form_of("transcription").read(ANSWERED, "1\n00:00 → é\n".encode())

    assert [text.text for text in document.content.texts] == ["1\n00:00 → é\n"]
    assert document.written(Rewrite()) == document.body
    assert document.written(Rewrite(texts={0: "ü"})) == "ü".encode()
    with pytest.raises(Mismatched):
        document.written(Rewrite(texts={1: "x"}))
    with pytest.raises(Unreadable):
        form_of("transcription").read(ANSWERED, b"\xff")


def test_fields_of_a_path_that_leads_through() -> None:
    form = form_at(("$.input[*].text", "meta['a b'][-1]", "tree..leaf"), None)
    body = {"input": [{"text": "a", "id": "x"}, {"text": ["b"]}], "meta": {"a b": ["c", "d"]},
            "tree": {"leaf": "e", "x": [{"leaf": {"y": "f"}}]}, "other": "g"}  # fmt: skip
    document = form.read(ASKED, written(body))

    assert sorted(text.text for text in document.content.texts) == ["a", "b", "d", "e", "f"]
    assert [text.text for text in form.read(ANSWERED, written({"a": ["b"]})).content.texts] == ["b"]
    changed = document.written(Rewrite(texts=dict.fromkeys(range(5), "*")))
    assert json.loads(changed) == {
        "input": [{"text": "*", "id": "x"}, {"text": ["*"]}], "meta": {"a b": ["c", "*"]},
        "tree": {"leaf": "*", "x": [{"leaf": {"y": "*"}}]}, "other": "g",
    }  # fmt: skip


TEXTS = st.text(max_size=8)
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | TEXTS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["role", "content", "type", "text", "tool_calls", "function", "name", "arguments", "input", "parts",
             "source", "image_url", "url", "functionCall", "args", "message", "id", "system", "data", "documents"]
        ) | TEXTS,
        inner,
        max_size=4,
    ),
    max_leaves=25,
)  # fmt: skip
MEMBERS = st.sampled_from(
    ["messages", "choices", "contents", "candidates", "output", "input", "content", "prompt", "tools", "system",
     "query", "documents", "requests", "data", "results", "text", "instructions", "functions"]
)  # fmt: skip


@given(
    st.sampled_from([*FORMS, "passthrough"]), st.sampled_from(Direction), st.dictionaries(MEMBERS, SHAPES, max_size=4)
)
def test_any_shape_is_read_and_written(operation: str, direction: Direction, body: dict[str, Any]) -> None:
    text = json.dumps(body).encode()
    form = form_of(operation)
    try:
        document = form.read(direction, text)
    except Unreadable:
        return

    assert document.written(Rewrite(texts={at: one.text for at, one in enumerate(document.content.texts)})) == text
    for index in range(len(document.content.texts)):
        try:
            changed = form.read(direction, document.written(Rewrite(texts={index: "§"}))).content.texts
        except Unmaskable:
            continue
        assert "§" in [one.text for one in changed]


@given(st.dictionaries(st.sampled_from(["messages", "prompt", "own"]), SHAPES, max_size=3))
def test_no_word_of_a_message_is_left_out(body: dict[str, Any]) -> None:
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "needle", "own": body}]}]}
    text = json.dumps(body).encode()
    try:
        found = form_of("chat").read(ASKED, text).content.texts
    except Unreadable:
        return

    assert "needle" in [one.text for one in found]
