"""From events to spans."""

from typing import Any

import msgspec
from tests.unit.callbacks.otlp.events import CALLER, REQUEST, SPAN, TRACE, answered, ended, failed

from tianji.callbacks.otlp.roots import MOST, Roots
from tianji.callbacks.otlp.span import CLIENT, ERROR, INTERNAL, OK, SERVER, UNSET, spans_of
from tianji.callbacks.otlp.vocabularies.genai import USUAL
from tianji.callbacks.otlp.vocabularies.langfuse import LANGFUSE
from tianji.callbacks.otlp.vocabularies.openinference import OPENINFERENCE
from tianji.ledger.entry import Payload


def test_a_request_and_its_attempt() -> None:
    attempt, request = spans_of([answered(), ended()], USUAL, content=True)
    assert (attempt.trace_id, attempt.span_id, attempt.parent_id) == (TRACE, SPAN, REQUEST)
    assert (request.trace_id, request.span_id, request.parent_id) == (TRACE, REQUEST, CALLER)
    assert (attempt.kind, request.kind) == (CLIENT, SERVER)
    assert (attempt.name, request.name) == ("litellm_request", "Received Proxy Server Request")
    assert (attempt.status, request.status) == (OK, UNSET)
    assert attempt.end - attempt.start == 250_000_000
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["client.address"] == "10.0.0.1"
    assert request.attributes["url.path"] == "/v1/chat/completions"
    assert request.attributes["metadata.user_api_key_team_id"] == "t"


def test_a_request_says_what_its_attempts_said_to_who_lists_traces_by_their_roots() -> None:
    attempt, request = spans_of([answered(), ended()], OPENINFERENCE, content=True)
    said = {name: attempt.attributes[name] for name in OPENINFERENCE.above}
    assert said["output.value"] == "hello"
    assert said["input.value"]
    assert said.items() <= request.attributes.items()
    _, bare = spans_of([answered(), ended()], OPENINFERENCE, content=False)
    _, plain = spans_of([answered(), ended()], USUAL, content=True)
    assert OPENINFERENCE.above.isdisjoint(bare.attributes)
    assert OPENINFERENCE.above.isdisjoint(plain.attributes)


def test_what_was_answered_stays_where_another_attempt_failed() -> None:
    events = [answered(), failed(payload=Payload(request=b'{"messages": "other"}')), ended()]
    *_, request = spans_of(events, OPENINFERENCE, content=True)
    assert (request.attributes["input.value"], request.attributes["output.value"]) == ("other", "hello")


def test_the_end_of_a_request_may_come_later_and_be_told_again() -> None:
    roots = Roots(OPENINFERENCE.above)
    spans_of([answered()], OPENINFERENCE, content=True, roots=roots)
    for _ in range(2):
        (request,) = spans_of([ended()], OPENINFERENCE, content=True, roots=roots)
        assert request.attributes["output.value"] == "hello"
    (unknown,) = spans_of([ended()], OPENINFERENCE, content=True)
    assert "output.value" not in unknown.attributes


def test_only_so_much_is_remembered_the_latest_first() -> None:
    roots = Roots(frozenset({"a"}))
    half: dict[str, Any] = {"a": "x" * (MOST // 2), "b": "not wanted"}
    for name in (b"1", b"2", b"3"):
        roots.keep(name, half)
    assert [roots.of(name).keys() for name in (b"1", b"2", b"3")] == [set(), {"a"}, {"a"}]
    roots.keep(b"2", {"a": ""})
    roots.keep(b"4", half)
    assert [bool(roots.of(name)) for name in (b"2", b"3", b"4")] == [True, True, True], "what is replaced counts once"
    roots.keep(b"5", {"a": "x" * (MOST + 1)})
    assert not any(map(roots.of, (b"2", b"3", b"4", b"5")))


def test_a_failure() -> None:
    attempt, request, refused = spans_of([failed(), ended(2, 503), ended(3, 400)], USUAL, content=True)
    assert (attempt.status, attempt.said) == (ERROR, "slow")
    (happening,) = attempt.happenings
    assert (happening.name, happening.at) == ("exception", attempt.end)
    assert happening.attributes == {"exception.type": "RateLimited", "exception.message": "slow"}
    assert (request.status, request.attributes["error.type"]) == (ERROR, "503")
    assert (refused.status, "error.type" in refused.attributes) == (UNSET, False)


RUNS = [
    {
        "guardrail_name": "pii", "guardrail_mode": "pre_call", "guardrail_status": "guardrail_intervened",
        "guardrail_action": "mask", "start_time": 1000.0, "end_time": 1000.25, "masked_entity_count": {"EMAIL": 2},
    },
    {"guardrail_name": "away", "guardrail_status": "guardrail_failed_to_respond", "guardrail_response": "timeout"},
]  # fmt: skip


def test_a_guardrail_has_a_span_below_the_request_once() -> None:
    runs = msgspec.json.encode(RUNS)
    spans = spans_of([answered(guardrails=runs), ended(guardrails=runs)], USUAL, content=True)
    _, request, masked, away = spans
    assert {span.parent_id for span in (masked, away)} == {request.span_id}
    assert len({span.span_id for span in spans}) == 4
    assert (masked.name, masked.kind, masked.start, masked.end) == ("guardrail", INTERNAL, 10**12, 10**12 + 250_000_000)
    assert masked.attributes == {
        "openinference.span.kind": "GUARDRAIL", "guardrail_name": "pii", "guardrail_mode": "pre_call",
        "guardrail_status": "guardrail_intervened", "guardrail_action": "mask", "masked_entity_count": '{"EMAIL":2}',
    }  # fmt: skip
    assert (masked.status, away.status, away.said) == (OK, ERROR, "timeout")
    attempt, first, _ = spans_of([answered(guardrails=runs), ended(guardrails=runs)], LANGFUSE, content=True)
    assert first.parent_id == attempt.span_id
    assert first.attributes["langfuse.observation.type"] == "guardrail"
    alone = spans_of([answered(place=None, guardrails=runs)], USUAL, content=True)
    assert [span.parent_id for span in alone] == [b"", alone[0].span_id, alone[0].span_id]


def test_an_answer_out_of_the_cache_is_no_call_but_a_read_of_the_cache() -> None:
    span, read, request = spans_of([answered(cache_hit=True), ended()], USUAL, content=True)
    assert (span.kind, span.attributes["litellm.cache_hit"]) == (INTERNAL, True)
    assert (read.name, read.kind, read.parent_id, read.trace_id) == ("cache", INTERNAL, span.span_id, TRACE)
    assert (read.start, read.end, read.attributes["cache.hit"]) == (span.start, span.end, True)
    assert len({span.span_id, read.span_id, request.span_id}) == 3
    assert [one.name for one in spans_of([answered()], USUAL, content=True)] == ["litellm_request"]
    assert len(spans_of([answered(cache_hit=True)], LANGFUSE, content=True)) == 1


def test_an_attempt_alone_hangs_below_the_client() -> None:
    (span,) = spans_of([answered(), ended()], LANGFUSE, content=True)
    assert (span.span_id, span.parent_id) == (SPAN, CALLER)


def test_what_is_in_no_trace_is_the_root_of_its_own() -> None:
    (first,), (again,) = (spans_of([answered(place=None)], USUAL, content=True) for _ in range(2))
    (other,) = spans_of([answered(2, place=None)], USUAL, content=True)
    assert first == again
    assert first.parent_id == b""
    assert (len(first.trace_id), len(first.span_id)) == (16, 8)
    assert first.trace_id != other.trace_id
