"""What is to be said of a configuration before it is served. Loads all that reading one takes; see apart.py."""

import asyncio
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path

from tianji.app import collisions, read
from tianji.callbacks.billing.export import exports_of
from tianji.callbacks.hearers import AUDITS, LINES, hearers
from tianji.callbacks.settings import all_sinks
from tianji.cli.configuration import REFUSED, UNUSABLE, Judgement
from tianji.config import environment, master_key, report
from tianji.config.additions import extend
from tianji.config.loader import Loaded
from tianji.errors import ConfigurationError, StoreUnavailable
from tianji.gateway.additions.destinations import admissible
from tianji.gateway.additions.following import PATIENCE, follows, keeps, kept
from tianji.gateway.bookkeeping import keeps_books
from tianji.lazy import load
from tianji.realtime.expected import expected
from tianji.storage.location import Location, locate


def judge(path: Path, environ: Mapping[str, str], host: str) -> Judgement:
    """Read the configuration at `path` for a listener on `host`."""
    try:
        loaded = read(path, environ)
    except ConfigurationError as error:
        lines = [*map(str, error.problems), *([error.message] if error.problems else [])]
        return Judgement(code=UNUSABLE, messages=printed(lines or [error.message]))
    lines = [str(problem) for problem in (*collisions(path, environ, loaded), *loaded.problems)]
    lines += [
        f"{row.file}:{row.line}: warning: {row.key}: {row.note}"
        for row in report.rows(loaded)
        if row.guards and row.level == "unsupported"
    ]
    lines += [f"{path}: warning: {said}" for said in untold(loaded)]
    try:
        database = located(loaded, path).exists
        conversations = expected(loaded.config, loaded.environment)
    except ConfigurationError as error:
        return Judgement(code=UNUSABLE, messages=printed([*lines, error.message]))
    refusal, said = judge_key(loaded, loopback=is_loopback(host))
    return Judgement(
        messages=printed(lines),
        refusal=refusal,
        key_messages=printed(said),
        models=len(loaded.config.model_list),
        files=tuple(map(os.fsencode, loaded.files)),
        variables={name: value for name, value in loaded.environment.items() if environ.get(name) != value},
        json_logs=loaded.config.litellm_settings.json_logs is True or loaded.environment.get("JSON_LOGS") == "true",
        watches=(bool(loaded.config.general_settings.alerting) or keeps(loaded, "settings"))
        and keeps_books(loaded.config, loaded.environment),
        database=database,
        follows=follows(loaded),
        conversations=conversations,
        secrets=dict(loaded.secrets.values),
    )


def located(loaded: Loaded, path: Path) -> Location:
    """Return where the database of a configuration is. Raises ConfigurationError."""
    return locate(loaded.config.general_settings.database_url, loaded.environment, path)


def of_database(path: Path, environ: Mapping[str, str]) -> str:
    """Return what the database adds that says that conversations will be held; "" also where it does not say now."""
    loaded = read(path, environ)
    salt = environment.lookup(loaded.environment, "SALT_KEY") or loaded.config.general_settings.master_key

    async def ask() -> str:
        database = load("tianji.storage.engine").Database(located(loaded, path), pool=1)
        try:
            async with asyncio.timeout(PATIENCE):
                additions = kept(loaded, await load("tianji.storage.additions").read(database, salt))
        finally:
            await database.close()
        whole = extend(loaded, additions, admissible(loaded.config, loaded.environment)).loaded
        return expected(whole.config, whole.environment)

    try:
        return asyncio.run(ask())
    except (ConfigurationError, StoreUnavailable, TimeoutError, ValueError):  # what is wrong there workers say
        return ""


def untold(loaded: Loaded) -> list[str]:
    """Return what is to be said of callbacks that nobody hears."""
    sinks, problems = all_sinks(loaded)
    if sinks and not keeps_books(loaded.config, loaded.environment):
        problems.append("callbacks hear nothing where disable_spend_updates is set: they are told what the ledger is")
    problems += exports_of(loaded.config, loaded.environment)[1]
    for matter in (AUDITS, LINES):
        problems += hearers(matter, loaded.config, loaded.environment, loaded.files[0].parent)[1]
    return problems


def judge_key(loaded: Loaded, *, loopback: bool) -> tuple[int, list[str]]:
    """(exit code, messages) on a master key that protects nothing; see tianji.config.master_key."""
    general = loaded.config.general_settings
    problem = master_key.check(
        general.master_key or environment.lookup(loaded.environment, "MASTER_KEY"),
        loaded.environment,
        loopback=loopback,
        permitted=general.dangerously_permit_weak_or_unset_master_key,
    )
    if problem is None:
        return 0, []
    return REFUSED if problem.fatal else 0, [str(problem)]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on `host`. A name is judged by its text alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def printed(lines: list[str]) -> tuple[str, ...]:
    """Make lines that survive the way to the parent: names of files need not be text."""
    return tuple(line.encode("utf-8", "backslashreplace").decode() for line in lines)
