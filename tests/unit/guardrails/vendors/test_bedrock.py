from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, OCCASION, REQUEST, ask, sent

from tianji.errors import ConfigurationError
from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.vendor import AwsSignature
from tianji.guardrails.verdict import Allow, Answer, Block, Rewrite, Unavailable

ENTRY: dict[str, Any] = {
    "guardrailIdentifier": "gr/1",
    "guardrailVersion": 2,
    "aws_region_name": "eu-central-1",
    "aws_access_key_id": "AKID",
    "aws_secret_access_key": KEY,
}
NONE = {"action": "NONE", "outputs": [], "assessments": []}


def intervened(action: str, *outputs: str) -> dict[str, Any]:
    entity = {"match": "ann@x.io", "type": "EMAIL", "action": action}
    return {
        "action": "GUARDRAIL_INTERVENED",
        "outputs": [{"text": text} for text in outputs],
        "assessments": [{"sensitiveInformationPolicy": {"piiEntities": [entity], "regexes": []}}],
    }


def test_a_request_is_signed_and_sent_whole() -> None:
    occasion = OCCASION.__class__(name="rail", hook=OCCASION.hook, dynamic={"outputScope": "FULL", "source": "OUTPUT"})
    verdict, (call,) = ask("bedrock", ENTRY, REQUEST, NONE, occasion=occasion)

    assert call.url == "https://bedrock-runtime.eu-central-1.amazonaws.com/guardrail/gr%2F1/version/2/apply"
    assert call.auth == AwsSignature("bedrock", "eu-central-1", "AKID", KEY)
    content = [{"text": {"text": text.text}} for text in REQUEST.texts]
    assert sent(call) == {"outputScope": "FULL", "source": "INPUT", "content": content}
    assert verdict == Allow()


def test_a_bearer_token_takes_the_place_of_a_signature() -> None:
    entry = {"guardrail_id": "g", "region": "us-east-1", "api_key": KEY, "aws_bedrock_runtime_endpoint": "http://here/"}
    _, (call,) = ask("bedrock", entry, ANSWER, NONE)

    assert call.url == "http://here/guardrail/g/version/DRAFT/apply"
    assert (call.auth, call.headers["authorization"]) == (None, f"Bearer {KEY}")
    assert sent(call)["source"] == "OUTPUT"


def test_what_is_blocked_is_refused_without_what_was_found() -> None:
    verdict, _ = ask("bedrock", ENTRY, ANSWER, intervened("BLOCKED", "Sorry."))

    assert isinstance(verdict, Block)
    assert verdict.reason == "Violated guardrail policy"
    assert verdict.detail["bedrock_guardrail_response"] == "Sorry."
    assert verdict.detail["assessments"] == ("EMAIL",)
    assert "ann@x.io" not in str(verdict)


def test_bedrocks_own_words_may_be_the_answer() -> None:
    entry = {**ENTRY, "disable_exception_on_block": True}
    verdict, _ = ask("bedrock", entry, REQUEST, intervened("BLOCKED", "Sorry."))

    assert isinstance(verdict, Answer)
    assert verdict.text == "Sorry."


def test_what_is_anonymized_is_written_back() -> None:
    outputs = ("be kind", "hello", "I am {NAME}, {EMAIL}")
    verdict, _ = ask("bedrock", ENTRY, REQUEST, intervened("ANONYMIZED", *outputs))

    assert isinstance(verdict, Rewrite)
    assert verdict.texts == {2: outputs[2]}


def test_long_conversations_are_shared_among_calls() -> None:
    entry = {**ENTRY, "chunk_budget_chars": 12}
    replies = (NONE, intervened("ANONYMIZED", "I am {NAME}"))
    verdict, calls = ask("bedrock", entry, REQUEST, *replies)

    assert [len(sent(call)["content"]) for call in calls] == [2, 1]
    assert isinstance(verdict, Rewrite)
    assert verdict.texts == {2: "I am {NAME}"}


def test_changed_texts_that_fit_no_place_are_no_answer() -> None:
    with pytest.raises(Unavailable):
        ask("bedrock", ENTRY, REQUEST, intervened("ANONYMIZED", "one"))


def test_a_failure_in_a_success_is_a_failure() -> None:
    with pytest.raises(Unavailable):
        ask("bedrock", ENTRY, REQUEST, {"Output": {"__type": "com.amazonaws#AccessDeniedException"}, "Version": "1.0"})


def test_images_are_scanned_or_refused() -> None:
    png = Content(Direction.REQUEST, (Text("see"),), images=("data:image/png;base64,AAAA",))
    _, (call,) = ask("bedrock", ENTRY, png, NONE)
    assert sent(call)["content"][0] == {"image": {"format": "png", "source": {"bytes": "AAAA"}}}

    jpeg = Content(Direction.REQUEST, (Text("see"),), images=("data:image/jpeg;base64,AAAA",))
    assert sent(ask("bedrock", ENTRY, jpeg, NONE)[1][0])["content"][0]["image"]["format"] == "jpeg"

    elsewhere = Content(Direction.REQUEST, (Text("see"),), images=("https://x.example/a.png",))
    verdict, _ = ask("bedrock", ENTRY, elsewhere)
    assert isinstance(verdict, Block)
    verdict, _ = ask("bedrock", {**ENTRY, "skip_unscannable_attachments": True}, elsewhere, NONE)
    assert verdict == Allow()


def test_an_answer_is_held_against_what_grounds_it() -> None:
    _, (call,) = ask("bedrock", {**ENTRY, "contextual_grounding_from_messages": True}, ANSWER, NONE)

    qualifiers = [block["text"]["qualifiers"][0] for block in sent(call)["content"]]
    assert qualifiers == ["grounding_source", "query", "query", "guard_content"]


CHECKS = {"aws_region_name": "us-east-1", "checks": {"contentFilter": {"categories": [{"category": "HATE"}]}}}


@pytest.mark.parametrize(
    ("threshold", "score", "refused"), [(0.5, 0.5, True), (0.6, 0.5, False), (None, 1.0, False), (0.5, None, True)]
)
def test_checks_need_no_guardrail(threshold: float | None, score: float | None, refused: bool) -> None:
    results = {"results": {"contentFilter": {"results": [{"category": "HATE", "severityScore": score}]}}}
    verdict, (call,) = ask("bedrock", {**CHECKS, "content_filter_threshold": threshold}, ANSWER, results)

    assert call.url == "https://bedrock-runtime.us-east-1.amazonaws.com/guardrail-checks/invoke"
    assert sent(call)["messages"] == [{"role": "assistant", "content": [{"text": "sure, Ann"}]}]
    assert sent(call)["checks"] == CHECKS["checks"]
    assert isinstance(verdict, Block) is refused


@pytest.mark.parametrize(
    "entry", [{"aws_region_name": "x"}, {**ENTRY, "checks": CHECKS["checks"]}, {"guardrailIdentifier": "g"}]
)
def test_what_does_not_fit_together_cannot_be_built(entry: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        ask("bedrock", entry, REQUEST)
