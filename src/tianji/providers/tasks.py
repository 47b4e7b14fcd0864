"""Providers whose pictures are tasks: a request of a client is answered when its task is done."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tianji._core.http1 import Timeouts
from tianji.egress.inside import Asked, Inside, Reply
from tianji.errors import StreamFailed, TianjiError, UpstreamConnectFailed
from tianji.lazy import load
from tianji.protocol.chat.seam import Target
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.shaping import Rules, compile_shaping, plain_shaping
from tianji.providers.upstream import PATHS, Upstream

NAMES = ("black_forest_labs", "runwayml")
FORMS: Final = "tianji.protocol.media.tasks"
OPERATION: Final = "image_generation"
BASES: Final = {"black_forest_labs": "https://api.bfl.ai", "runwayml": "https://api.dev.runwayml.com"}
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "black_forest_labs": ("BFL_API_KEY", "BLACK_FOREST_LABS_API_KEY"),
    "runwayml": ("RUNWAYML_API_KEY", "RUNWAYML_API_SECRET"),
}
ADDRESSES: Final = {"black_forest_labs": ("BFL_API_BASE",), "runwayml": ("RUNWAYML_API_BASE",)}
VERSION: Final = "2024-11-06"
_TIMEOUTS: Final = Timeouts(connect=10.0, between_chunks=90.0)


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of a provider whose pictures are tasks."""
    provider = deployment.provider
    own = deployment.api_base or deployment.variable(ADDRESSES[provider]) or BASES[provider]
    base = address.split_base(own)[0].removesuffix("/v1")
    key = deployment.api_key or deployment.variable(KEYS[provider])
    load(FORMS)
    shaping = compile_shaping(deployment, Rules())
    target = Target(provider=provider, model=deployment.model, drop_params=bool(shaping.drop_params))
    headers = _headers(provider, key or "")
    return Upstream(
        provider=provider,
        model=deployment.model,
        base_url=base,
        headers=(),
        query="",
        paths={OPERATION: PATHS[OPERATION]},
        shaping=shaping,
        plain_shaping=plain_shaping(deployment),
        key_missing=None if key else f"set {' or '.join(KEYS[provider])}, or api_key in the deployment's params",
        secrets=(key,) if key else (),
        answers=Inside(_Doing(target, base, {**headers, **deployment.extra_headers}).answer),
    )


def _headers(provider: str, key: str) -> dict[str, str]:
    if provider == "runwayml":
        return {"authorization": f"Bearer {key}", "x-runway-version": VERSION}
    return {"x-key": key}


class _Doing:
    """One deployment."""

    def __init__(self, target: Target, base: str, headers: Mapping[str, str]) -> None:
        self._target = target
        self._base = base
        self._headers = {"content-type": "application/json", **headers}

    async def answer(self, asked: Asked, reply: Reply) -> None:
        """Answer a request for a picture. Raises UpstreamFailure."""
        try:
            members = msgspec.json.decode(asked.body, type=dict[str, Any])
            task = load(FORMS).begun(self._target.provider, load(FORMS).Asked(OPERATION, self._target, members))
            async with load("tianji.egress.client").open_client(_TIMEOUTS) as client:
                status, body = await self._done(client, task)
            reply.whole(body, status)
        except StreamFailed as failure:
            reply.whole(failure.payload)
        except load("httpx").HTTPError as error:
            why = f"{self._target.provider} cannot be reached: {type(error).__name__}"
            raise UpstreamConnectFailed(why) from error
        except TianjiError as error:
            if error.status >= 500:
                raise
            reply.whole(msgspec.json.encode({"error": {"message": error.message}}), error.status)

    async def _done(self, client: Any, task: Any) -> tuple[int, bytes]:
        """Do what a task wants until it is done; return status and body of the answer, or of what refused it."""
        forms = load(FORMS)
        said: bytes | None = None
        looked = False
        while True:
            try:
                call = next(task) if said is None else task.send(said)
            except StopIteration as end:
                return 200, msgspec.json.encode(end.value)
            where = forms.place_of(call, self._base)
            if call.body is not None:
                body = msgspec.json.encode(call.body)
                found = await client.request("POST", where, headers=self._headers, content=body)
            else:
                if looked:
                    await asyncio.sleep(forms.PAUSE)
                looked = True
                found = await client.request("GET", where, headers=self._headers)
            if found.status_code >= 300:
                return found.status_code, found.content
            said = found.content
