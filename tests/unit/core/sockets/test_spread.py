"""Calls that may wait: in order, some in each turn of the loop, and none is lost."""

from collections.abc import Callable
from typing import Any

import pytest

from tianji._core.sockets.spread import Spread


class Turns:
    """A loop as far as it is needed."""

    def __init__(self) -> None:
        self._soon: list[Callable[[], None]] = []

    def call_soon(self, function: Callable[[], None]) -> None:
        self._soon.append(function)

    @property
    def idle(self) -> bool:
        return not self._soon

    def turn(self) -> None:
        """Make the calls that are due now."""
        due, self._soon = self._soon, []
        assert len(due) == 1
        due[0]()


@pytest.fixture
def loop() -> Any:
    return Turns()


def test_a_thousand_take_turns_in_their_order(loop: Any) -> None:
    made = list[int]()
    spread = Spread(loop)
    for number in range(1000):
        spread.add(lambda number=number: made.append(number))
    assert not made
    while not loop.idle:
        before = len(made)
        loop.turn()
        assert 0 < len(made) - before <= 20
    assert made == list(range(1000))


def test_what_a_call_adds_waits_for_the_next_turn(loop: Any) -> None:
    made = list[str]()
    spread = Spread(loop)
    spread.add(lambda: (made.append("first"), spread.add(lambda: made.append("second"))))
    loop.turn()
    assert made == ["first"]
    loop.turn()
    assert made == ["first", "second"]
    assert loop.idle


def test_one_that_fails_keeps_no_other_back(loop: Any) -> None:
    made = list[str]()
    spread = Spread(loop)
    spread.add(lambda: 1 / 0)
    spread.add(lambda: made.append("after"))
    with pytest.raises(ZeroDivisionError):
        loop.turn()
    loop.turn()
    assert made == ["after"]
    assert loop.idle
