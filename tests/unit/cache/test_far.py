"""A place that is late or broken is no place: nobody waits for it twice."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from tianji._core.caching.memory import Answer, counted_usage
from tianji.cache import far as module
from tianji.cache.far import PROBE, Far, lifetime
from tianji.cache.stored import decoded, encoded

LONG = 30.0  # seconds; nothing here takes as long


class Memory:
    """A place that works as long as it is told to."""

    failures: tuple[type[Exception], ...] = (OSError, TimeoutError)

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.questions: list[list[str]] = []
        self.writings: list[dict[str, float]] = []
        self.broken = False
        self.open = asyncio.Event()
        self.open.set()
        self.probed = asyncio.Event()
        self.written = asyncio.Event()
        self.tried = asyncio.Event()

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        self.questions.append(list(keys))
        if keys == [PROBE]:
            self.probed.set()
        await self.open.wait()
        if self.broken:
            raise OSError("broken")
        return [self.kept.get(key) for key in keys]

    async def write(self, values: Mapping[str, tuple[bytes, float]]) -> None:
        self.tried.set()
        await self.open.wait()
        if self.broken:
            raise OSError("broken")
        self.kept |= {key: value for key, (value, _) in values.items()}
        self.writings.append({key: seconds for key, (_, seconds) in values.items()})
        self.written.set()

    async def delete(self, keys: Sequence[str]) -> None:
        raise NotImplementedError

    async def clear(self) -> None:
        raise NotImplementedError

    async def ping(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        self.open.set()


def answer(text: str = "a", expires: float = 0) -> Answer:
    usage = counted_usage(1, 2, 3, 4)
    return Answer(text.encode(), b'"m"', streamed=True, shows_usage=True, stored_at=5.5, expires=expires, usage=usage)


async def others() -> None:
    """Wait for every other task."""
    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})  # type: ignore[arg-type]


def told(found: list[tuple[str, Answer | None]]) -> dict[str, bytes | None]:
    return {key: one and one.body for key, one in found}


async def test_questions_that_come_together_are_asked_together() -> None:
    place = Memory()
    place.kept = {"a": encoded(answer("A")), "b": b"rubbish"}
    far = Far(place, patience=LONG)
    found = await asyncio.gather(far.find(["a"]), far.find(["a", "b"]), far.find(["c"]))
    assert [told(one) for one in found] == [{"a": b"A"}, {"a": b"A", "b": None}, {"c": None}]
    assert place.questions == [["a", "b", "c"]]
    await far.close()


async def test_what_is_kept_is_written_soon() -> None:
    place = Memory()
    far = Far(place, patience=LONG)
    far.keep("a", answer("A"))
    far.keep("a", answer("B"))
    far.keep("late", answer(expires=1.0))
    await place.written.wait()
    assert place.writings == [{"a": 0.0}]
    assert told(await far.find(["a"])) == {"a": b"B"}
    await far.close()


async def test_closing_writes_what_waits() -> None:
    place = Memory()
    far = Far(place, patience=LONG)
    far.keep("a", answer("A"))
    await far.close()
    assert list(place.kept) == ["a"]


async def test_nobody_waits_longer_than_the_patience_and_then_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_REST", 0.0)
    place = Memory()
    place.open.clear()
    far = Far(place, patience=0.01)
    assert told(await far.find(["a"])) == {"a": None}
    assert not far.ready
    await place.probed.wait()  # beside the requests
    place.open.set()
    place.kept = {"a": encoded(answer("A"))}
    await others()
    assert far.ready
    assert told(await far.find(["a"])) == {"a": b"A"}
    await far.close()


async def test_all_who_wait_go_on_when_one_has_waited_too_long() -> None:
    place = Memory()
    place.open.clear()
    far = Far(place, patience=0.01)
    early = far.find(["a"])
    await asyncio.sleep(0)
    late = far.find(["b"])  # which would have to wait for the first question
    assert told(await early) == {"a": None}
    assert late.done()
    await far.close()


async def test_a_failure_is_nothing_found_and_a_rest(caplog: pytest.LogCaptureFixture) -> None:
    place = Memory()
    place.broken = True
    far = Far(place, patience=LONG)
    assert told(await far.find(["a"])) == {"a": None}
    assert not far.ready
    assert "OSError: broken" in caplog.text
    far.keep("a", answer())
    await far.close()
    assert place.kept == {}


async def test_a_writing_that_fails_is_a_rest_too() -> None:
    place = Memory()
    place.broken = True
    far = Far(place, patience=LONG)
    far.keep("a", answer())
    await place.tried.wait()
    await asyncio.sleep(0)
    assert not far.ready
    await far.close()


async def test_what_waits_to_be_written_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    place = Memory()
    place.open.clear()
    far = Far(place, patience=LONG)
    for key in "abcd":
        far.keep(key, answer("12345"))
    place.open.set()
    await far.close()
    assert sorted(place.kept) == ["a", "b"]


async def test_who_left_is_not_answered() -> None:
    place = Memory()
    place.open.clear()
    far = Far(place, patience=LONG)
    leaving, staying = far.find(["a"]), far.find(["a"])
    leaving.cancel()
    place.open.set()
    assert told(await staying) == {"a": None}
    await far.close()


def test_answers_survive_being_written() -> None:
    found = decoded(encoded(answer("text", expires=9.25)))
    assert found is not None
    assert found.usage is not None
    assert (found.body, found.model_json, found.streamed, found.shows_usage) == (b"text", b'"m"', True, True)
    assert (found.stored_at, found.expires) == (5.5, 9.25)
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (1, 2)
    assert (found.usage.cached_tokens, found.usage.reasoning_tokens, found.usage.estimated) == (3, 4, False)
    bare = decoded(encoded(Answer(b"", b"", streamed=False, shows_usage=False, stored_at=0, expires=0)))
    assert bare is not None
    assert bare.usage is None
    assert decoded(None) is decoded(b"") is decoded(b"\x91\x02") is None


def test_a_lifetime_is_what_is_left() -> None:
    assert lifetime(answer(expires=0), 100) == 0
    assert lifetime(answer(expires=130), 100) == 30
    assert lifetime(answer(expires=100), 100) < 0
