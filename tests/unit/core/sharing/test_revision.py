"""What changed last reaches every process, whole, in order, or as the word that something was lost."""

import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.sharing.revision import EVERYTHING, JOBS, MEMORY, TAG_BITS, Revisions

TAGS = st.lists(st.integers(1, 2**TAG_BITS - 1), max_size=50)


@given(TAGS, TAGS)
def test_who_reads_gets_what_was_told_since(before, after):
    revisions = Revisions()
    for tag in before:
        revisions.publish(tag)
    seen, tags = revisions.since(0)
    assert (seen, tags) == (len(before), before)
    for tag in after:
        revisions.publish(tag)
    assert revisions.since(seen) == (revisions.head, after)


@pytest.mark.parametrize("first", [0, 1, MEMORY - 1, MEMORY, 3 * MEMORY + 7])
def test_the_last_ones_are_remembered_and_more_are_lost(first):
    revisions = Revisions()
    for number in range(first):
        revisions.publish(number + 1)
    for number in range(MEMORY):
        revisions.publish(number + 1)
    assert revisions.since(first) == (first + MEMORY, list(range(1, MEMORY + 1)))
    revisions.publish(1)
    assert revisions.since(first) == (first + MEMORY + 1, None)


def test_the_tag_of_everything_leaves_nothing():
    revisions = Revisions()
    revisions.publish(5)
    revisions.publish(EVERYTHING)
    assert revisions.since(0) == (2, None)


@pytest.mark.parametrize("tag", [-1, 2**TAG_BITS])
def test_a_tag_that_does_not_fit_is_refused(tag):
    with pytest.raises(ValueError, match="bits"):
        Revisions().publish(tag)


def test_children_share_it_with_their_parent():
    revisions = Revisions()
    children = []
    for number in range(1, 5):
        child = os.fork()
        if child == 0:
            for _ in range(500):
                revisions.publish(number)
            os.kill(os.getpid(), signal.SIGKILL)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    head, tags = revisions.since(0)
    assert head == 2000
    assert sorted(tags) == sorted([1, 2, 3, 4] * 500)


def test_one_of_all_has_the_turn():
    revisions = Revisions()
    for job in range(JOBS):
        assert revisions.claim(job, 1000, 500)
        assert not revisions.claim(job, 1000, 500)
        assert not revisions.claim(job, 1499, 500)
        assert revisions.claim(job, 1500, 500)
    for job in (-1, JOBS):
        with pytest.raises(IndexError):
            revisions.claim(job, 1000, 500)


def test_a_position_never_goes_back():
    revisions = Revisions()
    assert revisions.position == 0
    for to, then in ((5, 5), (3, 5), (9, 9)):
        revisions.advance(to)
        assert revisions.position == then
