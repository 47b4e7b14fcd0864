"""What `os.environ/NAME` stands for: what the secret manager of a configuration has, else what the environment has.

LiteLLM's rule: a manager that may be read is asked first for the names that it hosts (all of them unless
`hosted_keys` lists some), and whatever it does not have, or fails to say, the environment says.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from tianji.config.schema.secrets import KeyManagement


class SecretFailure(Exception):  # noqa: N818 - it says that a manager failed, not that we did
    """A manager did not say what it was asked. The text names it and the reason, and holds nothing secret.

    `away`: there was no answer at all, so that it need not be asked for anything else now.
    """

    def __init__(self, text: str, *, away: bool = False) -> None:
        super().__init__(text)
        self.away = away


class Choice(Struct, frozen=True, kw_only=True):
    """Which manager a configuration names, and how it is set up. `folder` is that of the configuration file."""

    system: str
    settings: KeyManagement
    environ: Mapping[str, str]
    folder: Path

    def __repr__(self) -> str:
        """Say which, and nothing secret."""
        return f"Choice({self.system})"


Answers = Mapping[str, str | SecretFailure | None]
"""What a manager said of each name: its value, None where it has no such secret, or why it did not say."""


class Source(Protocol):
    """A manager that is open: `label` names it and its place in messages, `interval` is how long it is believed."""

    @property
    def label(self) -> str:
        """Name it."""

    @property
    def interval(self) -> float:
        """Return the seconds after which it is asked again."""

    def fetch(self, names: Collection[str]) -> Answers:
        """Ask for all of them now, and wait: a loop that serves may not call this."""


Open = Callable[[Choice], Source | None]
"""Opens a manager, None for one that is not to be read. Raises SecretFailure for settings that lack something."""


class Managers(NamedTuple):
    """How managers are opened, and what the one of the configuration before had said, for when it fails to answer."""

    open: Open | None = None
    known: Mapping[str, str] = MappingProxyType({})


NO_MANAGERS: Final = Managers()


class Found(NamedTuple):
    """What a name stands for, and why that is not the manager's word where it should have been."""

    value: str | None
    trouble: str | None = None


class Secrets:
    """What the references of one configuration stand for. Its text shows no value."""

    def __init__(
        self,
        environ: Mapping[str, str],
        source: Source | None = None,
        hosted: Collection[str] | None = None,
        known: Mapping[str, str] = NO_MANAGERS.known,
        choice: Choice | None = None,
    ) -> None:
        """Look up in `environ` alone until `fetch`. `known`: what the manager said before, for when it does not.

        `choice`: the manager that is configured, whether or not it is read.
        """
        self.choice = choice
        self.source = source
        self._environ = environ
        self._hosted = hosted
        self._known = known
        self._answers: Answers = {}

    def __repr__(self) -> str:
        return f"Secrets({self.source.label if self.source else 'environment'})"

    def fetch(self, names: Collection[str]) -> None:
        """Ask the manager for those of `names` that it may be asked for."""
        wanted = sorted(name for name in set(names) if self._hosted is None or name in self._hosted)
        if self.source is not None and wanted:
            self._answers = self.source.fetch(wanted)

    def within(self, environ: Mapping[str, str]) -> "Secrets":
        """Return the same answers over another environment."""
        found = Secrets(environ, self.source, self._hosted, self._known, self.choice)
        found._answers = self._answers
        return found

    def find(self, name: str) -> Found:
        """Return what `name` stands for; None where nobody has it."""
        answer = self._answers.get(name)
        if isinstance(answer, str):
            return Found(answer)
        trouble = str(answer) if isinstance(answer, SecretFailure) else None
        if trouble is not None and name in self._known:
            return Found(self._known[name], f"{trouble}; what it said before is used")
        value = self._environ.get(name)
        if trouble is not None and value is not None:
            trouble += "; the environment's value is used"
        return Found(value, trouble)

    def missing(self, name: str) -> str:
        """Say where a name was looked for in vain."""
        if name in self._answers and self.source is not None:
            return f"{name} is neither in {self.source.label} nor an environment variable"
        return f"the environment variable {name} is not set"

    @property
    def names(self) -> frozenset[str]:
        """All names that the manager was asked for."""
        return frozenset(self._answers)

    @property
    def troubles(self) -> tuple[str, ...]:
        """Why the manager did not say what it was asked, each reason once."""
        return tuple(dict.fromkeys(str(said) for said in self._answers.values() if isinstance(said, SecretFailure)))

    @property
    def values(self) -> Mapping[str, str]:
        """What the manager has said, with what it said before where it failed."""
        said = {name: answer for name, answer in self._answers.items() if isinstance(answer, str)}
        failed = (name for name, answer in self._answers.items() if isinstance(answer, SecretFailure))
        return {**{name: self._known[name] for name in failed if name in self._known}, **said}

    def look_again(self) -> tuple[bool, tuple[str, ...]]:
        """Ask the manager again for all that it has; return whether any of it has changed, and what went wrong.

        A secret that it does not have any more is not a change: the old value goes on.
        """
        known = self.values
        if self.source is None or not self._answers:
            return False, ()
        answers = self.source.fetch(list(self._answers))
        changed = any(isinstance(said, str) and said != known.get(name) for name, said in answers.items())
        troubles = [str(said) for said in answers.values() if isinstance(said, SecretFailure)]
        gone = [name for name, said in answers.items() if said is None and name in known]
        troubles += [f"{self.source.label} has no {name} any more" for name in gone]
        return changed, tuple(dict.fromkeys(troubles))
