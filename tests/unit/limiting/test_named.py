"""Customers and tags: what is known of them, when it is asked for again, and whom they refuse."""

import asyncio
from collections.abc import Awaitable

import pytest

from tianji._core.sharing.revision import Revisions
from tianji.auth.limits import Limits
from tianji.auth.models import rule
from tianji.auth.tags import tag
from tianji.errors import AuthenticationFailed, ModelRefused, StoreUnavailable
from tianji.limiting.named import Kind, Name, Named, Names
from tianji.limiting.rows import Holder


class Desk:
    """Names, and a database that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.stored: dict[str, Named] = {}
        self.away = False
        self.nobody = False
        self.revisions = Revisions()
        self.names = Names(self.ask, self.revisions, lambda: self.nobody)

    async def ask(self, kind: Kind, name: str, usual: str | None) -> Named | None:
        self.asked.append((kind, name, usual))
        if self.away:
            raise StoreUnavailable("away")
        return self.stored.get(name)

    def find(self, *names: Name, usual: str | None = None) -> tuple[Named, ...]:
        found = self.names.find(names, usual)
        if isinstance(found, tuple):
            return found

        async def wait(coming: Awaitable[tuple[Named, ...]]) -> tuple[Named, ...]:
            return await coming

        return asyncio.run(wait(found))


def named(name: str, kind: Kind = "customer", **more: bool) -> Named:
    return Named(holder=Holder(kind, name, Limits()), tags=frozenset({tag(kind, name)}), **more)


def test_a_name_is_asked_for_once_whether_it_is_stored_or_not() -> None:
    desk = Desk()
    desk.stored["a"] = named("a")
    for _ in range(3):
        assert desk.find(("customer", "a"), ("tag", "b"), usual="u") == (desk.stored["a"],)
    assert desk.asked == [("customer", "a", "u"), ("tag", "b", None)]


def test_nothing_is_asked_where_nothing_can_be_stored() -> None:
    desk = Desk()
    desk.nobody = True
    assert desk.find(("customer", "a")) == ()
    assert desk.asked == []


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        (None, True),
        ([tag("customer", "a")], True),
        ([tag("budget", "u")], True),
        ([tag("customer", "b"), tag("key", "a")], False),
    ],
)
def test_what_changed_is_asked_for_again(changed: list[int] | None, again: bool) -> None:
    desk = Desk()
    desk.find(("customer", "a"), usual="u")
    desk.names.forget(changed)
    desk.find(("customer", "a"), usual="u")
    assert len(desk.asked) == 1 + again


def test_what_changed_while_it_was_read_is_used_once() -> None:
    desk = Desk()

    async def meanwhile(kind: Kind, name: str, usual: str | None) -> Named | None:
        desk.revisions.publish(tag("customer", "a"))
        return await desk.ask(kind, name, usual)

    desk.names = Names(meanwhile, desk.revisions)
    desk.find(("customer", "a"))
    desk.find(("customer", "a"))
    assert len(desk.asked) == 2


def test_a_database_that_is_away_is_asked_again() -> None:
    desk = Desk()
    desk.away = True
    with pytest.raises(StoreUnavailable):
        desk.find(("customer", "a"))
    desk.away = False
    assert desk.find(("customer", "a")) == ()


def test_long_names_are_cut_before_anybody_is_asked() -> None:
    desk = Desk()
    desk.find(("customer", "x" * 10_000))
    assert len(desk.asked[0][1]) == 256


def test_who_is_blocked_and_what_is_not_his() -> None:
    with pytest.raises(AuthenticationFailed, match="customer 'a' is blocked"):
        named("a", blocked=True).admit("m")
    only = rule(["n"], "customer_model_access_denied", groups={}, infer=lambda _: None)
    narrow = Named(holder=Holder("customer", "a", Limits()), rule=only)
    narrow.admit("n")
    with pytest.raises(ModelRefused) as caught:
        narrow.admit("m")
    assert caught.value.wire_type == "customer_model_access_denied"
