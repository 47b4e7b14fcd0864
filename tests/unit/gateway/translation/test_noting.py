"""What is noted of an answer in Google's form that goes through is what is noted of one that is read."""

import json
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gateway.translation.shapes import COUNT, ID, SLOT, Json, google_answer

from tianji._core.bodies.frames import Frames
from tianji._core.bodies.spans import scan
from tianji._core.requests.silent import SilentExchange
from tianji.errors import StreamFailed, TianjiError
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.gateway.translation.passages import Native
from tianji.gateway.translation.rehearsal import Question
from tianji.gateway.translation.retelling import Notes
from tianji.providers.upstream import OwnForm

FIELDS = (
    "prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "written_tokens", "reasoning_tokens",
    "prompt_audio_tokens", "prompt_image_tokens", "completion_audio_tokens", "completion_image_tokens",
    "web_searches", "tier", "suspect", "estimated",
)  # fmt: skip
DETAILS = [{"modality": "TEXT", "tokenCount": COUNT}, {"modality": "AUDIO", "tokenCount": COUNT}]
more = st.fixed_dictionaries(
    {},
    optional={
        "promptFeedback": st.just({"blockReason": "SAFETY"}),
        "error": st.just({"code": 500, "message": "x"}),
        "createTime": st.just("2026-01-01"),
        "usageMetadata": st.just(
            {"promptTokenCount": COUNT, "thoughtsTokenCount": COUNT, "totalTokenCount": COUNT,
             "promptTokensDetails": DETAILS, "candidatesTokensDetails": DETAILS, "trafficType": "ON_DEMAND"}
        ),
    },
)  # fmt: skip
texts = st.sampled_from(["x", " y ", 'say "x"', "é𝄞", "<b>", "\n", ""])


def written(value: Any, text: str, counts: Any, name: str) -> Any:
    if value is SLOT:
        return text
    if value is COUNT:
        return next(counts)
    if value == ID:
        return name
    if isinstance(value, list):
        return [written(one, text, counts, name) for one in value]
    if isinstance(value, dict):
        return {member: written(one, text, counts, name) for member, one in value.items()}
    return value


class Client:
    """Asks a model of Google's in its own form, and remembers for itself what is answered."""

    def __init__(self, snapshot: Snapshot) -> None:
        [(_, deployment)] = snapshot.members["gemini"]
        self._plan = deployment.plans["gemini"]
        form = OwnForm(suffix=lambda _model, _streamed: "/m", shaping=self._plan.shaping, names_model=False)
        self._native = Native("gemini", form, self._plan.passage.place, Frames(), Frames())
        self._question = Question(snapshot.table, SilentExchange("", b"{}", None), scan(b"{}"), "gemini", b'"gemini"')

    def seen(self, body: bytes) -> Any:
        through = self._native.begin(self._plan, self._question, b'"gemini"', self._plan.head)
        try:
            told, usage = through.answer(body)
        except (TianjiError, StreamFailed) as error:
            return repr(error)
        assert told is body
        return through.filtered, None if usage is None else {field: getattr(usage, field) for field in FIELDS}


@given(data=st.data())
def test_answers_are_noted_as_if_each_were_read(snapshot: Snapshot, data: Any) -> None:
    shape: Json = data.draw(google_answer) | data.draw(more)
    indent, ascii_only = data.draw(st.sampled_from([None, 2])), data.draw(st.booleans())
    client = Client(snapshot)
    for number in range(5):
        counts = data.draw(st.lists(st.integers(0, 30) | st.just(10**16), min_size=1, max_size=8))
        figures = cycle(counts if number > 1 else [9, 4, 20, 3])
        answer = written(shape, data.draw(texts), figures, f"id{number}")
        body = json.dumps(answer, indent=indent, ensure_ascii=ascii_only).encode()
        assert client.seen(body) == Client(snapshot).seen(body)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(("reason", "filtered"), [("STOP", False), ("SAFETY", True)])
def test_the_third_answer_of_a_shape_is_not_read(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, indent: int | None, reason: str, filtered: bool
) -> None:
    counts = dict.fromkeys(("promptTokenCount", "candidatesTokenCount", "totalTokenCount"), COUNT)
    shape: Json = {
        "candidates": [{"content": {"parts": [{"text": SLOT}], "role": "model"}, "finishReason": reason}],
        "usageMetadata": counts | {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": COUNT}]},
        "responseId": ID,
    }

    def body(number: int) -> bytes:
        figures = iter((10 + number, number, 10 + 2 * number, 10 + number))
        return json.dumps(written(shape, f'the "{number}"', figures, f"a{number}"), indent=indent).encode()

    def unread(*_: object) -> None:
        raise AssertionError("it was read")

    client = Client(snapshot)
    for number in (1, 2):
        client.seen(body(number))
    monkeypatch.setattr(Notes, "noted", unread)
    found, used = client.seen(body(3))
    assert found is filtered
    assert (used["prompt_tokens"], used["completion_tokens"]) == (13, 3)
    with pytest.raises(AssertionError, match="it was read"):
        client.seen(body(3).replace(b"TEXT", b"AUDIO"))


def test_whether_thoughts_are_counted_in_is_no_matter_of_the_shape(snapshot: Snapshot) -> None:
    members = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount")
    shape: Json = {
        "candidates": [{"content": {"parts": [{"text": SLOT}], "role": "model"}, "finishReason": "STOP"}],
        "usageMetadata": dict.fromkeys(members, COUNT),
    }

    def body(*figures: int) -> bytes:
        return json.dumps(written(shape, "so", iter(figures), "")).encode()

    beside = [body(10, 20, 5, 35), body(11, 22, 6, 39), body(12, 24, 7, 43)]
    among = [body(10, 20, 5, 30), body(11, 22, 6, 33), body(12, 24, 7, 36)]
    client = Client(snapshot)
    for one in (*beside, *among, *beside):
        assert client.seen(one) == Client(snapshot).seen(one)
    assert [client.seen(one[2])[1]["completion_tokens"] for one in (beside, among)] == [31, 24]
