"""Operations of Veo as OpenAI says videos, at every cut of what comes."""

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import InvalidRequest, UpstreamProtocolError
from tianji.objects.videos import veo

VIDEO = bytes(range(256)) * 3
DONE = {
    "name": "operations/1",
    "done": True,
    "response": {"videos": [{"mimeType": "video/mp4", "bytesBase64Encoded": base64.b64encode(VIDEO).decode()}] * 2},
}


def pieces(data: bytes, cuts: list[int]) -> list[bytes | None]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [*(data[at:to] for at, to in itertools.pairwise(places)), None]


@given(cuts=st.lists(st.integers(min_value=0), max_size=12), spaced=st.booleans())
def test_a_video_is_found_at_every_cut(cuts: list[int], spaced: bool) -> None:
    data = json.dumps(DONE, separators=None if spaced else (",", ":")).encode()
    reader, decoder = veo.Without(), veo.Decoded()
    parts = pieces(data, cuts)
    assert b"".join(map(decoder, parts)) == VIDEO
    assert b"".join(map(reader, parts)) == b""
    rest = json.loads(bytes(reader.rest))
    assert [one["bytesBase64Encoded"] for one in rest["response"]["videos"]] == ["", ""]
    assert veo.state(rest) == {"status": "completed", "progress": 100}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b'{"done":true}', "no video"),
        (b'{"bytesBase64Encoded":"AAAA', "ends within"),
        (b'{"bytesBase64Encoded":"A*AA"}', "no base64"),
    ],
)
def test_what_is_no_video_is_an_error(text: bytes, problem: str) -> None:
    decoder = veo.Decoded()
    with pytest.raises(UpstreamProtocolError, match=problem):
        decoder(text), decoder(None)


@pytest.mark.parametrize(
    ("operation", "status", "code"),
    [
        ({"name": "o"}, "in_progress", None),
        ({"name": "o", "done": True, "error": {"code": 3, "message": "no"}}, "failed", "3"),
        ({"name": "o", "done": True, "response": {"raiMediaFilteredReasons": ["x"]}}, "failed", "moderation_blocked"),
        ({"done": True, "response": {"generateVideoResponse": {"generatedSamples": [{"video": {"uri": "u"}}]}}},
         "completed", None),
        ({"done": True, "response": {"generatedSamples": "x", "videos": [7]}}, "failed", "moderation_blocked"),
    ],
)  # fmt: skip
def test_how_far_a_video_is(operation: dict[str, Any], status: str, code: str | None) -> None:
    told = veo.state(operation)
    assert (told["status"], told.get("error", {}).get("code")) == (status, code)


def test_what_is_no_operation_is_an_error() -> None:
    with pytest.raises(UpstreamProtocolError, match="no operation"):
        veo.state({"id": "video_1"})


def test_a_request_says_what_veo_wants() -> None:
    asked = {"model": "m", "prompt": "fox", "size": "1920x1080", "parameters": {"sampleCount": 2}, "seed": 3}
    assert veo.request(asked, None) == {
        "instances": [{"prompt": "fox"}],
        "parameters": {
            "durationSeconds": 8, "aspectRatio": "16:9", "resolution": "1080p", "sampleCount": 2, "seed": 3,
        },
    }  # fmt: skip


@pytest.mark.parametrize("members", [{"seconds": "0"}, {"seconds": "4.5"}, {"seconds": "-1"}, {"size": "large"}])
def test_a_length_or_a_size_that_is_none_is_refused(members: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        veo.request({"prompt": "fox", **members}, None)
