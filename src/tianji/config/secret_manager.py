"""The secret manager that a configuration names: opened, and asked for all that the configuration refers to."""

from collections.abc import Iterator, Mapping
from typing import Final

from tianji.config import references
from tianji.config.decode import decode
from tianji.config.environment import REFERENCE
from tianji.config.problems import Findings
from tianji.config.schema.secrets import KeyManagement
from tianji.config.secrets import Choice, Managers, SecretFailure, Secrets
from tianji.config.tree import Items, Map

_SECTION: Final = "general_settings"
_SYSTEM: Final = "key_management_system"
_SETTINGS: Final = "key_management_settings"


def settle(tree: Map, environ: Mapping[str, str], managers: Managers, findings: Findings) -> Secrets:
    """Return what the references of `tree` stand for: its manager is opened and asked for all of them at once.

    A manager's own settings are resolved in the environment alone. Without a way to open one nothing is asked.
    """
    alone = Secrets(environ)
    section = tree.get(_SECTION)
    if not isinstance(section, Map) or managers.open is None:
        return alone
    place, system = section.at(_SYSTEM), _system(section)
    settings = _settings(section, alone)
    if system is None or settings is None:
        return alone  # what is wrong with them is said where the section is decoded
    try:
        choice = Choice(system=system, settings=settings, environ=environ, folder=tree.place.file.parent)
        source = managers.open(choice)
    except SecretFailure as failure:
        findings.error(place, f"{_SECTION}.{_SYSTEM}", str(failure), "set it, or remove the key")
        return alone
    secrets = Secrets(environ, source, settings.hosted_keys, managers.known, choice)
    secrets.fetch(set(_names(Map(tree.place, [m for m in tree.members() if m[0] != _SECTION]))) | _own(section))
    return secrets


def _system(section: Map) -> str | None:
    written = section.get(_SYSTEM)
    if isinstance(written, str):
        return written
    old = {"use_google_kms": "google_kms", "use_azure_key_vault": "azure_key_vault", "use_aws_kms": "aws_kms"}
    return next((system for flag, system in old.items() if section.get(flag) is True), None)


def _settings(section: Map, alone: Secrets) -> KeyManagement | None:
    written = section.get(_SETTINGS)
    if written is None:
        return KeyManagement()
    if not isinstance(written, Map):
        return None
    unheard = Findings()
    resolved = references.resolve(_SETTINGS, written, alone, unheard)
    return decode(KeyManagement, resolved, _SETTINGS, unheard) if isinstance(resolved, Map) else None


def _own(section: Map) -> set[str]:
    """Return the names that the rest of general_settings refers to."""
    return set(_names(Map(section.place, [m for m in section.members() if m[0] != _SETTINGS])))


def _names(value: object) -> Iterator[str]:
    if isinstance(value, Map):
        for member in value.values():
            yield from _names(member)
    elif isinstance(value, Items):
        for member in value:
            yield from _names(member)
    elif isinstance(value, str):
        _, found, name = value.partition(REFERENCE)
        if found and name:
            yield name
