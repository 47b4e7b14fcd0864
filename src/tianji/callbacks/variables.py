"""What keys and teams may say of callbacks of their own, and how what is secret of it is kept in the database.

`metadata.logging` is a list of callbacks, each with a name, a type and variables; `metadata.callback_settings` is the
older form, of teams alone. https://docs.litellm.ai/docs/proxy/team_logging describes both.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.callbacks.sink import ALL, SUCCESSES
from tianji.config.environment import lookup
from tianji.config.loader import Loaded
from tianji.storage.vault import Vault

PURPOSE: Final = "callback variables"  # of the vault that closes the secret ones
CLOSED: Final = "litellm_enc::"  # begins what is closed
MASK: Final = "****"
TYPES: Final = {
    "success": SUCCESSES,
    "failure": frozenset({"failure"}),
    "success_and_failure": ALL,
}
SECRET: Final = frozenset({
    "langfuse_secret", "langfuse_secret_key", "langsmith_api_key", "humanloop_api_key", "arize_api_key",
    "posthog_api_key", "wandb_api_key", "gcs_path_service_account", "dd_api_key", "newrelic_api_key",
    "signoz_ingestion_key",
})  # fmt: skip
OPEN: Final = frozenset({
    "langfuse_public_key", "langfuse_host", "langfuse_environment", "langfuse_span_scope", "langfuse_prompt_version",
    "langsmith_project", "langsmith_base_url", "langsmith_sampling_rate", "langsmith_tenant_id", "arize_space_key",
    "arize_space_id", "arize_success_sampling_rate", "arize_error_sampling_rate", "arize_otlp_protocol",
    "posthog_api_url", "weave_project_id", "gcs_bucket_name", "dd_site", "dd_agent_host", "dd_agent_port",
    "newrelic_region", "signoz_ingestion_endpoint", "turn_off_message_logging", "capture_message_content",
    "excluded_services",
})  # fmt: skip
KNOWN: Final = SECRET | OPEN
PLACES: Final = frozenset({
    "langfuse_host", "langsmith_base_url", "posthog_api_url", "dd_site", "dd_agent_host", "signoz_ingestion_endpoint",
})  # fmt: skip
"""Those that say where events go: who names one has to bring the credentials, too."""


def vault(loaded: Loaded, purpose: str) -> Vault:
    """Return what closes variables under the salt of a gateway. Raises ValueError where it has none."""
    salt = lookup(loaded.environment, "SALT_KEY") or loaded.config.general_settings.master_key
    return Vault(salt or "", purpose)


class Own(Struct, frozen=True):
    """One callback of a key or a team."""

    name: str
    hears: frozenset[str]
    variables: Mapping[str, Any]


def owned(metadata: Mapping[str, Any]) -> tuple[Own, ...]:
    """Return the callbacks that metadata names; what cannot be read is left out."""
    listed = metadata.get("logging")
    if listed:
        return tuple(_listed(listed))
    settings = metadata.get("callback_settings")
    return tuple(of_settings(settings)) if isinstance(settings, Mapping) else ()


def _listed(listed: Any) -> Iterator[Own]:
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, Mapping) and isinstance(one.get("callback_name"), str):
            hears = TYPES.get(str(one.get("callback_type") or "success_and_failure"), ALL)
            yield Own(one["callback_name"], hears, _variables(one.get("callback_vars")))


def of_settings(settings: Mapping[str, Any]) -> Iterator[Own]:
    """Yield the callbacks of the older form, whose variables stand in a map of their own or beside the lists."""
    inner = settings.get("callback_vars")
    variables = _variables(inner if isinstance(inner, Mapping) else settings)
    found: dict[str, frozenset[str]] = {}
    for status in ("success", "failure"):
        names = settings.get(f"{status}_callback") or settings.get(f"{status}_callbacks")
        for name in names if isinstance(names, list | tuple) else ():
            if isinstance(name, str):
                found[name] = found.get(name, frozenset()) | TYPES[status]
    yield from (Own(name, hears, variables) for name, hears in found.items())


def _variables(written: Any) -> dict[str, Any]:
    return {name: value for name, value in written.items() if name in KNOWN} if isinstance(written, Mapping) else {}


def changed(metadata: Mapping[str, Any], change: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Return metadata whose variables of callbacks went through `change`, which is given their names."""
    after = dict(metadata)
    if isinstance(after.get("logging"), list):
        after["logging"] = [_with(one, change) for one in after["logging"]]
    if isinstance(after.get("callback_settings"), Mapping):
        after["callback_settings"] = _with(after["callback_settings"], change)
    return after


def _with(one: Any, change: Callable[[str, Any], Any]) -> Any:
    variables = one.get("callback_vars") if isinstance(one, Mapping) else None
    if not isinstance(variables, Mapping):
        return one
    return {**one, "callback_vars": {name: change(name, value) for name, value in variables.items()}}


def masked(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as it may be shown."""
    return changed(metadata, lambda name, value: MASK if name in SECRET and value else value)


def names(metadata: Mapping[str, Any]) -> list[str]:
    """Return how the callbacks are called that metadata names, each once."""
    return list(dict.fromkeys(own.name for own in owned(metadata)))


def brings_place(variables: Mapping[str, Any]) -> bool:
    """Whether variables say where events go."""
    return not PLACES.isdisjoint(name for name, value in variables.items() if value)


def as_params(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return variables as params of a destination. Raises ValueError for a file of the machine's as a credential."""
    params = dict(variables)
    if "langfuse_secret_key" in params:
        params.setdefault("langfuse_secret", params.pop("langfuse_secret_key"))
    if params.get("gcs_path_service_account"):
        params["gcs_path_service_account"] = _account(params["gcs_path_service_account"])
    return params


def _account(written: Any) -> str:
    """Return a service account that stands in a text; its tokens come from Google and from nowhere else."""
    try:
        account: dict[str, Any] = msgspec.json.decode(written, type=dict[str, Any])
    except (msgspec.DecodeError, TypeError) as error:
        raise ValueError("gcs_path_service_account has to hold the account itself, as JSON") from error
    if account.get("type") != "service_account":
        raise ValueError("gcs_path_service_account is no service account")
    return msgspec.json.encode({name: value for name, value in account.items() if name != "token_uri"}).decode()
