"""The list of what models cost, read where it lies: a look-up reads some lines and keeps none.

The file is JSON in the format of LiteLLM's price map, with one model a line in the order of their names, so that a name
is found by halving. Its first member, `!catalogue`, says which version it is.
"""

import json
import mmap
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

from msgspec import Struct

from tianji.errors import ConfigurationError
from tianji.folders import data_folder

PACKAGED: Final = Path(__file__).with_name("data") / "catalogue.json"
INSTALLED: Final = "prices.json"  # in the data folder
HEADER: Final = "!catalogue"
_OPENING: Final = b"{\n"
_CLOSING: Final = b"\n}\n"

_MODEL: Final = re.compile(rb'^"([^"\\]+)": .*?"litellm_provider":"([^"]+)"', re.MULTILINE)
_SIZE: Final = b"-x-"  # in a name that stands for a picture's price, not for a model

Entry = Mapping[str, object]


class Catalogue(Struct, frozen=True):
    """A catalogue file."""

    file: Path = PACKAGED

    @staticmethod
    def current(environ: Mapping[str, str]) -> "Catalogue":
        """Return the one that was installed into the data folder, else the one that came with the package."""
        folder = data_folder(environ)
        installed = None if folder is None else folder / INSTALLED
        return Catalogue(installed) if installed is not None and installed.is_file() else Catalogue()

    @property
    def version(self) -> str:
        """What its header says. Raises ConfigurationError if the file cannot be read."""
        found = self.find([HEADER])
        return str(found[1].get("version")) if found else "unknown"

    def find(
        self, names: Iterable[str], fits: Callable[[str, Entry], bool] = lambda _name, _entry: True
    ) -> tuple[str, Entry] | None:
        """Return the first of `names` that stands in it, and for which `fits` is true, with its entry.

        Raises ConfigurationError if the file cannot be read.
        """
        try:
            with self.file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text:
                if text[: len(_OPENING)] != _OPENING or text[-len(_CLOSING) :] != _CLOSING:
                    raise ValueError("it is not laid out by lines; install it with `tianji prices update`")
                for name in names:
                    line = _line(text, _quoted(name))
                    if line is not None and fits(name, entry := _entry(line)):
                        return name, entry
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the price catalogue {self.file} cannot be read: {error}") from error
        return None

    def models(self) -> Iterator[tuple[str, str]]:
        """Yield the name of every model and the provider that lists it; nothing is decoded for it.

        Raises ConfigurationError if the file cannot be read.
        """
        try:
            with self.file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text:
                for found in _MODEL.finditer(text):
                    if _SIZE not in found[1]:
                        yield found[1].decode(), found[2].decode()
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the price catalogue {self.file} cannot be read: {error}") from error

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        """Yield all models with their entries."""
        for name, entry in json.loads(self.file.read_bytes(), parse_float=Decimal).items():
            if name != HEADER:
                yield name, entry


def write(entries: Mapping[str, Entry], version: str, file: Path) -> None:
    """Write a catalogue, whole or not at all."""
    header: Mapping[str, Entry] = {HEADER: {"version": version}}
    rows = sorted((_quoted(name), _json(entry).encode()) for name, entry in {**header, **entries}.items())
    beside = file.with_name(f".{file.name}.new")
    beside.write_bytes(_OPENING + b",\n".join(b"%b: %b" % row for row in rows) + _CLOSING)
    beside.replace(file)


def _line(text: mmap.mmap, quoted: bytes) -> bytes | None:
    low, high = len(_OPENING), len(text) - len(_CLOSING)  # the line that is looked for begins in [low, high)
    while low < high:
        start = text.rfind(b"\n", 0, (low + high) // 2) + 1
        end = text.find(b"\n", start)
        line = text[start:end]
        found = line[: line.index(b'": ') + 1]
        if found == quoted:
            return line
        if found < quoted:
            low = end + 1
        else:
            high = start
    return None


def _entry(line: bytes) -> Entry:
    found: dict[str, Entry] = json.loads(b"{" + line.rstrip(b",") + b"}", parse_float=Decimal)
    return next(iter(found.values()))


def _quoted(name: str) -> bytes:
    return json.dumps(name, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _json(value: object) -> str:
    """Encode what `json` decoded, with the digits that were written."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{_json(member)}" for key, member in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return json.dumps(value)
