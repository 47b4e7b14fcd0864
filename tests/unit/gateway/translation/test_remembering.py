"""What is told from memory is what would be told if every request and every answer were read."""

import json
import re
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from time import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.unit.gateway.translation.shapes import ANSWERS, COUNT, ID, SLOT, SMALL

from tianji._core.bodies.frames import Frames
from tianji._core.bodies.spans import scan
from tianji._core.requests.silent import SilentExchange
from tianji._core.streams.remembered import Translated
from tianji.errors import StreamFailed, TianjiError
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.gateway.translation.rehearsal import Question
from tianji.gateway.translation.retelling import Teller
from tianji.gateway.translation.translating import Translation

Json = dict[str, Any]
PAIRS = [
    *(("chat", model) for model in ("claude", "gemini", "cohere", "pro", "converse", "invoke")),
    *(("messages", model) for model in ("gpt", "gemini", "converse")),
    *(("gemini", model) for model in ("gpt", "claude")),
    *(("responses", model) for model in ("own", "gemini")),
]


EDGES = st.sampled_from(["", "", " ", "\n", "\t\r\n ", "\u3000", "\x85\x1c", "\u2028", "\f"])
CORES = st.sampled_from(
    ["\\", '"', "\\n", "é", "\ud83d", "𝄞", "null {} <think>", '{"$ref": "text"}', "https://a.b/c", ""]
) | st.text(max_size=12)


MARK = {"cache_control": {"type": "ephemeral"}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aWk="}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look up", "arguments": '{"a": 1}'}}
part = st.sampled_from([{"type": "text", "text": SLOT}, {"text": SLOT, "type": "text", **MARK}, IMAGE])
chat_message = st.sampled_from(
    [
        {"role": "system", "content": SLOT},
        {"content": SLOT, "role": "developer"},
        {"role": "user", "content": SLOT, "name": "me"},
        {"role": "assistant", "content": SLOT},
        {"role": "assistant", "content": SLOT, "tool_calls": [CALL]},
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "tool", "tool_call_id": "call_1", "content": SLOT},
        {"role": "user", "content": SLOT, **MARK},
        {"role": "nobody", "content": SLOT},
        {"content": SLOT},
    ]
) | st.builds(lambda role, parts: {"role": role, "content": parts}, st.sampled_from(["user", "system"]), st.lists(part))
FUNCTION = {"name": "look up", "parameters": {"type": "object", "properties": {"text": {"description": "a text"}}}}
CHAT_EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0, 1, 0.5]),
        "max_tokens": st.sampled_from([1, 100]),
        "stop": st.sampled_from(["x", ["y", "z"]]),
        "stream": st.booleans(),
        "tools": st.just([{"type": "function", "function": FUNCTION}]),
        "response_format": st.just({"type": "json_object"}),
        "user": st.just("somebody"),
        "system": st.just(SLOT),
        "text": st.just(SLOT),
    },
)
chat_body = st.builds(
    lambda messages, extras: {"messages": messages, **extras}, st.lists(chat_message, max_size=4), CHAT_EXTRAS
)
block = st.sampled_from(
    [
        {"type": "text", "text": SLOT},
        {"type": "text", "text": SLOT, **MARK},
        {"type": "tool_use", "id": "toolu_1", "name": "n", "input": {"text": "t"}},
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": SLOT}]},
        {"type": "thinking", "thinking": SLOT, "signature": "c2ln"},
        {"type": "search_result", "title": "t", "source": "s", "content": [{"type": "text", "text": SLOT}]},
    ]
)
turn = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["user", "assistant"]),
    st.just(SLOT) | st.lists(block, max_size=3),
)
messages_body = st.builds(
    lambda turns, extras: {"messages": turns, **extras},
    st.lists(turn, min_size=1, max_size=4),
    st.fixed_dictionaries(
        {"max_tokens": st.just(100)},
        optional={
            "system": st.just(SLOT) | st.lists(st.sampled_from([{"type": "text", "text": SLOT, **MARK}]), max_size=2),
            "stream": st.booleans(),
            "metadata": st.just({"user_id": "u"}),
            "tools": st.just([{"name": "n" * 70, "input_schema": {"type": "object"}}]),
        },
    ),
)
google_part = st.sampled_from(
    [
        {"text": SLOT},
        {"text": SLOT, "thought": True},
        {"functionCall": {"name": "f", "args": {"text": "t"}}},
        {"functionResponse": {"name": "f", "response": {"text": "t"}}},
        {"inlineData": {"mimeType": "image/png", "data": "aWk="}},
    ]
)
google_content = st.builds(
    lambda role, parts: {"parts": parts, **({"role": role} if role else {})},
    st.sampled_from(["user", "model", ""]),
    st.lists(google_part, min_size=1, max_size=3),
)
google_body = st.builds(
    lambda contents, extras: {"contents": contents, **extras},
    st.lists(google_content, min_size=1, max_size=3),
    st.fixed_dictionaries(
        {},
        optional={
            "systemInstruction": st.just({"parts": [{"text": SLOT}, {"text": SLOT}]}),
            "system_instruction": st.just({"role": "system", "parts": [{"text": SLOT}]}),
            "generationConfig": st.just({"temperature": 1, "stopSequences": ["x"]}),
        },
    ),
)
item = st.sampled_from(
    [
        {"role": "user", "content": SLOT},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": SLOT}]},
        {"role": "user", "content": [{"type": "input_text", "text": SLOT}, {"type": "input_text", "text": SLOT}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": SLOT}, {"type": "refusal", "refusal": "no"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": SLOT}], "content": []},
        {"type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": '{"text": "t"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": SLOT},
        {"type": "item_reference", "id": "msg_1"},
    ]
)
responses_body = st.builds(
    lambda asked, extras: {"input": asked, **extras},
    st.just(SLOT) | st.lists(item, min_size=1, max_size=4),
    st.fixed_dictionaries(
        {},
        optional={
            "instructions": st.just(SLOT),
            "stream": st.booleans(),
            "temperature": st.sampled_from([0, 1, 0.5]),
            "tools": st.sampled_from([[{"type": "function", **FUNCTION}], [{"type": "custom", "name": "patch"}]]),
            "metadata": st.just({"content": SLOT}),
        },
    ),
)
BODIES = {"chat": chat_body, "messages": messages_body, "gemini": google_body, "responses": responses_body}


class Pair:
    """A client's dialect and an upstream, with a memory of its own."""

    def __init__(self, snapshot: Snapshot, operation: str, model: str, *, streams: bool = False) -> None:
        [(_, deployment)] = snapshot.members[model]
        self._plan = deployment.plans[operation]
        self._table = snapshot.table
        self._model = json.dumps(deployment.model).encode()
        self.operation = operation
        self.names: set[bytes] = set()
        self._google = operation == "gemini"
        self._streams = streams
        self._shown = model
        self.frames = Frames()
        passage = self._plan.passage
        assert isinstance(passage, Translation)
        self._place = structs.replace(passage.place, sign=None, awaits=None)  # what it signs holds the time
        self._pair = passage.pair

    def begin(self, body: Json, *, ascii_only: bool, remembers: bool) -> Translated:
        """What is sent for a body, from memory or not."""
        named = body if self._google else {"model": self._shown, **body}
        text = json.dumps(named, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        question = Question(
            self._table, SilentExchange("", text, None), scan(text), self._shown, self._shown_json, self._streams
        )
        frames = self.frames if remembers else Frames()
        passage = Translation(self._pair, self._place, Teller(frames, self._pair.dialect, self._pair.protocol))
        return passage.begin(self._plan, question, self._model, self._plan.head)

    @property
    def _shown_json(self) -> bytes:
        return json.dumps(self._shown).encode()


def filled(value: Any, texts: Iterator[str]) -> Any:
    if value is SLOT:
        return next(texts)
    if isinstance(value, list):
        return [filled(inner, texts) for inner in value]
    if isinstance(value, dict):
        return {name: filled(inner, texts) for name, inner in value.items()}
    return value


def outcome(work: Any) -> Any:
    try:
        return work()
    except (TianjiError, StreamFailed) as error:
        return repr(error)


def written(pair: Pair, body: Json, *, ascii_only: bool = False, remembers: bool = True) -> tuple[bytes, bytes]:
    """The head and the body that are sent; the length fits."""
    request = pair.begin(body, ascii_only=ascii_only, remembers=remembers).request
    head, _, sent = (request if isinstance(request, bytes) else b"".join(request)).partition(b"\r\n\r\n")
    assert re.search(rb"\ncontent-length: (\d+)$", head)[1] == b"%d" % len(sent)  # type: ignore[index]
    return head, sent


def meaning(request: Any) -> Any:
    """A request without the length and the way in which its characters are written."""
    if isinstance(request, str):
        return request
    head, body = request
    return re.sub(rb"content-length: \d+", b"", head), json.loads(body)


@pytest.mark.parametrize(("operation", "model"), PAIRS, ids=map("-".join, PAIRS))
@given(data=st.data())
def test_requests_are_written_as_if_each_were_read(snapshot: Snapshot, operation: str, model: str, data: Any) -> None:
    body = data.draw(BODIES[operation])
    ascii_only = data.draw(st.booleans())
    pair = Pair(snapshot, operation, model, streams=data.draw(st.booleans()))
    edges = data.draw(st.lists(st.tuples(EDGES, EDGES), min_size=1, max_size=3))
    spoken = st.lists(CORES, min_size=1, max_size=4)
    for cores in (["one"], ["another", "text"], data.draw(spoken), data.draw(spoken)):
        texts = [before + core + after for core, (before, after) in zip(cycle(cores), edges * 4, strict=False)]
        if not ascii_only and any("\ud83d" in text for text in texts):
            continue  # no UTF-8
        said = filled(body, cycle(texts))
        seen = outcome(partial(written, pair, said, ascii_only=ascii_only, remembers=True))
        read = outcome(partial(written, pair, said, ascii_only=ascii_only, remembers=False))
        assert seen == read if not ascii_only else meaning(seen) == meaning(read)


@pytest.mark.parametrize(("operation", "model"), PAIRS, ids=map("-".join, PAIRS))
def test_the_third_request_of_a_shape_is_not_read(
    snapshot: Snapshot, operation: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Pair(snapshot, operation, model)
    turns: Json = {"messages": [{"role": "user", "content": SLOT}], "max_tokens": 10}
    body = {
        "gemini": {"contents": [{"parts": [{"text": SLOT}]}]},
        "responses": {"input": [{"role": "user", "content": SLOT}]},
    }.get(operation, turns)
    for number in range(2):
        written(pair, filled(body, cycle([f"text {number}"])))

    def unread(*_: object, **__: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(Translation, "_write", unread)
    assert b'the\\n\\"third\\"' in written(pair, filled(body, cycle(['the\n"third"'])))[1]
    with pytest.raises(AssertionError, match="it was read"):
        written(pair, filled(body, cycle(["a space "])))


ANSWERING = [
    *((operation, model) for operation in ("chat", "messages") for model in ("gemini", "converse", "pro")),
    ("chat", "cohere"),
    ("chat", "claude"),
    ("chat", "invoke"),
    ("gemini", "claude"),
    ("gemini", "converse"),
    ("messages", "gpt"),
    ("gemini", "gpt"),
    *(("responses", model) for model in ("own", "converse")),
]
IDS = st.sampled_from(
    ["msg_01XFDU", "msg_01YYYY", "chatcmpl-9lM", "resp_1", "chatcmpl-resp_2", "3f-a", "x", "call_a__thought__b", ""]
)
QUESTIONS: dict[str, Json] = {
    "chat": {"messages": [{"role": "user", "content": "x"}]},
    "messages": {"messages": [{"role": "user", "content": "x"}], "max_tokens": 10},
    "gemini": {"contents": [{"parts": [{"text": "x"}]}]},
    "responses": {"input": "x", "instructions": "be brief"},
}


def said(value: Any, text: Iterator[str], count: Iterator[int], name: str) -> Any:
    """An answer with texts, counts and an id in it."""
    if value is COUNT:
        return next(count)
    if value is ID:
        return name
    if isinstance(value, list):
        return [said(inner, text, count, name) for inner in value]
    if isinstance(value, dict):
        return {key: said(inner, text, count, name) for key, inner in value.items()}
    return filled(value, text)


def told(pair: Pair, question: Json, answer: Json, *, remembers: bool) -> tuple[Any, ...]:
    """What a client is told of an answer, but for when that was, and what is known of it."""
    translated = pair.begin(question, ascii_only=False, remembers=remembers)
    body, usage = translated.answer(json.dumps(answer, ensure_ascii=False).encode())
    known = None if usage is None else (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
    made = re.search(rb'"created(?:_at)?":(\d+)', body)
    given = pair.operation != "responses" and {"created", "created_at"} & answer.keys()
    assert made is None or given or abs(int(made[1]) - time()) < 60
    body = re.sub(rb'"created(?:_at)?":\d+', b"", body)
    if pair.operation == "responses":  # its own name is in the ids of all that is in it
        (name,) = re.findall(rb'"id":"resp_tianji_([0-9a-f]{48})"', body)
        assert pair.names.add(name) is None
        body = body.replace(name, b"made up")
    return re.sub(rb"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])", b"made up", body), known, translated.filtered


@pytest.mark.parametrize(("operation", "model"), ANSWERING, ids=map("-".join, ANSWERING))
@given(data=st.data())
def test_answers_are_told_as_if_each_were_read(snapshot: Snapshot, operation: str, model: str, data: Any) -> None:
    shape = data.draw(ANSWERS[model])
    pair = Pair(snapshot, operation, model)
    counts = st.lists(st.integers(0, 30) | st.just(10**16), min_size=1, max_size=8)
    edges = data.draw(st.lists(st.tuples(EDGES, EDGES), min_size=1, max_size=2))
    name = data.draw(IDS)
    for number in range(5):
        cores = [core for core in data.draw(st.lists(CORES, min_size=1, max_size=3)) if core != "\ud83d"] or ["x"]
        texts = [before + core + after for core, (before, after) in zip(cycle(cores), edges * 3, strict=False)]
        count = data.draw(counts) if number > 1 else [9, 4, 20, 3]
        answer = said(shape, cycle(texts), cycle(count), name if number < 3 else data.draw(IDS))
        seen = outcome(partial(told, pair, QUESTIONS[operation], answer, remembers=True))
        assert seen == outcome(partial(told, pair, QUESTIONS[operation], answer, remembers=False))


@pytest.mark.parametrize(("operation", "model"), ANSWERING, ids=map("-".join, ANSWERING))
def test_the_third_answer_of_a_shape_is_not_read(
    snapshot: Snapshot, operation: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Pair(snapshot, operation, model)
    usage = {"input_tokens": COUNT, "output_tokens": COUNT, "cache_read_input_tokens": COUNT}
    cached = {"prompt_tokens": COUNT, "completion_tokens": COUNT, "prompt_tokens_details": {"cached_tokens": COUNT}}
    shape: Json = {"id": ID, "content": [{"type": "text", "text": SLOT}], "stop_reason": "end_turn", "usage": usage}
    shape = SMALL.get(model, shape)
    if model in ("gpt", "own"):
        chosen = {"index": 0, "message": {"role": "assistant", "content": SLOT}, "finish_reason": "stop"}
        shape = {"id": ID, "created": COUNT, "choices": [chosen], "usage": cached}

    def answered(*counts: int) -> tuple[Any, ...]:
        answer = said(shape, iter([f"it is {counts}"]), iter(counts), f"msg_{counts[0]}")
        return told(pair, QUESTIONS[operation], answer, remembers=True)

    for counts in ((1, 7, 5, 3), (2, 9, 4, 3)):
        answered(*counts)
    read = []
    monkeypatch.setattr(Teller, "read", lambda *args: read.append(args))
    assert b"it is (3, 7, 6, 2)" in answered(3, 7, 6, 2)[0]
    assert not read
    assert len(pair.names) == 3 * (operation == "responses")


@pytest.mark.parametrize("bound", [1009, 1013, 10090])
def test_a_number_of_the_request_is_none_of_its_answer(snapshot: Snapshot, bound: int) -> None:
    pair = Pair(snapshot, "responses", "claude")
    for number in (bound, bound, 7, 8):
        usage = {"input_tokens": number, "output_tokens": 2 * number}
        answer = {"id": "msg_1", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn", "usage": usage}
        body, *_ = told(pair, {"input": "x", "max_output_tokens": bound}, answer, remembers=True)
        assert b'"max_output_tokens":%d,' % bound in body
        assert b'"input_tokens":%d,' % number in body


def test_a_text_that_is_written_otherwise_is_read(snapshot: Snapshot) -> None:
    pair = Pair(snapshot, "chat", "claude")
    for number, text in enumerate(["one", "another", "more", 'say "x"']):
        call = {"type": "tool_use", "id": f"toolu_{number}a", "name": "write", "input": {"text": text}}
        usage = {"input_tokens": 5, "output_tokens": 7}
        answer = {"id": f"msg_{number}", "content": [call], "stop_reason": "tool_use", "usage": usage}
        translated = pair.begin(QUESTIONS["chat"], ascii_only=False, remembers=True)
        (made,) = json.loads(translated.answer(json.dumps(answer).encode())[0])["choices"][0]["message"]["tool_calls"]
        assert json.loads(made["function"]["arguments"]) == {"text": text}


def test_a_count_that_cannot_be_is_no_rule_for_those_that_come(snapshot: Snapshot) -> None:
    """An upstream says twice to have cached more than it was asked, of which nothing below zero is told."""
    pair = Pair(snapshot, "messages", "gpt")
    chosen = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    cached = {"prompt_tokens": COUNT, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": COUNT}}
    shape: Json = {"id": ID, "choices": [chosen], "usage": cached}
    told_of = []
    for counts in ((4, 9), (3, 8), (7, 2)):
        answer = said(shape, iter(()), iter(counts), "chatcmpl-1")
        told_of.append(
            json.loads(told(pair, QUESTIONS["messages"], answer, remembers=True)[0])["usage"]["input_tokens"]
        )
    assert told_of == [0, 0, 5]
