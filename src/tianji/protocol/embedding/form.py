"""An embedding request and its answer, between OpenAI's form and those of vendors."""

import base64
import struct
from collections.abc import Sequence
from typing import Annotated, Any, Final, Protocol

import msgspec
from msgspec import Meta, Struct

from tianji.errors import Header, InvalidRequest
from tianji.protocol.chat.seam import Target
from tianji.protocol.openai.requests import mistyped

BYTES_A_TOKEN: Final = 4
Number = Annotated[float, Meta(ge=-3.4e38, le=3.4e38)]  # what four bytes can hold
Vector = list[Number]
Count = Annotated[int, Meta(ge=0, le=1 << 53)]


class _Wire(Struct):
    input: str | list[str]
    dimensions: Annotated[int, Meta(gt=0)] | None = None
    encoding_format: str | None = None


class EmbeddingRequest(Struct, frozen=True):
    """What is to be embedded. `extra`: members that OpenAI's form has no place for."""

    texts: tuple[str, ...]
    dimensions: int | None = None
    in_base64: bool = False
    extra: dict[str, Any] = {}


class Embeddings(Struct, frozen=True):
    """Vectors in the order of the texts, and the tokens that were read, None where the vendor does not say."""

    vectors: Sequence[Vector]
    tokens: int | None = None


class EmbeddingOutbound(Protocol):
    """One request in the form of a vendor, and how its answer is read."""

    @property
    def body(self) -> bytes:
        """The body to send."""

    @property
    def suffix(self) -> str:
        """What follows the base address."""

    @property
    def headers(self) -> Sequence[Header]:
        """What the request needs beside the headers of its deployment."""

    def answer(self, body: bytes) -> Embeddings:
        """Read an answer. Raises UpstreamProtocolError."""


def read(body: bytes) -> EmbeddingRequest:
    """Read a request in OpenAI's form. Raises InvalidRequest for one without texts: no vendor takes OpenAI's tokens."""
    try:
        wire = msgspec.json.decode(body, type=_Wire)
        members: dict[str, Any] = msgspec.json.decode(body)
    except msgspec.ValidationError as error:
        raise mistyped(str(error)) from None
    texts = (wire.input,) if isinstance(wire.input, str) else tuple(wire.input)
    if not texts:
        raise InvalidRequest("input is empty: send at least one text.", param="input")
    known = {*_Wire.__struct_fields__, "model", "user"}
    extra = {name: value for name, value in members.items() if name not in known}
    return EmbeddingRequest(texts, wire.dimensions, wire.encoding_format == "base64", extra)


def one_text(request: EmbeddingRequest, target: Target) -> str:
    """Return the text of a request that holds one. Raises InvalidRequest for more."""
    if len(request.texts) > 1:
        raise InvalidRequest(
            f"{target.provider} model {target.model!r} embeds one text at a time: send {len(request.texts)} requests.",
            param="input",
        )
    return request.texts[0]


def written(request: EmbeddingRequest, found: Embeddings, model: str) -> bytes:
    """Return the answer in OpenAI's form; tokens that the vendor does not count are estimated, four bytes to one."""
    tokens = found.tokens
    if tokens is None:
        tokens = sum(len(text.encode("utf-8", "replace")) for text in request.texts) // BYTES_A_TOKEN
    data = [
        {"object": "embedding", "index": at, "embedding": _packed(vector) if request.in_base64 else vector}
        for at, vector in enumerate(found.vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": model, "usage": usage})


def _packed(vector: Vector) -> str:
    """Return little-endian numbers of four bytes each, as OpenAI's own clients read them."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
