"""What hooks are given of one request, in the shapes that LiteLLM gives."""

from typing import Any, Final, Self

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.asked import Asked
from tianji.auth.identity import ANYONE, Identity
from tianji.errors import InvalidRequest
from tianji.gateway.bookkeeping import CALL_TYPES
from tianji.gateway.guarding.forms import body_of
from tianji.gateway.guarding.request import shown
from tianji.guardrails.slots.forms import form_of
from tianji.hooks.standins import UserAPIKeyAuth

_CALL_TYPES: Final = {  # as LiteLLM's hooks know the oldest of them
    "chat": "completion",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "moderations": "moderation",
    "image_generation": "image_generation",
    "transcription": "audio_transcription",
    "messages": "anthropic_messages",
    "responses": "aresponses",
}


class Case:
    """One request. `data`: its body with what hooks expect beside; `added`: members that the client did not send."""

    def __init__(self, exchange: Exchange, body: bytes, operation: str, model: str) -> None:
        """Read a request that `exchange` brought. Raises InvalidRequest for a body that is no object."""
        try:
            self.data: Any = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidRequest(f"the hooks of this gateway cannot read the request: {error}") from error
        self.headers = shown(exchange)
        self.operation = operation
        self.call_type = _CALL_TYPES.get(operation) or CALL_TYPES.get(operation, operation)
        self.caller = caller(exchange.identity, exchange.path)
        about = {
            "model": model,
            "metadata": {},
            "litellm_call_id": exchange.call_id,
            "proxy_server_request": {"url": exchange.path, "method": exchange.method, "headers": self.headers},
        }
        self.added = about.keys() - self.data.keys()
        self.data |= {name: about[name] for name in self.added}
        self.model = self.data["model"]
        self._stream = self.data.get("stream")

    @classmethod
    def of(cls, asked: Asked) -> Self:
        """Read a request that came alone. Raises InvalidRequest and PayloadTooLarge."""
        operation = asked.operation.name
        return cls(asked.exchange, body_of(asked.exchange, form_of(operation)), operation, asked.model)

    def body(self) -> bytes:
        """Return the body as hooks have left it. Raises TypeError where that is no JSON.

        Whether it is streamed stays the client's to say, who could not read the other answer.
        """
        members = {name: value for name, value in self.data.items() if name not in self.added}
        if self.data.get("metadata"):  # a hook may have put something there
            members["metadata"] = self.data["metadata"]
        if self._stream is None:
            members.pop("stream", None)
        else:
            members["stream"] = self._stream
        return msgspec.json.encode(members)

    def given(self, **more: Any) -> dict[str, Any]:
        """Return the arguments of a hook: it takes those that it names."""
        return {
            "user_api_key_dict": self.caller,
            "data": self.data,
            "request_data": self.data,
            "call_type": self.call_type,
            "operation": self.operation,
            "request_headers": self.headers,
            **more,
        }


def caller(identity: object, path: str) -> UserAPIKeyAuth:
    """Return whose request it is, by the names that LiteLLM has. `api_key` is the hash of the key."""
    known = identity if isinstance(identity, Identity) else ANYONE
    return UserAPIKeyAuth(
        api_key=known.key,
        token=known.key,
        key_alias=known.key_alias,
        user_id=known.user_id,
        user_email=known.user_email,
        user_role=None if known.role is None else known.role.value,
        team_id=known.team_id,
        team_alias=known.team_alias,
        org_id=known.organization_id,
        end_user_id=known.end_user,
        metadata=dict(known.metadata),
        team_metadata=dict(known.team_metadata),
        request_route=path,
    )
