"""An answer that is told from memory is looked at no less than one that is read: through a worker in memory."""

import re
from contextlib import closing
from pathlib import Path

import pytest
from bench.inmemory import Worker
from bench.pairs import CONFIG, UPSTREAMS, asked
from bench.scenarios import whole

BROKEN = [b"a\nb", b"\xff", b"\\x", b"\xed\xa0\x80", b"\\u12g4"]
"""Texts that stand in no JSON string."""
PAIRS = [("chat", "claude"), ("responses", "demo"), ("messages", "converse"), ("gemini", "gemini")]


def saying(text: bytes, body: bytes) -> tuple[bytes, ...]:
    """The answer with another text in it."""
    said, count = re.subn(rb'("(?:text|content)":)"[^"]+"', lambda found: found[1] + b'"%b"' % text, body)
    assert count == 1
    return whole(said)


@pytest.mark.parametrize(("dialect", "model"), PAIRS, ids=map("-".join, PAIRS))
def test_what_is_no_json_is_refused(tmp_path: Path, dialect: str, model: str) -> None:
    request = asked(dialect, model, stream=False)
    body = UPSTREAMS[model][0][0].partition(b"\r\n\r\n")[2]
    with closing(Worker(tmp_path, CONFIG + "router_settings: {num_retries: 0}\n")) as worker:
        for text in (b"first", b"second", b"third", b"fourth"):
            told = worker.answered(request, saying(text, body))
            assert told.startswith(b"HTTP/1.1 200 ")
            assert text in told
        for text in BROKEN:
            assert worker.answered(request, saying(text, body)).startswith(b"HTTP/1.1 502 ")
