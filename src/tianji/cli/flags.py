"""The flags of `tianji serve`: ours, and those that scripts written for LiteLLM's proxy bring along."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

import click

from tianji import __version__
from tianji.cli.edges import AUTO, EDGES, VARIABLE

OWN: Final = ""  # where --test asks without an address: at --host and --port
_Command = TypeVar("_Command", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path)
_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)


def _named(*names: str) -> list[str]:
    """Each variable under its own name and with our prefix, which wins."""
    return [*(f"TIANJI_{name}" for name in names), *names]


CONFIG: Final = click.option(
    "--config", "-c", type=_FILE, envvar=_named("CONFIG_FILE_PATH"), help="Configuration file."
)
_SERVING = (
    CONFIG,
    click.option("--quickstart", is_flag=True, help="Serve a demo on 127.0.0.1 with a key of its own; needs no file."),
    click.option("--host", envvar=_named("HOST"), help="Address to listen on.  [default: 0.0.0.0]"),
    click.option(
        "--port", type=click.IntRange(0, 65535), envvar=_named("PORT"), default=4000, show_default=True, help="0: any."
    ),
    click.option(
        "--workers",
        "--num_workers",
        type=click.IntRange(1),
        envvar=_named("NUM_WORKERS", "DEFAULT_NUM_WORKERS_LITELLM_PROXY"),
        default=1,
        show_default=True,
        help="Processes.",
    ),
    click.option(
        "--edge",
        type=click.Choice(EDGES),
        envvar=VARIABLE,
        default=AUTO,
        show_default=True,
        help="Server. granian: HTTP/1.1 and HTTP/2. native: HTTP/1.1, many WebSockets, and SIGUSR2 restarts without a "
        "gap. auto: native where the configuration means realtime sessions, else granian.",
    ),
    click.option(
        "--grace",
        type=click.FloatRange(0),
        envvar=_named("GRACEFUL_SHUTDOWN_TIMEOUT"),
        default=30.0,
        show_default=True,
        help="Seconds for running requests after SIGTERM.",
    ),
    click.option("--pid-file", type=_FILE, envvar="TIANJI_PID_FILE", help="Tells the id of the process that serves."),
    click.option("--ssl_certfile_path", type=_EXISTING, envvar=_named("SSL_CERTFILE_PATH"), help="TLS certificate."),
    click.option("--ssl_keyfile_path", type=_EXISTING, envvar=_named("SSL_KEYFILE_PATH"), help="TLS private key."),
    click.option(
        "--granian_threads",
        type=click.IntRange(1),
        envvar=_named("GRANIAN_RUNTIME_THREADS"),
        help="Network threads of a worker, on the Granian edge, which auto is then.  [default: 1]",
    ),
    click.option("--run_granian", is_flag=True, hidden=True),
    click.option("--run_hypercorn", is_flag=True, hidden=True),  # for HTTP/2, which of ours Granian has
    click.option("--validate_config", is_flag=True, help="Load the configuration, count its models and leave."),
    click.option("--skip_server_startup", is_flag=True, help="Migrate the database and leave."),
    click.option("--health", is_flag=True, help="Ask the gateway at --host and --port whether its models answer."),
    click.option(
        "--test", is_flag=False, flag_value=OWN, metavar="[URL]", help="Ask a model of a gateway that serves already."
    ),
    click.version_option(__version__, "-v", "--version", prog_name="tianji"),
)
_LOGGING = (
    click.option("--log-format", type=click.Choice(["text", "json"]), help="Form of the log on stderr."),
    click.option("--access-log/--no-access-log", default=None, help="A line a request.  [default: on a terminal]"),
    click.option("--debug", is_flag=True, envvar="TIANJI_DEBUG", help="Log what happens."),
    click.option("--detailed_debug", is_flag=True, envvar=_named("DETAILED_DEBUG"), help="Log everything."),
)
_REQUESTS = (
    click.option("--request_timeout", type=float, help="Seconds for a request where nothing else says it."),
    click.option("--drop_params", is_flag=True, help="Leave out parameters that a model cannot take."),
)
_SINGLE_MODEL = (
    click.option("--model", "-m", help="Serve this one model instead of a file, whatever name requests use."),
    click.option("--alias", help="Name of that model."),
    click.option("--api_base", help="Its address."),
    click.option("--api_version", help="Its API version."),
    click.option("--temperature", type=float, help="Its default temperature."),
    click.option("--max_tokens", type=int, help="Its default limit of tokens."),
    click.option("--headers", help="Headers for it, as JSON."),
    click.option("--max_budget", type=click.FloatRange(0), help="US dollars that all callers may spend together."),
)

# flag: whether it takes a value, why it has no effect
WITHOUT_EFFECT: Final[Mapping[str, tuple[bool, str]]] = MappingProxyType(
    {
        "--run_gunicorn": (False, "see --edge"),
        "--keepalive_timeout": (True, "the edge decides how long idle connections stay open"),
        "--timeout_worker_healthcheck": (True, "workers are watched by their process state"),
        "--max_requests_before_restart": (True, "workers need no recycling"),
        "--max_requests_before_restart_jitter": (True, "workers need no recycling"),
        "--log_config": (True, "see --log-format, --debug and --detailed_debug"),
        "--max_request_header_size": (True, "64 KB of names and values are taken"),
        "--local": (False, ""),
        "--telemetry": (True, "nothing is ever reported"),
        "--enforce_prisma_migration_check": (False, "there is no Prisma"),
        "--use_v2_migration_resolver": (False, "there is no Prisma"),
        "--use_legacy_migration_resolver": (False, "there is no Prisma"),
        "--use_prisma_db_push": (False, "there is no Prisma"),
        "--prometheus_metrics_port": (True, "/metrics is on the gateway's own port"),
        "--reload": (False, "the configuration is reloaded whenever it changes"),
    }
)
# flag: whether it takes a value, what to do instead: whoever writes it wants something that would not happen
REFUSED: Final[Mapping[str, tuple[bool, str]]] = MappingProxyType(
    {
        "--limit_concurrency": (True, "write general_settings.max_in_flight_requests_per_worker"),
        "--ciphers": (True, "the edge chooses them; put a proxy that restricts them in front"),
        "--add_function_to_prompt": (False, "functions are passed as they are; name a model that takes them"),
        "--save": (False, "write a configuration file and serve it with --config"),
        "--add_key": (True, "name it in the environment, such as OPENAI_API_KEY, or in the configuration"),
        "--use_queue": (False, "requests wait where router_settings.queue_timeout says so"),
        "--test_async": (False, "there is no queue of jobs; --test asks once"),
        "--num_requests": (True, "there is no queue of jobs; --test asks once"),
        "--setup": (False, "begin with --quickstart, or write a file and judge it with tianji check"),
        "--iam_token_db_auth": (False, "name the database with a password in DATABASE_URL"),
        "--azure_postgresql_auth": (False, "name the database with a password in DATABASE_URL"),
        "--check_migrations_against_existing_data": (False, "run tianji migrate on a copy of the database"),
    }
)


def _ignored(flag: str) -> Callable[[_Command], _Command]:
    takes_value, reason = WITHOUT_EFFECT[flag]

    def notice(_ctx: click.Context, _parameter: click.Parameter, value: object) -> None:
        if value not in (None, False):
            click.echo(f"{flag} has no effect here{': ' + reason if reason else ''}", err=True)

    shape: dict[str, Any] = {} if takes_value else {"is_flag": True}
    return click.option(flag, hidden=True, expose_value=False, callback=notice, **shape)


def _refused(flag: str) -> Callable[[_Command], _Command]:
    takes_value, instead = REFUSED[flag]

    def refuse(_ctx: click.Context, _parameter: click.Parameter, value: object) -> None:
        if value not in (None, False):
            raise click.UsageError(f"{flag} is not served: {instead}")

    shape: dict[str, Any] = {} if takes_value else {"is_flag": True}
    return click.option(flag, hidden=True, expose_value=False, callback=refuse, **shape)


def serve_options(command: _Command) -> _Command:
    """Give `command` all flags of `tianji serve`."""
    ours = (*_SERVING, *_LOGGING, *_REQUESTS, *_SINGLE_MODEL)
    theirs = (*map(_ignored, WITHOUT_EFFECT), *map(_refused, REFUSED))
    for option in reversed((*ours, *theirs)):
        command = option(command)
    return command
