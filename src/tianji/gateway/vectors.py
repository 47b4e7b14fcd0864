"""Vectors of texts by the name of a model: one that the gateway serves, or a static one of this machine."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tianji.config.auto_router import static_model_folder
from tianji.errors import ConfigurationError
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.lazy import load

_PIECE: Final = 500  # characters, so that each is seen whole
Ask = Callable[[str, list[str]], Awaitable[Sequence[Sequence[float]]]]


class VectorsOf:
    """Asks a model that is served, and computes by any other, which is loaded when it is asked for the first time.

    `snapshot`: the models in force.
    """

    def __init__(self, ask: Ask, snapshot: Callable[[], Snapshot], directory: Path, environ: Mapping[str, str]) -> None:
        self._ask = ask
        self._snapshot = snapshot
        self._directory = directory
        self._environ = environ
        self._static: dict[str, Any] = {}

    async def __call__(self, model: str, texts: list[str]) -> Sequence[Sequence[float]]:
        """Return the vector of each text. Raises UpstreamFailure, ConfigurationError for a model that is nowhere."""
        if self._snapshot().serves(model):
            return await self._ask(model, texts)
        if model not in self._static:
            self._static[model] = await asyncio.to_thread(self._load, model)
        return [self._mean(model, text) for text in texts]

    def _mean(self, model: str, text: str) -> list[float]:
        """Return the mean over all of a text, of which a static model would see the beginning alone."""
        pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)] or [""]
        found: list[float] = self._static[model](pieces).mean(axis=0).tolist()
        return found

    def _load(self, name: str) -> Any:
        folder = static_model_folder(name, self._directory, self._environ)
        if folder is None:
            raise ConfigurationError(f"no model {name!r} is served here, and no static one is on this machine")
        return load("tianji.routing.auto.static_model").load_static_model(folder)
