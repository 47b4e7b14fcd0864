"""What a server has to know of its configuration, and what it says when it cannot serve it."""

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import click
import msgspec

from tianji.cli.apart import apart
from tianji.errors import ConfigurationError
from tianji.lazy import load

UNUSABLE = 2  # exit code: the configuration has problems
REFUSED = 3  # exit code: the master key is missing, weak or published


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a configuration."""

    code: int = 0  # to leave with, when it cannot be used
    messages: tuple[str, ...] = ()
    refusal: int = 0  # to leave with, when its master key protects nothing
    key_messages: tuple[str, ...] = ()
    models: int = 0
    files: tuple[bytes, ...] = ()  # paths of all that was read
    variables: dict[str, str] = {}  # set by it
    json_logs: bool = False
    watches: bool = False  # somebody is to be alerted
    database: bool = False  # there is one, so it is to be migrated
    follows: bool = False  # and adds to the configuration
    conversations: str = ""  # what of it says that there will be some, see tianji.realtime.expected
    secrets: dict[str, str] = {}  # what its secret manager said


def judge(path: Path, environ: Mapping[str, str], host: str) -> Judgement:
    """Read a configuration in a process of its own, since this one would keep all that it takes as long as it serves.

    Warnings go to stderr. Problems that are fatal end the process with code 2.
    """
    judgement = apart(lambda: load("tianji.cli.judging").judge(path, environ, host), Judgement)
    say(judgement.messages)
    if judgement.code:
        raise SystemExit(judgement.code)
    return judgement


def require_master_key(judgement: Judgement) -> None:
    """Refuse to go on, with code 3, without a master key that protects anything."""
    say(judgement.key_messages)
    if judgement.refusal:
        raise SystemExit(judgement.refusal)


def say(lines: tuple[str, ...]) -> None:
    """Print lines on stderr."""
    for line in lines:
        click.echo(line, err=True)


def leave(error: ConfigurationError) -> NoReturn:
    """Say why there will be no server and end the process."""
    say((error.message,))
    raise SystemExit(UNUSABLE)
