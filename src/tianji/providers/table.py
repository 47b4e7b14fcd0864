"""The table of providers that speak OpenAI's wire form: its schema and its files, one row a provider.

`hosted.yaml` and `self_hosted.yaml` hold those with rules of their own, `registry.yaml` those that need no more than
an address and a key, `specialists.yaml` those of pictures and sound alone, `unserved.yaml` the names of providers that
this release does not serve, each with the reason.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec
from msgspec import Struct

from tianji.protocol.ranks import Style
from tianji.providers.steps.value_steps import Limit
from tianji.providers.upstream import Operation

Form = Literal["responses", "messages"]


class ModelRule(Struct, frozen=True, forbid_unknown_fields=True):
    """What models whose name matches one of the shell patterns in `match` lack beyond their provider's row.

    protocol: what their chat is asked in, as in a row; speaks: forms that they have, as in a row
    """

    match: tuple[str, ...]
    lacks: frozenset[str] = frozenset()
    steps: tuple[str, ...] = ()
    protocol: str | None = None
    speaks: frozenset[Form] = frozenset()


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """One provider.

    base: address, may hold `{env:NAME|NAME=default}`; null when the caller has to give one
    key, base_env: variables in the order they are read; null stands for <NAME>_API_KEY and <NAME>_API_BASE
    keyless: works without a key
    takes, lacks: the OpenAI-named parameters it takes alone, or does not take; neither means all pass
    drops: names that are never sent; rename: its own names; limits: numbers that are clamped
    append: put behind an address from the caller that does not end with it
    headers: name to template, left out when a variable of it is not set; sets: defaults of its own
    paths: where operations are, other than OpenAI has them; ranks: how it says ranks of documents
    steps: names of `openai_compatible.STEPS`; place: name of one of `openai_compatible.PLACES`
    login: name of one of `logins.LOGINS`, where a key alone is not what requests show
    protocol: name of a module of `tianji.protocol.vendors`, for chat in a form that is not quite OpenAI's
    embeds: whether it takes embedding requests in a form of its own; forms: the modules of `tianji.protocol.media` that
    write its operations, where they are not OpenAI's
    tasks: the operations that are tasks, done by the module of `tianji.protocol.media` that has its name; task_place:
    name of one of `openai_compatible.PLACES`, where they are not at home with the other operations
    infills: whether it has nothing but completions with a suffix, in the form of `protocol`
    scheme: what stands before a key; key_header: where it stands instead, alone
    speaks: the forms that it has beside chat, in which requests go through as they are: whoever keeps no responses has
    chat alone, for the gateway keeps them then; `paths` says where they are, if that is not usual; beside: under which
    path of the host one lies that is not behind the address
    """

    name: str
    base: str | None = None
    key: tuple[str, ...] | None = None
    base_env: tuple[str, ...] | None = None
    keyless: bool = False
    offers: tuple[Operation, ...] = ("chat",)
    takes: frozenset[str] | None = None
    lacks: frozenset[str] = frozenset()
    drops: frozenset[str] = frozenset()
    rename: Mapping[str, str] = {}
    limits: Mapping[str, Limit] = {}
    append: str = ""
    headers: Mapping[str, str] = {}
    sets: Mapping[str, object] = {}
    steps: tuple[str, ...] = ()
    models: tuple[ModelRule, ...] = ()
    place: str | None = None
    paths: Mapping[Operation, str] = {}
    ranks: Style = "cohere"
    login: str | None = None
    protocol: str | None = None
    embeds: bool = False
    forms: Mapping[Operation, str] = {}
    tasks: frozenset[Operation] = frozenset()
    task_place: str | None = None
    infills: bool = False
    scheme: str | None = None
    key_header: str | None = None
    speaks: frozenset[Form] = frozenset()
    beside: Mapping[Form, str] = {}

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The variables that may hold the key."""
        return self._default("API_KEY") if self.key is None else self.key

    @property
    def base_variables(self) -> tuple[str, ...]:
        """The variables that may hold the address."""
        return self._default("API_BASE") if self.base_env is None else self.base_env

    def _default(self, suffix: str) -> tuple[str, ...]:
        return (f"{self.name.upper().replace('-', '_')}_{suffix}",)


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    providers: list[Row]
    x_shared: object = None


class _Unserved(Struct, frozen=True, forbid_unknown_fields=True):
    """A reason, and all who have it."""

    names: list[str]
    why: str


@cache
def rows() -> Mapping[str, Row]:
    """Return every row by its provider's name; the files are read once in a process."""
    found: dict[str, Row] = {}
    for file in ("hosted.yaml", "self_hosted.yaml", "registry.yaml", "specialists.yaml"):
        for row in msgspec.yaml.decode(_read(file), type=_Table).providers:
            if row.name in found:
                raise ValueError(f"{file}: provider {row.name} has two rows")
            found[row.name] = row
    return MappingProxyType(found)


@cache
def unserved() -> Mapping[str, str]:
    """Return the names of known providers that serve no model here, and why, with what to do about it."""
    found = msgspec.yaml.decode(_read("unserved.yaml"), type=list[_Unserved])
    return MappingProxyType({name: reason.why for reason in found for name in reason.names})


def _read(file: str) -> bytes:
    return Path(__file__).with_name(file).read_bytes()
