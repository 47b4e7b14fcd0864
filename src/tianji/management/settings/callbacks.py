"""Callbacks: those of teams, those of the configuration, and whether a destination takes an event."""

import asyncio
import uuid
from typing import Any, Final

import httpx
import msgspec
from msgspec import Struct

from tianji._core.upstreams.http1 import Timeouts
from tianji.callbacks.event import LogEvent, event_of
from tianji.callbacks.lent import VARIABLES, checking, variables_of
from tianji.callbacks.settings import sinks_of, wanted
from tianji.callbacks.sink import ALL, Delivery, Sink
from tianji.callbacks.variables import MASK, OPEN, SECRET, masked, owned
from tianji.callbacks.vendors import ALIASES, VENDORS
from tianji.clock import SYSTEM
from tianji.egress.client import open_client
from tianji.egress.connector import Check
from tianji.errors import ObjectNotFound, TianjiError, Unacceptable
from tianji.gateway.additions.stored_settings import SECTIONS
from tianji.ledger.entry import FAILURE, SUCCESS, Entry, Payload
from tianji.management.desk import Call, Row
from tianji.management.people import ownership
from tianji.management.people.team_reading import found, told_team
from tianji.management.settings import callback_keeping
from tianji.management.settings.configuration import channels_shown, variables_shown
from tianji.storage.tables import TEAMS

TOTAL: Final = 10.0  # seconds in which a test event has to arrive
_LIMITS: Final = Timeouts(connect=5.0, between_chunks=TOTAL)
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


async def test(call: Call) -> Row:
    """Send an event to a destination of the configuration, and say what came of it."""
    name = call.query.get("service", "")
    if not name:
        raise Unacceptable("say which destination is to be tried: ?service=", param="service")
    sinks, problems = sinks_of(call.config, call.office.environ(), call.office.fleet.lent())
    meant = {name, ALIASES.get(name, name)}
    sink = next((one for one in sinks if meant & {one.name, one.kind}), None)
    if sink is None:
        said = next((problem for problem in problems if problem.startswith(f"callback {name}:")), None)
        raise Unacceptable(
            said or f"callback {name[:80]!r} is not in the configuration; add it to callbacks", param="service"
        )
    check = checking(call.config) if sink.foreign else None
    await _send(sink, _test_event(SUCCESS if SUCCESS in sink.hears else FAILURE), check)
    return {"status": "success", "message": f"{name} took a test event; look for litellm-test there"}


def _test_event(status: str) -> LogEvent:
    call = uuid.uuid4().hex
    now = int(SYSTEM.now() * 1_000_000)
    said = b'[{"role":"user","content":"This is a test of litellm-test"}]'
    entry = Entry(
        request_id=f"{call}-0", call_id=call, started_at=now, ended_at=now, status=status, model="litellm-test",
        model_group="litellm-test", provider="openai", key="litellm-test", end_user="litellm-test",
        payload=Payload(said, b'{"choices":[{"message":{"role":"assistant","content":"It works."}}]}', b"{}"),
        error_class="Test" if status == FAILURE else None, error_message="a test" if status == FAILURE else None,
    )  # fmt: skip
    event = event_of(entry)
    if event is None:
        raise TypeError("a test event is told")
    return event


async def _send(sink: Sink, event: LogEvent, check: Check | None) -> None:
    try:
        async with asyncio.timeout(TOTAL), open_client(_LIMITS, check=check) as client:
            for request in sink.write([event.shown(bare=sink.bare, hidden=sink.hidden)]):
                await _ask(client, request if sink.complete is None else await sink.complete(request))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, TianjiError, ValueError) as error:
        said = error.message if isinstance(error, TianjiError) else f"{type(error).__name__} {error}".strip()
        raise Unacceptable(f"{sink.name} did not take a test event: {said}", param="service") from error


async def _ask(client: httpx.AsyncClient, request: Delivery) -> None:
    answer = await client.request(request.method, request.url, content=request.body, headers=dict(request.headers))
    if not request.accepts(answer.status_code):
        raise ValueError(f"it answered with status {answer.status_code}")


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
