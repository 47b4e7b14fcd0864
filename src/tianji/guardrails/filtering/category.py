"""Categories of the content filter: lists of words with severities, and what makes a hit of them one or none."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.errors import ConfigurationError
from tianji.guardrails.matching.rule_files import read_rules

_FOLDER: Final = resources.files(__package__) / "categories"


class Action(StrEnum):
    """What happens to what was found."""

    BLOCK = "BLOCK"
    MASK = "MASK"

    @classmethod
    def _missing_(cls, value: object) -> "Action | None":
        return next((action for action in cls if isinstance(value, str) and action == value.upper()), None)


class Severity(IntEnum):
    """How bad; a threshold lets through what is below it."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


SEVERITIES: Final[Mapping[str | int, Severity]] = {
    "low": Severity.LOW,
    "medium": Severity.MEDIUM,
    "high": Severity.HIGH,
    1: Severity.LOW,
    2: Severity.MEDIUM,
    3: Severity.HIGH,
    4: Severity.HIGH,
}


class Keyword(Struct, frozen=True):
    """One word counts where it stands alone, a phrase anywhere; `*` stands for one character or none."""

    keyword: str
    severity: str | int = "medium"


class Row(Struct, frozen=True):
    """One row of the shorter form of a file: words with `|` between them."""

    match: str
    severity: str | int = "medium"


class Rules(Struct, frozen=True, kw_only=True):
    """A file of rules as it is written.

    exceptions: phrases that, near a hit in its sentence, make it none
    identifier_words: with them the words of `inherit_from` and `additional_block_words` count only in one sentence with
        one of these
    always_block_keywords: count in any case; phrase_patterns: regular expressions, of severity high
    """

    category_name: str = ""
    description: str = ""
    default_action: Action = Action.BLOCK
    keywords: tuple[Keyword, ...] = ()
    exceptions: tuple[str, ...] = ()
    identifier_words: tuple[str, ...] = ()
    always_block_keywords: tuple[Keyword | str, ...] = ()
    inherit_from: str | None = None
    additional_block_words: tuple[str, ...] = ()
    phrase_patterns: tuple[str, ...] = ()


class Category(Struct, frozen=True, kw_only=True):
    """What a file of rules amounts to. `partners`: words that count beside one of `identifiers`."""

    name: str
    action: Action = Action.BLOCK
    keywords: tuple[Keyword, ...] = ()
    always: tuple[Keyword, ...] = ()
    exceptions: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    partners: tuple[Keyword, ...] = ()
    patterns: tuple[str, ...] = ()


def names() -> frozenset[str]:
    """Return the names of the categories that come with the program."""
    return frozenset(file.name.removesuffix(".yaml") for file in _FOLDER.iterdir() if file.name.endswith(".yaml"))


def shipped(name: str) -> Category:
    """Return a category that comes with the program. Raises ConfigurationError naming those that there are."""
    name = name.removesuffix(".yaml")
    if name not in names():
        raise ConfigurationError(f"{name!r} is no category; there are {', '.join(sorted(names()))}")
    return _whole(name, msgspec.yaml.decode((_FOLDER / f"{name}.yaml").read_bytes(), type=Rules))


def own(name: str, file: str, folder: Path, environ: Mapping[str, str]) -> Category:
    """Return the category in a file of the operator's, in either form. Raises ConfigurationError naming the file."""
    form: type[Any] = Rules | tuple[Row, ...]  # type: ignore[assignment]
    found: Rules | tuple[Row, ...] = read_rules(file, form, folder, environ)
    if isinstance(found, Rules):
        return _whole(name or found.category_name or Path(file).stem, found)
    words = (Keyword(word.strip(), row.severity) for row in found for word in row.match.split("|") if word.strip())
    return Category(name=name or Path(file).stem, keywords=tuple(words))


def severity(of: str | int) -> Severity:
    """Return a severity by its name or number. Raises ConfigurationError."""
    try:
        return SEVERITIES[of.lower() if isinstance(of, str) else of]
    except KeyError:
        raise ConfigurationError(f"{of!r} is no severity: write low, medium or high") from None


def _whole(name: str, rules: Rules) -> Category:
    inherited = tuple(Keyword(word, "high") for word in rules.additional_block_words)
    if rules.inherit_from:
        parent = shipped(rules.inherit_from)
        inherited += parent.keywords + parent.partners
    return Category(
        name=name,
        action=rules.default_action,
        keywords=rules.keywords + (() if rules.identifier_words else inherited),
        always=tuple(Keyword(each, "high") if isinstance(each, str) else each for each in rules.always_block_keywords),
        exceptions=rules.exceptions,
        identifiers=rules.identifier_words,
        partners=inherited if rules.identifier_words else (),
        patterns=rules.phrase_patterns,
    )
