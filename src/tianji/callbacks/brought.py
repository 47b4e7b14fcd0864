"""What requests say of callbacks: credentials in a body, at its top or in its metadata, where that is allowed."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from tianji.callbacks.said import value
from tianji.callbacks.settings import wanted
from tianji.callbacks.variables import KNOWN
from tianji.callbacks.vendors import ALIASES
from tianji.config.schema import Config
from tianji.ledger.payloads import UNREADABLE

CALLBACKS: Final[Mapping[str, frozenset[str]]] = {
    "langfuse_": frozenset({"langfuse", "langfuse_otel"}),
    "langsmith_": frozenset({"langsmith"}),
    "arize_": frozenset({"arize"}),
    "posthog_": frozenset({"posthog"}),
    "wandb_": frozenset({"wandb", "weave_otel"}),
    "weave_": frozenset({"wandb", "weave_otel"}),
}
"""Which callbacks a variable is for, by what its name begins with. Those of others are the operator's to set."""
_PLACES: Final = ("metadata", "litellm_metadata")
_REFERENCES: Final = ("os.environ/", "oidc/")
_members: Final = msgspec.json.Decoder(dict[str, Raw]).decode


class Brought:
    """Reads them, as a configuration allows. `hears`: of which statuses callbacks hear, by their names."""

    def __init__(self, config: Config) -> None:
        self.hears = {ALIASES.get(name, name): hears for name, hears in wanted(config).items()}
        allowed = config.general_settings.allow_client_side_credentials
        told = self.hears.keys() if allowed else ()
        known = {start: kinds.intersection(told) for start, kinds in CALLBACKS.items()}
        self._kinds = {start: kinds for start, kinds in known.items() if kinds}
        self._marks = tuple(f'"{start}'.encode() for start in self._kinds)

    def variables(self, text: bytes) -> dict[str, Any]:
        """Return what a body says; what stands twice as it is said last."""
        if not self._marks or not any(mark in text for mark in self._marks):
            return {}
        return dict(self._variables(text))

    def kinds(self, variables: Mapping[str, Any]) -> frozenset[str]:
        """Return the callbacks that variables are for."""
        return frozenset(
            kind for start, kinds in self._kinds.items() for kind in kinds
            if any(name.startswith(start) for name in variables)
        )  # fmt: skip

    def _variables(self, text: bytes) -> Iterator[tuple[str, Any]]:
        try:
            body = _members(text)
        except UNREADABLE:
            return
        yield from self._known(body)
        for place in _PLACES:
            try:
                raw = bytes(body.get(place, b""))
                inner = _members(msgspec.json.decode(raw) if raw[:1] == b'"' else raw) if raw else {}
            except UNREADABLE:
                continue
            yield from self._known(inner)

    def _known(self, members: Mapping[str, Raw]) -> Iterator[tuple[str, Any]]:
        for name in KNOWN & members.keys():
            if name.startswith(tuple(self._kinds)):
                said = value(members[name])
                if isinstance(said, int | float) or (isinstance(said, str) and not said.startswith(_REFERENCES)):
                    yield name, said
