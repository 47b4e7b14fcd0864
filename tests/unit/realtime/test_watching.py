"""Who looks after conversations: each once a second, few at a time."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tianji._core.sockets.farewell import Farewell
from tianji.auth.identity import ANYONE
from tianji.errors import AuthenticationFailed
from tianji.realtime.standing import Standing
from tianji.realtime.watching import AT_ONCE, PARTS, Watch, parting


class Clock:
    """A loop whose timers fire when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: list[tuple[float, Callable[..., object], tuple[object, ...]]] = []

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> None:
        self._timers.append((self.now + delay, callback, args))

    def run(self, until: float) -> None:
        while due := sorted((timer for timer in self._timers if timer[0] <= until), key=lambda timer: timer[0]):
            self._timers.remove(due[0])
            self.now, callback, args = due[0]
            callback(*args)
        self.now = until

    @property
    def idle(self) -> bool:
        return not self._timers


class Conversation:
    """A relay as far as it is looked after."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.looks: list[float] = []
        self.last: Farewell | None = None

    def look_after(self, _now: float) -> None:
        self.looks.append(self._clock.now)

    def end(self, last: Farewell) -> None:
        self.last = last

    def break_off(self) -> None:
        self.last = Farewell(1001, b"")


class Means:
    draining = revision = surprise = staticmethod(lambda: False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watched(clock: Clock, means: Any, count: int, standing: Standing | None = None) -> tuple[Watch, list[Any]]:
    """A watch with so many conversations."""
    loop: Any = clock
    watch = Watch(means, loop)
    conversations: list[Any] = [Conversation(clock) for _ in range(count)]
    for conversation in conversations:
        watch.begin(conversation, standing, parting)
    return watch, conversations


@pytest.mark.parametrize("count", [1, AT_ONCE, AT_ONCE + 1, 1000, 10_000])
def test_each_is_looked_at_once_a_second_and_few_at_a_time(clock: Clock, count: int) -> None:
    _, conversations = watched(clock, Means, count)
    clock.run(10.5)
    for conversation in conversations:
        assert 9 <= len(conversation.looks) <= 10
        pauses = [later - before for before, later in zip(conversation.looks, conversation.looks[1:], strict=False)]
        assert all(0.9 < pause < 1.1 for pause in pauses)
    at_once = max(AT_ONCE, -(-count // PARTS))
    moments = [look for conversation in conversations for look in conversation.looks]
    assert max(Counter(moments).values()) <= at_once


def test_nobody_looks_when_all_are_over_and_somebody_does_when_one_begins(clock: Clock) -> None:
    watch, conversations = watched(clock, Means, 200)
    clock.run(1.0)  # in the middle of a round
    for conversation in conversations:
        watch.over(conversation)
    seen = [len(conversation.looks) for conversation in conversations]
    clock.run(4.0)
    assert clock.idle
    assert seen == [len(conversation.looks) for conversation in conversations]
    watch.begin(conversations[0], None, parting)
    clock.run(6.0)
    assert len(conversations[0].looks) > seen[0]


def test_all_end_within_a_second_of_the_word_to_leave(clock: Clock) -> None:
    class Leaving(Means):
        draining = staticmethod(lambda: clock.now > 5.5)

    _, conversations = watched(clock, Leaving, 1000)
    clock.run(5.5)
    assert not any(conversation.last for conversation in conversations)
    clock.run(6.6)
    assert {conversation.last.code for conversation in conversations} == {1001}


def test_at_the_end_those_are_broken_off_that_are_not_over(clock: Clock) -> None:
    watch, conversations = watched(clock, Means, 3)
    watch.over(conversations[1])
    watch.close()
    assert [conversation.last is not None for conversation in conversations] == [True, False, True]


def test_who_is_not_let_in_any_more_is_told_as_its_form_has_it(clock: Clock) -> None:
    def refused() -> object:
        raise AuthenticationFailed("the key is gone")

    _, conversations = watched(clock, Means, 3, Standing(ANYONE, "m", refused, lambda: clock.now > 2))
    clock.run(2.0)
    assert not any(conversation.last for conversation in conversations)
    clock.run(4.0)
    assert (conversations[0].last.code, conversations[0].last.reason) == (1008, b"the key is gone")
