"""Puts together who lets requests in: the ring for keys that are known, the gate, and what asks the database."""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from tianji._core.edges.keys import KeyRing
from tianji.auth.arrivals import Welcome
from tianji.auth.compiled import Refusal, compile_record
from tianji.auth.credentials import Credentials
from tianji.auth.directory import Directory, Tokens
from tianji.auth.ephemeral import SIGN, Tickets
from tianji.auth.gate import Doorman, Gate
from tianji.auth.identity import Identity
from tianji.auth.master_key import MasterKey
from tianji.auth.models import Groups
from tianji.auth.rules import Rules
from tianji.auth.sessions import Sessions
from tianji.clock import SYSTEM
from tianji.config.environment import lookup
from tianji.config.schema import GeneralSettings
from tianji.lazy import load
from tianji.providers.names import infer
from tianji.storage.store import Store

Forgotten = Collection[int] | None
_OF_TOKENS: Final = ("JWT_PUBLIC_KEY_URL", "JWT_AUDIENCE", "JWT_ISSUER")


class Strangers(Protocol):
    """Who has a word on callers beside keys and tokens."""

    def doorman(self, general: GeneralSettings, environ: Mapping[str, str]) -> Doorman | None:
        """Return who is asked before keys are; None where nobody is."""

    def claims_judge(self, general: GeneralSettings) -> Callable[[Mapping[str, Any]], Awaitable[None]] | None:
        """Return what is asked of the claims of a token, the same as before where it is; None where nothing is."""


class TokenDesk:
    """Whom tokens let in, by the configuration in force; what it takes is loaded when the first token comes."""

    def __init__(self, store: Store, groups: Callable[[], Groups], welcome: Welcome, strangers: Strangers) -> None:
        self._store = store
        self._groups = groups
        self._welcome = welcome
        self._strangers = strangers
        self._made_of: tuple[object, ...] = ()
        self._make: Callable[[], Any] | None = None
        self._callers: Any = None

    def renew(self, general: GeneralSettings, environ: Mapping[str, str]) -> Tokens | None:
        """Go by this configuration from now on; None where it lets no tokens in. The same one keeps the keys it has."""
        judge = self._strangers.claims_judge(general)
        made_of = (general, *map(environ.get, _OF_TOKENS), judge)
        if made_of != self._made_of:
            self.close()
            self._made_of = made_of
            self._make = lambda: load("tianji.auth.tokens.callers").Callers(
                general,
                load("tianji.auth.tokens.trust").trusted(general.litellm_jwtauth, environ, self._retire),
                *(self._store, self._groups, self._welcome, judge),
            )
        return self._identify if general.enable_jwt_auth else None

    def close(self) -> None:
        """Fetch no more keys of identity providers."""
        if self._callers is not None:
            self._callers.close()
            self._callers = None

    def _identify(self, token: bytes, team: str | None) -> Coroutine[Any, Any, Identity | Refusal]:
        if self._callers is None and self._make is not None:
            self._callers = self._make()
        found: Coroutine[Any, Any, Identity | Refusal] = self._callers.identify(token, team)
        return found

    def _retire(self, tags: Collection[int]) -> None:
        for changed in tags:
            self._store.revisions.publish(changed)


class Entrance:
    """Who lets in under the configuration in force: the ring for known keys, the gate, and what they ask.

    `groups`: the access groups of that configuration. `welcome`: puts whom a token names into the database.
    `strangers`: who else has a word on callers.
    """

    def __init__(
        self,
        general: GeneralSettings,
        environ: Mapping[str, str],
        store: Store,
        groups: Callable[[], Groups],
        welcome: Welcome,
        strangers: Strangers,
    ) -> None:
        self._tokens = TokenDesk(store, groups, welcome, strangers)
        self._strangers = strangers
        self._doorman = strangers.doorman(general, environ)
        self._salt = lookup(environ, "SALT_KEY") or general.master_key or None
        self.tickets = Tickets(lambda: self._salt)

        async def ask(digest: str) -> Identity | Refusal | None:
            database = await store.open()
            now = datetime.fromtimestamp(SYSTEM.now(), UTC)
            record = await load("tianji.auth.lookup").look_up(database, digest, now)
            return None if record is None else compile_record(record, groups(), infer)

        master = MasterKey(general.master_key or None)
        tokens = self._tokens.renew(general, environ)
        self._people = Directory(master, ask, store.revisions, lambda: store.empty, tokens)

    def renew(self, general: GeneralSettings, environ: Mapping[str, str]) -> None:
        """Ask again for everybody, since the configuration is this one now."""
        self._doorman = self._strangers.doorman(general, environ)
        self._people.renew(MasterKey(general.master_key or None), self._tokens.renew(general, environ))

    def ring(self, general: GeneralSettings, heard: Callable[[Forgotten], None]) -> KeyRing:
        """Return who lets in: known keys quickly, everybody else as the gate says.

        `heard` is told what to forget, too, before the next request is let in; None stands for everything.
        """
        people, key_header = self._people, general.litellm_key_header_name

        def forget(tags: Forgotten) -> None:
            people.forget(tags)
            heard(tags)

        rules = Rules(general)
        sessions = None if self._salt is None else Sessions(self._salt)
        gate = Gate(Credentials(key_header, sessions), people, rules, tickets=self.tickets, doorman=self._doorman)
        return KeyRing(
            people.identities,
            gate,
            key_header,
            people.revisions,
            forget,
            guarded=rules.guards or self._doorman is not None,
            anyone=people.anyone,
            sign=SIGN,
        )

    def holder(self, ring: KeyRing, key: str) -> Identity | Coroutine[None, None, Identity]:
        """Say who has a key now, as identities name it. Raises AuthenticationFailed, and StoreUnavailable.

        `ring`: one that this made, which has heard of what changed when it is asked.
        """
        ring.heed()
        return self._people.holder(key)

    def knows(self, value: bytes) -> bool:
        """Whether what stands in a header is a key that this worker knows."""
        return self._people.knows(value)

    def close(self) -> None:
        """Ask nobody any more."""
        self._tokens.close()
