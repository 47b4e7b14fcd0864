"""Secrets that stand for a key for a while."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.auth.ephemeral import PREFIX, Ticket, Tickets, is_secret
from tianji.errors import AuthenticationFailed, Overloaded

TICKET = Ticket("ab" * 32, "gpt-realtime", "deployment", "ek_upstream", 1000)


class Clock:
    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now


def tickets(now: float = 0, salt: str | None = "salt") -> Tickets:
    return Tickets(lambda: salt, Clock(now))


def test_a_secret_opens_until_its_end() -> None:
    secret = tickets().seal(TICKET)
    assert is_secret(secret.encode())
    assert tickets(999).open(secret.encode()) == TICKET
    with pytest.raises(AuthenticationFailed):
        tickets(1000).open(secret.encode())


def test_a_secret_shows_nothing_of_what_it_holds() -> None:
    secret = tickets().seal(TICKET)
    assert all(part not in secret for part in ("ek_upstream", "gpt-realtime", "ab" * 32))
    assert tickets().seal(TICKET) != secret
    assert set(secret) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"), "a sub-protocol"


def test_another_salt_opens_nothing_and_without_one_there_are_none() -> None:
    secret = tickets().seal(TICKET).encode()
    for salt in ("other", None, ""):
        with pytest.raises(AuthenticationFailed):
            tickets(salt=salt).open(secret)
    with pytest.raises(Overloaded):
        tickets(salt=None).seal(TICKET)


@given(st.binary(max_size=80))
def test_nothing_else_opens(text: bytes) -> None:
    for secret in (text, PREFIX.encode() + text):
        with pytest.raises(AuthenticationFailed):
            tickets().open(secret)


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_changed_secret_does_not_open(place: int, change: int) -> None:
    secret = bytearray(tickets().seal(TICKET).encode())
    at = len(PREFIX) + place % (len(secret) - len(PREFIX))
    secret[at] ^= change
    try:
        assert tickets().open(bytes(secret)) == TICKET  # the last character has bits that mean nothing
        assert at == len(secret) - 1
    except AuthenticationFailed:
        pass
