"""Opens the manager that a configuration names, and asks it for many secrets at once."""

import asyncio
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import msgspec

from tianji.config.durations import seconds_of
from tianji.config.secrets import Answers, Choice, SecretFailure
from tianji.lazy import load
from tianji.secrets.manager import Manager, require_name

AT_ONCE: Final = 8  # requests
_CLASSES: Final = {  # by key_management_system
    "aws_kms": "aws.Kms",
    "aws_secret_manager": "aws.SecretsManager",
    "azure_key_vault": "azure.KeyVault",
    "custom": "custom.Custom",
    "cyberark": "conjur.Conjur",
    "file": "files.Files",
    "google_kms": "google.Kms",
    "google_secret_manager": "google.SecretManager",
    "hashicorp_vault": "vault.Vault",
}


def manager_of(choice: Choice) -> Manager:
    """Return the manager. Raises SecretFailure for settings that lack something."""
    module, _, name = _CLASSES[choice.system].partition(".")
    made: Manager = getattr(load(f"tianji.secrets.{module}"), name)(choice)
    wanted = choice.settings.refresh_interval
    if wanted is not None:
        made.interval = interval_of(wanted)
    return made


def interval_of(wanted: float | str) -> float:
    """Return `refresh_interval` in seconds. Raises SecretFailure for what is no length of time."""
    try:
        found = seconds_of(wanted)
    except ValueError:
        found = 0.0
    if not 0 < found < 1e9:
        raise SecretFailure("refresh_interval is no length of time: write seconds, or a duration such as 12h")
    return found


def open_reading(choice: Choice) -> "Reading | None":
    """Return what references are looked up in, None where the access mode forbids it or the system is unknown."""
    if not choice.settings.reads or choice.system not in _CLASSES:
        return None
    return Reading(manager_of(choice), choice.settings.primary_secret_name if choice.system != "custom" else None)


class Reading(NamedTuple):
    """A manager that is asked and waited for, in a thread and on a loop of their own.

    `primary`: the one secret whose value, a JSON object, holds all others as its members.
    """

    manager: Manager
    primary: str | None = None

    @property
    def label(self) -> str:
        """Name it, and its place."""
        return f"{self.primary} of {self.manager.label}" if self.primary else self.manager.label

    @property
    def interval(self) -> float:
        """Return the seconds after which it is asked again."""
        return self.manager.interval

    def fetch(self, names: Collection[str]) -> Answers:
        """Ask for all of them. A manager that cannot be reached is asked once, not once for each name."""
        wanted = [name for name in names if name not in self.manager.reserved]
        work = self._primary if self.primary else self._each
        with ThreadPoolExecutor(1) as thread:  # whatever loop there may be in this one
            try:
                return thread.submit(asyncio.run, work(wanted)).result()
            except SecretFailure as failure:
                return dict.fromkeys(wanted, failure)

    async def _each(self, names: list[str]) -> Answers:
        await self.manager.log_in()
        turns = asyncio.Semaphore(AT_ONCE)
        away: list[SecretFailure] = []

        async def ask(name: str) -> str | SecretFailure | None:
            async with turns:
                try:
                    require_name(name)
                    return away[0] if away else await self.manager.read(name)
                except SecretFailure as failure:
                    if failure.away:
                        away.append(failure)
                    return failure

        answers = await asyncio.gather(*map(ask, names))
        return dict(zip(names, answers, strict=True))

    async def _primary(self, names: list[str]) -> Answers:
        primary = self.primary or ""
        require_name(primary)
        await self.manager.log_in()
        text = await self.manager.read(primary)
        if text is None:
            raise SecretFailure(f"{self.manager.label} has no {primary}")
        try:
            members = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            raise SecretFailure(f"{self.label} is no JSON object") from None
        return {name: _text(members.get(name)) for name in names}


def _text(value: object) -> str | None:
    """Return a member as an environment variable would hold it."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
