"""What a deployment shows its upstream: a key, a token that lasts, or tokens that change."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from msgspec import Struct

from tianji.errors import Header
from tianji.providers.logins.oauth import Login, bearer, source_of


class Credentials(Struct, frozen=True, kw_only=True):
    """One of them, or what to set where there is none.

    scheme: what stands before a token. of_body: further headers that depend on a request's body, beside a login's
    token. secrets: what of it no message may show.
    """

    key: str | None = None
    token: str | None = None
    scheme: str = "Bearer"
    login: Login | None = None
    of_body: Callable[[bytes], Iterable[Header]] | None = None
    missing: str | None = None
    secrets: tuple[str, ...] = ()

    def headers(self, name: str) -> list[tuple[str, str]]:
        """Return the headers that every request has; name: the header that a key stands in."""
        if self.key:
            return [(name, f"Bearer {self.key}" if name == "authorization" else self.key)]
        return [("authorization", f"{self.scheme} {self.token}")] if self.token else []

    @property
    def sign(self) -> Callable[[str, bytes], Iterable[Header]] | None:
        """What puts the login's token into a request, and what depends on the body."""
        shown = None if self.login is None else bearer(source_of(self.login))
        more = self.of_body
        if more is None or shown is None:
            return shown if more is None else partial(_of_body, more)

        def signed(target: str, body: bytes) -> Iterable[Header]:
            return (*shown(target, body), *more(body))

        return signed

    @property
    def awaits(self) -> Callable[[], asyncio.Task[str] | None] | None:
        """What has to end before there is such a token."""
        return None if self.login is None else source_of(self.login).task

    def __repr__(self) -> str:
        """Say what there is, and nothing secret."""
        kind = "key" if self.key else "token" if self.token else "login" if self.login else "nothing"
        return f"Credentials({kind})"


def _of_body(more: Callable[[bytes], Iterable[Header]], _target: str, body: bytes) -> Iterable[Header]:
    return more(body)
