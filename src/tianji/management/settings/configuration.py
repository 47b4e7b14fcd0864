"""Settings that administrators keep in the database beside the configuration file, a row a section.

A page sends back what it was shown: a mark in the place of a secret means the one that is stored.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Struct, UnsetType

from tianji.callbacks.lent import PLACES, VARIABLES, variables_of
from tianji.config.schema import GeneralSettings
from tianji.errors import ObjectNotFound, Unacceptable
from tianji.gateway.additions.stored_settings import CHANNELS, ENVIRONMENT, LISTS, SECTIONS, in_file
from tianji.management.desk import Call, Row
from tianji.management.settings.stored import keep, stored
from tianji.storage.tables import SETTINGS

GENERAL: Final = "general_settings"
LITELLM: Final = "litellm_settings"
MARK: Final = "****"
_ALERTS: Final = "alert_to_webhook_url"
_SECRET: Final = re.compile(r"(?<!PUBLIC_)KEY|SECRET|TOKEN|PASSWORD|HEADERS|WEBHOOK|DSN|USERNAME")
_TYPES: Final = ((bool, "Boolean"), (int, "Integer"), (float, "Float"), (str, "String"), (tuple, "List"))


class Update(Struct, kw_only=True):
    """What is to be kept, by sections."""

    general_settings: dict[str, Any] | None = None
    litellm_settings: dict[str, Any] | None = None
    router_settings: dict[str, Any] | None = None
    environment_variables: dict[str, str | None] | None = None
    model_list: list[Any] | None = None


class Field(Struct, kw_only=True):
    """One setting."""

    field_name: str
    field_value: Any = None
    config_type: Literal["general_settings"] = "general_settings"


class Named(Struct, kw_only=True):
    """A callback."""

    callback_name: str


class Asked(Struct, kw_only=True):
    """Which setting, or which section."""

    field_name: str | UnsetType = UNSET
    config_type: Literal["general_settings"] = "general_settings"


async def update(call: Call) -> Row:
    """Keep settings and variables beside those that are kept; all workers and machines go by them at once."""
    _require_kept(call)
    said = call.body(Update)
    if said.model_list:
        raise Unacceptable("deployments are added with POST /model/new", param="model_list")
    changed: dict[str, Row] = {}
    for section in SECTIONS:
        values = {name: value for name, value in (getattr(said, section) or {}).items() if value is not None}
        if values:
            before = await stored(call, section)
            changed[section] = before | _joined(section, values, before)
    if said.environment_variables:
        changed[ENVIRONMENT] = _variables(said.environment_variables, await stored(call, ENVIRONMENT))
    await _keep(call, changed, {section: getattr(said, section) or {} for section in changed})
    return {"message": "Config updated successfully"}


async def update_field(call: Call) -> Row:
    """Keep one setting of `general_settings`, or of those of `litellm_settings` that a page shows beside them."""
    _require_kept(call)
    said = call.body(Field)
    section = _section_of(said.field_name)
    after = await stored(call, section) | {said.field_name: said.field_value}
    await _keep(call, {section: after}, {section: {said.field_name: said.field_value}})
    return {"param_name": section, "param_value": _masked(after)}


async def keep_setting(call: Call, section: str, name: str, value: Any) -> None:
    """Keep one setting that a page of its own changes. Raises Unacceptable where it may not be, or cannot be used."""
    _require_kept(call)
    _refuse_of_file(call, section, name)
    after = await stored(call, section) | {name: value}
    await _keep(call, {section: after}, {section: {name: value}})


async def delete_field(call: Call) -> Row:
    """Take one setting out of the database, so that what it is by default counts."""
    _require_kept(call)
    name = call.body(Field).field_name
    section = _section_of(name)
    before = await stored(call, section)
    if name not in before:
        _refuse_of_file(call, section, name)
        raise Unacceptable(f"Field name={name} not in config", param="field_name")
    after = {key: value for key, value in before.items() if key != name}
    await _keep(call, {section: after}, {})
    return {"param_name": section, "param_value": _masked(after)}


async def field(call: Call) -> Row:
    """Say what a setting is, and whether it may be changed here. What may hold a secret is masked."""
    name = call.questions(Asked).field_name
    if name is UNSET or name not in GeneralSettings.__struct_fields__:
        raise Unacceptable(f"Invalid field={'' if name is UNSET else name[:80]} passed in.", param="field_name")
    found = _described(call, GENERAL, name, await stored(call, GENERAL))
    if found["stored_in_db"] is None:
        raise Unacceptable(f"Field name={name} is not set", param="field_name")
    return {member: found[member] for member in ("field_name", "field_value", "source", "editable")}


async def listed(call: Call) -> list[Row]:
    """List the settings of `general_settings` that may be kept here, and what they are."""
    call.questions(Asked)
    kept = await stored(call, GENERAL)
    return [_described(call, GENERAL, name, kept) for name in sorted(SECTIONS[GENERAL])]


async def delete_callback(call: Call) -> Row:
    """Take a callback, and the variables that no other one of the database has, out of the database."""
    _require_kept(call)
    name = call.body(Named).callback_name.lower()
    settings, variables = await stored(call, LITELLM), await stored(call, ENVIRONMENT)
    lists = {key: _names(settings[key]) for key in LISTS if key in settings}
    if not any(name in names for names in lists.values()):
        if name in _of_file(call):
            raise Unacceptable(f"callback {name[:80]} stands in the configuration file: take it out there")
        raise ObjectNotFound(f"Callback '{name[:80]}' not found in active configuration", param="callback_name")
    left = {key: [one for one in names if one != name] for key, names in lists.items()}
    needed = {variable for names in left.values() for one in names for variable in variables_of(one)}
    gone = {*variables_of(name)} - needed
    changed: dict[str, Row] = {LITELLM: {**settings, **left}}
    if gone & variables.keys():
        changed[ENVIRONMENT] = {key: value for key, value in variables.items() if key not in gone}
    await _keep(call, changed, {})
    return {
        "message": f"Successfully deleted callback: {name}",
        "removed_callback": name,
        "remaining_callbacks": [one for names in left.values() for one in names],
        "deleted_at": call.now.isoformat(),
    }


def variables_shown(call: Call, names: tuple[str, ...], *, of_file: bool) -> Row:
    """Return variables as they may be shown: what the operator has set is masked, as is what may be a secret."""
    lent = {} if of_file else call.office.fleet.lent().variables
    return {name: _shown(name, lent.get(name), call.office.environ().get(name)) for name in names}


def channels_shown(call: Call) -> list[Row]:
    """Return the channels of alerts that a page shows, with their variables, and what is told over Slack."""
    general = call.config.general_settings
    shown: list[Row] = []
    if "slack" in general.alerting:
        shown.append({
            "name": "slack",
            "variables": variables_shown(call, CHANNELS["slack"], of_file=False),
            "active_alerts": list(general.alert_types or ()),
            "alerts_to_webhook": dict.fromkeys(general.alert_to_webhook_url, MARK),
        })  # fmt: skip
    mail = ("SMTP_HOST", "SMTP_PORT", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_SENDER_EMAIL", "TEST_EMAIL_ADDRESS")
    shown.append({"name": "email", "variables": variables_shown(call, mail, of_file=True)})
    shown.append({"name": "ms_teams", "variables": variables_shown(call, CHANNELS["ms_teams"], of_file=False)})
    return shown


def _shown(name: str, lent: str | None, own: str | None) -> str | None:
    if lent is None:
        return MARK if own else None
    return MARK if _SECRET.search(name) else lent


def _require_kept(call: Call) -> None:
    if not call.office.fleet.keeps_settings():
        raise Unacceptable(
            "settings are not kept in the database: set general_settings.store_model_in_db to true, or the variable "
            "STORE_MODEL_IN_DB"
        )


def _section_of(name: str) -> str:
    """Return where a setting of a page belongs. Raises Unacceptable."""
    if name in SECTIONS[LITELLM] and name not in LISTS and name not in SECTIONS[GENERAL]:
        return LITELLM
    if name not in GeneralSettings.__struct_fields__:
        raise Unacceptable(f"Invalid field={name[:80]} passed in.", param="field_name")
    return GENERAL


def _joined(section: str, values: Row, before: Mapping[str, Any]) -> Row:
    """Return values with what goes along: callbacks are added to those that there are, addresses switch Slack on."""
    found = {name: _names(value) if name in LISTS else value for name, value in values.items()}
    if section == LITELLM and "success_callback" in found:
        kept = _names(before.get("success_callback", []))
        found["success_callback"] = list(dict.fromkeys((*kept, *found["success_callback"])))
    urls = found.get(_ALERTS)
    if section == GENERAL and isinstance(urls, Mapping):
        kept_urls = before.get(_ALERTS, {})
        found[_ALERTS] = {key: kept_urls.get(key) if url == MARK else url for key, url in urls.items()}
        alerting = found.get("alerting", before.get("alerting", []))
        found["alerting"] = list(dict.fromkeys((*alerting, "slack"))) if isinstance(alerting, list) else alerting
    return found


def _names(value: Any) -> list[Any]:
    """Return names of callbacks as they are kept."""
    return [one.lower() if isinstance(one, str) else one for one in (value if isinstance(value, list) else [value])]


def _variables(said: Mapping[str, str | None], before: Mapping[str, Any]) -> Row:
    """Return the variables as they are to be kept: none for nothing, and for a mark the one that there is.

    Raises Unacceptable where a secret that is kept would go to another address.
    """
    found = dict(before)
    for name, value in said.items():
        if not value:
            found.pop(name, None)
        elif value != MARK:
            found[name] = value
    fresh = {name for name, value in said.items() if value != MARK}
    for names in VARIABLES.values():
        moved = next((name for name in PLACES.intersection(names) if found.get(name) != before.get(name)), None)
        left = [name for name in names if name in found and name not in fresh and _SECRET.search(name)]
        if moved is not None and left:
            said_again = f"{moved} is another address: say {' and '.join(left)} again, since no secret follows it"
            raise Unacceptable(said_again, param=ENVIRONMENT)
    return found


async def _keep(call: Call, changed: Mapping[str, Row], said: Mapping[str, Mapping[str, Any]]) -> None:
    """Store sections, once they were judged together with the others. Raises Unacceptable for what was said."""
    names = {row["name"] for row in await call.all(sa.select(SETTINGS.c.name))}
    others = {name: await stored(call, name) for name in (*SECTIONS, ENVIRONMENT) if name in names - changed.keys()}
    for (section, name), why in call.office.fleet.tried_settings({**others, **changed}).items():
        if name in said.get(section, ()) or not name:
            raise Unacceptable(f"{section}.{name[:80]}: {why}" if name else why, param=name or None)
    for section, values in changed.items():
        await keep(call, section, values)


def _of_file(call: Call) -> set[str]:
    """Return the callbacks that the file lists, in lower case."""
    settings = call.office.fleet.file().litellm_settings
    listed = (getattr(settings, key) for key in LISTS)
    return {
        one.lower()
        for names in listed
        for one in ((names,) if isinstance(names, str) else names)
        if isinstance(one, str)
    }


def _refuse_of_file(call: Call, section: str, name: str) -> None:
    if in_file(call.office.fleet.loaded(), section, name):
        raise Unacceptable(f"{section}.{name} stands in the configuration file: change it there", param="field_name")


def _described(call: Call, section: str, name: str, kept: Mapping[str, Any]) -> Row:
    """Return a setting as a page shows it. `stored_in_db`: None where nobody says it."""
    of_file = in_file(call.office.fleet.loaded(), section, name)
    field_of = next(one for one in msgspec.structs.fields(GeneralSettings) if one.name == name)
    usual = msgspec.to_builtins(field_of.default) if field_of.default is not msgspec.NODEFAULT else None
    value = msgspec.to_builtins(getattr(call.config.general_settings, name), order="deterministic")
    return {
        "field_name": name,
        "field_type": next((said for kind, said in _TYPES if _is_of(field_of.type, kind)), "Dictionary"),
        "field_description": f"As {section}.{name}.",
        "field_value": _open(name, value),
        "field_default_value": usual,
        "stored_in_db": False if of_file else True if name in kept else None,
        "source": "config" if of_file else "db" if name in kept else "default",
        "editable": name in SECTIONS[section] and not of_file,
        "nested_fields": None,
    }


def _is_of(annotation: Any, kind: type) -> bool:
    """Whether a value of this type may be of a kind: `int | None` of int, say."""
    return getattr(annotation, "__origin__", annotation) is kind or any(
        _is_of(part, kind)
        for part in getattr(annotation, "__args__", ())
        if getattr(annotation, "__origin__", None) is None
    )


def _open(name: str, value: Any) -> Any:
    """Return a value as it may be shown: a text is masked unless it may be kept here, where no secret is said."""
    if name == _ALERTS:
        return dict.fromkeys(value, MARK)
    if name in SECTIONS[GENERAL] or value is None or isinstance(value, bool | int | float):
        return value
    return MARK if value else value


def _masked(values: Mapping[str, Any]) -> Row:
    return {name: _open(name, value) for name, value in values.items()}
