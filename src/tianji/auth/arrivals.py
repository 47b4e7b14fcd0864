"""Somebody whom an identity provider knows, as he is to stand in the database."""

from collections.abc import Awaitable, Callable

from msgspec import Struct


class Arrival(Struct, frozen=True, kw_only=True):
    """Who he is there. None and empty: nothing is said of it."""

    user_id: str | None = None
    email: str | None = None
    name: str | None = None
    provider_id: str | None = None  # what the provider calls him, where that is not his `user_id`
    provider: str | None = None
    role: str | None = None
    role_when_new: str | None = None  # where nothing else says what somebody new is
    teams: tuple[str, ...] = ()
    models: tuple[str, ...] = ()  # these three are of somebody new
    max_budget: float | None = None  # US dollars
    budget_duration: str | None = None
    makes_user: bool = False  # where there is none
    makes_teams: bool = False
    leaves_others: bool = False  # teams that are not named


Welcome = Callable[[Arrival], Awaitable[str | None]]
"""Puts somebody into the database and returns his user id there. Raises StoreUnavailable, PermissionDenied."""
