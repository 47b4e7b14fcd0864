"""When a worker gives memory back."""

import mmap

import pytest

from tianji.edge.processes.slack import CALM, LOOKS, WORTH, Slack, resident

MUCH = 10 * WORTH


class Heap:
    """Holds `bytes`, of which `needed` stay when it is trimmed."""

    def __init__(self) -> None:
        self.bytes = self.needed = 1_000_000
        self.trims = 0

    def trim(self) -> None:
        self.trims += 1
        self.bytes = self.needed


@pytest.fixture
def heap() -> Heap:
    return Heap()


@pytest.fixture
def slack(heap: Heap) -> Slack:
    return Slack(held=lambda: heap.bytes, give_back=heap.trim)


def look(slack: Slack, load: int, times: int = LOOKS) -> None:
    for _ in range(times):
        slack.look(load)


def test_what_a_busy_time_left_is_given_back_once(heap: Heap, slack: Slack) -> None:
    heap.bytes = MUCH
    look(slack, 0, LOOKS - 1)
    assert heap.trims == 0
    look(slack, 0, 10)
    assert heap.trims == 1


def test_a_busy_worker_is_left_alone(heap: Heap, slack: Slack) -> None:
    heap.bytes = MUCH
    look(slack, 100, 50)
    look(slack, 100 // CALM + 1, 50)
    assert heap.trims == 0
    look(slack, 100 // CALM)
    assert heap.trims == 1


def test_calm_must_last(heap: Heap, slack: Slack) -> None:
    heap.bytes = MUCH
    for _ in range(10):
        look(slack, 0, LOOKS - 1)
        look(slack, 1, 1)
    assert heap.trims == 0


def test_little_is_not_worth_a_pause(heap: Heap, slack: Slack) -> None:
    heap.bytes += WORTH - 1
    look(slack, 0, 50)
    assert heap.trims == 0


def test_what_is_needed_does_not_count_again(heap: Heap, slack: Slack) -> None:
    heap.bytes = heap.needed = MUCH
    look(slack, 0, 50)
    assert heap.trims == 1
    heap.bytes += WORTH
    look(slack, 0, 50)
    assert heap.trims == 2


def test_a_system_that_does_not_tell_is_left_alone(heap: Heap) -> None:
    look(Slack(held=lambda: 0, give_back=heap.trim), 0, 50)
    assert heap.trims == 0


def test_the_system_tells_what_is_resident() -> None:
    """A map of its own is fresh memory, whatever the heap of this process has to spare."""
    size = 64 * 1024 * 1024
    before = resident()
    with mmap.mmap(-1, size) as block:
        block[:: mmap.PAGESIZE] = b"x" * (size // mmap.PAGESIZE)
        assert resident() - before > size // 2
