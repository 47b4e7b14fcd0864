"""`tianji serve`."""

import ipaddress
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import msgspec

from tianji.cli import logs, quickstart, single_model
from tianji.cli.configuration import leave, load_or_leave, require_master_key
from tianji.cli.flags import serve_options
from tianji.errors import ConfigurationError
from tianji.lazy import load

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
    validate_config: bool
    log_format: str | None
    access_log: bool | None
    debug: bool
    detailed_debug: bool


@click.command("serve")
@serve_options
def command(**options: Any) -> None:
    """Serve the gateway.

    Exit codes: 1 the address cannot be used, 2 problems in the configuration, 3 the master key is missing or weak,
    4 workers die of their start again and again.
    """
    flags = Flags(**{name: options.pop(name) for name in Flags.__struct_fields__})
    _check(flags, options)
    with ExitStack() as resources:
        inheritance = _inherit()
        environment = dict(os.environ)  # what a successor starts from
        original = dict(environment)  # what a reload starts from
        announce: Callable[[str], None] = _announce
        if flags.quickstart:
            announce = _prepare_quickstart(original, resources)
        file = _configuration(flags, options, resources)
        loaded = load_or_leave(file, original)
        if flags.validate_config:
            click.echo(f"the configuration is valid; models: {len(loaded.config.model_list)}")
            return
        host = flags.host or (HERE if flags.quickstart else EVERYWHERE)
        require_master_key(loaded, loopback=is_loopback(host))
        os.environ.update(loaded.environment)
        json_logs = loaded.config.litellm_settings.json_logs
        form = flags.log_format or ("json" if json_logs or loaded.environment.get("JSON_LOGS") == "true" else "text")
        logs.configure(form, _level(flags))
        access_log = form if (sys.stderr.isatty() if flags.access_log is None else flags.access_log) else None
        settings = load("tianji.edge.application").ServeOptions(
            host=host,
            port=flags.port,
            workers=flags.workers,
            grace=flags.grace,
            certificate=flags.ssl_certfile_path,
            private_key=flags.ssl_keyfile_path,
            watched=loaded.files,
            pid_file=flags.pid_file,
            runtime_threads=flags.granian_threads or 1,
            inheritance=inheritance,
            environment=environment,
        )
        factory = load("tianji.app").Factory(file, environ=original, access_log=access_log)
        _serve(flags.edge, factory, settings, announce)


def _check(flags: Flags, model_flags: dict[str, Any]) -> None:
    if bool(flags.ssl_certfile_path) != bool(flags.ssl_keyfile_path):
        raise click.UsageError("TLS needs both --ssl_certfile_path and --ssl_keyfile_path")
    chosen = sum([flags.config is not None, flags.quickstart, model_flags["model"] is not None])
    if chosen == 0:
        raise click.UsageError("nothing to serve: give --config FILE, --model MODEL or --quickstart")
    if chosen > 1:
        raise click.UsageError("--config, --model and --quickstart exclude each other")
    if flags.edge == "native" and flags.granian_threads is not None:
        click.echo("--granian_threads has no effect here: a worker of the native edge has one network thread", err=True)


def _inherit() -> Any:
    """Take over what a process that this one is to replace left for it."""
    try:
        return load("tianji.edge.processes.succession").inherit(os.environ)
    except ConfigurationError as error:
        leave(error)


def _prepare_quickstart(environ: dict[str, str], resources: ExitStack) -> Callable[[str], None]:
    folder = quickstart.data_folder(environ)
    key = environ.get("TIANJI_MASTER_KEY") or environ.get("LITELLM_MASTER_KEY") or quickstart.master_key(folder)
    environ["TIANJI_MASTER_KEY"] = key
    environ["TIANJI_MOCK_BASE"] = resources.enter_context(quickstart.mock_provider())
    return lambda address: click.echo(quickstart.welcome(address, key))


def _configuration(flags: Flags, model_flags: dict[str, Any], resources: ExitStack) -> Path:
    if flags.quickstart:
        return quickstart.configuration()
    if flags.config is not None:
        return flags.config
    folder = resources.enter_context(tempfile.TemporaryDirectory(prefix="tianji-"))
    return single_model.write_configuration(model_flags, Path(folder))


def _serve(edge: str, factory: Callable[..., Any], options: Any, announce: Callable[[str], None]) -> None:
    try:
        server = load(f"tianji.edge.{edge}").Server(factory, options)
    except OSError as error:
        reason = error.strerror or error
        raise click.ClickException(f"cannot listen on {options.host} port {options.port}: {reason}") from error
    except ConfigurationError as error:
        leave(error)
    server.run(announce)


def _announce(address: str) -> None:
    click.echo(f"Tianji serves {address}")


def _level(flags: Flags) -> int:
    if flags.detailed_debug:
        return logging.DEBUG
    # other programs use this variable for words of their own
    wanted = flags.debug or os.environ.get("DEBUG", "").lower() in ("1", "true")
    return logging.INFO if wanted else logging.WARNING


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on `host`. A name is judged by its text alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
