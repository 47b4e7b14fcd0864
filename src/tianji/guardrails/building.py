"""From an entry of the configuration to a guardrail that runs: one that cannot be built is named with its remedy."""

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from tianji.alike import alike
from tianji.config.checks.names import Names, nearest_name
from tianji.config.checks.subject import Subject
from tianji.config.loader import Loaded
from tianji.config.problems import Findings, Problem
from tianji.config.schema import Config
from tianji.errors import ConfigurationError
from tianji.guardrails import common_keys, registry
from tianji.guardrails.entries import Entry, entries
from tianji.guardrails.guardrail import Action, Guardrail
from tianji.guardrails.vendor import Hook, Params, Preset, Surroundings, Type, reach_of

LOG: Final = logging.getLogger("tianji.guardrails")
HIDDEN: Final = "[hidden]"
_SECRET: Final = ("key", "token", "secret", "password", "credential", "headers")
_INHERITED: Final = ("skip_system_message_in_guardrail", "skip_tool_message_in_guardrail")
_REFERENCE: Final = "os.environ/"

T = TypeVar("T")


class Unbuildable(ConfigurationError):  # noqa: N818 - named like its neighbours in the error tree
    """An entry of which no guardrail can be made. `key`: which of its keys, "" for all; `remedy`: what to do."""

    def __init__(self, key: str, message: str, remedy: str = "") -> None:
        super().__init__(f"{key}: {message}" if key else message)
        self.key, self.said, self.remedy = key, message, remedy


def build(entry: Entry, surroundings: Surroundings, defaults: Mapping[str, bool]) -> Guardrail:
    """Make a guardrail. `defaults`: what the settings for all say of the scope. Raises Unbuildable."""
    found = registry.find(entry.type)
    if found is None:
        close = alike(entry.type, registry.names(), most=1)
        raise Unbuildable(
            "guardrail",
            f"{entry.type!r} is not a type of guardrail",
            f"did you mean `{close[0]}`?" if close else "remove it",
        )
    kind, preset = found
    if kind.service is not None and entry.stored:
        raise Unbuildable("guardrail", "code of one's own is no entry of the database", "name it in the file")
    written = dict(entry.params)
    for alias, key in kind.params.aliases.items():
        if alias in written:
            written.setdefault(key, written.pop(alias))
    values = filled(written, kind, preset, surroundings.environ)
    about = {"guardrail_name": entry.name, "event_hook": entry.mode}
    params = converted(kind.params.arranged(values, entry.type, about), kind)
    look = made(kind.look, params, surroundings)
    return Guardrail(
        id=entry.id,
        name=entry.name,
        kind=kind.names[0] if preset is None else preset.name,
        type=kind,
        modes=of_key("mode", common_keys.modes, entry.mode, kind.legacy, kind),
        check=made(kind.check, params, surroundings),
        look=look,
        service=made(kind.service, params, surroundings),
        asks=params.asks(),
        default_on=common_keys.is_true(written.get("default_on", False)),
        fails_open=common_keys.fails_open(values, kind.fails_open),
        action=common_keys.action(values, Action.MONITOR if kind.monitors else Action.BLOCK),
        template=template(values.get("violation_message_template")),
        scope=common_keys.scope(values, defaults, kind),
        timeout=of_key("timeout", common_keys.seconds, values, kind.timeout),
        reach=kind.reach if look is None else reach_of(kind, look),
        parallel=common_keys.is_true(values.get("run_in_parallel", False)),
        raw=common_keys.is_true(values.get("scan_raw_request", False)),
        only_new=common_keys.only_new(values),
        streams=of_key("stream_scope", common_keys.streams, values),
        streaming={key: value for key, value in values.items() if key.startswith("streaming_")},
        logs=of_key("logging_only_scope", common_keys.logs, values),
        route=of_key("on_sensitive_data", common_keys.route, values),
        talks=of_key("end_session_after_n_fails", common_keys.talks, values),
        shown=shown(entry, kind.params),
        info=entry.info,
        sees=params.sight(kind.sees),
        strict=of_key("unscannable_content", common_keys.strict, values, kind),
        template_label=entry.template_label,
        stored=entry.stored,
    )


def filled(
    written: Mapping[str, Any], kind: Type[Any], preset: Preset | None, environ: Mapping[str, str]
) -> dict[str, Any]:
    """Return the keys of an entry, with those that it lacks from the environment, then from the preset.

    A blank text counts as not written where something else can say it.
    """
    values = {key: value for key, value in written.items() if value is not None}
    variables: dict[str, tuple[str, ...]] = dict(kind.params.environment)
    if preset is not None:
        variables |= preset.environment
    for key, value in values.items():
        if isinstance(value, str) and value.startswith(_REFERENCE):
            values[key] = environ.get(value.removeprefix(_REFERENCE), "")
    for key, names in variables.items():
        if values.get(key, "") == "":
            found = next((environ[name] for name in names if environ.get(name)), None)
            if found is None:
                values.pop(key, None)
            else:
                values[key] = found
    return {**(preset.defaults if preset is not None else {}), **values}


def converted(values: Mapping[str, Any], kind: Type[Any]) -> Params:
    """Return a type's own parameters. Raises Unbuildable for one that is missing or wrong."""
    fields = {field.name: field for field in msgspec.structs.fields(kind.params)}
    for name, field in fields.items():
        if field.required and name not in values:
            variables = kind.params.environment.get(name, ())
            raise Unbuildable(name, "is missing", f"set it{''.join(f', or {one}' for one in variables)}")
    own = {key: value for key, value in values.items() if key in fields}
    try:
        params: Params = msgspec.convert(own, kind.params, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        what, _, where = str(error).partition(" - at `$.")
        raise Unbuildable(where.rstrip("`"), what, "see the table of types in docs/guardrails.md") from None
    return params


def made(maker: Callable[[Any, Surroundings], T | None] | None, params: Params, surroundings: Surroundings) -> T | None:
    """Return what a type makes of its parameters."""
    if maker is None:
        return None
    try:
        return maker(params, surroundings)
    except Unbuildable:
        raise
    except ConfigurationError as error:
        raise Unbuildable("", error.message) from error


def of_key(key: str, read: Callable[..., T], *arguments: Any) -> T:
    """Read a common key. Raises Unbuildable that names it."""
    try:
        return read(*arguments)
    except ConfigurationError as error:
        kind = arguments[-1] if key == "mode" else None
        hooks = ", ".join(sorted(kind.hooks | {Hook.LOGGING_ONLY})) if isinstance(kind, Type) else ""
        raise Unbuildable(key, error.message, f"use one of {hooks}" if hooks else "correct it, or remove it") from None


def template(written: object) -> str | None:
    """Return a template of messages, None for one that is no text."""
    return written if isinstance(written, str) and written else None


def shown(entry: Entry, params: type[Params]) -> dict[str, Any]:
    """Return the keys of an entry as a list may show them. `params`: those of its type."""
    secret = params.secrets
    own = {key: HIDDEN if hides(key, secret) else value for key, value in entry.params.items()}
    return {"guardrail": entry.type, "mode": entry.mode, **own}


def hides(key: str, secret: frozenset[str]) -> bool:
    """Whether what a key says is never shown: what its type declares, and whatever is called like a secret."""
    return key in secret or any(word in key.lower() for word in _SECRET)


def defaults_of(config: Config) -> dict[str, bool]:
    """Return what the settings for all say of the scope."""
    return {key: bool(getattr(config.litellm_settings, key)) for key in _INHERITED}


class Built(msgspec.Struct, frozen=True):
    """The guardrails of a configuration with their entries, and what is wrong with entries of which none was made."""

    made: tuple[tuple[Entry, Guardrail], ...]
    faults: tuple[tuple[Entry, Unbuildable], ...]

    @property
    def guardrails(self) -> tuple[Guardrail, ...]:
        """Return those that were made."""
        return tuple(guardrail for _, guardrail in self.made)


def build_all(config: Config, folder: Path, environ: Mapping[str, str]) -> Built:
    """Build every entry. `folder`: in which the files of the configuration lie."""
    surroundings = Surroundings(folder, environ)
    defaults = defaults_of(config)
    found: list[tuple[Entry, Guardrail]] = []
    faults: list[tuple[Entry, Unbuildable]] = []
    for entry in entries(config):
        try:
            found.append((entry, build(entry, surroundings, defaults)))
        except Unbuildable as fault:
            faults.append((entry, fault))
    return Built(tuple(found), tuple(faults))


def problems(loaded: Loaded, folder: Path) -> tuple[Problem, ...]:
    """Name every entry that cannot be built, and doubtful keys; an error unless `guardrail_strict` is false."""
    findings = Findings()
    subject = Subject(
        config=loaded.config, tree=loaded.tree, environ=loaded.environment, directory=folder, findings=findings
    )
    report = subject.error if loaded.config.litellm_settings.guardrail_strict else subject.warning
    try:
        built = build_all(loaded.config, folder, loaded.environment)
    except ConfigurationError as error:
        report(("guardrails",), error.message, "")
        return findings.problems
    for entry, fault in built.faults:
        where = _place(entry, fault.key)
        report(where, fault.said, fault.remedy)
    for entry in entries(loaded.config):
        for key in strange_keys(entry):
            subject.warning(_place(entry, key), "is no key of this type of guardrail", "remove it")
    known = Names(loaded.config)
    absent = subject.warning if loaded.config.general_settings.store_model_in_db else report
    for entry, guardrail in built.made:
        guardrail.close()
        for name in (one for one in guardrail.asks if one not in known):
            said = f"asks the model {name!r}, which model_list does not have: nothing passes while it is not there"
            absent(_place(entry, ""), said, nearest_name(name, known))
        if guardrail.action is Action.MONITOR and guardrail.type.monitors:
            findings.warning(None, f"guardrail {guardrail.name}", "only notes what it would refuse", "set on_flagged")
    return findings.problems


def strange_keys(entry: Entry) -> Iterator[str]:
    """Return the keys that mean nothing to the type."""
    found = registry.find(entry.type)
    if found is None:  # a class, which has keys of its own
        return
    if "." in entry.type:
        return  # the class says what it takes
    known = common_keys.KEYS.union(found[0].params.__struct_fields__)
    for key in entry.params:
        if key not in known and key not in found[0].params.aliases:
            yield key


def _place(entry: Entry, key: str) -> tuple[str | int, ...]:
    if entry.place[:1] != ("guardrails",):
        return entry.place
    return (*entry.place, "litellm_params", key) if key else (*entry.place, "litellm_params")
