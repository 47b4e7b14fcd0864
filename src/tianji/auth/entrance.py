"""Puts together who lets requests in: the ring for keys that are known, the gate, and what asks the database."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from tianji._core.keys import KeyRing
from tianji.auth.compiled import Refusal, compile_record
from tianji.auth.credentials import Credentials
from tianji.auth.directory import Directory
from tianji.auth.gate import Gate
from tianji.auth.identity import Identity
from tianji.auth.master_key import MasterKey
from tianji.auth.models import Groups
from tianji.clock import SYSTEM
from tianji.lazy import load
from tianji.providers.names import infer
from tianji.storage.store import Store

Forgotten = Collection[int] | None


def directory(master_key: str | None, store: Store, groups: Callable[[], Groups]) -> Directory:
    """Return who knows keys: the master key, and those in the database. `groups`: of the configuration in force."""

    async def ask(digest: str) -> Identity | Refusal | None:
        database = await store.open()
        record = await load("tianji.auth.lookup").look_up(database, digest, datetime.fromtimestamp(SYSTEM.now(), UTC))
        return None if record is None else compile_record(record, groups(), infer)

    return Directory(MasterKey(master_key), ask, store.revisions, lambda: store.empty)


def entrance(people: Directory, key_header: str | None, heard: Callable[[Forgotten], None]) -> KeyRing:
    """Return who lets in: known keys quickly, everybody else as the gate says.

    `heard` is told what to forget, too, before the next request is let in; None stands for everything.
    """

    def forget(tags: Forgotten) -> None:
        people.forget(tags)
        heard(tags)

    gate = Gate(Credentials(key_header), people)
    return KeyRing(people.identities, gate, key_header, people.revisions, forget)
