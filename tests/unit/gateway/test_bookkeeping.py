"""What the ledger keeps of what was said."""

import json
from pathlib import Path
from typing import Any

import pytest

from tianji._core.requests.silent import SilentExchange
from tianji.auth.identity import Identity
from tianji.config.schema import Config, GeneralSettings, Settings
from tianji.gateway.admission.telling import Heard
from tianji.gateway.bookkeeping import LONGEST, Bookkeeping, Party, said
from tianji.ledger.entry import Payload, Telling
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


def calling(settings: Settings, metadata: dict[str, Any] | None = None, **headers: str) -> tuple[Party, Payload | None]:
    """What is noted of a call of a tool by a key with this metadata."""
    caller = Identity(role=None, user_id=None, key="k", team_id="t", metadata=metadata or {})
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    exchange = SilentExchange("/mcp", b"{}", caller, None, pairs)
    books = Bookkeeping(Path("nowhere"), Config(litellm_settings=settings))
    return books.beside(exchange, request(input={"a": 1}), b'{"content":[]}')


def test_what_happens_beside_the_pipeline_is_told_as_a_request_is() -> None:
    party, payload = calling(TELLS, x_litellm_tags="a,b", x_litellm_session_id="s", x_litellm_customer_id="c")
    assert (party.tags, party.session_id, party.end_user) == (("a", "b"), "s", "c")
    assert payload == Payload(b'{"a": 1}', b'{"content":[]}', request(input={"a": 1}))
    unnamed = Settings(disable_end_user_cost_tracking=True)
    assert calling(unnamed, x_litellm_customer_id="c", x_litellm_session_id="s")[0].end_user is None
    assert calling(Settings())[1] is None, "where nobody is told, nothing is kept"
    _, owned = calling(TELLS, {"litellm_disabled_callbacks": ["posthog"]}, litellm_enable_message_redaction="true")
    assert owned is not None
    assert owned.telling == Telling("", ("posthog",), bare=True)
    _, bare = calling(BARE)
    assert bare is not None
    assert (bare.messages, bare.response, bare.request) == (b"", b"", b"")


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
