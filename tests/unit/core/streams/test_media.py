"""Streams of pictures and sound: events whose bytes go through at every cut, and bytes that nobody reads."""

import pytest

from tianji._core.streams.media import MediaBytes, MediaEvents

PICTURES = (
    b'event: image_generation.partial_image\ndata: {"type":"image_generation.partial_image","b64_json":"AA"}\n\n'
    b'data: {"type":"image_generation.completed","b64_json":"AAAA","usage":{"input_tokens":3,"output_tokens":272,'
    b'"total_tokens":275,"input_tokens_details":{"text_tokens":3,"image_tokens":0}}}\n\n'
)


def test_events_go_through_at_every_cut_and_the_last_one_says_what_was_used() -> None:
    for cut in range(len(PICTURES) + 1):
        stream = MediaEvents()
        out = stream.feed(PICTURES[:cut]) + stream.feed(PICTURES[cut:]) + stream.close() + stream.ending()
        assert out == PICTURES
        assert (stream.finished, stream.failed, stream.spoke, stream.events) == (True, False, True, 2)
        assert stream.usage is not None
        assert (stream.usage.prompt_tokens, stream.usage.completion_tokens) == (3, 272)


def test_a_stream_without_its_last_event_is_not_finished() -> None:
    stream = MediaEvents()
    stream.feed(PICTURES[: PICTURES.index(b"\n\n") + 2])
    assert (stream.finished, stream.usage, stream.events) == (False, None, 1)


def test_done_is_an_end_too() -> None:
    stream = MediaEvents()
    assert stream.feed(b"data: [DONE]\n\n") == b"data: [DONE]\n\n"
    assert stream.done


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (b'{"type":"error","message":"no"}', b'{"error":{"type":"error","message":"no"}}'),
        (b'{"type":"error","error":{"message":"no"}}', b'{"type":"error","error":{"message":"no"}}'),
        (b'{"error":{"message":"no"}}', b'{"error":{"message":"no"}}'),
        (b"no json", None),
    ],
)
def test_an_error_is_not_handed_on(event: bytes, error: bytes | None) -> None:
    stream = MediaEvents()
    assert stream.feed(b"data: " + event + b"\n\n") == b""
    assert (stream.failed, stream.error) == (True, error)
    assert (stream.fault is None) == (error is not None)


def test_bytes_are_nobodys_business() -> None:
    stream = MediaBytes(b"audio/mpeg")
    assert (stream.content_type, stream.opaque, stream.spoke) == (b"audio/mpeg", True, False)
    assert stream.feed(b"data: {\x00") == b"data: {\x00"
    assert (stream.spoke, stream.finished) == (True, False)
    assert stream.close() + stream.ending() == b""
    assert stream.finished
