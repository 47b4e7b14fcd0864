"""`tianji version`."""

import platform

import click

from tianji import __version__


@click.command("version")
def command() -> None:
    """Print the version of Tianji and of the Python it runs on."""
    click.echo(f"tianji {__version__} (Python {platform.python_version()}, {platform.system()} {platform.machine()})")
