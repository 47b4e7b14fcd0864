"""Whether the caller of a conversation may go on: a key can be revoked, or end, while a conversation lasts."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial

from tianji._core.edges.exchange import Exchange
from tianji.auth.ephemeral import Ticket
from tianji.auth.identity import Identity
from tianji.edge.routes import Match
from tianji.errors import KeyExpired, StoreUnavailable, TianjiError
from tianji.realtime.means import Means

Ask = Callable[[], object]
"""Says who the caller is, as at the beginning: an Identity, or a coroutine of one. Raises what refuses him."""


class Standing:
    """How one caller stands, who was let in just now.

    model: with which he talks, as he calls it; empty while he has not named it
    revision: returns another one whenever somebody may have to be asked about again
    """

    def __init__(self, identity: Identity, model: str, ask: Ask, revision: Callable[[], object]) -> None:
        self._expires = identity.expires
        self.model = model
        self._ask = ask
        self._revision = revision
        self._asked_at = revision()
        self._asking: asyncio.Task[None] | None = None

    def look(self, since_1970: float, refuse: Callable[[TianjiError], None]) -> None:
        """Have `refuse` called, now or later, if the key's time is over, or it would not be let in any more."""
        error = self._expired(since_1970)
        if error is not None:
            refuse(error)
            return
        revision = self._revision()
        if revision != self._asked_at:
            self._asked_at = revision
            self._ask_again(refuse)

    def _expired(self, since_1970: float) -> TianjiError | None:
        # the error for a key whose time is over; None for one that holds
        if self._expires is None or since_1970 < self._expires:
            return None
        return KeyExpired("Authentication Error, the key has expired; ask for a new one")

    def _ask_again(self, refuse: Callable[[TianjiError], None]) -> None:
        """Ask who the caller is; an answer that is still awaited does not count any more."""
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
        try:
            found = self._ask()
        except TianjiError as error:
            refuse(error)
            return
        if isinstance(found, Identity):
            self._judge(found, refuse)
        elif isinstance(found, Coroutine):
            self._asking = asyncio.ensure_future(self._learn(found, refuse))

    def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()

    async def _learn(self, asked: Coroutine[None, None, Identity], refuse: Callable[[TianjiError], None]) -> None:
        try:
            found = await asked
        except StoreUnavailable:
            return  # what was known holds, as it does for everybody
        except TianjiError as error:
            refuse(error)
            return
        self._judge(found, refuse)

    def _judge(self, found: Identity, refuse: Callable[[TianjiError], None]) -> None:
        self._expires = found.expires
        error = self._expired(time.time())
        try:
            if self.model:
                found.require(found.target(self.model))
        except TianjiError as refused:
            error = refused
        if error is not None:
            refuse(error)


def standing_of(means: Means, exchange: Exchange, match: Match, model: str, ticket: Ticket | None) -> Standing:
    """Return how whoever asks for a conversation stands. `ticket`: of the secret that he came with, or None."""
    identity = exchange.identity
    if not isinstance(identity, Identity):
        raise TypeError("a conversation needs a caller")
    if ticket is None:
        return Standing(identity, model, partial(means.authorize, exchange, match), means.revision)
    holder = partial(means.holder, ticket.key)  # the ticket may be over by then
    return Standing(identity, model, holder, means.revision)
