"""Whom a request names beside its caller: the customer that it is for, and its tags. They may have limits of their own.

What is known needs no database; a name that nobody made a row for is known to be nobody's, too.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Final, Literal

import msgspec

from tianji._core.sharing.revision import Revisions
from tianji.auth.models import ModelRule
from tianji.auth.tags import tag
from tianji.errors import AuthenticationFailed, ModelRefused
from tianji.limiting.rows import Holder

Kind = Literal["customer", "tag"]
Name = tuple[Kind, str]
MANY: Final = 65_536  # names that are known; beyond, the oldest are asked for again
LONGEST: Final = 256  # characters of a name that the database is asked for; the ledger keeps no more of it either


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A customer or a tag that is stored, or a customer who is not but has the budget of all who are not."""

    holder: Holder
    blocked: bool = False
    rule: ModelRule | None = None
    tags: frozenset[int] = frozenset()  # of what this was made of, see tianji.auth.tags

    def enter(self) -> None:
        """Raise AuthenticationFailed for one that is blocked."""
        if self.blocked:
            raise AuthenticationFailed(
                f"the {self.holder.kind} {self.holder.id[:128]!r} is blocked; an administrator may unblock it"
            )

    def admit(self, model: str) -> None:
        """Raise AuthenticationFailed for one that is blocked, ModelRefused for a model that is not his."""
        self.enter()
        if self.rule is not None and not self.rule.allows(model):
            raise ModelRefused(
                f"this {self.holder.kind} may not use the model {model[:128]!r}",
                f"{self.holder.kind}_model_access_denied",
            )


class Names:
    """Customers and tags, as far as this worker knows them.

    ask: what is stored of a name; the last is the id of the budget of customers who are not stored, or None
    nobody: says that nothing is stored at all, so that it need not be asked
    """

    def __init__(
        self,
        ask: Callable[[Kind, str, str | None], Awaitable[Named | None]],
        revisions: Revisions,
        nobody: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ask = ask
        self._revisions = revisions
        self._nobody = nobody
        self._known: dict[tuple[Kind, str, str | None], Named | None] = {}

    def find(self, names: Sequence[Name], usual: str | None) -> "tuple[Named, ...] | Awaitable[tuple[Named, ...]]":
        """Return those that are stored, at once where all are known. `usual`: budget of customers who are not.

        Raises StoreUnavailable, later, when the database that has to be asked is away.
        """
        if self._nobody():
            return ()
        asked = [(kind, name[:LONGEST], usual if kind == "customer" else None) for kind, name in names]
        try:
            found = [self._known[name] for name in asked]
        except KeyError:
            return self._learn(asked)
        return tuple(one for one in found if one is not None)

    def forget(self, tags: Collection[int] | None) -> None:
        """Forget what is made of any of `tags`; everything when it is None."""
        if tags is None:
            self._known.clear()
            return
        changed = frozenset(tags)
        for name in [name for name, one in self._known.items() if not changed.isdisjoint(_made_of(name, one))]:
            del self._known[name]

    async def _learn(self, names: Iterable[tuple[Kind, str, str | None]]) -> tuple[Named, ...]:
        found: list[Named | None] = []
        for name in names:
            if name not in self._known:
                head = self._revisions.head
                one = await self._ask(*name)
                if self._revisions.head == head:
                    while len(self._known) >= MANY:
                        del self._known[next(iter(self._known))]
                    self._known[name] = one
                found.append(one)
            else:
                found.append(self._known[name])
        return tuple(one for one in found if one is not None)


def _made_of(name: tuple[Kind, str, str | None], one: Named | None) -> frozenset[int]:
    own = {tag(name[0], name[1])} | ({tag("budget", name[2])} if name[2] is not None else set())
    return frozenset(own) if one is None else one.tags | own
