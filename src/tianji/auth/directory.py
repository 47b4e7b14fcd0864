"""Who has which key, as far as this worker knows, and the database behind that knowledge.

What is known needs no database: when it is away, known keys go on working, and unknown ones are not called unknown.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Final

from tianji._core.revision import Revisions
from tianji.auth.compiled import Refusal
from tianji.auth.identity import Identity
from tianji.auth.master_key import MasterKey, UnknownKey
from tianji.auth.tags import tag

MANY: Final = 16384  # keys that are known; beyond, all are forgotten and asked for again
MANY_REFUSED: Final = 4096  # keys that are refused; beyond, they are forgotten: whoever guesses keys fills this
ATTEMPTS: Final = 3  # to read a key while things keep changing; then it is used once and not remembered

Ask = Callable[[str], Awaitable[Identity | Refusal | None]]


class Directory:
    """Finds callers. `ask(digest)` says what the database knows; None for a key that nobody has.

    `identities` is shared with the KeyRing in front, which finds those that are known before anybody comes here.
    """

    def __init__(self, master: MasterKey, ask: Ask, revisions: Revisions) -> None:
        self.identities: dict[bytes, Identity] = master.identities()
        self._own = dict(self.identities)  # needs no database
        self._master = master
        self._ask = ask
        self._revisions = revisions
        self._refusals: dict[bytes, Refusal | None] = {}
        self._made_of: defaultdict[int, set[bytes]] = defaultdict(set)  # tag: digests
        self._asking: dict[bytes, asyncio.Task[Identity | Refusal | None]] = {}

    def authenticate(self, credential: bytes | None) -> Identity | Coroutine[None, None, Identity]:
        """Say who sent `credential`, at once where that is known. Raises AuthenticationFailed (401)."""
        try:
            return self._master.authenticate(credential)
        except UnknownKey:
            if credential is None:
                raise
            digest = hashlib.sha256(credential).digest()
            known = self.identities.get(digest)
            if known is not None:
                return known
            if digest in self._refusals:
                return _judged(self._refusals[digest])
            return self._find(digest)

    def forget(self, tags: Iterable[int] | None) -> None:
        """Forget what is made of any of `tags`; everything that came from the database when it is None."""
        if tags is None:
            self.identities.clear()
            self.identities.update(self._own)
            self._refusals.clear()
            self._made_of.clear()
            return
        for changed in tags:
            for digest in self._made_of.pop(changed, ()):
                found = self.identities.pop(digest, None) or self._refusals.pop(digest, None)
                for name in () if found is None else found.tags:
                    self._made_of[name].discard(digest)

    async def _find(self, digest: bytes) -> Identity:
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = asyncio.ensure_future(self._learn(digest))
            task.add_done_callback(lambda _: self._asking.pop(digest, None))
        return _judged(await asyncio.shield(task))  # a client that leaves must not take it from the others

    async def _learn(self, digest: bytes) -> Identity | Refusal | None:
        found: Identity | Refusal | None = None
        for _ in range(ATTEMPTS):
            head = self._revisions.head
            found = await self._ask(digest.hex())
            if self._revisions.head == head:
                self._remember(digest, found)
                break
        return found

    def _remember(self, digest: bytes, found: Identity | Refusal | None) -> None:
        if len(self.identities) >= MANY:
            self.forget(None)
        if len(self._refusals) >= MANY_REFUSED:
            self.forget([name for name, digests in self._made_of.items() if not digests.isdisjoint(self._refusals)])
        names = {tag("key", digest.hex())}
        if isinstance(found, Identity):
            self.identities[digest] = found
        else:
            self._refusals[digest] = found
        if found is not None:
            names |= found.tags
        for name in names:
            self._made_of[name].add(digest)


def _judged(found: Identity | Refusal | None) -> Identity:
    if isinstance(found, Identity):
        return found
    raise UnknownKey() if found is None else found.error()
