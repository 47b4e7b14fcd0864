"""Callbacks: those of teams, and those of the configuration."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.callbacks.lent import VARIABLES, variables_of
from tianji.callbacks.settings import FAILURE, SUCCESS, wanted
from tianji.callbacks.sink import ALL
from tianji.callbacks.variables import MASK, OPEN, SECRET, masked, owned
from tianji.callbacks.vendors import VENDORS
from tianji.errors import ObjectNotFound, Unacceptable
from tianji.gateway.additions.stored_settings import SECTIONS
from tianji.management.desk import Call, Row
from tianji.management.people import ownership
from tianji.management.people.team_reading import found, told_team
from tianji.management.settings import callback_keeping
from tianji.management.settings.configuration import channels_shown, variables_shown
from tianji.storage.tables import TEAMS

_FAMILIES: Final = {  # what the variables of a callback begin with
    "arize": "arize", "datadog": "dd", "datadog_llm_observability": "dd", "gcs_bucket": "gcs", "langfuse": "langfuse",
    "langfuse_otel": "langfuse", "langsmith": "langsmith", "newrelic": "newrelic", "posthog": "posthog",
    "signoz": "signoz", "wandb": "wandb", "weave_otel": "weave",
}  # fmt: skip


class Addition(Struct, kw_only=True):
    """A callback that a team is to have."""

    callback_name: str
    callback_type: str = "success_and_failure"
    callback_vars: dict[str, Any] = {}


async def add(call: Call) -> Row:
    """Have the requests of a team told to a destination of its own."""
    row, body = await _team(call), call.body(Addition)
    listed = list((row["metadata"] or {}).get("logging") or ())
    if any(one.get("callback_name") == body.callback_name for one in listed):
        raise Unacceptable(
            f"callback_name = {body.callback_name[:80]} already exists for this team; delete it first",
            param="callback_name",
        )
    one = {
        "callback_name": body.callback_name,
        "callback_type": body.callback_type,
        "callback_vars": body.callback_vars,
    }
    after = await _keep(call, row, {**(row["metadata"] or {}), "logging": [*listed, one]})
    return {"status": "success", "data": await told_team(call, after)}


async def of_team(call: Call) -> Row:
    """Name the callbacks of a team, with their variables; secrets are masked."""
    row = await (found(call, call.params["team_id"]) if call.sees_all else _team(call))
    return {"status": "success", "data": _told(row)}


async def remove(call: Call) -> Row:
    """Have a destination told no longer of a team's requests."""
    row, name = await _team(call), call.params["callback_name"]
    listed = list((row["metadata"] or {}).get("logging") or ())
    left = [one for one in listed if one.get("callback_name") != name]
    if len(left) == len(listed):
        raise ObjectNotFound(f"this team has no callback {name[:80]!r}", param="callback_name")
    after = await _keep(call, row, {**(row["metadata"] or {}), "logging": left})
    return {"status": "success", "data": _told(after)}


async def disable(call: Call) -> Row:
    """Take all callbacks from a team."""
    row = await _team(call)
    rest = {name: value for name, value in (row["metadata"] or {}).items() if name != "logging"}
    settings: Row = {"success_callback": [], "failure_callback": [], "callback_vars": {}}
    after = await _keep(call, row, {**rest, "callback_settings": settings})
    name = row["team_id"]
    return {"status": "success", "message": f"Logging disabled for team {name}", "data": _told(after)}


async def listed(call: Call) -> Row:
    """Name the callbacks of the configuration, by what they are told of."""
    hears = wanted(call.config)
    return {
        "success": [name for name, statuses in hears.items() if statuses == {"success"}],
        "failure": [name for name, statuses in hears.items() if statuses == {"failure"}],
        "success_and_failure": [name for name, statuses in hears.items() if statuses == ALL],
    }


async def active(call: Call) -> Row:
    """Name them as LiteLLM lists what is registered in its process; code of the operator's own by its dotted name."""
    hears, general = wanted(call.config), call.config.general_settings
    success, failure = (
        [name for name, statuses in hears.items() if status in statuses] for status in (SUCCESS, FAILURE)
    )
    lists = {
        "litellm.callbacks": [name for name, statuses in hears.items() if statuses == ALL],
        "litellm.input_callback": [],
        "litellm.failure_callback": failure,
        "litellm.success_callback": success,
        "litellm._async_success_callback": success,
        "litellm._async_failure_callback": failure,
        "litellm._async_input_callback": [],
    }
    return {
        "alerting": str(list(general.alerting) or None),
        **lists,
        "all_litellm_callbacks": list(hears),
        "num_callbacks": len(hears),
        "num_alerting": len(general.alerting),
        "litellm.request_timeout": call.config.litellm_settings.request_timeout,
    }


async def configs(_call: Call) -> list[Row]:
    """Describe the callbacks that this release serves, with the variables that keys and teams may set."""
    return [
        {
            "id": name,
            "displayName": name.replace("_", " ").title(),
            "logo": "",
            "supports_key_team_logging": name in _FAMILIES,
            "dynamic_params": {
                variable: {
                    "type": "password" if variable in SECRET else "text",
                    "ui_name": variable.replace("_", " ").title(),
                    "description": "",
                    "required": variable in SECRET,
                }
                for variable in sorted(SECRET | OPEN)
                if variable.startswith(f"{_FAMILIES.get(name, '-')}_")
            },
            "description": "",
        }
        for name in sorted(VENDORS)
    ]


async def configured(call: Call) -> Row:
    """Describe the callbacks and the channels of alerts that are in force; secrets, and what the file says, are masked.

    What is `read_only` stands in the configuration file.
    """
    settings, lent = call.config.callback_settings, call.office.fleet.lent()
    return {
        "status": "success",
        "callbacks": [
            {
                "name": name,
                "type": "success_and_failure" if statuses == ALL else next(iter(statuses)),
                "variables": variables_shown(call, variables_of(name), of_file=name not in lent.callbacks)
                | {param: MASK for param, value in settings.get(name, {}).items() if value},
                "read_only": name not in lent.callbacks,
            }
            for name, statuses in wanted(call.config).items()
        ],
        "alerts": channels_shown(call),
        "active_alerting_destinations": list(call.config.general_settings.alerting),
        "router_settings": _routing(call),
        "available_callbacks": {
            name: {
                "litellm_callback_name": name,
                "litellm_callback_params": list(variables),
                "ui_callback_name": name.replace("_", " ").title(),
            }
            for name, variables in VARIABLES.items()
        },
    }


def _routing(call: Call) -> Row:
    """Return the settings of the router that may be kept in the database."""
    written: Row = msgspec.to_builtins(call.config.router_settings)
    return {name: value for name, value in written.items() if name in SECTIONS["router_settings"]}


async def _team(call: Call) -> Row:
    row = await found(call, call.params["team_id"])
    ownership.require_team(call, row)
    return row


async def _keep(call: Call, row: Row, metadata: Row) -> Row:
    values: Row = {"metadata": metadata}
    callback_keeping.seal(call, values, row)
    call.change("team", row["team_id"])
    return await call.update(TEAMS, {"team_id": row["team_id"]}, **values)


def _told(row: Row) -> Row:
    all_owned = owned(masked(row["metadata"] or {}))
    variables: Row = {}
    for own in all_owned:
        variables |= own.variables
    return {
        "team_id": row["team_id"],
        "success_callbacks": [own.name for own in all_owned if "success" in own.hears],
        "failure_callbacks": [own.name for own in all_owned if "failure" in own.hears],
        "callback_vars": variables,
    }
