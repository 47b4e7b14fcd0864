"""Prompts that requests name, put into them before anything else looks at them."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import asdict

from tianji._core.requests.asked import Asked
from tianji.auth.identity import Identity
from tianji.config.additions import prompt_of
from tianji.config.loader import Loaded
from tianji.config.schema import Config
from tianji.egress.errands import addresses_in
from tianji.errors import ConfigurationError, InvalidRequest, MalformedJSON, PermissionDenied
from tianji.gateway.additions.destinations import objection as address_objection
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.prompts.applying import MEMBERS, PLACED, applied
from tianji.prompts.library import Builder, Library
from tianji.prompts.naming import Wanted, wanted
from tianji.prompts.sources import SOURCES

log: Final = logging.getLogger("tianji.prompts")
_NAMED: Final = b'"prompt_id"'


class Prompting:
    """What the compiled path asks of each request; see Pipeline.prompts."""

    def __init__(self, library: Library, of_models: Mapping[str, Mapping[str, Any]], own: Any = None) -> None:
        """`of_models`: what deployments say of a prompt, by model group; own: the hooks of hooking.prompters."""
        self.library = library
        self._own = own
        self._of_models = of_models

    def __call__(self, asked: Asked) -> "asyncio.Task[bytes | None] | None":
        """Return what puts the prompt of a request into it; None where it names none."""
        exchange = asked.exchange
        if asked.operation.name not in PLACED or not (self._of_models or _NAMED in exchange.body):
            return None
        try:
            body = msgspec.json.decode(exchange.body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise MalformedJSON(str(error)) from None
        if not isinstance(body, dict):
            return None
        kind, _, model = str(body.get("model", "")).partition("/")
        if kind not in SOURCES:
            kind = ""
        else:
            body["model"] = model
        said = body if "prompt_id" in body else {**self._of_models.get(str(body.get("model")), {}), **_variables(body)}
        if "prompt_id" not in said:
            return None
        return asyncio.get_running_loop().create_task(self._put(asked, body, said, kind or said.get("kind")))

    async def _put(self, asked: Asked, body: dict[str, Any], said: Mapping[str, Any], kind: str | None) -> bytes | None:
        asks = wanted(*map(said.get, ("prompt_id", "prompt_version", "prompt_label", "prompt_environment")))
        variables = {} if said.get("prompt_variables") is None else said["prompt_variables"]
        if not isinstance(variables, dict):
            raise InvalidRequest("`prompt_variables` must be an object", param="prompt_variables")
        require(asked.exchange.identity, asks)
        found = await self.library.find(asks, kind)
        if found is None:
            put: bytes | None = None if self._own is None else await self._own.put(asked, body, asks, variables)
            return put
        filled = found.template.fill(variables)
        return applied(asked.operation.name, body, found, filled, asks, variables)


def prompting(snapshot: Snapshot, folder: Path, own: Any = None) -> Prompting:
    """Return who puts prompts into requests, after the sources the hooks of `own`.

    What of the configured prompts cannot be used is said in the log.
    """
    library = Library(snapshot.config, snapshot.environ, folder)
    for fault in library.faults:
        log.error("left out: %s", fault)
    return Prompting(library, carried(snapshot.config), own)


def objection(written: Mapping[str, Any], loaded: Loaded) -> str | None:
    """Say why a prompt of the database would be left out; None when it would serve. All its addresses are public."""
    prompt, fault = prompt_of(written)
    if prompt is None:
        return fault
    folder = loaded.files[0].parent
    try:
        Builder(loaded.config, loaded.environment, folder).entry(prompt)
    except ConfigurationError as error:
        return error.message
    urls = addresses_in(asdict(prompt.litellm_params))
    return next(filter(None, (address_objection(loaded.config, url) for url in urls)), None)


def carried(config: Config) -> dict[str, dict[str, Any]]:
    """Return what deployments say of a prompt, by model group: the first counts."""
    found: dict[str, dict[str, Any]] = {}
    for entry in config.model_list:
        params = entry.params
        if params.prompt_id:
            said = {name: getattr(params, name) for name in MEMBERS if getattr(params, name) not in (None, {})}
            found.setdefault(entry.model_name, {**said, "kind": params.prompt_source})
    return found


def require(identity: object, asks: Wanted) -> None:
    """Raise PermissionDenied where a key may use certain prompts, and not this one."""
    known = identity.metadata.get("prompts") if isinstance(identity, Identity) else None
    if isinstance(known, list) and known and asks.id not in known:
        raise PermissionDenied(f"this key may not use the prompt {asks.id!r}")


def _variables(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in MEMBERS if name in body}
