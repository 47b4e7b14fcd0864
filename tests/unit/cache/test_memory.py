"""Answers in the memory of a worker: never more bytes than there is room for, and what is asked for stays."""

from hypothesis import given
from hypothesis import strategies as st

from tianji._core.caching.memory import Answer, MemoryCache, tag_of
from tianji._core.sharing.revision import EVERYTHING, Revisions

ROOM = 100_000
NOW = 1000.0


def answer(text: str, size: int = 1000, expires: float = 0) -> Answer:
    body = text.encode().ljust(size)
    return Answer(body, b'"m"', streamed=False, shows_usage=False, stored_at=NOW, expires=expires)


def text(cache: MemoryCache, key: str, now: float = NOW) -> str | None:
    found = cache.find(key, now)
    return None if found is None else found.body.decode().rstrip()


STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "find", "forget", "clear"]), st.integers(0, 60), st.integers(1, 12_000)),
    max_size=300,
)


@given(STEPS)
def test_it_holds_the_last_answer_or_none_and_never_too_much(steps: list[tuple[str, int, int]]) -> None:
    cache, known = MemoryCache(ROOM, Revisions()), dict[str, str]()
    for number, (step, which, size) in enumerate(steps):
        key = f"key-{which}"
        if step == "put":
            cache.put(key, answer(str(number), size))
            known[key] = str(number)
        elif step == "forget":
            cache.forget([tag_of(key)])
            known.pop(key, None)
        elif step == "clear" and which == 0:
            cache.clear()
            known.clear()
        assert text(cache, key) in {None, known.get(key)}
        assert 0 <= cache.size <= ROOM
    assert (cache.size == 0) == (len(cache) == 0)
    for key in [*known]:
        cache.forget([tag_of(key)])
    assert (cache.size, len(cache)) == (0, 0)


def test_what_fits_is_kept() -> None:
    cache = MemoryCache(ROOM, Revisions())
    for number in range(60):
        cache.put(f"key-{number}", answer(str(number)))
    assert all(text(cache, f"key-{number}") == str(number) for number in range(60))


def test_a_flood_of_what_nobody_repeats_leaves_the_others_alone() -> None:
    cache = MemoryCache(ROOM, Revisions())
    wanted = [f"wanted-{number}" for number in range(20)]
    for key in wanted:
        cache.put(key, answer(key))
        assert text(cache, key) == key
    for number in range(2000):
        cache.put(f"flood-{number}", answer("x"))
    assert [text(cache, key) for key in wanted] == wanted


def test_who_comes_back_soon_stays() -> None:
    cache = MemoryCache(ROOM, Revisions())
    for _ in range(2):
        cache.put("back", answer("back"))
        for number in range(80):
            cache.put(f"flood-{number}-{id(_)}", answer("x"))
    assert text(cache, "back") == "back"


def test_time_ends_an_answer() -> None:
    cache = MemoryCache(ROOM, Revisions())
    cache.put("k", answer("k", expires=NOW + 10))
    assert text(cache, "k", NOW + 9.9) == "k"
    assert text(cache, "k", NOW + 10) is None
    cache.put("k", answer("again", expires=NOW + 20))
    assert text(cache, "k", NOW + 10) == "again"


def test_what_is_too_large_takes_the_old_answer_along() -> None:
    cache = MemoryCache(ROOM, Revisions())
    cache.put("k", answer("old"))
    cache.put("k", answer("new", ROOM))
    assert text(cache, "k") is None


def test_workers_forget_what_one_of_them_is_told_to() -> None:
    revisions = Revisions()
    one, other = MemoryCache(ROOM, revisions), MemoryCache(ROOM, revisions)
    for cache in (one, other):
        cache.put("a", answer("a"))
        cache.put("b", answer("b"))
    revisions.publish(tag_of("a"))
    assert [(text(cache, "a"), text(cache, "b")) for cache in (one, other)] == [(None, "b")] * 2
    revisions.publish(EVERYTHING)
    one.put("c", answer("c"))  # it came after that, so it stays
    assert [text(one, key) for key in "abc"] == [None, None, "c"]
    assert len(one) == 1
