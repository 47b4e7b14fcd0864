from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, OCCASION, REQUEST, answer, named, params_of, sent

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import Call, Check, Occasion, Surroundings
from tianji.guardrails.verdict import Rewrite, Unavailable, Verdict


@pytest.fixture
def check(tmp_path: Any) -> Check:
    row = named("llm_shield_proxy")
    assert row.check is not None
    return row.check(params_of(row, {"api_key": KEY}), Surroundings(tmp_path))


def run(check: Check, content: Content, texts: list[str], occasion: Occasion = OCCASION) -> tuple[Verdict, Call]:
    asking = check(content, occasion)
    (call,) = next(asking)
    with pytest.raises(StopIteration) as end:
        asking.send([answer({"texts": texts})])
    return end.value.value, call


def test_a_request_is_redacted_and_its_answer_restored_from_the_same_vault(check: Check) -> None:
    redacted = ["be kind", "hello", "I am <P1>, <E1>"]
    verdict, asked = run(check, REQUEST, redacted)
    assert asked.url == "http://localhost:8000/v1/guard/redact"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert sent(asked) == {"texts": [text.text for text in REQUEST.texts]}
    assert verdict == Rewrite({2: "I am <P1>, <E1>"})

    verdict, restored = run(check, ANSWER, ["sure, Bob"])
    assert restored.url == "http://localhost:8000/v1/guard/rehydrate"
    assert verdict == Rewrite({0: "sure, Bob"})
    assert restored.headers["x-session-id"] == asked.headers["x-session-id"]


@pytest.mark.parametrize("other", [{"call_id": "call-2"}, {"key_hash": "hash-2"}])
def test_no_other_request_and_no_other_key_has_its_vault(check: Check, other: dict[str, str]) -> None:
    _, mine = run(check, ANSWER, ["x"])
    _, theirs = run(check, ANSWER, ["x"], replace(OCCASION, **other))

    assert mine.headers["x-session-id"] != theirs.headers["x-session-id"]
    assert len(mine.headers["x-session-id"]) > 32


def test_other_texts_than_were_sent_are_no_answer(check: Check) -> None:
    asking = check(REQUEST, OCCASION)
    next(asking)
    with pytest.raises(Unavailable):
        asking.send([answer({"texts": ["one"]})])
