"""What an upload has to be, and the form that brings it."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from tianji._core.edges.exchange import Exchange
from tianji.auth.identity import Identity
from tianji.config.schema.general import GeneralSettings
from tianji.errors import InvalidRequest, PayloadTooLarge
from tianji.gateway.compiled.snapshot import MIB
from tianji.gateway.translation.forms import READ, TURN
from tianji.gateway.translation.request_lines import Content
from tianji.objects.lines import Counted, rewritten
from tianji.objects.places import Place
from tianji.protocol.multipart import Part, Piece, Reader, boundary_of, written

_PLACES: Final = frozenset({"model", "target_model_names", "custom_llm_provider"})
_PARTIES: Final = frozenset({"user", "safety_identifier", "tags", "litellm_metadata"})
OURS: Final = _PLACES | _PARTIES
"""Members and fields that say where something goes, and for whom it is; upstreams do not get them."""

BATCH: Final = "batch"


class Upload:
    """A form that was read: its fields, in order, and its file."""

    def __init__(self, parts: Sequence[Part], exchange: Exchange) -> None:
        """Take the parts. Raises InvalidRequest where there is not just one file."""
        files = [part for part in parts if part.text is None]
        if len(files) != 1 or files[0].name != "file":
            raise InvalidRequest("the form needs one file, called `file`", param="file")
        self.fields = [(part.name, part.text or "") for part in parts if part.text is not None]
        self.filename = files[0].filename or ""
        self.size = files[0].size
        self.content: Content = exchange.extent(files[0].at, files[0].size)
        self.content_type = files[0].content_type
        self.of_batch = self.field("purpose") == BATCH  # it holds requests

    def field(self, name: str) -> str | None:
        """Return a field; None where it is not there or empty."""
        return next((text for own, text in self.fields if own == name), None) or None

    def judge(self, general: GeneralSettings) -> None:
        """Hold it against what the configuration allows. Raises InvalidRequest and PayloadTooLarge."""
        if self.field("purpose") is None:
            raise InvalidRequest("Missing required parameter: 'purpose'. Add it to the form.", param="purpose")
        suffix = PurePosixPath(self.filename).suffix.lower()
        allowed = general.allowed_file_extensions
        if suffix in _suffixes(general.blocked_file_extensions) or (
            allowed is not None and suffix not in _suffixes(allowed)
        ):
            raise InvalidRequest(f"files called *{suffix[:32]} are not taken here", param="file")
        most = general.max_batch_file_size_mb if self.of_batch else None
        if most is not None and self.size > most * MIB:
            raise PayloadTooLarge(f"a file of requests may have {most:g} MB; split it")

    async def counted(self, place: Place, caller: Identity, most: int | None) -> tuple[Content, int, Counted]:
        """Return the file as a place gets it, its length, and what its requests come to.

        Raises InvalidRequest for too many of them, and ModelRefused for a model that the caller may not use.
        """

        def rename(model: str) -> str:
            if place.model is not None:
                return place.model
            if caller.rules:
                caller.require(model)
            return model

        return await rewritten(self.content, rename, most)

    def written(self, content: Content, size: int) -> tuple[bytes, list[Content], int]:
        """Return the form as an upstream gets it, with this content: its content-type, its body, its length."""
        fields = [(name, text) for name, text in self.fields if name not in OURS]
        return self._written(fields, content, size)

    def beside(self, members: Mapping[str, object]) -> tuple[bytes, list[Content], int]:
        """Return the form with the file as it came, and with these fields."""
        return self._written([(name, str(text)) for name, text in members.items()], self.content, self.size)

    def _written(
        self, fields: Sequence[tuple[str, str]], content: Content, size: int
    ) -> tuple[bytes, list[Content], int]:
        pieces = [Piece[Content](name, text) for name, text in fields]
        pieces.append(Piece[Content]("file", content, size, self.filename, self.content_type))
        return written(pieces)


async def read_upload(exchange: Exchange) -> Upload:
    """Read the form of a request. Raises InvalidRequest."""
    parts = await read_form(exchange)
    if parts is None:
        raise InvalidRequest("the body is no form; send multipart/form-data with a file", param="file")
    return Upload(parts, exchange)


async def read_members(exchange: Exchange) -> tuple[dict[str, Any], Upload | None] | None:
    """Return the fields of the form of a request, and its file where it has one; None where its body is no form.

    Raises InvalidRequest where it has several files.
    """
    parts = await read_form(exchange)
    if parts is None:
        return None
    fields = {part.name: part.text for part in parts if part.text is not None}
    return fields, Upload(parts, exchange) if any(part.text is None for part in parts) else None


async def read_form(exchange: Exchange) -> list[Part] | None:
    """Return the parts of the form of a request; None where its body is none. Raises InvalidRequest."""
    boundary = boundary_of(exchange.header(b"content-type"))
    if boundary is None:
        return None
    reader = Reader(boundary)
    for number, at in enumerate(range(0, exchange.size, READ)):
        reader.feed(exchange.read(at, READ))
        if number % TURN == TURN - 1:
            await asyncio.sleep(0)
    return reader.close()


def _suffixes(names: Sequence[str]) -> frozenset[str]:
    return frozenset("." + name.lower().removeprefix(".") for name in names)
