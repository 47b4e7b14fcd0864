"""`litellm_settings`, apart from callbacks and the cache."""

import re
from pathlib import Path
from typing import Final

from tianji.config import lines
from tianji.config.checks.subject import Subject

_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")


def check(subject: Subject) -> None:
    """Check patterns, times and money."""
    settings = subject.config.litellm_settings
    pattern = settings.key_alias_pattern
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error:
            path = ("litellm_settings", "key_alias_pattern")
            subject.error(path, "is not a regular expression", "correct the pattern")
    if settings.budget_reset_time is not None and not _TIME.fullmatch(settings.budget_reset_time):
        path = ("litellm_settings", "budget_reset_time")
        subject.error(path, "is not a time of day", 'write it in quotes: "HH:MM" or "HH:MM:SS"')
    for name in lines.SETTINGS:
        written = getattr(settings, name)
        if written is None or isinstance(written, list | tuple):
            continue
        if not isinstance(written, str):
            subject.error(("litellm_settings", name), "is no list", "write one, or the path of a file with one a line")
        elif not Path(written).is_file():
            subject.error(("litellm_settings", name), f"there is no file {written}", "write a list, or its whole path")
    database = subject.config.general_settings.database_url or subject.environ.get("DATABASE_URL")
    if settings.max_budget and not database:
        path = ("litellm_settings", "max_budget")
        subject.warning(path, "has no database to count in", "set general_settings.database_url")
