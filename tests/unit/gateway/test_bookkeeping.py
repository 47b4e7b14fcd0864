"""What the ledger keeps of what was said."""

import json
from pathlib import Path

import pytest

from tianji.config.schema import Config, GeneralSettings, Settings
from tianji.gateway.bookkeeping import LONGEST, Bookkeeping, said
from tianji.gateway.telling import Heard
from tianji.ledger.payloads import LONGEST as LONGEST_TEXT


def request(**members: object) -> bytes:
    return json.dumps({"model": "m", **members}).encode()


@pytest.mark.parametrize("member", ["messages", "input", "prompt", "contents"])
def test_an_answer_and_what_was_asked(member: str) -> None:
    answer = json.dumps({"choices": [{"message": {"content": "x" * (2 * LONGEST_TEXT)}}]}).encode()
    asked, answered, whole = said(request(**{member: ["hello"]}), answer, LONGEST_TEXT)
    assert json.loads(asked) == ["hello"]
    assert json.loads(whole) == {"model": "m", member: ["hello"]}
    assert f"({LONGEST_TEXT} characters left out)" in json.loads(answered)["choices"][0]["message"]["content"]


@pytest.mark.parametrize("piece", [{"delta": {"content": "a"}}, {"text": "a"}])
def test_a_stream_is_kept_as_its_text(piece: object) -> None:
    event = b"data: " + json.dumps({"choices": [piece]}).encode() + b"\n\n"
    others = b": comment\n\ndata: {\n\ndata: 5\n\n" + b'data: {"choices":[{"delta":null},5]}\n\ndata: [DONE]\n\n'
    _, answered, _ = said(request(messages=[]), [event + event[:9], event[9:], others], LONGEST_TEXT)
    assert json.loads(answered)["choices"][0]["message"]["content"] == "aa"


def test_a_stream_of_another_form_is_kept_as_its_answer() -> None:
    pieces = [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in "ab"]
    _, answered, _ = said(request(contents=[]), [b"[", *(json.dumps(pieces).encode()[1:-1], b"]")], LONGEST_TEXT)
    assert json.loads(answered) == {"candidates": [{"content": {"parts": [{"text": "ab"}]}}]}
    assert said(request(contents=[]), [b"\x00", b"\x01"], LONGEST_TEXT)[1] == b"", "sound is no text"


def test_what_cannot_be_read_is_left_out() -> None:
    assert said(b"{", b"{", LONGEST_TEXT) == (b"", b"", b"")
    assert said(request(messages=["x" * LONGEST]), b'{"a":1}', LONGEST_TEXT) == (b"", b'{"a":1}', b"")
    assert said(request(), None, LONGEST_TEXT) == (b"", b"", b'{"model":"m"}')
    assert said(request(), [b"x" * (LONGEST + 1)], LONGEST_TEXT)[1] == b""


TELLS = Settings(callbacks=("posthog",))
BARE = Settings(callbacks=("posthog",), turn_off_message_logging=True)


@pytest.mark.parametrize(
    ("settings", "stores", "says", "kept"),
    [
        (Settings(), False, False, b""),
        (Settings(), True, True, b'["hello"]'),
        (TELLS, False, True, b'["hello"]'),
        (BARE, False, True, b""),
        (BARE, True, True, b'["hello"]'),
    ],
)
def test_what_is_kept_and_that_nobody_is_to_be_told(
    tmp_path: Path, settings: Settings, stores: bool, says: bool, kept: bytes
) -> None:
    general = GeneralSettings(store_prompts_in_spend_logs=stores)
    books = Bookkeeping(tmp_path, Config(litellm_settings=settings, general_settings=general))
    assert books.entries.says is says
    assert books._said(Heard(request(messages=["hello"])), b"{}")[:4:3] == (kept, False)
    assert books._said(None, b"{}") == (b"", b"", b"", True, None, b""), (
        "whoever wants no log has none, however little is kept"
    )
