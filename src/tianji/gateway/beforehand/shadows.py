"""Copies of requests for models on trial: `silent_model`."""

import asyncio
import logging
from typing import Final

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.forward import Endpoint
from tianji._core.requests.silent import SilentExchange
from tianji._core.routing.dice import Dice
from tianji.auth.identity import Identity
from tianji.config.schema import ModelEntry
from tianji.gateway.beforehand.own_requests import NO_MATCH
from tianji.gateway.translation.bodies import with_members

MOST: Final = 64  # under way at a time in one worker: a slow model on trial must not fill the memory
LOG: Final = logging.getLogger("tianji.gateway")


class Silent(Struct, frozen=True):
    """Which models get copies of a deployment's requests, and of what part of them, 0 to 1."""

    models: tuple[str, ...]
    share: float = 1.0


def silent_of(entry: ModelEntry) -> Silent | None:
    """Read `silent_model` and `silent_model_percent` of a deployment; None when it has none."""
    written = entry.params.silent_model
    models = (written,) if isinstance(written, str) else tuple(written or ())
    percent = entry.params.silent_model_percent
    return Silent(models, 1.0 if percent is None else percent / 100) if models else None


class Shadows:
    """The copies that are under way in one worker."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._under_way: list[Exchange] = []

    def send(self, silent: Silent, exchange: Exchange, endpoint: Endpoint) -> None:
        """Send a copy of the request to each model, with the chance that its share gives."""
        if exchange.form is not None:
            return  # a copy would hold its files
        if silent.share < 1 and self._dice.unit() >= silent.share:
            return
        self._under_way = [copy for copy in self._under_way if not copy.finished]
        for model in silent.models:
            if len(self._under_way) >= MOST:
                LOG.warning("no copy for the silent model %s: %d are under way", model, MOST)
                return
            body = with_members(exchange.body, {"model": model})
            copy = SilentExchange(exchange.path, body, unheld(exchange.identity), copied=True)
            self._under_way.append(copy)
            asyncio.get_running_loop().call_soon(endpoint, copy, NO_MATCH)


def unheld(identity: object) -> object:
    """Return a caller whose limits nothing counts for: whoever wants copies of his requests pays for them."""
    return msgspec.structs.replace(identity, scopes=(), terms={}) if isinstance(identity, Identity) else identity
