"""Settings of the database that stand beside the file's: what may be said there, and what becomes of it.

A section is one row, as in LiteLLM's database. What the file says counts, except that lists of callbacks are added up.
Who may write into the database is not always who may write the configuration: nothing that lets anybody in, says where
the gateway listens or what it stores, or runs code, may be said there; and of variables those of destinations alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from tianji.callbacks.lent import VARIABLES, served
from tianji.callbacks.settings import wanted
from tianji.config.additions import placed
from tianji.config.checks import Subject, check
from tianji.config.checks.alerts import VARIABLES as OF_ALERTS
from tianji.config.decode import decode
from tianji.config.environment import REFERENCE
from tianji.config.lent import Lent
from tianji.config.loader import Loaded
from tianji.config.problems import Findings
from tianji.config.schema import Config, GeneralSettings, RouterSettings
from tianji.config.schema import Settings as LitellmSettings
from tianji.config.tree import Map

ENVIRONMENT: Final = "environment_variables"
LISTS: Final[tuple[str, ...]] = ("success_callback", "failure_callback", "callbacks")
SECTIONS: Final[Mapping[str, frozenset[str]]] = {
    "general_settings": frozenset({
        "alerting", "alerting_threshold", "alert_types", "alert_to_webhook_url", "alerting_args", "alert_type_config",
        "ratelimit_alert_threshold", "spend_report_frequency", "store_prompts_in_spend_logs",
        "maximum_spend_logs_retention_period", "maximum_spend_logs_retention_interval",
        "maximum_spend_logs_cleanup_batch_size", "maximum_spend_logs_cleanup_max_batches",
        "global_max_parallel_requests", "max_response_size_mb", "max_batch_file_size_mb", "max_batch_file_records",
        "max_batch_file_uploads_per_day", "allowed_file_extensions", "blocked_file_extensions",
        "forward_client_headers_to_llm_api", "always_include_stream_usage",
        "disable_fallbacks_on_per_model_rate_limits", "apply_user_budget_to_team_keys",
    }),
    "litellm_settings": frozenset({
        *LISTS, "turn_off_message_logging", "redact_user_api_key_info", "redact_messages_in_exceptions",
        "standard_logging_payload_excluded_fields", "global_disable_no_log_param", "allow_dynamic_callback_disabling",
        "langfuse_default_tags", "num_retries", "request_timeout", "allowed_fails", "max_fallbacks", "modify_params",
        "drop_params", "fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "default_fallbacks",
        "timezone", "max_ui_session_budget", "max_internal_user_budget", "internal_user_budget_duration",
        "default_internal_user_params", "default_team_params", "default_key_generate_params",
        "upperbound_key_generate_params", "budget_exceeded_throttle_percentage", "budget_exceeded_status_code",
        "cost_discount_config", "cost_margin_config", "include_cost_in_streaming_usage",
        "forward_traceparent_to_llm_provider", "public_model_groups", "public_model_groups_links",
        "block_requests_for_models_without_pricing",
    }),
    "router_settings": frozenset(RouterSettings.__struct_fields__) - frozenset({
        "redis_url", "redis_host", "redis_port", "redis_password", "redis_db", "cache_kwargs", "cache_responses",
        "caching_groups", "client_ttl", "default_litellm_params", "plugins", "guardrail_list", "alerting_config",
        "set_verbose", "debug_level",
    }),
}  # fmt: skip
"""What the database may say, by sections. Each of it takes effect while the gateway serves."""
_TARGETS: Final = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "default_fallbacks")
_TYPES: Final = {
    "general_settings": GeneralSettings,
    "litellm_settings": LitellmSettings,
    "router_settings": RouterSettings,
}
CHANNELS: Final = {name: variables for name, variables in OF_ALERTS.items() if name != "email"}
"""Channels of alerts that the database may lead somewhere: not over mail, whose server is the operator's."""
KNOWN: Final = frozenset(
    name for variables in (*VARIABLES.values(), *CHANNELS.values()) for name in variables
)  # of variables

Stored = Mapping[str, Mapping[str, object]]
"""Values by sections, and variables as the section `environment_variables`."""
Objections = dict[tuple[str, str], str]
"""Of what is left out, by section and name, why."""


def in_file(loaded: Loaded, section: str, name: str) -> bool:
    """Whether the configuration file says something."""
    written = loaded.tree.get(section)
    return isinstance(written, Map) and name in written


def with_settings(loaded: Loaded, stored: Stored) -> tuple[Loaded, Objections]:
    """Return a configuration with settings of the database, and what of them is left out."""
    if not any(stored.values()):
        return loaded, {}
    objections = dict(_misplaced(loaded, stored))
    while True:
        usable = {
            section: {name: value for name, value in values.items() if (section, name) not in objections}
            for section, values in stored.items()
        }
        config, faults = _merged(loaded, usable)
        if config is not None:
            return msgspec.structs.replace(loaded, config=config, lent=_lent(loaded, usable)), objections
        objections |= faults


def _misplaced(loaded: Loaded, stored: Stored) -> Iterator[tuple[tuple[str, str], str]]:
    for section, values in stored.items():
        for name, value in values.items():
            said = _of_variable(name, value) if section == ENVIRONMENT else _of_setting(section, name, value)
            if said is None and in_file(loaded, section, name) and name not in LISTS:
                said = "the configuration file says it: change it there, or remove it there"
            if said is not None:
                yield (section, name), said


def _of_variable(name: str, value: object) -> str | None:
    if name not in KNOWN:
        return "is no variable of a destination; set others in the environment or in the configuration file"
    if not isinstance(value, str) or "\0" in value or REFERENCE in value:
        return "must be the text itself"
    return None


def _of_setting(section: str, name: str, value: object) -> str | None:
    if name not in SECTIONS.get(section, ()):
        return "is set in the configuration file alone"
    if REFERENCE in msgspec.json.encode(value).decode():
        return "a variable is named in the configuration file alone"
    if name in _TARGETS and any(isinstance(target, Mapping) for target in _targets(value)):
        return "leads to names of models here; call parameters stand in the configuration file"
    if name in LISTS:
        names = value if isinstance(value, list) else [value]
        odd = next((one for one in names if not isinstance(one, str) or not served(one.lower())), None)
        if odd is not None:
            return f"{str(odd)[:80]!r} is no destination of this release; others are named in the configuration file"
    return None


def _targets(value: object) -> Iterator[object]:
    """Yield what rules of fallbacks lead to: a list of targets, or of maps from a group to such a list."""
    for item in value if isinstance(value, Sequence) and not isinstance(value, str) else ():
        if isinstance(item, Mapping) and all(isinstance(inner, list) for inner in item.values()):
            yield from (target for inner in item.values() for target in inner)
        else:
            yield item


def _merged(loaded: Loaded, stored: Stored) -> tuple[Config | None, Objections]:
    """Return the configuration, or what is wrong with single values."""
    findings = Findings()
    config = loaded.config
    for section, kind in _TYPES.items():
        values = stored.get(section)
        if not values:
            continue
        made: Any = decode(
            kind, placed({name: _listed(name, value) for name, value in values.items()}), section, findings
        )
        faults = _faults(findings, stored)
        if made is None or faults:
            return None, faults or {(section, name): "cannot be read" for name in values}
        own = getattr(config, section)
        changed = {name: _joined(own, made, name) for name in values}
        config = msgspec.structs.replace(config, **{section: msgspec.structs.replace(own, **changed)})
    folder = loaded.files[0].parent
    check(
        Subject(
            config=config,
            tree=_written(loaded, stored),
            environ=loaded.environment,
            directory=folder,
            findings=findings,
        )
    )
    faults = _faults(findings, stored)
    return (None if faults else config), faults


def _listed(name: str, value: object) -> object:
    """Return names of callbacks as they are kept: a list, in lower case."""
    if name not in LISTS:
        return value
    return [str(one).lower() for one in (value if isinstance(value, list) else [value])]


def _joined(own: Any, made: Any, name: str) -> Any:
    if name not in LISTS:
        return getattr(made, name)
    written = getattr(own, name)
    return tuple(dict.fromkeys((*((written,) if isinstance(written, str) else written), *getattr(made, name))))


def _written(loaded: Loaded, stored: Stored) -> Map:
    """Return the text of a configuration with what the database says."""
    tree = loaded.tree
    sections = {name: dict(values) for name, values in stored.items() if values and name != ENVIRONMENT}
    members = [(name, value, place) for name, value, place in tree.members() if name not in sections]
    for name, values in sections.items():
        known = tree.get(name)
        inner = [one for one in known.members() if one[0] not in values] if isinstance(known, Map) else []
        added: Map = placed(values)
        members.append((name, Map(added.place, [*inner, *added.members()]), added.place))
    return Map(tree.place, members)


def _faults(findings: Findings, stored: Stored) -> Objections:
    """Return the errors among what was found, as far as they are about what the database says."""
    found: Objections = {}
    for problem in findings.problems:
        section, _, rest = problem.key.partition(".")
        name = rest.partition(".")[0].partition("[")[0]
        if problem.severity == "error" and name in stored.get(section, ()):
            inside = rest.removeprefix(name).lstrip(".")
            said = f"{inside}: {problem.message}" if inside else problem.message
            found[section, name] = f"{said}; {problem.remedy}" if problem.remedy else said
    return found


def _lent(loaded: Loaded, stored: Stored) -> Lent:
    settings, general = (stored.get(section, {}) for section in ("litellm_settings", "general_settings"))
    named = {name for key in LISTS for name in (_names(_listed(key, settings[key])) if key in settings else ())}
    urls = general.get("alert_to_webhook_url")
    listed = urls.values() if isinstance(urls, Mapping) else ()
    return Lent(
        callbacks=frozenset(named) - wanted(loaded.config).keys(),
        variables={name: str(value) for name, value in stored.get(ENVIRONMENT, {}).items()},
        addresses=frozenset(url for one in listed for url in ([one] if isinstance(one, str) else _names(one))),
    )


def _names(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
