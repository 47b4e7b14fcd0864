"""Processes that share memory made before the fork, for tests of what workers share."""

import multiprocessing
from collections.abc import Callable

FORK = multiprocessing.get_context("fork")


def together(count: int, work: Callable[[int], None]) -> None:
    """Run work(0) ... work(count - 1) in processes that start together, and wait for them."""
    start = FORK.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        work(number)

    children = [FORK.Process(target=run, args=(number,)) for number in range(count)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * count
