"""The command `tianji mock`."""

import asyncio
import os
import signal
import ssl
import sys
from typing import Any

import click
import msgspec
import uvloop

from tianji.mock.faults import Faults
from tianji.mock.server import start
from tianji.mock.state import HUMAN, Settings


@click.command("mock", context_settings={"auto_envvar_prefix": "TIANJI_MOCK"})
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=4001, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--model", "models", multiple=True, help="A name for GET /v1/models; every name is served. Repeatable.")
@click.option("--human", is_flag=True, help="Stream at about the pace of a hosted model.")
@click.option("--first-byte-ms", type=click.FloatRange(0), help="Time from a request to its answer's first byte.")
@click.option("--token-rate", type=click.FloatRange(0), help="Tokens a second; 0 is as fast as possible.")
@click.option("--tokens", type=click.IntRange(0), help="Length of an answer in tokens.")
@click.option("--bytes", "size", type=click.IntRange(0), help="Length of an answer's text in bytes.")
@click.option("--faults", metavar="JSON", help='More defaults, by field name: \'{"status": 429, "retry_after": "2"}\'.')
@click.option("--keep-requests", default=1000, show_default=True, type=click.IntRange(0), help="How many to remember.")
@click.option("--receive-buffer", default=0, type=click.IntRange(0), help="Bytes of the kernel's buffer a connection.")
@click.option("--while-stdin-open", is_flag=True, help="Stop when standard input ends, as when its writer is gone.")
@click.option("--tls-cert", type=click.Path(exists=True, dir_okay=False), help="Certificate chain: serve HTTPS.")
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False), help="The certificate's private key.")
def command(**options: Any) -> None:
    """Serve a mock of the model providers, with faults on request.

    It speaks OpenAI's chat, completions, embeddings, responses, moderations and models, and Anthropic's messages. See
    `x-mock-*` headers, models named mock-FAULT-VALUE, and POST /mock/control.
    """
    settings = _settings(options)
    tls = None
    if options["tls_cert"]:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options["tls_cert"], options["tls_key"])
    try:
        leash = sys.stdin.fileno() if options["while_stdin_open"] else None
        uvloop.run(_serve(options["host"], options["port"], settings, tls, leash))
    except OSError as error:
        raise click.ClickException(f"cannot listen on {options['host']}:{options['port']}: {error.strerror}") from error


def _settings(options: dict[str, Any]) -> Settings:
    base = HUMAN if options["human"] else Faults()
    try:
        faults = msgspec.json.decode(options["faults"] or "{}", type=Faults).over(base)
    except msgspec.DecodeError as error:
        raise click.BadParameter(str(error), param_hint="--faults") from error
    mine = Faults(
        first_byte_ms=options["first_byte_ms"],
        token_rate=options["token_rate"],
        tokens=options["tokens"],
        bytes=options["size"],
    )
    return Settings(
        faults=mine.over(faults),
        models=options["models"] or Settings().models,
        keep_requests=options["keep_requests"],
        receive_buffer=options["receive_buffer"],
    )


async def _serve(host: str, port: int, settings: Settings, tls: ssl.SSLContext | None, leash: int | None) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def pulled(descriptor: int) -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            stop.set()

    if leash is not None:
        loop.add_reader(leash, pulled, leash)
    server = await start(host, port, settings, tls=tls)
    sys.stdout.write(f"mock listening on {server.url}\n")
    sys.stdout.flush()
    await stop.wait()
    await server.close()


def main(argv: list[str] | None = None) -> None:
    """Run the command and exit."""
    command.main(args=argv, prog_name="tianji mock")
