"""Which guardrails a request meets, and when: by default, by its own word, by whom it is for, and by its model."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.config.schema.sections import Pipeline
from tianji.errors import InvalidRequest, PermissionDenied
from tianji.guardrails.guardrail import Guardrail
from tianji.guardrails.policies import NOTHING, Applied
from tianji.guardrails.vendor import Hook

MOST: Final = 32  # guardrails that one request may name
PLANS: Final = 1024  # that are remembered

_names = msgspec.json.Decoder(list[str | dict[str, dict[str, Any]]])
_table = msgspec.json.Decoder(dict[str, Any])


class Wishes(Struct, frozen=True):
    """What a request says of guardrails: names, values for some of them, and values for all (`guardrail_config`)."""

    names: tuple[str, ...] = ()
    dynamic: Mapping[str, Mapping[str, Any]] = {}
    settings: Mapping[str, Any] = {}


def wishes(places: Iterable[bytes | None], settings: bytes | None) -> Wishes:
    """Read the JSON texts of a request's lists of guardrails, and of its `guardrail_config`. Raises InvalidRequest."""
    names: dict[str, None] = {}
    dynamic: dict[str, Mapping[str, Any]] = {}
    for raw in places:
        for one in () if raw is None or raw == b"null" else _decoded(raw):
            if isinstance(one, str):
                names[one] = None
                continue
            for name, values in one.items():
                names[name] = None
                extra = values.get("extra_body")
                dynamic[name] = extra if isinstance(extra, dict) else {}
    if len(names) > MOST:
        raise InvalidRequest(f"a request may name {MOST} guardrails at most", param="guardrails")
    return Wishes(tuple(names), dynamic, _settings(settings))


def _decoded(raw: bytes) -> list[str | dict[str, dict[str, Any]]]:
    try:
        if raw.startswith(b'"['):  # of a form, whose fields are texts
            raw = msgspec.json.decode(raw, type=str).encode()
        return _names.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        said = "`guardrails` must be a list of names, or of objects {name: {extra_body: {...}}}"
        raise InvalidRequest(said, param="guardrails") from None


def _settings(raw: bytes | None) -> Mapping[str, Any]:
    if raw is None or raw == b"null":
        return {}
    try:
        return _table.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise InvalidRequest("`guardrail_config` must be an object", param="guardrail_config") from None


class Owned(Struct, frozen=True):
    """What admins have said of guardrails for a caller: his key and his team.

    none: he meets none by default; left_out: nor these; fixed: his requests may name none
    """

    names: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    none: bool = False
    left_out: frozenset[str] = frozenset()
    fixed: bool = False


def owned(*places: Mapping[str, Any]) -> Owned:
    """Read it in the metadata of a key and of its team, which only admins write."""
    return Owned(
        names=tuple(dict.fromkeys(name for place in places for name in texts(place.get("guardrails")))),
        policies=tuple(dict.fromkeys(name for place in places for name in texts(place.get("policies")))),
        none=any(place.get(key) is True for place in places for key in _DISABLING),
        left_out=frozenset(name for place in places for name in texts(place.get("opted_out_global_guardrails"))),
        fixed=any(map(is_fixed, places)),
    )


def is_fixed(metadata: Mapping[str, Any]) -> bool:
    """Whether a team lets none of its members say which guardrails they meet, by its metadata."""
    written = metadata.get("guardrails")
    return isinstance(written, Mapping) and written.get("modify_guardrails") is False


_DISABLING: Final = ("disable_global_guardrails", "disable_global_guardrail")


def texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list; of anything else none."""
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list | tuple) else ()


class Asking(Struct, frozen=True):
    """All that a selection depends on, so that equal ones share it. model_names: what its model group asks for."""

    names: tuple[str, ...] = ()
    owner: Owned = Owned()
    model_names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    streamed: bool = False
    applied: Applied = NOTHING

    @property
    def wanted(self) -> frozenset[str]:
        """Return every name that somebody asked for."""
        return frozenset((*self.names, *self.owner.names, *self.model_names, *self.applied.names))


class Plan(Struct, frozen=True):
    """What a request meets, by hook, in the order of the configuration: those of one name stand for each other.

    pipelines: with the names of their policies; what these run, by name in `steps`, does not run again
    """

    hooks: Mapping[Hook, tuple[tuple[Guardrail, ...], ...]]
    pipelines: Mapping[Hook, tuple[tuple[str, Pipeline], ...]] = {}
    steps: Mapping[str, tuple[Guardrail, ...]] = {}
    sources: Mapping[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.hooks or self.pipelines)

    @property
    def judges(self) -> bool:
        """Whether somebody looks at the request or its answer, and not at the log alone."""
        return bool(self.pipelines) or any(hook is not Hook.LOGGING_ONLY for hook in self.hooks)

    def meets(self, hook: Hook) -> bool:
        """Whether somebody looks at it then."""
        return hook in self.hooks or hook in self.pipelines

    def at(self, hook: Hook, turn: int = 0) -> list[Guardrail]:
        """Return whom it meets at a hook. `turn`: whose turn it is among those of one name."""
        return [group[turn % len(group)] for group in self.hooks.get(hook, ())]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all, in order, each once."""
        found = [
            group[0].name for hook, groups in self.hooks.items() if hook is not Hook.LOGGING_ONLY for group in groups
        ]
        found += [step.guardrail for pairs in self.pipelines.values() for _, one in pairs for step in one.steps]
        return tuple(dict.fromkeys(found))


class Selection:
    """The guardrails of a configuration, and the plans that were made of them."""

    def __init__(self, guardrails: Iterable[Guardrail], *, ignores_unknown: bool = False) -> None:
        self._groups: dict[str, list[Guardrail]] = defaultdict(list)
        for guardrail in guardrails:
            self._groups[guardrail.name].append(guardrail)
        self._ignores_unknown = ignores_unknown
        self._plans: dict[bytes, Plan] = {}

    def named(self, name: str) -> list[Guardrail]:
        """Return those of a name."""
        return self._groups.get(name, [])

    def plan(self, asking: Asking) -> Plan:
        """Return what a request meets.

        Raises InvalidRequest for a name that it gives and nobody has, PermissionDenied where it may give none.
        """
        key = msgspec.msgpack.encode(asking)
        found = self._plans.get(key)
        if found is None:
            found = self._made(asking)
            if len(self._plans) >= PLANS:
                self._plans.clear()
            self._plans[key] = found
        return found

    def _made(self, asking: Asking) -> Plan:
        if asking.names and asking.owner.fixed:
            raise PermissionDenied("your team does not have permission to modify guardrails")
        unknown = [name for name in asking.names if name not in self._groups]
        if unknown and not self._ignores_unknown:
            said = ", ".join(name[:64] for name in unknown)
            raise InvalidRequest(f"no guardrail is called {said}: ask GET /guardrails/list", param="guardrails")
        hooks: dict[Hook, list[tuple[Guardrail, ...]]] = defaultdict(list)
        pipelines = {hook: tuple(asking.applied.pipelines_at(hook)) for hook in Hook}
        for name, group in self._groups.items():
            for hook in Hook:
                if any(step.guardrail == name for _, one in pipelines[hook] for step in one.steps):
                    continue
                members = tuple(one for one in group if _runs(one, hook, asking))
                if members:
                    hooks[hook].append(members)
        named = {step.guardrail for pairs in pipelines.values() for _, one in pairs for step in one.steps}
        return Plan(
            {hook: tuple(groups) for hook, groups in hooks.items()},
            {hook: found for hook, found in pipelines.items() if found},
            {name: tuple(self._groups[name]) for name in named if name in self._groups},
            asking.applied.sources,
        )


def _runs(guardrail: Guardrail, hook: Hook, asking: Asking) -> bool:
    if not guardrail.applies(hook, asking.tags, streamed=asking.streamed):
        return False
    if guardrail.name in asking.wanted or hook is Hook.LOGGING_ONLY:
        return True
    return guardrail.default_on and not asking.owner.none and guardrail.name not in asking.owner.left_out
