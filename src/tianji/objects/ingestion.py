"""A document that is put into a vector store in one request: uploaded, and a store made for it where none is named.

The request is LiteLLM's, https://docs.litellm.ai/docs/rag_ingest. A document comes with it, or lies at an address; a
model reads it first where `ocr` names one. Whoever keeps the store cuts the document and embeds it.
"""

import base64
import binascii
import mimetypes
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.edges.exchange import Handler as Compiled
from tianji._core.upstreams.spool import Extent
from tianji.auth.identity import Identity
from tianji.auth.owners import owner_of
from tianji.errors import InvalidRequest, MalformedJSON, PayloadTooLarge, UpstreamProtocolError
from tianji.gateway.beforehand.own_requests import NO_MATCH
from tianji.gateway.translation.forms import take_json
from tianji.gateway.translation.request_lines import Content
from tianji.ids import CallIds
from tianji.objects.answers import respond
from tianji.objects.desk import Desk
from tianji.objects.fetching import MOST, fetched, hosts_of
from tianji.objects.kinds import FILE, STORE, Kind
from tianji.objects.naming import Asking, shown
from tianji.objects.places import Place
from tianji.objects.relay import Request
from tianji.objects.retrieval.models import told
from tianji.objects.uploading import Upload, read_members
from tianji.protocol.multipart import Piece, written

_JSON: Final = (b"content-type", b"application/json")
_BETA: Final = (b"openai-beta", b"assistants=v2")
_PURPOSE: Final = "assistants"
_NAME: Final = "tianji-rag-ingest"
_SECRET: Final = (
    "api_key",
    "api_base",
    "api_version",
    "vertex_credentials",
    "azure_ad_token",
    "litellm_credential_name",
)
_new_id: Final = CallIds().new
Json = dict[str, Any]


class _Reader(Struct):
    model: str


class _Options(Struct):
    vector_store: Json
    name: str | None = None
    chunking_strategy: Json | None = None
    embedding: Json | None = None  # whoever keeps the store chooses how it is embedded
    ocr: _Reader | None = None


class _File(Struct):
    content: str
    filename: str = "document.txt"
    content_type: str | None = None


class _Asked(Struct):
    ingest_options: _Options
    file: _File | None = None
    file_id: str | None = None
    file_url: str | None = None
    model: str | None = None


class _Page(Struct):
    markdown: str


class _Read(Struct):
    pages: list[_Page]


class _Document(Struct):
    """What is uploaded."""

    name: str
    content: Content
    size: int
    kind: bytes | None


async def ingest(desk: Desk, endpoint: Callable[[str], Compiled], exchange: Exchange) -> None:
    """Answer a request. `endpoint`: returns the handler of an operation. Raises what the request is refused with."""
    asked, document = await _read(desk, exchange)
    await _Ingestion(desk, endpoint, exchange, asked).serve(document)


class _Ingestion:
    def __init__(self, desk: Desk, endpoint: Callable[[str], Compiled], exchange: Exchange, asked: _Asked) -> None:
        if not isinstance(exchange.identity, Identity):
            raise TypeError("stores need a caller")
        self._desk = desk
        self._endpoint = endpoint
        self._exchange = exchange
        self._caller = exchange.identity
        self._options = asked.ingest_options
        self._file = asked.file_id
        self._url = asked.file_url
        self._model = asked.model or asked.ingest_options.vector_store.get("model")
        self._store_id = asked.ingest_options.vector_store.get("vector_store_id")
        self._asking = Asking(desk.seal, exchange.identity)

    async def serve(self, document: _Document | None) -> None:
        """Put the document, or the file that is named, into the store."""
        store, place = self._store_id, self._place()
        async with self._desk.charging.request(self._exchange, self._caller, place.group or ""):
            if document is None and self._url is not None:
                found = await fetched(self._url, hosts_of(self._desk.places.snapshot.config))
                document = _Document(found.name, found.content, len(found.content), found.kind.encode() or None)
            if document is not None and self._options.ocr is not None:
                document = await _text_of(document, self._options.ocr.model, self._endpoint("ocr"), self._exchange)
                if document is None:
                    return
            file = self._own(place, FILE, self._file) or await self._upload(place, document)
            store_there = self._own(place, STORE, store) or await self._store(place)
            put: Json = {"file_id": file}
            if self._options.chunking_strategy is not None:
                put["chunking_strategy"] = self._options.chunking_strategy
            put_there = await self._ask(place, f"/vector_stores/{quote(store_there, safe='')}/files", put)
        said = {"vector_store_id": store_there, "file_id": file}
        about: Json = shown(self._desk.seal, place.digest, owner_of(self._caller), said)
        error = put_there.get("last_error")
        answer = {"id": f"ingest_{_new_id()}", "status": put_there.get("status") or "in_progress", **about}
        respond(self._exchange, answer | ({} if error is None else {"error": error}), place)

    def _place(self) -> Place:
        """Return where the store lies, or is to lie. Raises ObjectNotFound, InvalidRequest and UnknownModel."""
        for kind, name in ((STORE, self._store_id), (FILE, self._file)):
            if name is not None:
                self._asking.take(kind, str(name))
        if self._asking.named:
            return self._desk.places.lying(self._asking)
        if isinstance(self._model, str) and self._model:
            return self._desk.places.of_model(self._model, self._caller, files=False)
        provider = self._options.vector_store.get("custom_llm_provider")
        return self._desk.places.of_provider(provider if isinstance(provider, str) else None, "files")

    def _own(self, place: Place, kind: Kind, name: object) -> str | None:
        return None if name is None else self._asking.at(place.digest, kind, str(name))

    async def _upload(self, place: Place, document: _Document | None) -> str:
        if document is None:
            raise InvalidRequest(
                "send a document: a form with `file`, `file` with its content as base64, `file_url`, or `file_id`"
            )
        file = Piece[Content]("file", document.content, document.size, document.name, document.kind)
        kind, body, length = written([Piece[Content]("purpose", _PURPOSE), file])
        asked = Request("POST", "/files", "", ((b"content-type", kind),), tuple(body), length)
        return await self._made(place, FILE, await self._desk.relay.ask(place, asked))

    async def _store(self, place: Place) -> str:
        members: Json = {"name": self._options.name or _NAME}
        days = self._options.vector_store.get("ttl_days")
        if days is not None:
            members["expires_after"] = {"anchor": "last_active_at", "days": days}
        return await self._made(place, STORE, await self._ask(place, "/vector_stores", members))

    async def _made(self, place: Place, kind: Kind, answer: Json) -> str:
        """Keep what was made for the lists of the caller; return what its place calls it."""
        owner = owner_of(self._caller)
        made = shown(self._desk.seal, place.digest, owner, answer | {"object": kind.objects[0]})
        await self._desk.keep(kind, owner, made)
        return str(answer.get("id"))

    async def _ask(self, place: Place, path: str, members: Json) -> Json:
        body = msgspec.json.encode(members)
        return await self._desk.relay.ask(place, Request("POST", path, "", (_BETA, _JSON), (body,), len(body)))


async def _read(desk: Desk, exchange: Exchange) -> tuple[_Asked, _Document | None]:
    """Return what is wanted, and the document that came with it. Raises InvalidRequest."""
    form = await read_members(exchange)
    if form is not None:
        fields, upload = form
        exchange.body = str(fields.get("request") or "{}").encode()  # which says for whom it is
        asked = _asked(exchange.body)
        return _judged(asked), None if upload is None else _of_form(upload)
    take_json(exchange, desk.places.snapshot.max_body)
    asked = _judged(_asked(exchange.body))
    return asked, None if asked.file is None else _of_json(asked.file)


def _asked(text: bytes) -> _Asked:
    try:
        return msgspec.json.decode(text, type=_Asked)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"the request does not fit: {error}", param="ingest_options") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedJSON(f"The request is not JSON: {error}") from None


def _judged(asked: _Asked) -> _Asked:
    """Return what is wanted. Raises InvalidRequest for what nobody may ask, or nobody does here."""
    options = asked.ingest_options
    for name in options.vector_store:
        if name in _SECRET or name.startswith(("aws_", "vertex_")):
            raise InvalidRequest(f"vector_store: a request may not bring {name}; files_settings have credentials")
    if options.ocr is not None and asked.file_id is not None:
        raise InvalidRequest("ocr: a file that lies somewhere already is not read; send the document", param="file_id")
    return asked


async def _text_of(document: _Document, model: str, read: Compiled, exchange: Exchange) -> _Document | None:
    """Return what a model reads in a document, as Markdown; None where it refuses, which was the answer then.

    Raises PayloadTooLarge for what is too large to be part of a request, and UpstreamProtocolError.
    """
    if document.size > MOST:
        raise PayloadTooLarge(f"a document that is to be read may have {MOST} bytes")
    content = document.content
    held = content.spool.read(content.at, content.size) if isinstance(content, Extent) else content
    data = base64.b64encode(held).decode()
    kind = (document.kind or b"").decode("latin-1") or mimetypes.guess_type(document.name)[0] or "application/pdf"
    form = "image_url" if kind.startswith("image/") else "document_url"
    asked = {"model": model, "document": {"type": form, form: f"data:{kind};base64,{data}"}}
    status, headers, body = await told(read, NO_MATCH, exchange, asked)
    if status != 200:
        exchange.respond(status, headers, body)
        return None
    try:
        text = "\n\n".join(page.markdown for page in msgspec.json.decode(body, type=_Read).pages).encode()
    except msgspec.DecodeError as error:
        raise UpstreamProtocolError(f"the answer to `ocr` has no pages: {error}") from None
    return _Document(f"{PurePosixPath(document.name).stem}.md", text, len(text), b"text/markdown")


def _of_form(upload: Upload) -> _Document:
    return _Document(upload.filename or "document", upload.content, upload.size, upload.content_type)


def _of_json(file: _File) -> _Document:
    try:
        content = base64.b64decode(file.content, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("file: the content is no base64", param="file") from None
    kind = None if file.content_type is None else file.content_type.encode("ascii", "replace")
    return _Document(file.filename, content, len(content), kind)
