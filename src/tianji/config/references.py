"""`os.environ/NAME` references: replaced in values of mappings, nowhere else (the rule that LiteLLM has)."""

import re
from typing import Final

from tianji.config.environment import REFERENCE
from tianji.config.problems import Findings, Place
from tianji.config.secrets import Secrets
from tianji.config.tree import Items, Map

_NEVER: Final = frozenset({"anthropic_issuer_signing_key_ref", "anthropic_keycloak_client_secret_ref"})
_HEADERS: Final = re.compile(r"general_settings\.pass_through_endpoints\[\d+\]\.headers")
_WEBHOOKS: Final = re.compile(r"general_settings\.alert_to_webhook_url\.[^.\[]+")
_SHELL: Final = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*|.*\$\{([A-Za-z_][A-Za-z0-9_]*)\}.*", re.DOTALL)


def resolve(section: str, value: object, secrets: Secrets, findings: Findings) -> object:
    """`value` of the top-level key `section` with its references replaced.

    A string that starts with `os.environ/` and is the value of a mapping's key becomes the variable's text, a boolean
    when that text is true or false in any case, or null (with a warning) when nobody has it. That a manager did not
    answer is a warning where somebody else did, and an error where nobody has.
    """
    return _Resolver(secrets, findings).value(value, section)


class _Resolver:
    def __init__(self, secrets: Secrets, findings: Findings) -> None:
        self._secrets = secrets
        self._findings = findings

    def value(self, value: object, path: str) -> object:
        if isinstance(value, Map):
            return self._map(value, path)
        if isinstance(value, Items):
            return self._items(value, path)
        return value

    def _map(self, value: Map, path: str) -> Map:
        embedded = _HEADERS.fullmatch(path) is not None
        return Map(
            value.place,
            [
                (key, self._member(key, member, place, f"{path}.{key}", embedded), place)
                for key, member, place in value.members()
            ],
        )

    def _member(self, key: str, value: object, place: Place, path: str, embedded: bool) -> object:
        if not isinstance(value, str):
            return self.value(value, path)
        if key in _NEVER:
            return value
        if value.startswith(REFERENCE):
            return self._reference(value.removeprefix(REFERENCE), place, path)
        head, separator, name = value.partition(REFERENCE)
        if separator and embedded:
            found = self._found(name, place, path)
            return None if found is None else head + found
        self._hint(value, place, path)
        return value

    def _items(self, value: Items, path: str) -> Items:
        webhooks = _WEBHOOKS.fullmatch(path) is not None
        members: list[tuple[object, Place]] = []
        for index, member, place in value.members():
            where = f"{path}[{index}]"
            if isinstance(member, Map):
                members.append((self._map(member, where), place))
            elif webhooks and isinstance(member, str) and member.startswith(REFERENCE):
                members.append((self._required(member.removeprefix(REFERENCE), place, where), place))
            else:
                if isinstance(member, str):
                    self._hint(member, place, where)
                members.append((member, place))
        return Items(value.place, members)

    def _reference(self, name: str, place: Place, path: str) -> str | bool | None:
        found = self._found(name, place, path)
        if found is None:
            return None
        word = found.strip().lower()
        return word == "true" if word in {"true", "false"} else found

    def _required(self, name: str, place: Place, path: str) -> str | None:
        found = self._secrets.find(name).value
        if found is None:
            self._findings.error(place, path, self._secrets.missing(name), f"set {name}")
        return found

    def _found(self, name: str, place: Place, path: str) -> str | None:
        value, trouble = self._secrets.find(name)
        if trouble is not None:
            report = self._findings.error if value is None else self._findings.warning
            report(place, path, trouble, f"let it be read there, or set {name}")
        elif value is None:
            said = f"{self._secrets.missing(name)}, so this is null"
            self._findings.warning(place, path, said, f"set {name}, or remove the key")
        return value

    def _hint(self, value: str, place: Place, path: str) -> None:
        if REFERENCE in value:
            self._findings.warning(
                place,
                path,
                f"{REFERENCE} is only read at the start of a mapping's value, so this stays text",
                "put the whole value into the variable, and name it as the value of a key",
            )
        elif "$" in value and (match := _SHELL.fullmatch(value)):
            name = match[1] or value[1:]
            self._findings.warning(
                place, path, "shell variables are not expanded, so this stays text", f"write {REFERENCE}{name}"
            )
