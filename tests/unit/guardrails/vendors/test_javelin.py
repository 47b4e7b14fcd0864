from typing import Any

from tests.unit.guardrails.vendors.driver import KEY, REQUEST, ask, named, sent

from tianji.guardrails.verdict import Allow, Block

ENTRY: dict[str, Any] = {"api_key": KEY, "guard_name": "our/guard"}


def answer(*, reject: bool) -> dict[str, Any]:
    results = {"categories": {"jailbreak": True}, "reject_prompt": "Not that."}
    return {"assessments": [{"promptinjectiondetection": {"request_reject": reject, "results": results}}]}


def test_the_guard_is_asked() -> None:
    entry = {**ENTRY, "application": "app", "config": {"level": 1}, "metadata": {"a": "b"}}
    verdict, (call,) = ask("javelin", entry, REQUEST, answer(reject=False))

    assert call.url == "https://api-dev.javelin.live/v1/guardrail/our%2Fguard/apply"
    assert (call.headers["x-javelin-apikey"], call.headers["x-javelin-application"]) == (KEY, "app")
    text = "be kind\nhello\nI am Ann, ann@x.io"
    assert sent(call) == {"input": {"text": text}, "config": {"level": 1}, "metadata": {"a": "b"}}
    assert verdict == Allow()


def test_what_it_rejects_is_refused_in_its_words() -> None:
    verdict, (call,) = ask("javelin", ENTRY, REQUEST, answer(reject=True))

    assert "x-javelin-application" not in call.headers
    assert isinstance(verdict, Block)
    assert verdict.reason == verdict.detail["reject_prompt"] == "Not that."
    assert verdict.findings.categories == ("promptinjectiondetection",)


def test_it_fails_open_as_the_vendor_has_it() -> None:
    assert named("javelin").fails_open
    assert named("javelin").last_turn
