"""What callbacks are told of an entry of the ledger."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ledger.conftest import NOON, entry

from tianji.callbacks.event import EXCEPTIONS, MARKER, LogEvent, Notice, answer_text
from tianji.callbacks.making import event_of, notice_of
from tianji.ledger.entry import Payload, Place

REQUEST = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.5, "metadata": {"a": "b"}}
ANSWER = {"choices": [{"message": {"content": "hello"}}]}


def payload(**request: object) -> Payload:
    body = {**REQUEST, **request}
    return Payload(*(msgspec.json.encode(part) for part in (body["messages"], ANSWER, body)))


def told(number: int = 1, **fields: object) -> LogEvent:
    event = event_of(entry(number, **fields))
    assert event is not None
    return event


def notice(event: LogEvent) -> Notice:
    """Return what an event is told as to everybody."""
    return Notice(event.wire, event.status, event.trace_id)


def test_an_event_says_what_the_books_say() -> None:
    event = told(cost=1_500_000_000, cached_tokens=4, payload=payload(), attempt=1)
    wire = msgspec.json.decode(msgspec.json.encode(event))
    assert (wire["response_cost"], wire["prompt_tokens"], wire["total_tokens"]) == (1.5, 10, 15)
    assert (wire["startTime"], wire["endTime"]) == ((NOON + 1000) / 1e6, (NOON + 251_000) / 1e6)
    assert wire["completionStartTime"] == wire["endTime"]
    assert (wire["model"], wire["model_group"], wire["custom_llm_provider"]) == ("gpt-4o", "gpt", "openai")
    assert (wire["messages"], wire["response"]) == (REQUEST["messages"], ANSWER)
    assert wire["model_parameters"] == {"temperature": 0.5}
    assert wire["metadata"]["requester_metadata"] == {"a": "b"}
    assert wire["metadata"]["usage_object"]["cache_read_input_tokens"] == 4
    assert (wire["request_tags"], wire["end_user"], wire["error_information"]) == (["a", "b"], "c", None)


def test_an_event_is_told_with_all_its_members_in_their_order() -> None:
    place = Place(b"t" * 16, b"s" * 8, b"p" * 8, b"c" * 8)
    items, remaining = (("input", 10, 1), ("pages", 1, 2)), (3, 4)
    for fields in (
        {},
        {"payload": payload(tools=[], file_search={}), "place": place, "items": items, "remaining": remaining},
        {"guardrails": b'[{"guardrail_name":"g","guardrail_status":"success"}]', "cache_hit": True, "upstream": 7},
        {"status": "failure", "error_code": "429", "error_class": "E", "error_message": '"slow"\n'},
        {"call_type": "call_mcp_tool", "model": "MCP: t", "session_id": "ü", "tags": ("a", "ü"), "ip": "::1"},
    ):
        notice = notice_of(entry(1, **fields))
        assert notice is not None
        assert list(msgspec.json.decode(notice.wire)) == list(LogEvent.__struct_encode_fields__)
        assert msgspec.json.decode(notice.wire) == msgspec.json.decode(msgspec.json.encode(notice.event))
        assert (notice.status, notice.trace_id) == (notice.event.status, notice.event.trace_id)


def test_a_notice_of_which_something_is_hidden_goes_to_the_same_audience() -> None:
    apart = (("request", "x"), frozenset({"langfuse"}))
    notice = notice_of(entry(1, payload=payload()), apart)
    assert notice is not None
    assert notice.shown(bare=False) is notice
    bare = notice.shown(bare=True, hidden=frozenset({"tags"}))
    assert bare is notice.shown(bare=True, hidden=frozenset({"tags"}))
    assert (bare.audience, bare.event.tags, bare.event.response) == (notice.audience, (), {"text": MARKER})
    assert msgspec.json.decode(bare.wire) == msgspec.json.decode(msgspec.json.encode(bare.event))


def test_the_first_token_of_a_stream() -> None:
    event = told(stream=True, answered_at=NOON + 51_000)
    assert (event.first_token, event.response_time) == ((NOON + 51_000) / 1e6, 0.05)


def test_a_failure_says_why() -> None:
    event = told(status="failure", error_code="429", error_class="RateLimited", error_message="slow")
    assert event.failed
    assert event.error_information == {
        "error_code": "429", "error_class": "RateLimited", "error_message": "slow", "llm_provider": "openai",
        "error_rate_limit_category": "litellm_rate_limit", "error_rate_limit_type": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("limited", "kind"),
    [("requests", "requests"), ("input_tokens", "tokens"), ("max_parallel_requests", "concurrent_requests")],
)
def test_a_failure_on_a_limit_says_what_is_limited(limited: str, kind: str) -> None:
    known = told(status="failure", error_code="429", error_class="RateLimited", limited=limited).error_information
    assert known is not None
    assert (known["error_rate_limit_category"], known["error_rate_limit_type"]) == ("litellm_rate_limit", kind)
    spent = told(status="failure", error_code="422", error_class="BudgetExceeded").error_information
    assert spent is not None
    assert (spent["error_rate_limit_category"], spent["error_rate_limit_type"]) == ("litellm_rate_limit", "budget")


def test_an_error_that_repeats_what_was_said_does_not_say_it_to_who_may_not_hear_it() -> None:
    said = [{"role": "user", "content": [{"type": "text", "text": "a secret word"}]}]
    message = "invalid value: 'a secret word' is no word"
    event = told(
        status="failure", error_class="E", error_code="400", error_message=message, payload=payload(messages=said)
    )
    assert event.error_str == message
    bare = event.shown(bare=True)
    assert bare.error_str == f"invalid value: '{MARKER}' is no word"
    hushed = event.shown(bare=False, hidden=frozenset({EXCEPTIONS}))
    assert (hushed.error_str, hushed.messages) == (MARKER, said)
    for one in (bare, hushed):
        assert one.error_information == {**(event.error_information or {}), "error_message": one.error_str}
    assert told().shown(bare=False, hidden=frozenset({EXCEPTIONS})).error_str is None


def test_who_wants_no_log_has_none() -> None:
    assert event_of(entry(1, payload=Payload(quiet=True))) is None
    assert event_of(entry(1, payload=Payload())) is not None


def test_an_event_names_the_prompt_that_a_request_was_made_with() -> None:
    prompt = {"prompt_id": "greet", "prompt_variables": {"who": "secret"}, "prompt_integration": "gitlab"}
    event = told(payload=payload(litellm_metadata={"prompt_management_metadata": prompt}))
    assert event.metadata["prompt_management_metadata"] == prompt
    assert "secret" not in msgspec.json.encode(event.bare).decode()
    for other in ({}, {"litellm_metadata": "x"}, {"litellm_metadata": {"prompt_management_metadata": 3}}):
        assert told(payload=payload(**other)).metadata["prompt_management_metadata"] is None


def test_a_bare_event_holds_nothing_that_was_said() -> None:
    bare = told(payload=payload(tools=["secret"], user="secret")).bare
    text = msgspec.json.encode(bare).decode()
    assert "hello" not in text
    assert '"hi"' not in text
    assert "secret" not in text
    assert MARKER in text
    assert bare.model_parameters == {"temperature": 0.5}
    assert bare.metadata["requester_metadata"] == {}


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=80))
def test_whatever_was_said_is_told_or_left_out(messages: bytes, response: bytes, request: bytes) -> None:
    event = event_of(entry(1, payload=Payload(messages, response, request)))
    assert event is None or msgspec.json.encode(event)


def test_the_text_of_an_answer_in_each_form() -> None:
    assert answer_text(ANSWER) == "hello"
    assert answer_text({"choices": [{"text": "hello"}]}) == "hello"
    assert answer_text({"content": [{"type": "text", "text": "hello"}, {"type": "tool_use"}]}) == "hello"
    assert answer_text({"output": [{"content": [{"type": "output_text", "text": "hello"}]}]}) == "hello"
    parts = [{"text": "hm", "thought": True}, {"text": "hello"}, {"functionCall": {}}, 1]
    assert answer_text({"candidates": [{"content": {"parts": parts}}, {"content": None}, None]}) == "hello"
    assert answer_text({"data": []}) == answer_text(None) == answer_text({"choices": [None]}) == ""
