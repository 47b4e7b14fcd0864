"""A stream means the same however it is cut, and its content can never pass for framing or for fields."""

import json
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.streams.sse import ChatStream, encode_event
from tianji.errors import UpstreamProtocolError

HEAD = '{"id":"chatcmpl-AbC","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-2024","system_'
HEAD += 'fingerprint":"fp_1",'
USAGE = '"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}'


def event(payload: str) -> bytes:
    return f"data: {payload}\n\n".encode()


def chunk(delta: str, finish: str = "null", tail: str = "") -> bytes:
    return event(f'{HEAD}"choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]{tail}}}')


DONE = b"data: [DONE]\n\n"
ERROR = event('{"error":{"message":"overloaded","type":"server_error"}}')
EXTRA = event(f'{HEAD}"choices":[],{USAGE}}}')
PLAIN = [
    chunk('{"role":"assistant","content":""}'),
    chunk('{"content":"Hel"}'),
    chunk('{"content":"lo 天机 \\ud83d\\ude00 \\ud800 \u2028"}'),
    chunk('{"content":"\\"model\\":\\"x\\",\\"usage\\":{ data: [DONE]\\n\\n"}'),
    chunk("{}", '"stop"'),
]
WITH_NULL = [
    chunk(f'{{"content":"{word}"}}', tail=f',"usage":null,"obfuscation":"{word[::-1] * 2}"')
    for word in ("one", "b", "")
]
TOOLS = [
    chunk('{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}'),
    chunk('{"tool_calls":[{"index":0,"function":{"arguments":"{\\"model\\":"}}]}'),
    chunk('{"tool_calls":[{"index":0,"function":{"arguments":" \\"x\\"}"}}]}'),
    chunk("{}", '"tool_calls"'),
]
AZURE = event('{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}')
GROQ = event(
    '{"id":"c","object":"chat.completion.chunk","created":1,"model":"llama","choices":[{"index":0,"delta":{},'
    '"finish_reason":"stop"}],"x_groq":{"id":"req_1","usage":{"prompt_tokens":7,"completion_tokens":3}}}'
)


class Outcome(NamedTuple):
    """All that a stream shows."""

    output: bytes
    tokens: tuple[int, int, bool] | None
    done: bool
    finished: bool
    failed: bool
    error: bytes | None
    events: int
    model: str | None
    spoke: bool


def run(pieces: list[bytes], model: bytes | None = None, hide_usage: bool = False) -> Outcome:
    stream = ChatStream(model, hide_usage)
    output = b"".join([*(stream.feed(piece) for piece in pieces), stream.close()])
    usage = stream.usage
    tokens = (usage.prompt_tokens, usage.completion_tokens, usage.suspect) if usage else None
    return Outcome(
        output,
        tokens,
        stream.done,
        stream.finished,
        stream.failed,
        stream.error,
        stream.events,
        stream.first_model,
        stream.spoke,
    )


RECORDED = {
    "plain": b"".join([*PLAIN, DONE]),
    "tools": b"".join([*TOOLS, EXTRA, DONE]),
    "usage": b"".join([*WITH_NULL, chunk("{}", '"stop"', ',"usage":null'), EXTRA, DONE]),
    "azure": b"".join([AZURE, *PLAIN, DONE]),
    "groq": b"".join([PLAIN[0], PLAIN[1], GROQ, DONE]),
    "comments": b": ping\n\n"
    + PLAIN[0]
    + b":\n: keep-alive\n\n\n"
    + PLAIN[1]
    + b"retry: 10\nid: 4\n"
    + PLAIN[2]
    + DONE,
    "crlf": b"".join([*PLAIN, EXTRA, DONE]).replace(b"\n", b"\r\n"),
    "cr": b"".join([*PLAIN, EXTRA, DONE]).replace(b"\n", b"\r"),
    "mark": b"\xef\xbb\xbf" + b"".join([*PLAIN, DONE]),
    "error": b"".join([PLAIN[0], PLAIN[1], ERROR, PLAIN[2], DONE]),
    "error_event": PLAIN[0] + b'event: error\ndata: {"message":"x"}\n\n' + DONE,
    "garbage": PLAIN[0] + event("<html>") + event('{"choices":[') + PLAIN[1] + b"nonsense\n\n" + DONE,
    "lines": b'data: {"id":"1",\ndata:"model":"up",\nid: 1\ndata: "choices":[]}\n\n' + DONE,
    "after": DONE + PLAIN[0] + ERROR,
    "truncated": PLAIN[0] + PLAIN[1][:-1],
    "cut_done": PLAIN[0] + DONE[:-1],
    "cut_cr": (PLAIN[0] + DONE).replace(b"\n", b"\r\n")[:-1],
}


@pytest.mark.parametrize("hide_usage", [False, True])
@pytest.mark.parametrize("model", [None, b'"alias"'])
@pytest.mark.parametrize("name", RECORDED)
def test_every_cut_gives_the_same(name: str, model: bytes | None, hide_usage: bool) -> None:
    body = RECORDED[name]
    whole = run([body], model, hide_usage)
    assert run([body[i : i + 1] for i in range(len(body))], model, hide_usage) == whole
    for cut in range(len(body) + 1):
        assert run([body[:cut], body[cut:]], model, hide_usage) == whole


@given(st.lists(st.sampled_from(sorted(RECORDED)), min_size=1, max_size=3), st.lists(st.integers(0, 4000), max_size=12))
def test_random_cuts_of_random_streams_give_the_same(names: list[str], cuts: list[int]) -> None:
    body = b"".join(RECORDED[name].replace(DONE, b"") for name in names) + DONE
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    pieces = [body[a:b] for a, b in pairwise(places)]
    for model, hide_usage in ((None, False), (b'"alias"', True)):
        assert run(pieces, model, hide_usage) == run([body], model, hide_usage)


def test_what_needs_no_edit_is_the_very_same_object() -> None:
    stream = ChatStream(hide_usage=True)
    batch = b"".join(PLAIN)
    assert stream.feed(batch) is batch
    assert (stream.events, stream.failed, stream.finished, stream.done) == (5, False, True, False)
    same_name = ChatStream(b'"gpt-4o-2024"')
    assert same_name.feed(batch) == batch


def test_the_model_is_rewritten_in_every_chunk_and_nowhere_else() -> None:
    for name in ("plain", "tools", "usage", "crlf", "cr", "comments"):
        body = RECORDED[name]
        found = run([body], b'"my \\"alias\\""')
        assert found.output == body.replace(b'"gpt-4o-2024"', b'"my \\"alias\\""')
        assert found.model == "gpt-4o-2024"


def test_the_first_name_of_the_model_is_not_an_empty_one() -> None:
    assert run([RECORDED["azure"]]).model == "gpt-4o-2024"
    assert run([event('{"model":"m\\u00e9\\ud800"}')]).model == "mé?"
    assert run([event('{"model":null,"choices":[]}')]).model is None


def test_a_model_that_moves_or_changes_is_still_found() -> None:
    body = event('{"model":"a","choices":[{"delta":{"content":"x"}}]}')
    body += event('{"model":"b","choices":[{"delta":{"content":"x"}}]}')
    body += event('{"choices":[{"delta":{"content":"x","model":"inner"}}],"model":"c"}')
    body += event('{"choices":[{"delta":{"content":"longer","model":"inner"}}],"model":"c"}')
    body += event('{"choices":[{"delta":{"content":"x"}}]}')
    body += event('{"choices":[],"m\\u006fdel":"d"}')
    assert run([body], b'"Z"').output == body.replace(b'"a"', b'"Z"').replace(b'"b"', b'"Z"').replace(
        b'"c"', b'"Z"'
    ).replace(b'"d"', b'"Z"')


def test_the_chunk_for_usage_is_kept_from_who_did_not_ask() -> None:
    hidden = run([RECORDED["usage"]], hide_usage=True)
    assert hidden.output == RECORDED["usage"].replace(EXTRA, b"").replace(b',"usage":null', b"")
    assert hidden.tokens == (9, 2, False)
    assert run([RECORDED["usage"]]).output == RECORDED["usage"]
    assert run([RECORDED["azure"]], hide_usage=True).output == RECORDED["azure"]
    together = chunk('{"content":"x"}', tail="," + USAGE)
    assert run([together], hide_usage=True)[:2] == (together, (9, 2, False))
    spaced = event(f'{{"choices": [ ], {USAGE}}}')
    assert run([spaced], hide_usage=True).output == b""


@pytest.mark.parametrize("model", [None, b'"alias"'])
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ('{"id":%d,"model":"up","usage":null}', '{"id":%d,"model":"up"}'),
        ('{"id":%d,"usage":null,"model":"up"}', '{"id":%d,"model":"up"}'),
        ('{"usage":null,"id":%d,"model":"up"}', '{"id":%d,"model":"up"}'),
        ('{ "usage" : null , "id" : %d , "model" : "up" }', '{ "id" : %d , "model" : "up" }'),
        ('{ "id" : %d , "model" : "up" , "usage" : null }', '{ "id" : %d , "model" : "up"  }'),
        ('{"a":{"usage":null},"id":%d}', '{"a":{"usage":null},"id":%d}'),
        ('{"a":"\\"usage\\":null","id":%d}', '{"a":"\\"usage\\":null","id":%d}'),
    ],
)
def test_a_usage_of_null_is_kept_from_who_did_not_ask(sent: str, kept: str, model: bytes | None) -> None:
    """In the first event of a kind, which is scanned, and in those after it, which are recognised."""
    numbers = (1, 22, 333, 4, 55555)
    body = b"".join(event(sent % number) for number in numbers)
    wanted = b"".join(event(kept % number) for number in numbers)
    if model is not None:
        wanted = wanted.replace(b'"up"', model)
    assert run([body], model, hide_usage=True).output == wanted
    assert run([body], hide_usage=False).output == body
    assert run([event('{"usage":null}')], hide_usage=True).output == event("{}")


def test_the_last_usage_wins_and_null_is_none() -> None:
    first = event('{"choices":[{}],"usage":{"prompt_tokens":1,"completion_tokens":0}}')
    null = event('{"choices":[{}],"usage":null}')
    assert run([first + EXTRA + null + DONE]).tokens == (9, 2, False)
    assert run([first + null]).tokens == (1, 0, False)
    assert run([null]).tokens is None
    assert run([RECORDED["groq"]]).tokens == (7, 3, False)
    assert run([event('{"usage":{"prompt_tokens":-4,"completion_tokens":2}}')]).tokens == (-1, 2, True)


def test_usage_is_read_after_any_number_of_alike_events() -> None:
    shape = event('{"choices":[{"delta":{"content":"x"},"finish_reason":null}],"usage":null}')
    read = event('{"choices":[{"delta":{"content":"x"},"finish_reason":null}],"usage":{"prompt_tokens":3}}')
    assert run([shape * 5 + read + shape]).tokens == (3, -1, False)


def test_a_reason_to_finish_is_a_name() -> None:
    body = chunk('{"content":"a"}', '""') * 3
    assert not run([body]).finished
    assert run([body + chunk('{"content":"a"}', '"stop"')]).finished
    assert not run([event('{"finish_reason":"stop","choices":[{"delta":{"finish_reason":"stop"}}]}')]).finished


@pytest.mark.parametrize("error", [ERROR, event('{"model":"m","error":"boom","choices":[]}')])
def test_an_error_ends_the_stream_and_is_not_handed_on(error: bytes) -> None:
    found = run([PLAIN[0] + error + PLAIN[1] + DONE])
    assert (found.output, found.failed, found.done, found.events) == (PLAIN[0], True, False, 1)
    assert found.error == error[6:-2]
    first = run([error + DONE])
    assert (first.output, first.failed) == (b"", True)


def test_an_error_that_is_null_or_inside_is_none() -> None:
    body = event('{"error":null,"choices":[{"delta":{"content":"x","error":{"a":1}}}]}') + DONE
    assert run([body])[:1] == (body,)
    assert not run([body]).failed


def test_an_error_event_need_not_be_json() -> None:
    found = run([b"event:error\ndata: it\ndata:  broke\n\n"])
    assert (found.failed, found.error) == (True, b"it\n broke")
    assert not run([b"event: errors\ndata: {}\n\n"]).failed


def test_nothing_after_the_end_is_looked_at() -> None:
    found = run([RECORDED["after"], ERROR])
    assert (found.output, found.done, found.failed, found.events) == (DONE, True, False, 0)


def test_an_incomplete_event_is_not_handed_on() -> None:
    assert run([RECORDED["truncated"]])[0] == PLAIN[0]
    for cut in range(1, len(PLAIN[1])):
        found = run([PLAIN[0] + PLAIN[1][:cut]])
        assert (found.output, found.done, found.events, found.failed) == (PLAIN[0], False, 1, False)


def test_an_end_without_its_blank_line_is_an_end() -> None:
    for cut in (b"data: [DONE]", b"data: [DONE]\n", b"data:[DONE]\r\n", b"data: [DONE] \r"):
        found = run([PLAIN[0] + cut])
        assert found.done
        assert found.output.startswith(PLAIN[0])
        assert found.output.rstrip(b" \r\n").endswith(b"[DONE]")
        assert found.output.endswith((b"\n\n", b"\r\n\n"))
    assert not run([PLAIN[0] + b"data: [DON"]).done
    assert not run([PLAIN[0] + b": data: [DONE]"]).done
    late = run([PLAIN[0] + EXTRA[:-1]])
    assert (late.output, late.tokens) == (PLAIN[0], (9, 2, False))


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_an_event_is_handed_on_as_soon_as_its_end_is_certain(line_end: bytes) -> None:
    body = PLAIN[0].replace(b"\n", line_end)
    stream = ChatStream()
    for i in range(len(body) - 1):
        assert stream.feed(body[i : i + 1]) == b""
    if line_end == b"\r":
        assert stream.feed(b"\r") == b""
        assert stream.feed(b"d") == body
    else:
        assert stream.feed(b"\n") == body


@pytest.mark.parametrize("garbage", ["<html>", '{"choices":[', '{"a":1}{', "null", "5", '"text"', "[]", "[DON", "\x00"])
def test_what_is_no_json_object_ends_the_stream(garbage: str) -> None:
    found = run([PLAIN[0] + event(garbage) + PLAIN[1] + DONE], b'"Z"')
    assert found.output == PLAIN[0].replace(b'"gpt-4o-2024"', b'"Z"')
    assert (found.failed, found.error, found.done, found.events) == (True, None, False, 1)


def test_lines_that_are_no_data_are_handed_on() -> None:
    body = b"nonsense\n\n" + PLAIN[0] + b"data:\n\n" + b"data\n\n" + DONE
    found = run([body])
    assert (found.output, found.failed, found.events) == (body, False, 1)


def test_a_usage_that_stands_twice_is_none() -> None:
    twice = event('{"usage":{"prompt_tokens":1},"usage":{"prompt_tokens":2}}')
    assert run([twice])[:2] == (twice, None)


def test_many_lines_make_one_payload() -> None:
    found = run([RECORDED["lines"]], b'"alias"')
    assert found.output == RECORDED["lines"].replace(b'"up"', b'"alias"')
    assert (found.failed, found.model) == (False, "up")
    assert run([b'data: {"a":tr\ndata: ue}\n\n']).failed


STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        '"model":"evil"',
        '"usage":{"prompt_tokens":1}',
        "data: [DONE]\n\n",
        '\n\ndata: {"error":1}\n\n',
        "\\",
        '\\"',
        "\u2028",
    ]
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "id": STRINGS,
        "model": STRINGS,
        "created": st.integers(-5, 10**12) | st.floats(allow_nan=False, allow_infinity=False),
        "choices": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "index": st.integers(0, 3),
                    "delta": st.dictionaries(
                        st.sampled_from(["role", "content", "model", "usage", "error", "refusal"]),
                        STRINGS | st.sampled_from([None, "", 0, 1, False, True, [], {}, [0], {"a": ""}]),
                    ),
                    "finish_reason": st.sampled_from([None, "", "stop", "length"]),
                    "logprobs": st.lists(st.floats(-9, 0), max_size=3),
                },
            ),
            max_size=2,
        ),
        "usage": st.none() | st.fixed_dictionaries({"prompt_tokens": st.integers(0, 99)}),
        "error": st.none(),
        "obfuscation": st.text("abcXYZ019", max_size=16),
        "extra": st.dictionaries(STRINGS, STRINGS | st.integers(), max_size=3),
    },
)


def tells(members: dict[str, object]) -> bool:
    """Whether a chunk is more than roles and what is empty."""
    choices = members.get("choices")
    if members and (choices is None or members.get("usage") is not None):
        return True
    return any(
        choice.get("finish_reason") is not None
        or any(value for name, value in choice.get("delta", {}).items() if name != "role")
        for choice in choices or ()  # type: ignore[attr-defined]
    )


@given(
    st.lists(st.tuples(MEMBERS, st.booleans(), st.integers(1, 3)), max_size=6),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.lists(st.integers(0, 3000), max_size=6),
)
def test_a_reader_that_decodes_everything_sees_the_same(
    drawn: list[tuple[dict[str, object], bool, int]], line_end: str, hide_usage: bool, cuts: list[int]
) -> None:
    chunks = [(members, plain) for members, plain, times in drawn for _ in range(times)]
    frame = "data: {}" + line_end * 2
    body = "".join(frame.format(json.dumps(members, ensure_ascii=plain)) for members, plain in chunks).encode()
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    found = run([body[a:b] for a, b in pairwise(places)], b'"alias"', hide_usage)

    kept, usages, models, spoke = [], [], [], False
    for members, plain in chunks:
        usage = members.get("usage")
        if usage is not None:
            usages.append(usage["prompt_tokens"])  # type: ignore[index]
        if "model" in members:
            models.append(members["model"])
        if not (hide_usage and usage is not None and members.get("choices") == []):
            spoke = spoke or tells(members)
            changed = {**members, "model": "alias"} if "model" in members else dict(members)
            if hide_usage and usage is None:
                changed.pop("usage", None)
            kept.append(frame.format(json.dumps(changed, ensure_ascii=plain)))
    choices = [choice for members, _ in chunks for choice in members.get("choices", [])]  # type: ignore[attr-defined]
    assert found.output == "".join(kept).encode()
    assert (found.tokens[0] if found.tokens else None) == (usages[-1] if usages else None)
    assert found.model == next((model for model in models if model), None)
    assert found.finished == any(choice.get("finish_reason") for choice in choices)
    assert (found.events, found.failed, found.done) == (len(chunks), False, False)
    assert found.spoke == spoke


@given(st.binary(max_size=60), st.lists(st.integers(0, 500), max_size=6))
def test_noise_between_events_changes_nothing_else(noise: bytes, cuts: list[int]) -> None:
    body = PLAIN[1] * 2 + noise + b"\n\n" + PLAIN[1]
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    whole = run([body])
    assert run([body[a:b] for a, b in pairwise(places)]) == whole
    if not whole.failed and not whole.done:
        assert whole.output == body


def test_an_event_without_end_is_refused_at_the_limit() -> None:
    stream = ChatStream(max_event=10_000)
    piece = b"data: " + b"x" * 994
    for _ in range(10):
        assert stream.feed(piece) == b""
    with pytest.raises(UpstreamProtocolError, match="more than 10000 bytes"):
        stream.feed(b"x")


def test_a_complete_event_over_the_limit_is_refused_as_well() -> None:
    large = chunk('{"content":"' + "x" * 10_000 + '"}')
    for before in (b"", PLAIN[1] * 2):
        stream = ChatStream(max_event=10_000)
        with pytest.raises(UpstreamProtocolError):
            stream.feed(before + large + DONE)
    with pytest.raises(UpstreamProtocolError):
        ChatStream().feed(b'data: {"a":"' + b"x" * 10_000_000 + b'"}\n\n')


def test_a_large_event_passes_in_small_pieces() -> None:
    body = chunk('{"content":"' + "x" * 4_000_000 + '"}') + DONE
    found = run([body[i : i + 1000] for i in range(0, len(body), 1000)], b'"alias"')
    assert (found.done, found.events, found.failed) == (True, 1, False)
    assert found.output == body.replace(b'"gpt-4o-2024"', b'"alias"')


def test_comments_are_handed_on_at_once_so_that_a_flood_is_never_held() -> None:
    stream = ChatStream(max_event=100)
    for _ in range(1000):
        assert stream.feed(b": ping\n") == b": ping\n"
        assert stream.feed(b": p") == b""
        assert stream.feed(b"ong\n") == b": pong\n"


def test_arguments_are_checked() -> None:
    for bad in (b"gpt", b'"', b'"x', b""):
        with pytest.raises(ValueError, match="JSON string"):
            ChatStream(bad)
    with pytest.raises(TypeError):
        ChatStream().feed(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        encode_event(None)  # type: ignore[arg-type]
    assert ChatStream().close() == b""
    assert ChatStream().feed(b"") == b""


def test_encode_event() -> None:
    assert encode_event(b'{"a":1}') == b'data: {"a":1}\n\n'
    for bad in (b"a\nb", b"a\r"):
        with pytest.raises(ValueError, match="one line"):
            encode_event(bad)
