"""`general_settings`, and the registries whose entries refer to nothing else."""

from ipaddress import ip_network
from typing import Final
from urllib.parse import urlsplit

from tianji.config.checks.subject import Subject

_SCHEMES: Final = frozenset({"postgres", "postgresql", "sqlite"})
_POSITIVE: Final = (
    "user_api_key_cache_max_size",
    "max_in_flight_requests_per_worker",
    "admission_queue_timeout_seconds",
    "global_max_parallel_requests",
)
_MOST_ATTEMPTS: Final = 30_000


def check(subject: Subject) -> None:
    """Check addresses, sizes and choices that must be exactly one."""
    general = subject.config.general_settings
    url = general.database_url or subject.environ.get("DATABASE_URL")
    if url and _scheme(url) not in _SCHEMES:
        remedy = "write postgresql://user:password@host/name"
        subject.error(("general_settings", "database_url"), "is not the address of a PostgreSQL database", remedy)
    for key in _POSITIVE:
        value = getattr(general, key)
        if value is not None and value <= 0:
            subject.error(("general_settings", key), "must be above 0", "write a number, or remove it")
    if (general.max_queued_requests_per_worker or 0) < 0:
        path = ("general_settings", "max_queued_requests_per_worker")
        subject.error(path, "is below 0", "write how many requests may wait, 0 for none")
    fields = general.spend_logs_metadata_fields
    if fields is not None and (len(fields) != 1 or not fields.keys() <= {"include", "exclude"}):
        path = ("general_settings", "spend_logs_metadata_fields")
        subject.error(path, "must have exactly one of include and exclude", "write `include: [name]`")
    if general.missing_session_id not in {None, "generate", "reject", "omit"}:
        path = ("general_settings", "missing_session_id")
        subject.warning(path, "is not known, so it has no effect", "use generate, reject or omit")
    _check_places(subject)
    _check_tokens(subject)
    _check_logins(subject)
    for index, agent in enumerate(subject.config.agents):
        if not agent.agent_name or not agent.agent_card_params:
            remedy = "add agent_name and agent_card_params"
            subject.warning(("agents", index), "has no name or no card, so it is skipped", remedy)


def _check_places(subject: Subject) -> None:
    """Check that places are places."""
    for key in ("allowed_ips", "trusted_proxy_ranges"):
        for index, text in enumerate(getattr(subject.config.general_settings, key) or ()):
            if not _is_place(text):
                remedy = "write an IP address or a network such as 10.0.0.0/8"
                subject.error(("general_settings", key, index), "is neither an IP address nor a network", remedy)


def _check_logins(subject: Subject) -> None:
    """Check whose word counts for who somebody is, and that attempts to sign in can be counted."""
    general = subject.config.general_settings
    if general.custom_ui_sso_sign_in_handler is not None and not general.trusted_proxy_ranges:
        remedy = "name the proxies that sign people in under trusted_proxy_ranges"
        path = ("general_settings", "custom_ui_sso_sign_in_handler")
        subject.error(path, "believes headers that anybody may send", remedy)
    here = "max_failed_login_attempts_per_source_overrides"
    for text, most in getattr(general, here).items():
        if not _is_place(text) or not 0 <= most <= _MOST_ATTEMPTS:
            remedy = f"write a network such as 10.0.0.0/8 and a number up to {_MOST_ATTEMPTS}, 0 for no limit"
            subject.error(("general_settings", here, text), "is no network with a number of attempts", remedy)
    if not 0 <= general.max_failed_login_attempts_per_source <= _MOST_ATTEMPTS:
        remedy = f"write a number up to {_MOST_ATTEMPTS}, 0 for no limit"
        subject.error(("general_settings", "max_failed_login_attempts_per_source"), "cannot be counted", remedy)
    for name in ("failed_login_window_seconds", "failed_login_block_seconds"):
        if getattr(general, name) < 1:
            subject.error(("general_settings", name), "is below a second", "write a number of seconds")


def _check_tokens(subject: Subject) -> None:
    """Check that tokens can be judged as they are meant to be."""
    general = subject.config.general_settings
    tokens = general.litellm_jwtauth
    here = ("general_settings", "litellm_jwtauth")
    if (tokens.user_allowed_roles is None) != (tokens.user_roles_jwt_field is None):
        subject.error(here, "has only one of user_roles_jwt_field and user_allowed_roles", "set both, or none")
    if general.enable_jwt_auth and not (subject.environ.get("JWT_PUBLIC_KEY_URL") or tokens.issuers):
        remedy = "set JWT_PUBLIC_KEY_URL to the address of its keys, or write `issuers`"
        subject.warning(("general_settings", "enable_jwt_auth"), "has no keys to check tokens by", remedy)
    for index, issuer in enumerate(tokens.issuers):
        if not (issuer.audience or issuer.disable_audience_validation):
            remedy = "write for whom its tokens are, or disable_audience_validation: true"
            subject.warning((*here, "issuers", index), "has no audience, so that no token is for it", remedy)


def _is_place(text: str) -> bool:
    try:
        ip_network(text.strip(), strict=False)
    except ValueError:
        return False
    return True


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme.partition("+")[0].lower()
    except ValueError:
        return ""
