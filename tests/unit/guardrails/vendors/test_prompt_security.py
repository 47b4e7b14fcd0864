import base64
from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, TURNS, answer, ask, drive, sent

from tianji.guardrails.content import Content, Direction, Kind, Text
from tianji.guardrails.vendor import Call, Reply
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

NAME = "prompt_security"
ENTRY: dict[str, Any] = {"api_key": KEY, "api_base": "https://ps.example/"}


def prompt(action: str, **further: Any) -> dict[str, Any]:
    return {"result": {"prompt": {"action": action, **further}}}


def response(action: str, **further: Any) -> dict[str, Any]:
    return {"result": {"response": {"action": action, **further}}}


def test_a_request_is_protected() -> None:
    verdict, (call,) = ask(NAME, {**ENTRY, "system_prompt": "be kind"}, REQUEST, prompt("log"))

    assert call.url == "https://ps.example/api/protect"
    assert (call.headers["app-id"], call.headers["x-litellm-key-alias"]) == (KEY, "alias-1")
    assert sent(call) == {"messages": TURNS, "user": "u@x.io", "system_prompt": "be kind"}
    assert verdict == Allow()


def test_what_is_blocked_is_refused() -> None:
    verdict, (call,) = ask(NAME, {**ENTRY, "user": "me"}, ANSWER, response("block", violations=["pii", "secrets"]))

    assert sent(call) == {"response": "sure, Ann", "user": "me"}
    assert isinstance(verdict, Block)
    assert verdict.reason == "Blocked by Prompt Security, Violations: pii, secrets"


def test_what_is_modified_is_written_back() -> None:
    assert ask(NAME, ENTRY, ANSWER, response("modify", modified_text="sure"))[0] == Rewrite({0: "sure"})
    messages = [*TURNS[:2], {"content": "I am ***"}]
    assert ask(NAME, ENTRY, REQUEST, prompt("modify", modified_messages=messages))[0] == Rewrite({2: "I am ***"})


MIXED = Content(Direction.REQUEST, (Text("page", "tool", Kind.TOOL_RESULT), Text("now", message=1)))


def test_what_tools_bring_is_judged_where_the_entry_says_so() -> None:
    verdict, (call,) = ask(NAME, ENTRY, MIXED, prompt("modify", modified_messages=[{"content": "NOW"}]))
    assert sent(call)["messages"] == [{"role": "user", "content": "now"}]
    assert verdict == Rewrite({1: "NOW"})

    _, (call,) = ask(NAME, {**ENTRY, "check_tool_results": "true"}, MIXED, prompt("log"))
    assert len(sent(call)["messages"]) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (REQUEST, response("log")),
        (REQUEST, prompt("modify")),
        (REQUEST, prompt("modify", modified_messages=TURNS[:1])),
        (ANSWER, response("modify")),
        (ANSWER, response("drop")),
    ],
)
def test_what_it_leaves_open_is_no_verdict(content: Content, said: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        ask(NAME, ENTRY, content, said)


PICTURE = f"data:image/png;base64,{base64.b64encode(b'picture').decode()}"
SEEN = Content(Direction.REQUEST, (Text("see"),), images=(PICTURE,))
JOB = {"jobId": "j/1"}


def done(action: str) -> dict[str, Any]:
    return {"status": "done", "metadata": {"action": action, "violations": ["qr"]}}


def test_a_file_is_uploaded_and_asked_for_until_it_is_done() -> None:
    polled = ({"status": "created"}, {"status": "in progress"}, done("allow"))
    verdict, calls = ask(NAME, ENTRY, SEEN, JOB, *polled, prompt("log"))

    upload, *polls, _ = calls
    kind, _, boundary = upload.headers["content-type"].partition("; boundary=")
    assert (upload.url, kind) == ("https://ps.example/api/sanitizeFile", "multipart/form-data")
    assert (
        upload.body
        == (
            f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="file.png"\r\n\r\n'
            f"picture\r\n--{boundary}--\r\n"
        ).encode()
    )
    assert {(poll.method, poll.url, poll.after) for poll in polls} == {
        ("GET", "https://ps.example/api/sanitizeFile?jobId=j%2F1", 2.0)
    }
    assert verdict == Allow()


@pytest.mark.parametrize(
    ("action", "entry", "refused"),
    [("block", {}, True), ("modify", {}, True), ("modify", {"block_on_file_modify": False}, False), ("log", {}, False)],
)
def test_a_files_action_decides(action: str, entry: dict[str, Any], refused: bool) -> None:
    replies = [JOB, done(action)] if refused else [JOB, done(action), prompt("log")]

    assert isinstance(ask(NAME, {**ENTRY, **entry}, SEEN, *replies)[0], Block) is refused


@pytest.mark.parametrize("image", ["https://x.example/a.png", "data:image/png;base64,!", PICTURE])
def test_a_file_that_is_never_judged_passes_unless_the_entry_says_otherwise(image: str) -> None:
    content = Content(Direction.REQUEST, (Text("see"),), images=(image,))
    asked: list[Call] = []

    def reply(call: Call) -> Reply:
        asked.append(call)
        if call.url.endswith("/protect"):
            return answer(prompt("log"))
        return answer({"status": "in progress"} if call.method == "GET" else JOB)

    assert drive(NAME, ENTRY, content, reply) == Allow()
    assert len(asked) <= 17
    with pytest.raises(Unavailable):
        drive(NAME, {**ENTRY, "file_sanitization_fail_open": False}, content, reply)


def test_a_wrong_key_for_files_passes_nothing() -> None:
    with pytest.raises(Unavailable) as raised:
        ask(NAME, ENTRY, SEEN, answer({}, 401))

    assert raised.value.permanent
