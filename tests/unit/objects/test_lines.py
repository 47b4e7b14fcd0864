"""Files of requests: counted and renamed line by line, wherever they are cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.upstreams.spool import Extent, Spool
from tianji.errors import InvalidRequest
from tianji.gateway.translation import request_lines as lines
from tianji.gateway.translation.request_lines import Content
from tianji.objects.lines import rewritten

pytestmark = pytest.mark.asyncio


def line(model: str | None, text: str, member: str = "messages") -> bytes:
    body = {member: [{"role": "user", "content": text}] if member == "messages" else text}
    return json.dumps({"custom_id": "c", "body": body if model is None else {"model": model, **body}}).encode()


def spooled(content: bytes) -> Extent:
    spool = Spool()
    spool.write(b"before" + content)
    return Extent(spool, 6, len(content))


def whole(content: Content, size: int) -> bytes:
    assert isinstance(content, Extent)
    assert content.size == size
    return content.spool.read(content.at, size)


@pytest.mark.parametrize("kept", [bytes, spooled])
async def test_models_are_renamed_and_lines_counted(kept: type) -> None:
    content = b"\n".join([line("a", "x" * 400), line("b", "y" * 40, "input"), b"", line(None, "z"), b""])
    found, size, counted = await rewritten(kept(content), {"a": "one", "b": "b"}.__getitem__, None)
    told = whole(found, size).split(b"\n")
    assert json.loads(told[0])["body"]["model"] == "one"
    assert told[1:] == content.split(b"\n")[1:]
    assert counted.rows == 3
    assert 110 < counted.tokens < 140


async def test_what_cannot_be_read_is_counted_by_its_length_and_stays() -> None:
    content = b"no json at all, but forty bytes long....\n" + b'{"body":[]}\n[1]\n{"body":{"model":1}}'
    found, size, counted = await rewritten(content, str, None)
    assert whole(found, size) == content
    assert (counted.rows, counted.tokens) == (4, 10 + 2 + 1 + 5)


async def test_there_may_be_a_most_of_lines_and_of_their_length(monkeypatch: pytest.MonkeyPatch) -> None:
    await rewritten(line("a", "x") + b"\n\n", str, 1)
    with pytest.raises(InvalidRequest, match="split the file"):
        await rewritten(line("a", "x") + b"\n" + line("a", "x"), str, 1)
    monkeypatch.setattr(lines, "LONGEST", 100)
    with pytest.raises(InvalidRequest, match="over 100 bytes"):
        await rewritten(b"x" * (lines.READ + 101), str, None)


@given(
    st.lists(st.sampled_from([line("a", "x"), line("b", "y" * 99), b"", b"nonsense"]), max_size=30), st.integers(1, 70)
)
async def test_it_does_not_matter_how_it_is_read(found: list[bytes], read: int) -> None:
    content = b"\n".join(found)
    usual, before = lines.READ, await rewritten(content, str.upper, None)
    lines.READ = read  # type: ignore[misc]
    try:
        now = await rewritten(content, str.upper, None)
    finally:
        lines.READ = usual  # type: ignore[misc]
    assert whole(*now[:2]) == whole(*before[:2])
    assert now[2] == before[2]
