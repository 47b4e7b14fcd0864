"""Keys that may use some models only, where the request goes on as it is: which models it names.

A body in which nobody can look for them is refused.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from tianji._core.bodies.spans import ObjectSpans
from tianji._core.edges.exchange import Exchange
from tianji._core.requests.carry import Carry
from tianji.auth.identity import Identity
from tianji.errors import ModelRefused

_FORM_FIELD: Final = re.compile(rb'name="?model"?\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)\r\n')
_MOST: Final = 32 * 1024 * 1024  # bytes of a body that is looked into
_DENIAL: Final = "key_model_access_denied"


def confine(carry: Carry) -> None:
    """Hold all models that a request names against the caller's key. Raises ModelRefused."""
    identity = carry.exchange.identity
    if not isinstance(identity, Identity) or not identity.rules:
        return
    for model in dict.fromkeys(filter(None, (carry.model, *named(carry.exchange, carry.spans)))):
        identity.require(model)


def named(exchange: Exchange, spans: ObjectSpans | None) -> Iterable[str]:
    """Yield the models that a body names. Raises ModelRefused for one in which nobody can look for them."""
    if not exchange.size:
        return
    coding = exchange.header(b"content-encoding")
    kind = (exchange.header(b"content-type") or b"").lower()
    if (coding or b"identity") != b"identity":
        raise ModelRefused("this key may use some models only, and the body is encoded: send it as it is", _DENIAL)
    if exchange.size > _MOST:
        raise ModelRefused(f"this key may use some models only: send it {_MOST} bytes at the most", _DENIAL)
    body = exchange.read(0, _MOST)
    if spans is not None and spans.source == body:
        yield from _models(msgspec.json.decode(body))
    elif body.lstrip()[:1] in (b"{", b"[") or b"json" in kind:
        raise ModelRefused("this key may use some models only, and the body is not a JSON object", _DENIAL)
    elif kind.startswith(b"multipart/"):
        for value in _FORM_FIELD.findall(body):
            yield value.decode("utf-8", "replace")


def _models(body: Any) -> Iterable[str]:
    """Yield the model of a request, and those of the requests of a batch."""
    batch = body.get("requests")
    nested = [one.get("params") for one in batch if isinstance(one, dict)] if isinstance(batch, list) else []
    for holder in (body, *nested):
        model = holder.get("model") if isinstance(holder, dict) else None
        if isinstance(model, str):
            yield model
