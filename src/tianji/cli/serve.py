"""`tianji serve`."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import msgspec

from tianji.cli import logs
from tianji.cli.configuration import Judgement, judge, leave, require_master_key, say
from tianji.cli.edges import NATIVE, Choice, choose
from tianji.cli.factory import Factory
from tianji.cli.flags import serve_options
from tianji.edge.options import CERTIFICATE, ServeOptions
from tianji.edge.processes.companion import Task
from tianji.edge.processes.parent import Server
from tianji.edge.processes.succession import Inheritance, inherit
from tianji.errors import ConfigurationError
from tianji.lazy import load
from tianji.storage.location import journals

EVERYWHERE = "0.0.0.0"  # noqa: S104 - a gateway in a container serves its network
HERE = "127.0.0.1"


class Flags(msgspec.Struct, frozen=True):
    """What the command line and the environment said, apart from the single model's flags."""

    config: Path | None
    quickstart: bool
    host: str | None
    port: int
    workers: int
    edge: str
    grace: float
    pid_file: Path | None
    ssl_certfile_path: Path | None
    ssl_keyfile_path: Path | None
    granian_threads: int | None
    run_granian: bool
    run_hypercorn: bool
    validate_config: bool
    skip_server_startup: bool
    health: bool
    test: str | None
    log_format: str | None
    access_log: bool | None
    debug: bool
    detailed_debug: bool
    request_timeout: float | None
    drop_params: bool


@click.command("serve")
@serve_options
def command(**options: Any) -> None:
    """Serve the gateway.

    Exit codes: 1 the address cannot be used, 2 problems in the configuration, 3 the master key is missing or weak,
    4 workers die of their start again and again.
    """
    flags = Flags(**{name: options.pop(name) for name in Flags.__struct_fields__})
    if flags.health or flags.test is not None:
        _ask(flags, options)
        return
    _check(flags, options)
    with ExitStack() as resources:
        inheritance = _inherit()
        environment = dict(os.environ)  # what a successor starts from
        original = dict(environment)  # what a reload starts from
        announce: Callable[[str], None] = _announce
        if flags.quickstart:
            announce = _prepare_quickstart(original, resources)
        if flags.config is None:  # what this machine keeps belongs to its user, not to the folder of a passing file
            original["TIANJI_DATA_DIR"] = str(load("tianji.cli.quickstart").data_folder(original))
        original |= _of_requests(flags)
        if flags.ssl_certfile_path is not None:  # workers know by it that browsers come over TLS
            original[CERTIFICATE] = str(flags.ssl_certfile_path)
        file = _configuration(flags, options, resources)
        host = flags.host or (HERE if flags.quickstart else EVERYWHERE)
        judgement = judge(file, original, host)
        if flags.validate_config:
            click.echo(f"the configuration is valid; models: {judgement.models}")
            return
        if not flags.skip_server_startup:
            require_master_key(judgement)
        conversations = _prepare_database(flags, file, original, judgement)
        if flags.skip_server_startup:
            click.echo("the database is migrated")
            return
        os.environ.update(original | judgement.variables)
        form = flags.log_format or ("json" if judgement.json_logs else "text")
        logs.configure(form, _level(flags))
        choice = _choose(flags, conversations, successor=bool(inheritance.listeners))
        access_log = form if (sys.stderr.isatty() if flags.access_log is None else flags.access_log) else None
        settings = ServeOptions(
            host=host,
            port=flags.port,
            workers=flags.workers,
            grace=flags.grace,
            certificate=flags.ssl_certfile_path,
            private_key=flags.ssl_keyfile_path,
            watched=tuple(Path(os.fsdecode(file)) for file in judgement.files),
            pid_file=flags.pid_file,
            runtime_threads=flags.granian_threads or 1,
            inheritance=inheritance,
            environment=environment,
            surprised=choice.surprised,
        )
        factory = Factory(file, environ=original, access_log=access_log, known=judgement.secrets)
        kept = journals(original | judgement.variables, file)
        _serve(choice.edge, factory, factory.ledger(kept, watches=judgement.watches), settings, announce)


def _ask(flags: Flags, model_flags: dict[str, Any]) -> None:
    """Ask a gateway that serves already."""
    asking = load("tianji.cli.asking")
    own = asking.address(flags.host or HERE, flags.port, secure=flags.ssl_certfile_path is not None)
    if flags.health:
        asking.health(own)
    else:
        asking.try_out(flags.test or own, model_flags["model"])


def _of_requests(flags: Flags) -> dict[str, str]:
    """Return the variables that say what flags say of all requests; what the configuration says goes first."""
    found = {} if flags.request_timeout is None else {"REQUEST_TIMEOUT": str(flags.request_timeout)}
    return found | ({"DROP_PARAMS": "true"} if flags.drop_params else {})


def _check(flags: Flags, model_flags: dict[str, Any]) -> None:
    if _variable("CONFIG_BUCKET_NAME"):
        raise click.UsageError(
            "LITELLM_CONFIG_BUCKET_NAME: a configuration is not read out of a bucket; fetch it into a file before the "
            "start, name that with --config, and unset the variable"
        )
    if bool(flags.ssl_certfile_path) != bool(flags.ssl_keyfile_path):
        raise click.UsageError("TLS needs both --ssl_certfile_path and --ssl_keyfile_path")
    chosen = sum([flags.config is not None, flags.quickstart, model_flags["model"] is not None])
    if chosen == 0:
        raise click.UsageError("nothing to serve: give --config FILE, --model MODEL or --quickstart")
    if chosen > 1:
        raise click.UsageError("--config, --model and --quickstart exclude each other")
    strayed = [f"--{name}" for name, value in model_flags.items() if value is not None]
    if model_flags["model"] is None and strayed:
        raise click.UsageError(f"{', '.join(strayed)}: for --model alone; write it into the configuration file")
    if flags.edge == NATIVE and flags.granian_threads is not None:
        click.echo("--granian_threads has no effect here: a worker of the native edge has one network thread", err=True)


def _prepare_database(flags: Flags, file: Path, environ: dict[str, str], judgement: Judgement) -> str:
    """Migrate the database, if there is one; return what says that conversations will be held, in it or in the file."""
    if not judgement.database and not flags.skip_server_startup:
        return judgement.conversations
    asks = judgement.follows and not judgement.conversations and flags.edge != NATIVE
    found: str = load("tianji.cli.migrate").at_start(file, environ, asks=asks)
    return judgement.conversations or found


def _choose(flags: Flags, conversations: str, *, successor: bool) -> Choice:
    wishes = {
        "--granian_threads": flags.granian_threads is not None,
        "--run_granian": flags.run_granian,
        "--run_hypercorn": flags.run_hypercorn,
    }
    wish = next((flag for flag, given in wishes.items() if given), "")
    choice = choose(flags.edge, conversations, wish=wish, successor=successor)
    if choice.said:
        say((choice.said,))
    return choice


def _inherit() -> Inheritance:
    """Take over what a process that this one is to replace left for it."""
    try:
        return inherit(os.environ)
    except ConfigurationError as error:
        leave(error)


def _prepare_quickstart(environ: dict[str, str], resources: ExitStack) -> Callable[[str], None]:
    quickstart = load("tianji.cli.quickstart")
    folder = quickstart.data_folder(environ)
    key = environ.get("TIANJI_MASTER_KEY") or environ.get("LITELLM_MASTER_KEY") or quickstart.master_key(folder)
    environ["TIANJI_MASTER_KEY"] = key
    environ["TIANJI_MOCK_BASE"] = resources.enter_context(quickstart.mock_provider())
    return lambda address: click.echo(quickstart.welcome(address, key))


def _configuration(flags: Flags, model_flags: dict[str, Any], resources: ExitStack) -> Path:
    if flags.quickstart:
        file: Path = load("tianji.cli.quickstart").configuration()
        return file
    if flags.config is not None:
        return flags.config
    written: Path = resources.enter_context(load("tianji.cli.single_model").configuration(model_flags))
    return written


def _serve(edge: str, factory: Factory, ledger: Task, options: ServeOptions, announce: Callable[[str], None]) -> None:
    if options.workers > 1:  # they share what is loaded before they fork; a single one would share it with nobody
        load("tianji.app")
        load(f"tianji.edge.{edge}")
    try:
        server = Server(edge, factory, options, ledger)
    except OSError as error:
        reason = error.strerror or error
        raise click.ClickException(f"cannot listen on {options.host} port {options.port}: {reason}") from error
    except ConfigurationError as error:
        leave(error)
    server.run(announce)


def _announce(address: str) -> None:
    click.echo(f"Tianji serves {address}")


def _variable(name: str) -> str | None:
    """Return a variable under either name, as `tianji.config.environment.lookup`, which a parent does not load."""
    return os.environ.get(f"LITELLM_{name}") or os.environ.get(f"TIANJI_{name}")


def _level(flags: Flags) -> int:
    if flags.detailed_debug:
        return logging.DEBUG
    named = (_variable("LOG") or "").upper()
    if not flags.debug and named in logging.getLevelNamesMapping():
        return logging.getLevelNamesMapping()[named]
    # other programs use this variable for words of their own
    wanted = flags.debug or os.environ.get("DEBUG", "").lower() in ("1", "true")
    return logging.INFO if wanted else logging.WARNING
