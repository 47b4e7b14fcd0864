"""What of a configuration says that there will be conversations over WebSockets; a server is chosen by it.

Models say so by their mode: in `model_info`, else in the catalogue of prices; one that the catalogue does not know by
its name. A pattern says so where it covers known models and all of them do: `openai/gpt-realtime*`, and not `openai/*`.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

from tianji.accounting.prices.catalogue import Catalogue, Entry
from tianji.accounting.prices.deployments import listed_facts
from tianji.accounting.prices.names import fits
from tianji.config.schema import Config, ModelEntry
from tianji.config.schema.general import GeneralSettings
from tianji.errors import ConfigurationError
from tianji.guardrails.entries import REALTIME
from tianji.providers.names import parse
from tianji.providers.registry import build

MODE: Final = "realtime"
ENDPOINT: Final = "/v1/realtime"
STAR: Final = "*"
OPERATIONS: Final = frozenset({"realtime", "live"})
FAILS: Final = "end_session_after_n_fails"
SETTINGS: Final = (
    "realtime_allowed_origins",
    "realtime_idle_timeout_seconds",
    "realtime_session_limit_seconds",
    "responses_websocket_session_limit_seconds",
)
_NAMED: Final = re.compile(r"realtime|native-audio|(?:^|[-_./])live(?:[-_.]|$)")
_SOCKETS: Final = ("ws://", "wss://")
_USUAL: Final = GeneralSettings()


def expected(config: Config, environ: Mapping[str, str]) -> str:
    """Return the first thing that says so, as in "model `voice` holds realtime sessions"; "" where nothing does.

    Raises ConfigurationError if the catalogue cannot be read.
    """
    return next(_signs(config, environ), "")


def _signs(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    general, known = config.general_settings, _Known(Catalogue.current(environ))
    for entry in config.model_list:
        if _holds(entry, known) and _offered(entry, environ):
            yield f"model `{entry.model_name}` holds realtime sessions"
    for endpoint in general.pass_through_endpoints:
        if (endpoint.target or "").lower().startswith(_SOCKETS):
            yield f"the endpoint `{endpoint.path}` leads to a WebSocket"
    for guardrail in config.guardrails:
        params = guardrail.litellm_params
        if REALTIME in str(params.get("mode")) or FAILS in params:
            yield f"guardrail `{guardrail.guardrail_name}` judges realtime sessions"
    for name in SETTINGS:
        if getattr(general, name) != getattr(_USUAL, name):
            yield f"general_settings.{name} is about such sessions"


class _Known:
    """What the catalogue knows."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    @cached_property
    def _models(self) -> list[tuple[str, str]]:
        return list(self.catalogue.models())

    def behind(self, provider: str, template: str) -> list[Entry]:
        """Return what is known of the models that a pattern covers."""
        pattern = re.compile(".+".join(map(re.escape, template.split(STAR))))
        names = [
            name
            for name, by in self._models
            if pattern.fullmatch(name.removeprefix(f"{provider}/")) and fits(provider, name, by)
        ]
        return [found[1] for name in names if (found := self.catalogue.find([name])) is not None]


def _holds(entry: ModelEntry, known: _Known) -> bool:
    """Whether conversations are what a deployment is for."""
    if entry.info.mode:
        return entry.info.mode == MODE
    params = entry.params
    try:
        provider, model = parse(
            params.model, provider=params.custom_llm_provider, api_base=params.api_base or params.base_url
        )
    except ConfigurationError:  # nobody's, so nothing is known of it
        return False
    if STAR in model:
        covered = known.behind(provider, model) if model != STAR else []  # a star alone is for all that there is
        return bool(covered) and all(map(_is_for_conversations, covered))
    facts = listed_facts(entry, provider, model, known.catalogue)
    if "mode" in facts:
        return _is_for_conversations(facts)
    return _NAMED.search(model.lower()) is not None or MODE in entry.model_name.lower()


def _is_for_conversations(facts: Entry) -> bool:
    endpoints = facts.get("supported_endpoints")
    if facts.get("mode") == MODE:
        return True
    return isinstance(endpoints, list) and bool(endpoints) and all(str(at).startswith(ENDPOINT) for at in endpoints)


def _offered(entry: ModelEntry, environ: Mapping[str, str]) -> bool:
    """Whether its upstream is one with which conversations can be held here."""
    try:
        upstream = build({**entry.params.written, "organization": None}, environ, drop_params=True)
    except ConfigurationError:  # one of the operator's own code, say
        return False
    return not OPERATIONS.isdisjoint(upstream.paths)
