from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, ask, sent

from tianji.guardrails.verdict import Allow, Block, Rewrite

ENTRY = {"endpoint": "https://mine.example/judge", "headers": {"x-key": KEY}}
PROMPT = "be kind\nhello\nI am Ann, ann@x.io"


def test_a_request_and_an_answer_are_sent() -> None:
    verdict, (call,) = ask("generic", ENTRY, REQUEST, {"action": "allow"})
    assert (call.url, call.headers["x-key"]) == (ENTRY["endpoint"], KEY)
    assert sent(call) == {"prompt": PROMPT, "response": "", "metadata": {"hook": "pre_call"}}
    assert verdict == Allow()

    _, (call,) = ask("generic", ENTRY, ANSWER, {"action": "allow"})
    assert sent(call) == {"prompt": PROMPT, "response": "sure, Ann", "metadata": {"hook": "pre_call"}}


def test_it_blocks_and_replaces_the_last_text() -> None:
    assert ask("generic", ENTRY, REQUEST, {"action": "block", "message": "No."})[0] == Block("No.")
    verdict, _ = ask("generic", ENTRY, REQUEST, {"action": "modify", "modified_content": "I am X"})
    assert verdict == Rewrite({2: "I am X"})
