"""`tianji`: finds the command that was asked for and loads nothing else."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import click

from tianji import __version__
from tianji.lazy import load

# name: module that holds `command`, what it does
COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "serve": ("tianji.cli.serve", "Serve the gateway."),
        "check": ("tianji.cli.check", "Judge a configuration file without serving it."),
        "explain": ("tianji.cli.explain", "Say who would serve a request, and why."),
        "prices": ("tianji.cli.prices", "Look at the catalogue of prices, compare it, install a newer one."),
        "migrate": ("tianji.cli.migrate", "Bring the database to the form that this version knows."),
        "import": ("tianji.cli.importing", "Take over what LiteLLM keeps in its database."),
        "ledger": ("tianji.cli.ledger", "Prove the ledger right, make its sums anew, write it to a file."),
        "login": ("tianji.cli.login", "Sign in to a gateway with a browser, for a key of this terminal."),
        "logout": ("tianji.cli.logout", "End that, and forget the key."),
        "mock": ("tianji.mock", "Serve a mock of the model providers, with faults on request."),
        "version": ("tianji.cli.version", "Print the version."),
    }
)
_OWN_OPTIONS = frozenset({"--help", "-h", "--version", "-v"})


class LazyGroup(click.Group):
    """Commands out of COMMANDS. Options without a command belong to `serve`, as users of the peer write them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the module of one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = load(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands out of the table, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `serve` before options that stand without a command."""
        if args and args[0].startswith("-") and args[0] not in _OWN_OPTIONS:
            args = ["serve", *args]
        return super().parse_args(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-v", "--version", prog_name="tianji")
def main() -> None:
    """One OpenAI-compatible address in front of every model provider."""
