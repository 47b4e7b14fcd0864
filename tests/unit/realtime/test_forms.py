"""What is known of conversations that lead through: by path, by query, by sub-protocol."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.realtime.forms import Lasting, Listening, Living, Responding, Speaking, Unheard, form_of, members, number
from tianji.realtime.tunnels import begins_json, offers_of

KINDS = (Unheard, Responding, Living, Listening, Lasting, Speaking)


@pytest.mark.parametrize(
    ("path", "kind", "later"),
    [
        ("/openai_passthrough/v1/realtime", Responding, False),
        ("/openai_passthrough/v1/responses/", Responding, True),
        ("/gemini/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContent", Living, True),
        ("/deepgram/v1/listen", Listening, False),
        ("/eu.assemblyai/v3/ws", Lasting, False),
        ("/elevenlabs/v1/text-to-speech/abc/multi-stream-input", Speaking, False),
        ("/deepgram/v1/speak", Unheard, False),
    ],
)
def test_paths_say_what_is_said(path: str, kind: type, later: bool) -> None:
    assert (form_of(path).hearing, form_of(path).later) == (kind, later)


class Tunnel:
    measures: Any = None

    def hear(self, event: bytes) -> None:
        return None


@given(st.sampled_from(KINDS), st.lists(st.one_of(st.binary(max_size=60), st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.dictionaries(
        st.sampled_from(["type", "start", "duration", "session_duration_seconds", "text", "setup", "model"]), inner
    ),
).map(lambda found: json.dumps(found).encode())), max_size=4))  # fmt: skip
def test_no_message_breaks_the_books(kind: type, messages: list[bytes]) -> None:
    hearing = kind(Tunnel())
    for message in messages:
        hearing.heard(message)
        assert isinstance(hearing.said(message), str | None)
    hearing.over()


def test_lengths_are_numbers_within_reason() -> None:
    assert number(3.5) == 3.5
    assert [number(found) for found in (-1, "2", None, True, 1e99)] == [0, 0, 0, 1, 31_536_000]
    assert members(b"[1]") == {}


@pytest.mark.parametrize(
    ("offers", "keeps", "passed", "own"),
    [
        ("realtime, openai-insecure-api-key.sk-1, x", False, [b"realtime", b"x"], b""),
        ("token, sk-1", False, [], b"token"),
        ("Bearer, sk-1, x", False, [b"x"], b"Bearer"),
        ("token, vendors-own", True, [b"token", b"vendors-own"], b""),
        (None, False, [], b""),
    ],
)
def test_keys_among_sub_protocols_stay_here(offers: str | None, keeps: bool, passed: list[bytes], own: bytes) -> None:
    headers = [] if offers is None else [(b"sec-websocket-protocol", offers.encode())]
    exchange = SimpleNamespace(headers=headers, header=lambda _name: headers[0][1] if headers else None)
    assert offers_of(exchange, keeps_keys=keeps) == (passed, own)


@pytest.mark.parametrize(("message", "is_json"), [(b" {", True), (bytearray(b"["), True), (b"x{", False), (b"", False)])
def test_what_may_be_json(message: bytes, is_json: bool) -> None:
    assert begins_json(message) is is_json
