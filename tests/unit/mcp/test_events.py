"""Server-sent events, cut anywhere."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import UpstreamProtocolError
from tianji.mcp.links import events
from tianji.mcp.links.events import Event, Events

STREAM = (
    b": hello\r\nevent: endpoint\r\ndata: /m?1\r\n\r\ndata: a\ndata:b\n\n\n\nid: 4\nevent: x\n\n"
    b"data: caf\xc3\xa9\r\rdata: bad \xff\n\nretry: 3\ndata\n\ndata: cut"
)
WANTED = [Event("endpoint", "/m?1"), Event("message", "a\nb"), Event("message", "café"), Event("message", "bad �"),
          Event("message", "")]  # fmt: skip


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_a_stream_may_be_cut_anywhere(cuts: list[int]) -> None:
    reader, places = Events(), [0, *sorted(cuts), len(STREAM)]
    found = [event for a, b in itertools.pairwise(places) for event in reader.feed(STREAM[a:b])]
    assert found == WANTED


def test_an_event_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LONGEST", 100)
    for piece in (b"data: " + b"x" * 100, b"data: xxxxxxxxxx\n" * 11 + b"data: x"):
        with pytest.raises(UpstreamProtocolError, match="too long"):
            Events().feed(piece)
