"""Tasks of vendors, step by step."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import StreamFailed, TianjiError, UpstreamProtocolError
from tianji.protocol.chat.seam import Target
from tianji.protocol.media.form import Asked, File
from tianji.protocol.media.tasks import Call, Left, begun, outbound, place_of, received
from tianji.providers.table import rows

TASKS = {name: sorted(row.tasks) for name, row in rows().items() if row.tasks}


def asked(provider: str, operation: str = "image_generation", /, **members: Any) -> Asked:
    target = Target(provider=provider, model="flux-kontext-pro")
    if operation == "ocr":
        members["document"] = {"type": "document_url", "document_url": "https://x/a.pdf"}
    field = "image" if operation == "image_edit" else "file"
    files = () if operation in ("image_generation", "ocr") else ((field, File(field, b"x", 1, "a", b"audio/mpeg")),)
    return Asked(operation, target, {"prompt": "a", **members}, files)


def test_it_is_looked_at_until_it_is_done() -> None:
    task = begun(asked("black_forest_labs", size="1792x1024", seed=3))
    assert next(task) == Call("/v1/flux-kontext-pro", {"prompt": "a", "aspect_ratio": "16:9", "seed": 3})
    look = task.send(b'{"id":"i","polling_url":"https://api.eu1.bfl.ai/v1/get_result?id=i"}')
    assert look == Call("https://api.eu1.bfl.ai/v1/get_result?id=i")
    assert task.send(b'{"status":"Pending"}') == look
    assert task.send(b'{"status":"Processing"}') == look
    with pytest.raises(StopIteration) as end:
        task.send(b'{"status":"Ready","result":{"sample":"https://x/a.png"}}')
    assert end.value.value["data"] == [{"url": "https://x/a.png"}]


def test_one_that_fails_says_why() -> None:
    task = begun(asked("runwayml"))
    next(task)
    assert task.send(b'{"id":"i/../j"}') == Left(Call("/v1/tasks/i%2F..%2Fj", method="DELETE"), done=False)
    assert task.send(b"") == Call("/v1/tasks/i%2F..%2Fj")
    with pytest.raises(StreamFailed) as failure:
        task.send(b'{"status":"FAILED","failure":"too much","failureCode":"INTERNAL"}')
    assert "too much" in json.loads(failure.value.payload)["error"]["message"]


@pytest.mark.parametrize(
    ("where", "base", "goes"),
    [
        ("/v1/x", "https://api.bfl.ai", True),
        ("https://api.bfl.ai/x", "https://api.bfl.ai", True),
        ("https://api.us1.bfl.ai/x", "https://api.bfl.ai", True),
        ("http://api.us1.bfl.ai/x", "https://api.bfl.ai", False),
        ("https://api.us1.bfl.ai:8443/x", "https://api.bfl.ai", False),
        ("https://bfl.ai.evil.example/x", "https://api.bfl.ai", False),
        ("https://u@api.bfl.ai/x", "https://api.bfl.ai", False),
        ("https://api.us1.bfl.ai/x", "https://proxy.example", False),
        ("https://proxy.example/x", "https://proxy.example/bfl", True),
        ("https://[x", "https://api.bfl.ai", False),
        ("", "https://api.bfl.ai", False),
        ("https://api.bfl.ai/\x00", "https://api.bfl.ai", False),
        ("/" + 9000 * "a", "https://api.bfl.ai", False),
    ],
)
def test_where_it_may_be_looked_at(where: str, base: str, goes: bool) -> None:
    if goes:
        assert place_of(Call(where), base) == (base + where if where.startswith("/") else where)
    else:
        with pytest.raises(UpstreamProtocolError):
            place_of(Call(where), base)


def test_a_request_is_read_as_it_was_written() -> None:
    files = (
        ("file", File("file", b"sound", 5, "ä.mp3", b"audio/mpeg")),
        ("empty", File("empty", b"", 0, None, None)),
        ("more", File("more", b"s", 1, "b", None)),
    )
    told = Asked(
        "transcription", Target(provider="soniox", model="m"), {"language": "de", "context": {"a": [1]}}, files
    )
    written = outbound(told)
    said, *contents = written.parts
    assert written.length == len(said) + 6
    assert received(told.target, said, contents) == told


_word = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=3) | st.none(),
        "start_ms": st.integers(0, 99) | st.none(),
        "end_ms": st.integers(0, 99),
        "start": st.integers(0, 99),
        "end": st.integers(0, 99) | st.none(),
        "speaker": st.sampled_from(["A", 1, None]),
        "language": st.sampled_from(["en", None]),
        "translation_status": st.sampled_from(["translation", "original", 7]),
    },
)
_blocks = st.lists(
    st.fixed_dictionaries({"content": st.text(max_size=3)}, optional={"bbox": st.just({"page": -1}) | st.none()})
)
_chunks = st.none() | st.lists(st.fixed_dictionaries({"content": st.text(max_size=3), "blocks": _blocks}), max_size=2)
_parsed = st.fixed_dictionaries(
    {
        "result": st.fixed_dictionaries({"chunks": _chunks}, optional={"url": st.text(max_size=3)}),
        "usage": st.fixed_dictionaries({"num_pages": st.integers(-1, 3)}, optional={"credits": st.floats(0, 9)}),
    }
)
_json = st.fixed_dictionaries(
    {"id": st.text(max_size=3), "upload_url": st.text(max_size=3)},
    optional={
        "status": st.sampled_from(
            ["Ready", "SUCCEEDED", "Pending", "FAILED", "completed", "Completed", "queued", "error", "x"]
        )
        | st.none(),
        "polling_url": st.text(max_size=5) | st.none(),
        "result": st.none() | st.fixed_dictionaries({"sample": st.text(max_size=3) | st.none()}) | _parsed,
        "file_id": st.text(max_size=3),
        "job_id": st.text(max_size=3) | st.none(),
        "output": st.lists(st.text(max_size=3), max_size=2) | st.integers(),
        "error_type": st.sampled_from(["internal_error", "invalid_audio", None]),
        "error": st.text(max_size=3) | st.none(),
        "text": st.text(max_size=9) | st.none(),
        "words": st.lists(_word, max_size=5) | st.none(),
        "tokens": st.lists(_word, max_size=5),
        "audio_duration": st.floats(0, 9) | st.text(max_size=1),
        "audio_duration_ms": st.floats(0, 9),
    },
)


@pytest.mark.parametrize(("provider", "operation"), [(name, one) for name, found in TASKS.items() for one in found])
@given(st.lists(st.binary(max_size=20) | _json.map(lambda value: json.dumps(value).encode()), max_size=6))
def test_whatever_comes_is_read_or_said_to_be_unreadable(provider: str, operation: str, answers: list[bytes]) -> None:
    task = begun(asked(provider, operation))
    try:
        wanted = next(task)
        for body in answers:
            while isinstance(wanted, Left):
                wanted = task.send(b"")
            wanted = task.send(body)
    except StopIteration as end:
        json.dumps(end.value)
    except TianjiError:
        return
