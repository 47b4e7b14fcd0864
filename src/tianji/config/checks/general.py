"""`general_settings`, and the registries whose entries refer to nothing else."""

from typing import Final
from urllib.parse import urlsplit

from tianji.config.checks.subject import Subject

_SCHEMES: Final = frozenset({"postgres", "postgresql", "sqlite"})
_POSITIVE: Final = ("user_api_key_cache_max_size", "max_in_flight_requests_per_worker")


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
            subject.error(("general_settings", key), "must be above 0", "write a whole number, or remove it")
    fields = general.spend_logs_metadata_fields
    if fields is not None and (len(fields) != 1 or not fields.keys() <= {"include", "exclude"}):
        path = ("general_settings", "spend_logs_metadata_fields")
        subject.error(path, "must have exactly one of include and exclude", "write `include: [name]`")
    if general.missing_session_id not in {None, "generate", "reject", "omit"}:
        path = ("general_settings", "missing_session_id")
        subject.warning(path, "is not known, so it has no effect", "use generate, reject or omit")
    for index, agent in enumerate(subject.config.agents):
        if not agent.agent_name or not agent.agent_card_params:
            remedy = "add agent_name and agent_card_params"
            subject.warning(("agents", index), "has no name or no card, so it is skipped", remedy)


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme.partition("+")[0].lower()
    except ValueError:
        return ""
