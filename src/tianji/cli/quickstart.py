"""`tianji serve --quickstart`: a demo that needs nothing: its configuration, its key, its mock provider."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from tianji import folders

KEY_FILE = "quickstart.key"
_LISTENING = "mock listening on "


def data_folder(environ: Mapping[str, str]) -> Path:
    """Return the data folder, made if need be. Raises click.ClickException for a user without a home."""
    folder = folders.data_folder(environ)
    if folder is None:
        raise click.ClickException("there is no home folder: name one for data in TIANJI_DATA_DIR")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def configuration() -> Path:
    """Return the demo's file: of the source tree, or of the installed package. Raises click.ClickException."""
    package = Path(__file__).parent.parent
    for file in (package.parent.parent / "examples" / "quickstart.yaml", package / "examples" / "quickstart.yaml"):
        if file.is_file():
            return file
    raise click.ClickException("quickstart.yaml is missing from this installation; install Tianji again")


def master_key(folder: Path) -> str:
    """Return the demo's key: made once, then kept in `folder`, readable by its owner only."""
    file = folder / KEY_FILE
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = file.read_text().strip()
        if key:
            return key
        raise click.ClickException(f"{file} is empty; remove it and start again") from None
    key = f"sk-{secrets.token_urlsafe(24)}"
    with os.fdopen(descriptor, "w") as opened:
        opened.write(key + "\n")
    return key


@contextmanager
def mock_provider() -> Iterator[str]:
    """Run the mock provider as a process for as long as the context lasts; gives its address."""
    command = [sys.executable, "-m", "tianji.mock", "--port", "0", "--human", "--while-stdin-open"]
    with subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.PIPE,  # ends with whoever holds its other end, so the mock outlives nobody
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the gateway, which lets running streams finish
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith(_LISTENING):
                raise click.ClickException(f"the mock provider did not start: {line.strip() or 'no output'}")
            yield line.removeprefix(_LISTENING).strip()
        finally:
            process.terminate()


def welcome(address: str, key: str) -> str:
    """Return what to paste."""
    return f"""
Tianji serves {address}
key            {key}
documentation  {address}/docs

curl {address}/v1/chat/completions \\
  -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\
  -d '{{"model": "demo", "messages": [{{"role": "user", "content": "Hello"}}]}}'

from openai import OpenAI
client = OpenAI(base_url="{address}/v1", api_key="{key}")
for chunk in client.chat.completions.create(
    model="demo", messages=[{{"role": "user", "content": "Hello"}}], stream=True
):
    print(chunk.choices[0].delta.content or "", end="", flush=True)
"""
