"""What a single request, its key and its team say of who is told of it, and of what.

https://docs.litellm.ai/docs/proxy/logging names the headers and the members of metadata.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.bodies.spans import ObjectSpans
from tianji._core.edges.exchange import Exchange
from tianji.auth.identity import Identity
from tianji.config.schema import Config
from tianji.errors import MalformedJSON
from tianji.ledger.entry import Telling

MUTING: Final = (b"x-litellm-disable-callbacks", b"x-tianji-disable-callbacks")
BARING: Final = (
    b"litellm-enable-message-redaction", b"x-litellm-enable-message-redaction", b"x-tianji-enable-message-redaction",
)  # fmt: skip
OPENING: Final = (b"litellm-disable-message-redaction", b"x-litellm-disable-message-redaction")
OPT_OUT: Final = "allow_client_message_redaction_opt_out"
_DISABLED: Final = "litellm_disabled_callbacks"
_BARE: Final = "turn_off_message_logging"
_PLACES: Final = (b"metadata", b"litellm_metadata")


class Heard(Struct, frozen=True):
    """A request that somebody is told of: its body, and who is told. opened: it is told although that is turned off."""

    body: bytes
    telling: Telling | None = None
    opened: bool = False


class Tellings:
    """Reads them, as a configuration says."""

    def __init__(self, config: Config) -> None:
        settings = config.litellm_settings
        self._mutes = settings.allow_dynamic_callback_disabling
        self._bare = settings.turn_off_message_logging
        self._teams = frozenset(
            team.team_id for team in settings.default_team_settings if team.success_callback or team.failure_callback
        )

    @property
    def concerns_teams(self) -> bool:
        """Whether the configuration has callbacks of teams."""
        return bool(self._teams)

    def owner(self, caller: object) -> str:
        """Return whose own callbacks are told of a caller's requests."""
        if not isinstance(caller, Identity):
            return ""
        return caller.owner or ("team" if caller.team_id in self._teams else "")

    def has_words(self, caller: Identity) -> bool:
        """Whether a caller has a word of his own on who is told of his requests, or of what."""
        metadata = (caller.metadata, caller.team_metadata)
        return bool(self.owner(caller)) or any(known.get(_DISABLED) or known.get(OPT_OUT) for known in metadata)

    def heard(self, exchange: Exchange, body: ObjectSpans | None) -> Heard:
        """Return what is to be told of a request, and to whom."""
        caller = exchange.identity
        metadata: Mapping[str, Any] = caller.metadata if isinstance(caller, Identity) else {}
        headers = dict(exchange.headers)
        muted = (*_names(metadata.get(_DISABLED)), *(_muted(headers) if self._mutes else ()))
        bare = self.redacts(exchange, body)
        telling = Telling(self.owner(caller), tuple(dict.fromkeys(muted)), bare)
        return Heard(exchange.body, None if telling == Telling() else telling, self._bare and not bare)

    def redacts(self, exchange: Exchange, body: ObjectSpans | None) -> bool:
        """Whether nobody is told what was said, in the order of LiteLLM: the first that says something counts."""
        caller, headers = exchange.identity, dict(exchange.headers)
        free = isinstance(caller, Identity) and any(
            known.get(OPT_OUT) is True for known in (caller.metadata, caller.team_metadata)
        )
        may_open = free or not self._bare  # who is below a general word may not take it back
        if may_open and any(headers.get(name, b"").lower() == b"true" for name in OPENING):
            return False
        said = _said(body)
        if said is not None and (said or may_open):
            return said
        own = _own(caller.metadata) if isinstance(caller, Identity) else None
        if own is not None:
            return own
        return self._bare or any(headers.get(name, b"").lower() == b"true" for name in BARING)


def _muted(headers: Mapping[bytes, bytes]) -> tuple[str, ...]:
    found = (headers[name].decode("latin-1") for name in MUTING if name in headers)
    return tuple(name.strip().lower() for text in found for name in text.split(",") if name.strip())


def _names(value: object) -> tuple[str, ...]:
    return tuple(one.lower() for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _own(metadata: Mapping[str, Any]) -> bool | None:
    """Return what a key says of redaction among its own callbacks: whoever made it may undo a general word."""
    logging = metadata.get("logging")
    variables = (
        (one.get("callback_vars") for one in logging if isinstance(one, Mapping)) if isinstance(logging, list) else ()
    )
    said = (one.get(_BARE) for one in variables if isinstance(one, Mapping))
    return next((_truth(one) for one in said if _truth(one) is not None), None)


def _said(body: ObjectSpans | None) -> bool | None:
    """Return what the body says of redaction, at its top or in its metadata."""
    if body is None:
        return None
    found = [_flag(body.get(_BARE.encode()))]
    for place in _PLACES:
        try:
            nested = body.nested(place)
        except MalformedJSON:  # a name stands twice
            continue
        found.append(None if nested is None else _flag(nested.get(_BARE.encode())))
    return next((one for one in found if one is not None), None)


def _flag(raw: bytes | None) -> bool | None:
    try:
        value = None if raw is None else msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None
    return _truth(value)


def _truth(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None
