import asyncio
import json
import threading

import pytest
from tests.unit.accounting.test_images import PNG, data_url

from tianji._core.bodies.spans import ObjectSpans, scan
from tianji._core.requests import prompt
from tianji.accounting import counter as module
from tianji.accounting.counter import COUNTED_INLINE, WALKED_INLINE, Count, TokenCounter
from tianji.accounting.vocabularies import Vocabularies


@pytest.fixture(scope="module")
def vocabularies() -> Vocabularies:
    return Vocabularies()


@pytest.fixture
def counter(vocabularies: Vocabularies) -> TokenCounter:
    return TokenCounter(vocabularies)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, bool]]:
    """What was done: (with a vocabulary, on the loop's thread) of each walk through a body."""
    loops, calls = threading.get_ident(), []

    def watched(body: ObjectSpans, vocabulary: object, *limit: int) -> prompt.Prompt:
        calls.append((vocabulary is not None, threading.get_ident() == loops))
        return prompt.count_prompt(body, vocabulary, *limit)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "count_prompt", watched)
    return calls


def chat(text: str = "hello world", *images: str) -> ObjectSpans:
    content = [{"type": "text", "text": text}, *({"type": "image_url", "image_url": {"url": url}} for url in images)]
    return scan(json.dumps({"messages": [{"role": "user", "content": content}]}).encode())


async def test_counts_say_whether_they_are_exact(counter: TokenCounter) -> None:
    assert await counter.count(chat(), "gpt-4o") == Count(9, True, "o200k_base")
    assert await counter.count(chat(), "azure/gpt-4") == Count(9, True, "cl100k_base")
    assert await counter.count(chat(), "claude-sonnet-4-5") == Count(9, False, "cl100k_base")
    assert await counter.count(chat("hello world", "https://a/b.png"), "gpt-4o") == Count(774, False, "o200k_base")
    url = data_url(PNG).decode()
    assert await counter.count(chat("hello world", url, url), "gpt-4o") == Count(9 + 2 * 425, False, "o200k_base")
    audio = scan(b'{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA"}}]}]}')
    assert await counter.count(audio, "gpt-4o") == Count(7, False, "o200k_base")


async def test_images_beyond_those_looked_at_count_as_usual_ones(counter: TokenCounter) -> None:
    small = data_url(b"\x89PNG\r\n\x1a\n" + bytes(6) + b"HD" + bytes([0, 0, 0, 9, 0, 0, 0, 9])).decode()
    found = await counter.count(chat("hello world", *[small] * 70), "gpt-4o")
    assert found.tokens == 9 + 64 * 255 + 6 * 765


async def test_long_requests_are_counted_on_a_thread(counter: TokenCounter, seen: list[tuple[bool, bool]]) -> None:
    await counter.count(chat(), "gpt-4o")  # it may have to load the vocabulary
    seen.clear()
    await counter.count(chat(), "gpt-4o")
    assert seen == [(True, True)]
    await counter.count(chat("x" * COUNTED_INLINE), "gpt-4o")
    assert seen == [(True, True), (True, False)]


async def test_a_vocabulary_is_loaded_on_a_thread(seen: list[tuple[bool, bool]]) -> None:
    counter = TokenCounter(Vocabularies())
    assert (await counter.count(chat(), "gpt-4")).tokens == 9
    assert (await counter.count(chat(), "gpt-4")).tokens == 9
    assert seen == [(True, False), (True, True)]


async def test_at_most_counts_only_what_the_bound_leaves_open(
    counter: TokenCounter, seen: list[tuple[bool, bool]]
) -> None:
    await counter.count(chat(), "gpt-4o")
    seen.clear()
    assert await counter.at_most(chat("word " * 100), "gpt-4o", 600)
    assert seen == [(False, True)]
    assert await counter.at_most(chat("word " * 100), "gpt-4o", 108)
    assert not await counter.at_most(chat("word " * 100), "gpt-4o", 106)
    assert seen[1:] == [(False, True), (True, True)] * 2
    seen.clear()
    assert await counter.at_most(chat("word " * WALKED_INLINE), "gpt-4o", 6 * WALKED_INLINE)
    assert not await counter.at_most(chat("word " * WALKED_INLINE), "gpt-4o", 100)
    assert seen == [(False, False), (False, False), (True, False)]


async def test_at_most_reckons_with_images(counter: TokenCounter) -> None:
    body = chat("hello world", "https://a/b.png", data_url(PNG).decode())
    total = (await counter.count(body, "gpt-4o")).tokens
    assert total == 9 + 765 + 425
    assert await counter.at_most(body, "gpt-4o", total)
    assert not await counter.at_most(body, "gpt-4o", total - 1)
    assert await counter.at_most(body, "gpt-4o", 100_000)


async def test_several_at_once_may_load_a_vocabulary() -> None:
    counter = TokenCounter(Vocabularies())
    counts = await asyncio.gather(*(counter.count(chat(), "gpt-4") for _ in range(8)))
    assert {count.tokens for count in counts} == {9}


def test_only_two_vocabularies_come_with_the_package(vocabularies: Vocabularies) -> None:
    with pytest.raises(KeyError):
        vocabularies["p50k_base"]
