"""Which events a destination is told of, and what is said of its requests."""

import pytest
from msgspec import UNSET, UnsetType

from tianji.callbacks.event import Audience, Notice
from tianji.callbacks.sink import Delivery, Sink

MINE, THEIRS, GUEST = ("team", "mine"), ("team", "theirs"), ("request", "mine")


def wants(owner: tuple[str, str] | None, audience: Audience | UnsetType) -> bool:
    return Sink("langfuse", lambda _: (), owner=owner).wants(Notice(b"{}", "success", "t", audience))


@pytest.mark.parametrize(
    ("owner", "audience", "wanted"),
    [
        (None, UNSET, True),
        (None, Audience(MINE), True),
        (None, Audience(MINE, muted=("langfuse",)), False),
        (None, Audience(GUEST, apart=frozenset({"langfuse"})), False),
        (None, Audience(GUEST, apart=frozenset({"langsmith"})), True),
        (MINE, UNSET, False),
        (MINE, Audience(), False),
        (MINE, Audience(MINE), True),
        (MINE, Audience(MINE, muted=("langfuse",)), False),
        (MINE, Audience(THEIRS), False),
        (MINE, Audience(("key", "mine")), False),
        (GUEST, Audience(GUEST, apart=frozenset({"langfuse"})), True),
    ],
)
def test_whoever_has_a_destination_of_his_own_has_his_events_alone_in_it(
    owner: tuple[str, str] | None, audience: Audience | UnsetType, wanted: bool
) -> None:
    assert wants(owner, audience) is wanted


def test_a_request_is_logged_without_its_key() -> None:
    request = Delivery("http://there", b"body", {"authorization": "Bearer sk-canary"})
    assert f"{request}" == repr(request) == "Delivery(POST http://there, 4 bytes)"
