"""What the database adds to a configuration: deployments, the credentials that they name, fallbacks, and endpoints.

What stands in a file goes first, except that of two endpoints of a path the database's counts, as in LiteLLM. An
addition that cannot be used costs itself and nothing else.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import Struct

from tianji.config import references
from tianji.config.decode import decode
from tianji.config.deployments import LEFT_OUT, Accepts, Builder, available
from tianji.config.loader import Loaded
from tianji.config.problems import Findings, Place
from tianji.config.schema import Config, ModelEntry
from tianji.config.schema.auto_router import MARKER
from tianji.config.schema.general import GeneralSettings, PassThroughEndpoint
from tianji.config.schema.mcp import McpServer
from tianji.config.schema.sections import GuardrailEntry, Prompt
from tianji.config.secrets import Secrets
from tianji.config.tree import Items, Map

FallbackKind = Literal["general", "context_window", "content_policy"]
KINDS: Final[tuple[FallbackKind, ...]] = get_args(FallbackKind)
_PLACE: Final = Place(Path("database"), 0)
_FIELDS: Final[Mapping[FallbackKind, str]] = {
    "general": "fallbacks",
    "context_window": "context_window_fallbacks",
    "content_policy": "content_policy_fallbacks",
}
_PATH: Final = "model_list[0]."


class Stored(Struct, frozen=True, kw_only=True):
    """One deployment of the database. `params` and `info` are what a file has as litellm_params and model_info."""

    id: str
    name: str
    params: Mapping[str, object]
    info: Mapping[str, object] = {}


class Additions(Struct, frozen=True, kw_only=True):
    """All of it. `unreadable` says of each deployment that could not be read why that is so."""

    models: tuple[Stored, ...] = ()
    credentials: Mapping[str, Mapping[str, str]] = {}
    fallbacks: Mapping[FallbackKind, Mapping[str, tuple[str, ...]]] = {}
    endpoints: tuple[Mapping[str, object], ...] = ()  # as a file has them in pass_through_endpoints, each with an id
    guardrails: tuple[Mapping[str, object], ...] = ()  # as a file has them, each with an id
    prompts: tuple[Mapping[str, object], ...] = ()  # as a file has them, each with a version and an environment
    mcp_servers: tuple[Mapping[str, object], ...] = ()  # as a file has them, each with its id, and `server_name`
    cache: Mapping[str, object] = {}  # what a file has as cache_params
    coordination: Mapping[str, object] = {}  # and as coordination_redis
    settings: Mapping[str, Mapping[str, object]] = {}  # and in sections, by the names of those
    exports: Mapping[str, Mapping[str, object]] = {}  # of bills: parameters of callbacks, by the names of these
    unreadable: tuple[str, ...] = ()


class Extended(Struct, frozen=True):
    """A configuration with its additions, and for each deployment that was left out, by its id, why."""

    loaded: Loaded
    left_out: Mapping[str, str]

    def complaints(self, additions: Additions) -> Iterator[str]:
        """Say which deployment was left out and why, one line each."""
        for stored in additions.models:
            if stored.id in self.left_out:
                yield f"model {stored.name} ({stored.id}) of the database: {self.left_out[stored.id]}"
        for written in additions.endpoints:
            if written["id"] in self.left_out:
                where = f"pass-through endpoint {written.get('path')} ({written['id']})"
                yield f"{where} of the database: {self.left_out[str(written['id'])]}"


def extend(loaded: Loaded, additions: Additions, accepts: Accepts) -> Extended:
    """Add what can be used. `accepts` may refuse single deployments."""
    credentials = _credentials(loaded.config, additions)
    entries = list(loaded.config.model_list)
    known = {entry.id for entry in entries}
    left_out: dict[str, str] = {}
    for stored in additions.models:
        if stored.id in known:
            left_out[stored.id] = "model_info.id: the configuration file has a deployment of this id; choose another"
            continue
        made, objection = _built(stored, credentials, loaded, accepts)
        if objection is not None:
            left_out[stored.id] = objection
        entries.extend(made)
    router = loaded.config.router_settings
    changed = {_FIELDS[kind]: rules for kind, rules in _rules(loaded.config, additions)}
    general = loaded.config.general_settings
    if additions.endpoints:
        endpoints = _endpoints(loaded, additions, left_out)
        general = msgspec.structs.replace(general, pass_through_endpoints=endpoints)
    config = msgspec.structs.replace(
        loaded.config,
        guardrails=(*loaded.config.guardrails, *map(guardrail_of, additions.guardrails)),
        prompts=(*loaded.config.prompts, *filter(None, (prompt_of(one)[0] for one in additions.prompts))),
        mcp_servers={**_tool_servers(additions), **loaded.config.mcp_servers},
        model_list=tuple(entries),
        router_settings=msgspec.structs.replace(router, **changed),
        general_settings=general,
    )
    return Extended(msgspec.structs.replace(loaded, config=config), left_out)


def guardrail_of(written: Mapping[str, object]) -> GuardrailEntry:
    """Return the entry of a guardrail that is written so. Raises msgspec.ValidationError for another form."""
    entry = msgspec.convert(written, _Guardrail)
    return GuardrailEntry(
        guardrail_name=entry.guardrail_name,
        litellm_params=entry.litellm_params,
        guardrail_info=entry.guardrail_info or {},
        guardrail_id=entry.guardrail_id,
        stored=True,
    )


def prompt_of(written: Mapping[str, object]) -> tuple[Prompt | None, str | None]:
    """Return the prompt that is written so, and why there is none."""
    findings = Findings()
    section = Map(_PLACE, [("prompts", _items([written]), _PLACE)])
    config = decode(Config, section, "", findings)
    for problem in findings.problems:
        if problem.severity == "error":
            return None, f"{problem.key.partition('.')[2] or 'prompt'}: {problem.message}"
    if config is None or not config.prompts:
        return None, "it is no object"
    return msgspec.structs.replace(config.prompts[0], stored=True), None


def tool_server_of(written: Mapping[str, object]) -> tuple[McpServer | None, str | None]:
    """Return the MCP server that is written so, and why there is none."""
    findings = Findings()
    entry = {name: value for name, value in written.items() if name != "server_name"}
    config = decode(Config, Map(_PLACE, [("mcp_servers", placed({"it": entry}), _PLACE)]), "", findings)
    for problem in findings.problems:
        if problem.severity == "error":
            return None, f"{problem.key.partition('.it.')[2] or 'the server'}: {problem.message}"
    if config is None or "it" not in config.mcp_servers:
        return None, "it is no object"
    return msgspec.structs.replace(config.mcp_servers["it"], stored=True), None


def _tool_servers(additions: Additions) -> dict[str, McpServer]:
    found = {str(one["server_name"]): tool_server_of(one)[0] for one in additions.mcp_servers}
    return {name: server for name, server in found.items() if server is not None}


class _Guardrail(Struct):
    guardrail_name: str
    litellm_params: dict[str, object]
    guardrail_info: dict[str, object] | None = None
    guardrail_id: str | None = None


def endpoint_of(written: Mapping[str, object], secrets: Secrets) -> tuple[PassThroughEndpoint | None, str | None]:
    """Return the endpoint that is written so, and why there is none."""
    findings = Findings()
    section = Map(_PLACE, [("pass_through_endpoints", _items([written]), _PLACE)])
    resolved = references.resolve("general_settings", section, secrets, findings)
    general = decode(GeneralSettings, resolved, "", findings) if isinstance(resolved, Map) else None
    for problem in findings.problems:
        if problem.severity == "error":
            return None, f"{problem.key.partition('.')[2] or 'endpoint'}: {problem.message}"
    if general is None or not general.pass_through_endpoints:
        return None, "it is no object"
    return msgspec.structs.replace(general.pass_through_endpoints[0], stored=True), None


def _endpoints(loaded: Loaded, additions: Additions, left_out: dict[str, str]) -> tuple[PassThroughEndpoint, ...]:
    found = []
    for written in additions.endpoints:
        endpoint, objection = endpoint_of(written, loaded.secrets)
        if endpoint is None:
            left_out[str(written["id"])] = objection or ""
        else:
            found.append(endpoint)
    paths = {endpoint.path.strip("/") for endpoint in found}
    of_file = loaded.config.general_settings.pass_through_endpoints
    return (*found, *(endpoint for endpoint in of_file if endpoint.path.strip("/") not in paths))


def in_file(config: Config, kind: FallbackKind) -> tuple[Mapping[str, object], ...]:
    """Return the fallback lists that the file has: those of the router's settings, else the others."""
    rules = getattr(config.router_settings, _FIELDS[kind])
    found: tuple[Mapping[str, object], ...] = (
        getattr(config.litellm_settings, _FIELDS[kind]) if rules is None else rules
    )
    return found


def _rules(config: Config, additions: Additions) -> Iterator[tuple[FallbackKind, tuple[Mapping[str, object], ...]]]:
    for kind, lists in additions.fallbacks.items():
        rules = in_file(config, kind)
        known = {model for rule in rules for model in rule}
        added = tuple({model: targets} for model, targets in lists.items() if model not in known)
        if added:
            yield kind, (*rules, *added)


def _credentials(config: Config, additions: Additions) -> Items:
    values = {**additions.credentials, **{one.credential_name: one.credential_values for one in config.credential_list}}
    return _items([{"credential_name": name, "credential_values": found} for name, found in values.items()])


def _built(
    stored: Stored, credentials: Items, loaded: Loaded, accepts: Accepts
) -> tuple[tuple[ModelEntry, ...], str | None]:
    """Return the deployments of an entry, and why there is none; no word on one that is for another environment."""
    findings = Findings()
    written = _items(
        [
            {
                "model_name": stored.name,
                "litellm_params": stored.params,
                "model_info": {**stored.info, "id": stored.id, "db_model": True},
            }
        ]
    )
    if str(stored.params.get("model", "")).startswith(MARKER):
        return (), "litellm_params.model: an auto router stands in the configuration file; put it there"
    named = stored.params.get("litellm_credential_name")
    if named is not None and not any(isinstance(one, Map) and one["credential_name"] == named for one in credentials):
        return (), "litellm_params.litellm_credential_name: there is no such credential; POST /credentials makes one"
    wanted = available(written, loaded.environment)
    if isinstance(wanted, Items) and wanted[0] is LEFT_OUT:
        return (), None
    resolved = references.resolve("model_list", wanted, loaded.secrets, findings)
    made = Builder(credentials, loaded.environment, findings, accepts).build(resolved, _PLACE)
    for problem in findings.problems:
        if problem.severity == "error":
            remedy = f"; {problem.remedy}" if problem.remedy else ""
            return (), f"{problem.key.removeprefix(_PATH)}: {problem.message}{remedy}"
    return made, None


def _items(values: list[Mapping[str, object]]) -> Items:
    return Items(_PLACE, [(placed(value), _PLACE) for value in values])


def placed(value: Any) -> Any:
    """Return what was decoded from JSON as a configuration's text has it."""
    if isinstance(value, Mapping):
        return Map(_PLACE, [(key, placed(member), _PLACE) for key, member in value.items()])
    if isinstance(value, list):
        return Items(_PLACE, [(placed(item), _PLACE) for item in value])
    return value
