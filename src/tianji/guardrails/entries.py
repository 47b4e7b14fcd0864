"""Entries of guardrails in the configuration, in all their spellings, as one: type, hooks, and the type's own keys.

There are four: LiteLLM's (`guardrail: TYPE, mode: HOOK`), that of the older gateway in Go (`mode: TYPE`, with
`default_on` and `failure_policy` beside the name), LiteLLM's first form (`litellm_settings.guardrails`), and the row of
the database, which has the first one's.
"""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from tianji.config.lines import items
from tianji.config.schema import Config
from tianji.config.schema.sections import GuardrailEntry
from tianji.errors import ConfigurationError
from tianji.guardrails.old_callbacks import BANNED, INJECTION, TYPES, named_in_callbacks
from tianji.guardrails.vendor import Hook

NAMESPACE: Final = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # of URLs, RFC 9562 section 6.6
HOOKS: Final = frozenset(Hook)
REALTIME: Final = "realtime_input_transcription"
"""The hook that spoken text of a realtime session has in LiteLLM; it is accepted beside others."""
_BESIDE: Final = ("default_on", "failure_policy")


class Entry(Struct, frozen=True, kw_only=True):
    """One entry.

    type: "" where the older form names none, whose name says it then; mode: as it is written, None for the type's own
    params: everything else under `litellm_params`; place: its way in the configuration; stored: it is the database's
    """

    name: str
    id: str
    type: str
    mode: object
    params: Mapping[str, Any]
    info: Mapping[str, Any] = {}
    template_label: object = None
    place: tuple[str | int, ...] = ()
    stored: bool = False


def entries(config: Config) -> Iterator[Entry]:
    """Return all entries of a configuration. Raises ConfigurationError for one that says no type."""
    for index, written in enumerate(config.guardrails):
        yield read(written, ("guardrails", index))
    for index, old in enumerate(config.litellm_settings.guardrails):
        for name, about in old.items():
            yield from _first_form(name, about, ("litellm_settings", "guardrails", index, name))

    for callback in named_in_callbacks(config):
        yield Entry(
            name=callback,
            id=stable_id(callback),
            type=TYPES[callback],
            mode=[Hook.PRE_CALL, Hook.POST_CALL] if callback == BANNED else None,
            params={"default_on": True, **_settings_of(callback, config)},
            place=("litellm_settings", "callbacks"),
        )


def _settings_of(callback: str, config: Config) -> Mapping[str, Any]:
    """Return what `litellm_settings` says of such a callback."""
    settings = config.litellm_settings
    if callback == BANNED:
        return {"blocked_words": [{"keyword": word} for word in items(settings.banned_keywords_list)]}
    return settings.prompt_injection_params if callback == INJECTION else {}


def read(written: GuardrailEntry, place: tuple[str | int, ...] = ()) -> Entry:
    """Return an entry in one spelling; keys under `optional_params` mean what they mean beside it."""
    params: dict[str, Any] = {name: written.extra[name] for name in _BESIDE if name in written.extra}
    params |= written.litellm_params
    nested = params.pop("optional_params", None)
    if isinstance(nested, Mapping):
        params = {**nested, **params}
    kind, mode = params.pop("guardrail", None), params.pop("mode", None)
    if not kind and isinstance(mode, str) and mode.lower() not in HOOKS:
        kind, mode = mode, None  # the older form, whose mode is the type
    elif not kind:
        kind = written.guardrail_name
    if not isinstance(kind, str):
        raise ConfigurationError("guardrail must be the name of a type")
    return Entry(
        name=written.guardrail_name,
        id=written.guardrail_id or stable_id(written.guardrail_name),
        type=kind,
        mode=mode,
        params=params,
        info=written.guardrail_info,
        template_label=written.policy_template,
        place=place,
        stored=written.stored,
    )


def stable_id(name: str) -> str:
    """Return the id of a guardrail whose entry names none, the same at each start."""
    return str(uuid.uuid5(NAMESPACE, name))


def _first_form(name: str, about: object, place: tuple[str | int, ...]) -> Iterator[Entry]:
    """Return what `NAME: {callbacks, default_on, logging_only, callback_args}` means: one guardrail a callback."""
    if not isinstance(about, Mapping):
        raise ConfigurationError(f"{name} must be a mapping with `callbacks`")
    given = about.get("callback_args")
    for callback in about.get("callbacks") or ():
        args = given.get(callback) if isinstance(given, Mapping) else None
        yield Entry(
            name=name,
            id=stable_id(name),
            type=TYPES.get(str(callback), str(callback)),
            mode=Hook.LOGGING_ONLY if about.get("logging_only") else None,
            params={"default_on": about.get("default_on", False), **(args if isinstance(args, Mapping) else {})},
            place=place,
        )
