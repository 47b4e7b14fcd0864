"""Ids of calls: sealed, and bound to whoever made them."""

import pytest

from tianji.auth.calls import PREFIX, Call, CallSeal
from tianji.auth.identity import Identity, Role
from tianji.auth.owners import owner_of
from tianji.errors import ObjectNotFound

SEAL = CallSeal("salt")


def caller(key: str, **about: object) -> Identity:
    return Identity(**{"role": None, "user_id": None, "key": key, **about})


MADE = caller("a" * 64)


def test_an_id_says_which_call_it_is_to_who_made_it_and_shows_nothing() -> None:
    name = SEAL.seal(MADE, "rt", "deployment", "rtc_u1_abc")
    assert name.startswith(PREFIX)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"), "a part of a path"
    assert SEAL.open(name, MADE) == Call(owner_of(MADE), "rt", "deployment", "rtc_u1_abc")
    assert not any(part in name for part in ("abc", "deployment"))


def test_nobody_else_has_it_but_an_administrator() -> None:
    name = SEAL.seal(MADE, "rt", "deployment", "rtc_u1_abc")
    assert SEAL.open(name, caller("b" * 64, role=Role.PROXY_ADMIN)).id == "rtc_u1_abc"
    for other in (caller("b" * 64), caller("a" * 64, team_id="t"), caller("a" * 64, user_id="u")):
        with pytest.raises(ObjectNotFound):
            SEAL.open(name, other)


def test_what_was_sealed_otherwise_is_not_there() -> None:
    name = SEAL.seal(MADE, "rt", "deployment", "rtc_u1_abc")
    for text in ("", "rtc_u1_abc", name[:-2], name.removeprefix(PREFIX), f"{PREFIX}é", f"{PREFIX}A", PREFIX + "A" * 99):
        with pytest.raises(ObjectNotFound):
            SEAL.open(text, MADE)
    with pytest.raises(ObjectNotFound):
        CallSeal(None).open(name, MADE)
    assert CallSeal(None).open(CallSeal("").seal(MADE, "rt", "d", "i"), MADE).id == "i"
