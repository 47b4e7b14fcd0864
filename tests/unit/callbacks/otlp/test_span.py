"""From events to spans."""

from tests.unit.callbacks.otlp.events import CALLER, REQUEST, SPAN, TRACE, answered, ended, failed

from tianji.callbacks.otlp.span import CLIENT, ERROR, INTERNAL, OK, SERVER, UNSET, spans_of
from tianji.callbacks.otlp.vocabularies.genai import USUAL
from tianji.callbacks.otlp.vocabularies.langfuse import LANGFUSE


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


def test_a_failure() -> None:
    attempt, request, refused = spans_of([failed(), ended(2, 503), ended(3, 400)], USUAL, content=True)
    assert (attempt.status, attempt.said) == (ERROR, "slow")
    (happening,) = attempt.happenings
    assert (happening.name, happening.at) == ("exception", attempt.end)
    assert happening.attributes == {"exception.type": "RateLimited", "exception.message": "slow"}
    assert (request.status, request.attributes["error.type"]) == (ERROR, "503")
    assert (refused.status, "error.type" in refused.attributes) == (UNSET, False)


def test_an_answer_out_of_the_cache_is_no_call() -> None:
    (span,) = spans_of([answered(cache_hit=True)], USUAL, content=True)
    assert (span.kind, span.attributes["litellm.cache_hit"]) == (INTERNAL, True)


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
