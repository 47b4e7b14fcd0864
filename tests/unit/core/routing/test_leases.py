"""Limits of a minute that several machines share: what others use, and how far one may go without asking."""

import pytest

from tianji._core.routing.candidate import Candidate
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import LARGEST_COUNT, HealthTable
from tianji._core.routing.needs import Needs
from tianji._core.routing.selection import Selection

NOW = 1000.0


class One:
    """A deployment with limits, alone in its group."""

    def __init__(self, *, shift: float = 0, **limits: int) -> None:
        self.table = HealthTable(8, shift)
        self.health = self.table.health("a")
        self.selection = Selection("shuffle", Dice(1), [Candidate(self.health, **limits)])

    def serve(self, tokens: int = 0, now: float = NOW) -> str:
        needs = Needs(tokens=tokens)
        self.selection.choose(needs, now)
        needs.succeeded(now, tokens=tokens)
        return self.selection.verdicts(now)[0][0]


def test_usage_elsewhere_is_part_of_all_usage() -> None:
    one = One(requests=10, tokens=100)
    health, serve = one.health, one.serve
    serve(20)
    health.set_elsewhere(NOW, 7, 30)
    assert (health.usage(NOW), health.elsewhere(NOW)) == ((8, 50), (7, 30))
    health.set_elsewhere(NOW, 8, 10)
    assert (health.usage(NOW), health.elsewhere(NOW)) == ((9, 30), (8, 10))
    assert serve(5) == "kept"
    assert serve(5) == "requests"
    health.set_elsewhere(NOW, 0, 75)
    assert health.usage(NOW) == (2, 100)
    assert serve(5) == "tokens"
    assert (health.usage(NOW + 60), health.elsewhere(NOW + 60)) == ((0, 0), (0, 0))
    health.set_elsewhere(NOW + 60, 3, 4)
    assert health.usage(NOW + 60) == (3, 4)
    for wrong in ((-1, 0), (0, -1)):
        with pytest.raises(ValueError, match="usage"):
            health.set_elsewhere(NOW, *wrong)


def test_a_lease_of_requests_ends_before_the_limit() -> None:
    one = One(requests=10)
    assert one.health.allowance(0, 10, NOW) == 10
    one.health.set_elsewhere(NOW, 4, 0)
    one.health.set_lease(0, NOW, 6, 3)
    assert [one.serve() for _ in range(3)] == ["kept", "kept", "requests"]
    one.health.set_lease(0, NOW, 100, 3)
    assert one.health.allowance(0, 10, NOW) == 10, "the limit holds whatever the lease"
    assert [one.serve() for _ in range(5)] == ["kept"] * 4 + ["requests"]
    assert one.health.usage(NOW)[0] == 10


def test_a_minute_of_which_nothing_was_said_has_the_share() -> None:
    one = One(requests=10)
    one.health.set_lease(0, NOW, 9, 3)
    later = NOW + 60
    assert [one.serve(now=later) for _ in range(4)] == ["kept"] * 3 + ["requests"]
    one.health.set_lease(0, NOW, 9, 0)
    assert one.health.allowance(0, 10, later) == 10


def test_the_last_request_of_a_lease_of_tokens_may_be_larger() -> None:
    one = One(tokens=1000)
    one.health.set_lease(1, NOW, 100, 100)
    assert [one.serve(60), one.serve(900), one.serve(1)] == ["kept", "kept", "tokens"]
    one.health.set_lease(1, NOW, 999, 100)
    assert [one.serve(50), one.serve(40)] == ["tokens", "kept"], "never more than the limit"


def test_what_has_no_limit_has_no_lease() -> None:
    one = One()
    one.health.set_lease(0, NOW, 1, 1)
    one.health.set_lease(1, NOW, 1, 1)
    assert [one.serve(50) for _ in range(3)] == ["kept"] * 3


def test_beyond_what_is_counted_there_is_no_limit() -> None:
    one = One(tokens=2**60)
    one.health.set_lease(1, NOW, 2**60, 2**60)
    one.health.set_elsewhere(NOW, 2**60, 0)
    assert one.health.usage(NOW) == (LARGEST_COUNT, 0)
    assert one.health.allowance(1, 2**60, NOW) == LARGEST_COUNT
    assert one.serve(10) == "kept"


def test_a_lease_is_of_one_kind() -> None:
    health = One(requests=5).health
    with pytest.raises(IndexError):
        health.set_lease(2, NOW, 1, 1)
    with pytest.raises(IndexError):
        health.allowance(-1, 1, NOW)
    for until, share in ((-1, 0), (0, -1)):
        with pytest.raises(ValueError, match="leases"):
            health.set_lease(0, NOW, until, share)


def test_minutes_begin_where_the_wall_clock_says() -> None:
    one = One(shift=70.0, requests=1)
    now = 1009.9  # 1079.9 of the wall clock
    assert (one.table.minute(now), one.table.minute(now + 0.2)) == (17, 18)
    assert one.selection.minute_left(now) == pytest.approx(0.1)
    assert [one.serve(now=now), one.serve(now=now)] == ["kept", "requests"]
    assert one.health.usage(now) == (1, 0)
    assert one.serve(now=now + 0.2) == "kept"
    needs = Needs()
    one.selection.choose(needs, now + 61)
    needs.succeeded(now + 61, tokens=7)
    assert one.health.usage(now + 61) == (1, 7)
