"""Who has which key, as far as this worker knows, and the database behind that knowledge.

What is known needs no database: when it is away, known keys go on working, and unknown ones are not called unknown.
"""

import asyncio
import hashlib
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Final

from tianji._core.sharing.revision import Revisions
from tianji.auth.compiled import Refusal
from tianji.auth.identity import ANYONE, Identity
from tianji.auth.master_key import MasterKey, UnknownKey
from tianji.auth.tags import tag
from tianji.errors import AuthenticationFailed, StoreUnavailable

MANY: Final = 16384  # keys that are known; beyond, all are forgotten and asked for again
MANY_REFUSED: Final = 4096  # keys that are refused; beyond, they are forgotten: whoever guesses keys fills this
_DIGEST: Final = re.compile("[0-9a-f]{64}")
ATTEMPTS: Final = 3  # to read a key while things keep changing; then it is used once and not remembered

Ask = Callable[[str], Awaitable[Identity | Refusal | None]]
Tokens = Callable[[bytes, str | None], Awaitable[Identity | Refusal]]  # (token, team that is asked for)
Field = Callable[[bytes], bytes | None]
TEAM_HEADERS: Final = (b"x-litellm-team-id", b"x-tianji-team-id")


def _no_field(_name: bytes) -> bytes | None:
    return None


class Directory:
    """Finds callers. `ask(digest)` says what the database knows; None for a key that nobody has.

    `nobody()` says that there is no key in there at all, so that it need not be asked.

    `tokens` says whom a token of an identity provider lets in; None where tokens let in nobody.

    `identities` is shared with the KeyRing in front, which finds those that are known before anybody comes here.
    """

    def __init__(
        self,
        master: MasterKey,
        ask: Ask,
        revisions: Revisions,
        nobody: Callable[[], bool] = lambda: False,
        tokens: Tokens | None = None,
    ) -> None:
        self.identities: dict[bytes, Identity] = master.identities()
        self.revisions = revisions
        self._master = master
        self._ask = ask
        self._nobody = nobody
        self._tokens = tokens
        self._configurations = 0
        self._outdated: dict[bytes, Identity] = {}  # of an earlier configuration, for as long as nobody can be asked
        self._refusals: dict[bytes, Refusal | None] = {}
        self._made_of: defaultdict[int, set[bytes]] = defaultdict(set)  # tag: digests
        self._asking: dict[bytes, asyncio.Task[Identity | Refusal | None]] = {}

    @property
    def anyone(self) -> Identity | None:
        """Whom everybody is let in as, whatever he sends; None where keys or tokens are looked at."""
        return ANYONE if self._master.absent and self._tokens is None else None

    def authenticate(
        self, credential: bytes | None, field: Field = _no_field
    ) -> Identity | Coroutine[None, None, Identity]:
        """Say who sent `credential`, at once where that is known. `field`: looks a header of the request up.

        Raises AuthenticationFailed (401).
        """
        if self._tokens is not None:
            if credential is not None and is_token(credential):
                return self._by_token(self._tokens, credential, field)
            if self._master.absent:
                raise AuthenticationFailed(
                    "Authentication Error, no token was sent. Send `Authorization: Bearer <token>` with one of the "
                    "identity provider"
                )
        try:
            return self._master.authenticate(credential)
        except UnknownKey:
            if credential is None or self._nobody():
                raise
            digest = hashlib.sha256(credential).digest()
            return self._known(digest) or self._find(digest, lambda: self._ask(digest.hex()))

    def holder(self, key: str) -> Identity | Coroutine[None, None, Identity]:
        """Say who has the key that identities name so (`Identity.key`), as above."""
        for known in (*self._master.identities().values(), ANYONE):
            if known.key == key and (known is not ANYONE or self._master.absent):
                return known
        if self._nobody() or not _DIGEST.fullmatch(key):
            raise UnknownKey
        digest = bytes.fromhex(key)
        return self._known(digest) or self._find(digest, lambda: self._ask(key))

    def _by_token(self, tokens: Tokens, token: bytes, field: Field) -> Identity | Coroutine[None, None, Identity]:
        chosen = field(TEAM_HEADERS[0]) or field(TEAM_HEADERS[1])
        digest = hashlib.sha256(token if chosen is None else token + b"\0" + chosen).digest()
        team = None if chosen is None else chosen.decode("utf-8", "replace")
        return self._known(digest) or self._find(digest, lambda: tokens(token, team))

    def _known(self, digest: bytes) -> Identity | None:
        """Return who is known. Raises AuthenticationFailed for who is known to be refused."""
        if digest in self._refusals:
            return _judged(self._refusals[digest])
        return self.identities.get(digest)

    def renew(self, master: MasterKey, tokens: Tokens | None = None) -> None:
        """Ask again for everybody, since the configuration is another one. `master`: its master key.

        What was known until now holds where the database does not answer.
        """
        known = {**self._outdated, **self.identities}
        self._master = master
        self._tokens = tokens
        self._configurations += 1
        self.forget(None)
        self._outdated = {digest: identity for digest, identity in known.items() if not identity.master}

    def forget(self, tags: Collection[int] | None) -> None:
        """Forget what is made of any of `tags`; everything that came from the database when it is None."""
        if tags is None:
            self.identities.clear()
            self.identities.update(self._master.identities())
            self._outdated.clear()
            self._refusals.clear()
            self._made_of.clear()
            return
        for digest in [digest for digest, old in self._outdated.items() if not old.tags.isdisjoint(tags)]:
            del self._outdated[digest]
        for changed in tags:
            for digest in self._made_of.pop(changed, ()):
                found = self.identities.pop(digest, None) or self._refusals.pop(digest, None)
                for name in () if found is None else found.tags:
                    self._made_of[name].discard(digest)

    def knows(self, value: bytes) -> bool:
        """Whether what stands in a header is a key that this worker knows."""
        return hashlib.sha256(value.removeprefix(b"Bearer ").strip()).digest() in self.identities

    async def _find(self, digest: bytes, ask: "Callable[[], Awaitable[Identity | Refusal | None]]") -> Identity:
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = asyncio.ensure_future(self._learn(digest, ask))
            task.add_done_callback(lambda _: self._asking.pop(digest, None))
        return _judged(await asyncio.shield(task))  # a client that leaves must not take it from the others

    async def _learn(
        self, digest: bytes, ask: "Callable[[], Awaitable[Identity | Refusal | None]]"
    ) -> Identity | Refusal | None:
        found: Identity | Refusal | None = None
        for _ in range(ATTEMPTS):
            before = (self.revisions.head, self._configurations)
            try:
                found = await ask()
            except StoreUnavailable:
                if digest not in self._outdated:
                    raise
                return self._outdated[digest]
            if (self.revisions.head, self._configurations) == before:
                self._remember(digest, found)
                break
        return found

    def _remember(self, digest: bytes, found: Identity | Refusal | None) -> None:
        if len(self.identities) >= MANY:
            self.forget(None)
        if len(self._refusals) >= MANY_REFUSED:
            self.forget([name for name, digests in self._made_of.items() if not digests.isdisjoint(self._refusals)])
        names = {tag("key", digest.hex())}
        self._outdated.pop(digest, None)
        if isinstance(found, Identity):
            self.identities[digest] = found
        else:
            self._refusals[digest] = found
        if found is not None:
            names |= found.tags
        for name in names:
            self._made_of[name].add(digest)


def is_token(credential: bytes) -> bool:
    """Whether this has the form of a JSON Web Token: three parts, of which the first begins an object."""
    return credential.startswith(b"ey") and credential.count(b".") == 2


def _judged(found: Identity | Refusal | None) -> Identity:
    if isinstance(found, Identity):
        return found
    raise UnknownKey() if found is None else found.error()
