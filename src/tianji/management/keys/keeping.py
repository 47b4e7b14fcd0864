"""Virtual keys in the secret manager (`store_virtual_keys`): kept when they are made, moved, replaced, removed.

Each is kept under the prefix and its alias, or `virtual-key-` and its hash. All of it happens once the database has the
change, and a manager that fails is said in the log and stops nobody.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from tianji.config.secrets import Choice, SecretFailure
from tianji.errors import Unacceptable
from tianji.lazy import load
from tianji.management.desk import Call, Row
from tianji.printable import printable

log = logging.getLogger(__name__)
Step = Callable[[Any], Awaitable[None]]


def keep(call: Call, row: Row, secret: str) -> None:
    """Keep a new key."""
    choice = _choice(call)
    if choice is not None:
        name = _name(choice, row)
        _later(call, choice, (name,), lambda manager: manager.write(name, secret, _note(choice)))


def move(call: Call, before: Row, row: Row) -> None:
    """Keep a key by its new alias."""
    choice = _choice(call)
    if choice is None:
        return
    old, name = _name(choice, before), _name(choice, row)

    async def step(manager: Any) -> None:
        secret = await manager.read(old)
        if secret is not None:
            await manager.write(name, secret, _note(choice))
            await manager.delete(old)

    if old != name:
        _later(call, choice, (name, old), step)


def replace(call: Call, before: Row, row: Row, secret: str) -> None:
    """Keep the new secret of a key, and the old one no more."""
    choice = _choice(call)
    if choice is None:
        return
    old, name = _name(choice, before), _name(choice, row)

    async def step(manager: Any) -> None:
        await manager.write(name, secret, _note(choice))
        if old != name:
            await manager.delete(old)

    _later(call, choice, (name, old), step)


def forget(call: Call, row: Row) -> None:
    """Keep a key no more."""
    choice = _choice(call)
    if choice is not None:
        name = _name(choice, row)
        _later(call, choice, (name,), lambda manager: manager.delete(name))


def require_alias(call: Call, alias: str | None) -> None:
    """Refuse a key without an alias that the clock replaces: nobody would find the new secret in the manager."""
    if alias is None and _choice(call) is not None:
        raise Unacceptable(
            "auto_rotate needs a key_alias here: the new secret is kept in the secret manager by it", param="key_alias"
        )


def _choice(call: Call) -> Choice | None:
    choice = call.office.secrets().choice
    return choice if choice is not None and choice.settings.keeps_keys else None


def _name(choice: Choice, row: Row) -> str:
    prefix = choice.settings.prefix_for_stored_virtual_keys.strip("/")
    return f"{prefix}/{row['key_alias'] or 'virtual-key-' + row['token']}"


def _note(choice: Choice) -> object:
    return load("tianji.secrets.manager").Note(choice.settings.description, choice.settings.tags)


def _later(call: Call, choice: Choice, names: tuple[str, ...], step: Step) -> None:
    """Do it once the database has the change.

    Names that lead elsewhere are not touched: whoever makes a key chooses its alias.
    """
    taken = call.office.secrets().names

    async def work() -> None:
        try:
            for name in names:
                load("tianji.secrets.manager").require_name(name)
            if not taken.isdisjoint(names):
                raise SecretFailure("the configuration refers to a secret of this name")
            manager = await asyncio.to_thread(_open, choice)
            await manager.log_in()
            await step(manager)
        except SecretFailure as failure:
            log.error(
                "the virtual key %s is not in the secret manager as it should be: %s", printable(names[0]), failure
            )

    call.afterwards.append(work)


def _open(choice: Choice) -> Any:
    return load("tianji.secrets.opening").manager_of(choice)
