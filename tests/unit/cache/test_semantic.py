"""What is compared by meaning, how it is kept in a search module, and what happens when a part is broken."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.caching.memory import Answer
from tianji.cache.semantic.likeness import Likeness
from tianji.cache.semantic.meaning import Meaning, reader
from tianji.cache.semantic.search import SearchVectors
from tianji.errors import UpstreamFailure, UpstreamProtocolError
from tianji.storage.valkey import Server

READ = reader(None)
TEXT = {"type": "text", "text": "b"}


@pytest.mark.parametrize(
    ("operation", "body", "text"),
    [
        (
            "chat",
            {"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": [TEXT]}]},
            "b",
        ),
        ("messages", {"messages": [{"role": "user", "content": "a"}]}, "a"),
        ("completions", {"prompt": "a"}, "a"),
        ("responses", {"input": "a"}, "a"),
        (
            "responses",
            {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}]},
            "a",
        ),
        ("completions", {"prompt": ["a", "b"]}, None),
        ("completions", {"prompt": [1, 2]}, None),
        ("chat", {"messages": [{"role": "tool", "tool_call_id": "1", "content": "a"}]}, None),
        ("chat", {"messages": [{"role": "assistant", "content": "a", "tool_calls": []}]}, None),
        ("chat", {"messages": [{"role": "user", "content": [TEXT, {"type": "file", "file": {}}]}]}, None),
        ("chat", {"messages": [{"role": "user", "content": None}]}, None),
        ("chat", {"messages": [{"role": "user", "content": " "}]}, None),
        ("chat", {"messages": [{"role": "user", "name": "ann", "content": "who am I?"}]}, None),
        ("chat", {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, None),
        ("chat", {"messages": [{"role": "tool", "content": "x"}, {"role": "user", "content": "a"}]}, "a"),
        ("chat", {"messages": []}, None),
        ("chat", {"messages": 1}, None),
        ("chat", {}, None),
        ("responses", {"input": [{"type": "function_call_output", "output": "a"}]}, None),
    ],
)
def test_the_text_of_a_request(operation: str, body: dict[str, Any], text: str | None) -> None:
    found = READ(operation, json.dumps(body).encode())
    assert (None if found is None else found.text) == text


def test_what_was_said_before_has_to_be_the_same() -> None:
    def context(*before: Any) -> str:
        body = {"messages": [*before, {"role": "user", "content": "and then?"}]}
        found = READ("chat", json.dumps(body).encode())
        assert found is not None
        return found.context

    told = {"role": "system", "content": "Answer in French."}
    same = {"content": "Answer in French.", "role": "system"}
    assert context() == ""
    assert context(told) == context(same) != context({**told, "content": "Answer in Latin."})
    assert len({context(told), context(told, told), context({**told, "name": "x"}), context(1), context("1")}) == 5


@given(st.text(max_size=60), st.integers(1, 10))
def test_no_more_is_compared_than_a_model_reads(text: str, tokens: int) -> None:
    found = reader(tokens)("completions", json.dumps({"prompt": text}).encode())
    assert found is None or len(found.text.encode("utf-8", "surrogatepass")) <= tokens * 3


class Place:
    """Keeps one answer."""

    failures: tuple[type[Exception], ...] = (OSError,)

    def __init__(self) -> None:
        self.kept: tuple[str, list[float], bytes, float] | None = None
        self.error: Exception | None = None
        self.pinged = asyncio.Event()

    async def nearest(self, key: str, vector: Sequence[float]) -> tuple[bytes, float] | None:
        if self.error is not None:
            raise self.error
        if self.kept is None or self.kept[0] != key:
            return None
        return self.kept[2], sum(a * b for a, b in zip(self.kept[1], vector, strict=True))

    async def put(self, key: str, name: str, vector: Sequence[float], value: bytes, seconds: float) -> None:
        self.kept = key, [*vector], value, seconds

    async def ping(self) -> None:
        self.pinged.set()
        if self.error is not None:
            raise self.error

    async def delete(self, keys: Sequence[str]) -> None: ...
    async def clear(self) -> None: ...
    async def aclose(self) -> None: ...


def an_answer(expires: float = 0) -> Answer:
    return Answer(b"{}", b'"m"', streamed=False, shows_usage=False, stored_at=1.0, expires=expires, usage=None)


def a_lookup(text: str = "a", key: str = "k") -> Any:
    return SimpleNamespace(key=key, meaning=Meaning(text), similarity=None)


VECTORS = {"a": [3.0, 4.0], "near": [4.0, 3.0], "nothing": [0.0, 0.0], "bad": [float("nan"), 1.0]}


async def embed(texts: list[str]) -> Sequence[Sequence[float]]:
    if texts == ["broken"]:
        raise UpstreamFailure("no")
    return [VECTORS[text] for text in texts]


def likeness(place: Place, threshold: float = 0.9) -> Likeness:
    return Likeness(place, embed, threshold=threshold, thinking=5, patience=5)


async def test_what_is_alike_enough_is_found() -> None:
    place = Place()
    found = likeness(place)
    assert await found.find_like(a_lookup()) == [("k", None)]
    found.keep_like(a_lookup(), an_answer())
    await asyncio.gather(*found._writing)
    assert place.kept is not None
    assert place.kept[1] == [0.6, 0.8]  # of length 1, whatever the model gives
    for text, threshold, score in (("a", 1.0, 1.0), ("near", 0.96, 0.96), ("near", 0.97, None)):
        lookup = a_lookup(text)
        ((_, answer),) = await likeness(place, threshold - 1e-9).find_like(lookup)
        assert (answer is not None) == (score is not None)
        assert lookup.similarity == (None if score is None else pytest.approx(score))
    assert await found.find_like(a_lookup(key="another")) == [("another", None)]
    await found.close()


@pytest.mark.parametrize("text", ["nothing", "bad"])
async def test_a_text_without_a_vector_is_not_looked_for(text: str) -> None:
    place = Place()
    found = likeness(place)
    assert await found.find_like(a_lookup(text)) == [("k", None)]
    found.keep_like(a_lookup(text), an_answer())
    await asyncio.gather(*found._writing)
    assert (place.kept, found.ready) == (None, True)
    await found.close()


async def test_what_has_ended_is_not_kept() -> None:
    place = Place()
    found = likeness(place)
    found.keep_like(a_lookup(), an_answer(expires=2.0))
    await asyncio.gather(*found._writing)
    assert place.kept is None
    await found.close()


async def test_a_broken_part_is_left_alone_until_the_place_answers() -> None:
    place = Place()
    found = likeness(place)
    for lookup, error in ((a_lookup("broken"), None), (a_lookup(), OSError("away"))):
        place.error = error
        place.pinged.clear()
        assert await found.find_like(lookup) == [("k", None)]
        assert not found.ready
        found.keep_like(a_lookup(), an_answer())
        assert not found._writing
        await place.pinged.wait()
        place.error = None
        assert found._prober is not None
        await found._prober
        assert found.ready
    await found.close()


async def test_who_leaves_stops_the_question() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow(_texts: list[str]) -> Sequence[Sequence[float]]:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return []

    found = Likeness(Place(), slow, threshold=1, thinking=60, patience=5)
    asked = found.find_like(a_lookup())
    await begun.wait()
    asked.cancel()
    await ended.wait()
    assert found.ready
    await found.close()


# ---- a search module: the wheel of Valkey has none, so its client is played here


class Client:
    """Answers the commands of a search module; what it is asked stands in `asked`."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answers: dict[str, Any] = {}
        self.hashes: dict[str, Any] = {}

    async def execute_command(self, *command: Any) -> Any:
        self.asked.append(command)
        answer = self.answers.get(command[0])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pipeline(self, **_options: Any) -> "Client":
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None: ...

    def hset(self, name: str, mapping: dict[str, Any]) -> None:
        self.hashes[name] = mapping

    def pexpire(self, name: str, milliseconds: int) -> None:
        self.asked.append(("PEXPIRE", name, milliseconds))

    def persist(self, name: str) -> None:
        self.asked.append(("PERSIST", name))

    async def execute(self) -> None: ...

    async def unlink(self, *names: bytes) -> None:
        for name in names:
            del self.hashes[name.decode()]

    async def scan_iter(self, match: str, count: int) -> AsyncIterator[bytes]:
        start, _, rest = match.partition("*")
        for name in [*self.hashes]:
            if name.startswith(start) and rest.strip("*").strip(":") in name:
                yield name.encode()


@pytest.fixture
async def search() -> SearchVectors:
    found = SearchVectors(Server(arguments={"host": "localhost"}), "answers")
    await found.aclose()
    found._client = Client()
    return found


async def test_a_hash_is_written_and_ends_with_its_answer(search: SearchVectors) -> None:
    client: Any = search._client
    await search.put("ns:k", "name", [1.0, 0.0], b"value", 1.5)
    assert client.asked[0][:8] == ("FT.CREATE", "answers_2", "ON", "HASH", "PREFIX", 1, "answers_2:", "SCHEMA")
    assert client.asked[0][8:] == (
        "key", "TAG", "vector", "VECTOR", "HNSW", 6, "TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "COSINE"
    )  # fmt: skip
    ((name, fields),) = client.hashes.items()
    assert name.startswith("answers_2:")
    assert (fields["vector"], fields["answer"]) == (b"\x00\x00\x80?\x00\x00\x00\x00", b"value")
    assert client.asked[-1] == ("PEXPIRE", name, 1500)
    await search.put("ns:k", "name", [1.0, 0.0], b"value", 0)
    assert client.asked[-1] == ("PERSIST", name)
    await search.delete(["another"])
    assert len(client.hashes) == 1
    await search.delete(["ns:k"])
    assert client.hashes == {}
    await search.put("ns:k", "name", [1.0, 0.0], b"value", 0)
    await search.clear()
    assert client.hashes == {}


FIELDS = [b"distance", b"0.25", b"answer", b"\x00\xff"]
REPLIES = {
    "nothing": ([0], None),
    "RESP2": ([1, b"answers_2:x", FIELDS], (b"\x00\xff", 0.75)),
    "RESP3": (
        {b"results": [{b"id": b"x", b"extra_attributes": {FIELDS[0]: FIELDS[1], FIELDS[2]: FIELDS[3]}}]},
        (b"\x00\xff", 0.75),
    ),
    "RESP3, nothing": ({b"total_results": 0, b"results": []}, None),
}  # fmt: skip


@pytest.mark.parametrize("reply", REPLIES)
async def test_only_what_has_the_key_is_searched(search: SearchVectors, reply: str) -> None:
    client: Any = search._client
    client.answers["FT.SEARCH"], found = REPLIES[reply]
    assert await search.nearest("} | *", [1.0, 0.0]) == found
    command = client.asked[-1]
    query = command[2]
    assert command[:2] == ("FT.SEARCH", "answers_2")
    prefix, _, rest = query.partition("{")
    tag, _, end = rest.partition("}")
    assert (prefix, end) == ("(@key:", ")=>[KNN 1 @vector $vector AS distance]")
    assert tag.isalnum()
    assert len(tag) == 64  # a digest: nothing that a key holds means anything to the query


async def test_an_index_that_is_there_is_used_and_another_error_is_one(search: SearchVectors) -> None:
    client: Any = search._client
    client.answers = {"FT.CREATE": search._refused("Index already exists"), "FT.SEARCH": [0]}
    assert await search.nearest("k", [1.0]) is None
    assert await search.nearest("k", [1.0]) is None
    assert [command[0] for command in client.asked] == ["FT.CREATE", "FT.SEARCH", "FT.SEARCH"]
    client.answers["FT.CREATE"] = search._refused("unknown command 'FT.CREATE'")
    with pytest.raises(search._refused):
        await search.nearest("k", [1.0, 0.0])
    client.answers["FT.SEARCH"] = [1, b"x", [b"distance", b"zero"]]
    with pytest.raises(UpstreamProtocolError):
        await search.nearest("k", [1.0])
